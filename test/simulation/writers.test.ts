import { expect, test } from 'vitest'
import { runWriters } from './writers.ts'

test.each([2, 5, 10])('[D8] %i writers in one field all get through, and none is overtaken for ever', async (writers) => {
  const { overtaken, marks, sentMax } = await runWriters({ seed: writers, writers, steps: 400, deleting: 0, isRough: false })
  expect(marks).toBeGreaterThan(380)
  expect(overtaken).toBeGreaterThan(10)
  expect(sentMax).toBeLessThan(3 * writers)
})

test.each([0, 0.4])(
  '[D5][D8] whatever happens, all end with one text, and nothing put in is lost or elsewhere (%d)',
  async (deleting) => {
    let overtaken = 0
    for (let seed = 1; seed <= 300; seed++) {
      overtaken += (await runWriters({ seed, writers: 2 + (seed % 5), steps: 120, deleting, isRough: true })).overtaken
    }
    expect(overtaken).toBeGreaterThan(1000)
  },
  120_000,
)
