import { expect, test } from 'vitest'
import { runHistory } from './history.ts'

/** Every seed that ever found something, with what it found. */
const badSeeds = [
  { seed: 3, found: 'pending objects were shown in the order in which they had last changed' },
  { seed: 1, found: 'a batch with a gap, left by a draft whose event came above a hole, was refused and a draft dropped' },
  { seed: 43, found: 'a draft without a counter was put behind such a gap' },
  { seed: 1054, found: 'a late frame on an old link closed the new one' },
  { seed: 80, found: 'drafts made before the store was read took the places of older ones, and waited for ever' },
]

test.each(badSeeds)('[C4] [O3] seed $seed: $found', async ({ seed }) => {
  expect((await runHistory({ seed, steps: 200 })).events).toBeGreaterThan(0)
})

test('a history can be repeated: the same seed, the same steps', async () => {
  const log = async () => {
    const lines: string[] = []
    const report = await runHistory({ seed: 7, steps: 100, log: (line) => lines.push(line) })
    return { lines, report }
  }
  expect(await log()).toEqual(await log())
})
