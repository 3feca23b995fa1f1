import { expect, test } from 'vitest'
import { runFolders } from './folders.ts'

test.each([false, true])(
  '[M12] whatever happens, all end with the same files, each whole, and no content is lost (bad network: %s)',
  async (isRough) => {
    let kept = 0
    for (let seed = 1; seed <= 40; seed++) kept += (await runFolders({ seed, people: 2 + (seed % 3), steps: 60, isRough })).kept
    expect(kept).toBeGreaterThan(40)
  },
  120_000,
)

test.each([
  { seed: 39, found: 'what the server expected before it took what was sent since was taken for what it expects' },
  { seed: 34, found: 'a file was written on what was about to be refused' },
  { seed: 1022, found: 'of two changes that were refused the later was taken to lie on the earlier' },
])('[M12] [P2] seed $seed: $found', async ({ seed }) => {
  expect((await runFolders({ seed, people: 2 + (seed % 3), steps: 60, isRough: seed % 2 === 0 })).files).toBeGreaterThan(0)
})
