/** Runs histories of consecutive seeds and gives what was found, for the tests that split the work among them. */
import { type HistoryReport, runHistory } from './history.ts'

export const steps = 60

/** What 2,500 histories do not mean much without. */
export const leastCounts = {
  events: 60_000,
  edits: 100_000,
  folded: 25_000,
  cut: 6000,
  sleep: 5500,
  kill: 3000,
  restart: 3000,
  'killed during save, lost': 300,
  'killed during save, saved': 300,
  'save failed': 5000,
  'opening failed': 450,
  'kill tab': 1500,
  'close tab': 500,
  owner: 3500,
  steal: 200,
  fenced: 200,
  'message missed': 2000,
  refused: 2000,
  retry: 100,
  discard: 85,
  copy: 200,
  spree: 1000,
  stayed: 300,
  conflicts: 15_000,
  decide: 400,
  undo: 1000,
  undone: 100,
  'rejected: too-heavy': 150,
  'rejected: name-taken': 30,
  'rejected: gone': 300,
  'rejected: same-weight': 2,
  'rule failed': 80,
  'expect failed': 700,
  sealed: 850,
  'sealed and folded': 950,
  'sealing failed': 250,
  snapshots: 400,
  redacted: 200,
  verified: 6000,
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
