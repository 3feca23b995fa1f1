/** What a model that is edited by splices is told, and what it tells. */
import type { Splices, TapeEvent } from '../../protocol/index.ts'

export interface SplicedOptions {
  /** `text` by default, or `bytes`. */
  readonly identifier?: string | undefined
  /** `text` by default, or `bytes`. */
  readonly field?: string | undefined
  /** Of the application's model: 1 by default. */
  readonly version?: number | undefined
  /** Told of what has no effect. */
  readonly onProblem?: ((problem: SplicedProblem) => void) | undefined
}

/** Deltas that do not fit the content that they were published for: a script or a broken client made them. */
export interface SplicedProblem {
  readonly type: 'misfit'
  readonly event: TapeEvent
}

/** How the content came to be another one: offsets are those of the content before. */
export interface SplicedChange<C extends string | Uint8Array> {
  readonly splices: Splices<C>
  /** Whether this model's own edit did that. */
  readonly isOwn: boolean
}

/** Two places that move with what is written around them: a selection, a cursor where they are the same. */
export interface TrackedRange {
  readonly from: number
  readonly to: number
  release(): void
}
