/** What a text is told, and what it tells. */
import type { Splices, TapeEvent } from '../../protocol/index.ts'
import type { PortionBounds } from '../portions.ts'

export interface TextOptions {
  /** `text` by default. */
  readonly identifier?: string | undefined
  /** `text` by default. */
  readonly field?: string | undefined
  /** Of the application's model: 1 by default. */
  readonly version?: number | undefined
  /** Told of what has no effect. */
  readonly onProblem?: ((problem: TextProblem) => void) | undefined
}

/** Deltas that do not fit the text that they were published for: a script or a broken client made them. */
export interface TextProblem {
  readonly type: 'misfit'
  readonly event: TapeEvent
}

/** How the text came to be another one: offsets are those of the text before. */
export interface TextChange {
  readonly splices: Splices<string>
  /** Whether this model's own edit did that. */
  readonly isOwn: boolean
}

/** Two places in a text that move with what is written around them: a selection, a cursor where they are the same. */
export interface TrackedRange {
  readonly from: number
  readonly to: number
  release(): void
}

/** 32 MiB of memory; documents that people write by hand are a thousandth of it. */
export const textUnitsMax = 16 * 1024 * 1024

/** At most three bytes a unit, and up to two deltas a splice, of which a draft may have a thousand: it fits an event. */
export const portionBounds: PortionBounds = { insertedMax: 64 * 1024, splicesMax: 400 }
