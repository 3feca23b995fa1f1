import { expect, test } from 'vitest'
import { runHistories } from './histories.ts'

test('[E1] [S2] [P1] [P2] [P7] [L8] [L9] [O2] [O3] [C2] [C4] 1,000 histories of 200 steps hold, part 2 of 2', {
  timeout: 300_000,
}, async () => {
  const { violations, actions, events } = await runHistories(1001, 1000)
  expect(violations).toEqual([])
  expect(events).toBeGreaterThan(100_000)
  for (const action of ['edit', 'burst', 'cut', 'sleep', 'kill', 'restart', 'nudge']) expect(actions[action], action).toBeGreaterThan(1000)
})
