/** Runs histories of consecutive seeds and gives what was found, for the tests that split the work among them. */
import { type HistoryReport, runHistory } from './history.ts'

export const steps = 100

/** What 2,500 histories do not mean much without. */
export const leastCounts = {
  events: 100_000,
  edits: 200_000,
  folded: 50_000,
  cut: 10_000,
  sleep: 10_000,
  kill: 5000,
  restart: 5000,
  'killed during save, lost': 500,
  'killed during save, saved': 500,
  'save failed': 5000,
  'opening failed': 1000,
  'kill tab': 2000,
  'close tab': 1000,
  owner: 5000,
  steal: 200,
  fenced: 200,
  'message missed': 5000,
  refused: 2000,
  retry: 300,
  discard: 150,
  copy: 400,
  spree: 2000,
  stayed: 300,
  conflicts: 20_000,
  decide: 800,
  undo: 2000,
  undone: 100,
  'rejected: too-heavy': 200,
  'rejected: name-taken': 30,
  'rejected: gone': 300,
  'rejected: same-weight': 5,
  'rule failed': 80,
  'expect failed': 800,
  sealed: 1500,
  'sealed and folded': 1500,
  'sealing failed': 1000,
  snapshots: 400,
  redacted: 400,
  verified: 7000,
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
