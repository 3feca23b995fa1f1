/** Runs histories of consecutive seeds and gives what was found, for the tests that split the work among them. */
import { type HistoryReport, runHistory } from './history.ts'

/** Many short ones find more than few long ones; `npm run simulate` runs long ones. */
export const steps = 40

/** What 2,500 histories do not mean much without. */
export const leastCounts = {
  events: 35_000,
  edits: 60_000,
  folded: 15_000,
  cut: 3500,
  sleep: 3000,
  kill: 2000,
  restart: 1500,
  'killed during save, lost': 150,
  'killed during save, saved': 150,
  'save failed': 3000,
  'opening failed': 250,
  'kill tab': 900,
  'close tab': 250,
  owner: 2500,
  steal: 150,
  fenced: 100,
  'message missed': 1000,
  refused: 1500,
  retry: 55,
  discard: 35,
  copy: 100,
  spree: 700,
  stayed: 300,
  conflicts: 10_000,
  decide: 200,
  undo: 600,
  undone: 60,
  'rejected: too-heavy': 80,
  'rejected: name-taken': 8,
  'rejected: gone': 120,
  'rejected: same-weight': 0,
  'rule failed': 75,
  'expect failed': 500,
  sealed: 450,
  'sealed and folded': 450,
  'sealing failed': 100,
  snapshots: 300,
  redacted: 100,
  verified: 5000,
}

export interface Findings {
  readonly violations: readonly string[]
  /** How often each thing happened. */
  readonly counts: Readonly<Record<string, number>>
}

export async function runHistories(firstSeed: number, count: number): Promise<Findings> {
  const violations: string[] = []
  const counts: Record<string, number> = {}
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    try {
      addTo(counts, await runHistory({ seed, steps }))
    } catch (error) {
      violations.push(`${error instanceof Error ? error.message : error} Again: npm run simulate -- --seed ${seed} --log`)
    }
  }
  return { violations, counts }
}

export function addTo(counts: Record<string, number>, { counts: more, ...totals }: HistoryReport): void {
  for (const [what, times] of Object.entries({ ...totals, ...more })) counts[what] = (counts[what] ?? 0) + times
}
