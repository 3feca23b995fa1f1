/**
 * The slice: a piece of the tape. It accounts for the seqs in `covers` and carries the events needed for that.
 * A reader adds `covers` to what it has; what is missing up to `latestSeq` is the next thing to ask for.
 */
import * as v from 'valibot'
import { decode } from './decode.ts'
import { eventSchema, seenSchema, seqSchema, type TapeEvent } from './event.ts'
import type { SeqRanges } from './seq-ranges.ts'

export const sliceEntries = {
  epoch: v.nullable(v.string()),
  latestSeq: seenSchema,
  covers: v.array(v.tuple([seqSchema, seqSchema])),
  events: v.array(eventSchema),
}

export const sliceSchema = v.object(sliceEntries)

export interface Slice {
  /** Made with the stream, and anew when its past had to change. `null` while nothing has been published. */
  readonly epoch: string | null
  /** The tape reaches at least to this seq; −1 when it is empty. */
  readonly latestSeq: number
  readonly covers: SeqRanges
  /** In order of seq. */
  readonly events: readonly TapeEvent[]
}

/** Reads a slice from the server; throws a `Refusal` (`malformed-json`, `invalid`) for what is not one. */
export function decodeSlice(text: string): Slice {
  return decode(text, sliceSchema)
}
