/** What each plug takes and gives. */
import type { Violation } from './checker.ts'

export interface PlugOptions {
  /** How often to pull it. */
  readonly count: number
  readonly seed: number
  readonly progress: Progress
}

/** Told often how far a run is. */
export type Progress = (line: string) => void

export interface PlugReport {
  /** What was done, in one line. */
  readonly summary: string
  readonly violations: readonly Violation[]
}
