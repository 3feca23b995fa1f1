/** Runs histories of consecutive seeds and gives what was found, for the tests that split the work among them. */
import { runHistory } from './history.ts'

export const steps = 200

export async function runHistories(
  firstSeed: number,
  count: number,
): Promise<{ violations: string[]; actions: Record<string, number>; events: number }> {
  const violations: string[] = []
  const actions: Record<string, number> = {}
  let events = 0
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    try {
      const report = await runHistory({ seed, steps })
      events += report.events
      for (const [action, times] of Object.entries(report.actions)) actions[action] = (actions[action] ?? 0) + times
    } catch (error) {
      violations.push(`${error instanceof Error ? error.message : error} Again: npm run simulate -- --seed ${seed} --log`)
    }
  }
  return { violations, actions, events }
}
