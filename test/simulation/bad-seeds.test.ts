import { expect, test } from 'vitest'
import { runHistory } from './history.ts'

/** As long as they were when they were found. */
const steps = 100

/** Seeds that found something, with what it was: of histories as they were before those had more than drafts and bad luck. */
const badSeeds = [
  { seed: 6654, found: 'a client that was killed after it had seen its id taken by a copy dropped its drafts as published' },
  { seed: 7672, found: 'the same, in a browser with tabs' },
  { seed: 2170, found: 'a tab that had just been fenced told of refused drafts that it could not publish again' },
  { seed: 7, found: 'a tab that was owner, and then was not, numbered its drafts with a gap, and waited for ever' },
  { seed: 14, found: 'a tab was told where its draft is before it was told that the draft was taken, and never again' },
  { seed: 23, found: 'a place of the outbox was used again, and a publication followed a stranger' },
  { seed: 74, found: 'whoever was fenced published again what it had taken from another tab, which did so, too' },
  { seed: 363, found: 'whoever was fenced published again, folded into something new, what had been saved already' },
  { seed: 219, found: 'what a fenced owner had not saved was lost, when it had left another draft than the saved one' },
  { seed: 318, found: 'a tab that is fenced shows more than the store has, for a while' },
  { seed: 50721, found: 'a tab missed that the owner had no store to share, and took its news for what the store holds' },
]

test.each(badSeeds)('[C4] [C10] [C12] [C14] [O3] seed $seed: $found', async ({ seed }) => {
  expect((await runHistory({ seed, steps, isPlain: true })).events).toBeGreaterThan(0)
})

/** Of histories with all that they have now. */
const badSeedsWithExtras = [
  { seed: 7, found: 'drafts that waited were said to be deleted by what lay beneath a later birth of their object' },
  { seed: 36, found: 'the same, for a program that had not read that far back' },
]

test.each(badSeedsWithExtras)('[X5] seed $seed: $found', async ({ seed }) => {
  expect((await runHistory({ seed, steps, isPlain: false })).conflicts).toBeGreaterThan(0)
})

/** Of histories whose tapes are sealed, and redacted. */
const badSeedsOfSeals = [
  { seed: 838, found: 'a tape of which nothing was left had a snapshot without chunks, which was read over and over' },
  { seed: 1659, found: 'a fetch that was never answered was never made again' },
  { seed: 30, found: 'what was written to an object after its death had another hash when the death had been folded away' },
]

test.each(badSeedsOfSeals)('[T5] [T7] [R1] seed $seed: $found', async ({ seed }) => {
  expect((await runHistory({ seed, steps })).events).toBeGreaterThan(0)
})

test('a history can be repeated: the same seed, the same steps', async () => {
  const log = async () => {
    const lines: string[] = []
    const report = await runHistory({ seed: 7, steps, log: (line) => lines.push(line) })
    return { lines, report }
  }
  expect(await log()).toEqual(await log())
})
