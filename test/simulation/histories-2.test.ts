import { expect, test } from 'vitest'
import { leastCounts, runHistories } from './histories.ts'

test('[E1] [S2] [P1] [P2] [P7] [L8] [L9] [O2] [O3] [X1] [X3] [X4] [X5] [X6] [X7] [U2] [F1] [F3] [C2] [C4] [C5] [C9] [C10] [C11] [C12] [C14] [C15] 2,500 histories of 40 steps hold, part 2 of 4', {
  timeout: 300_000,
}, async () => {
  const { violations, counts } = await runHistories(2501, 2500)
  expect(violations).toEqual([])
  for (const [what, times] of Object.entries(leastCounts)) expect(counts[what], what).toBeGreaterThan(times)
  expect(counts.leftOpen).toBeLessThan(50)
})
