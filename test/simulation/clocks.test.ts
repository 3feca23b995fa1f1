import { expect, test } from 'vitest'
import { steps } from './histories.ts'
import { type HistoryOptions, runHistory } from './history.ts'

const seeds = Array.from({ length: 50 }, (_, index) => index + 1)

/** Everything that happened, what is on the tape, and what everyone shows. */
async function story(seed: number, areClocksRight: boolean) {
  const lines: string[] = []
  const ends: Parameters<NonNullable<HistoryOptions['onEnd']>>[0][] = []
  const report = await runHistory({
    seed,
    steps,
    isPlain: seed % 2 === 0,
    areClocksRight,
    log: (line) => lines.push(line),
    onEnd: (end) => ends.push(end),
  })
  return { lines, ends, report }
}

test('[X7] clocks that are years off, and jump, change nothing: the same steps, tapes and models as with right ones', {
  timeout: 60_000,
}, async () => {
  for (const seed of seeds) expect(await story(seed, false), `seed ${seed}`).toEqual(await story(seed, true))
})
