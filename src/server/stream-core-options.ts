/** What a stream's core is given, and what it says of itself. */
import type { Expiry } from '../protocol/settings.ts'
import type { Listener } from './broadcast.ts'
import type { SegmentBounds } from './sealed/segment.ts'
import type { RandomBytes } from './tape/marks.ts'
import type { ReadSources } from './tape/tape-reads.ts'
import type { StreamRules } from './turn/rules.ts'

export interface StreamCoreOptions extends ReadSources {
  readonly listeners: Iterable<Listener>
  /** Runs a function once, when the turn of the event loop has ended. `isAlone` says whether still only one waits. */
  readonly later: (run: () => void, isAlone: () => boolean) => void
  /** Wall clock in ms since 1970: stored for people, never used for order. */
  readonly now: () => number
  readonly newEpoch: () => string
  /** Bytes that nobody can foresee, so many. */
  readonly randomBytes: RandomBytes
  /** What is known of the tape elsewhere is not true any more: it is under another epoch. */
  readonly onRewritten: () => void
  /** There is work for the alarm: called in the transaction that makes it, once for all until the work finds nothing more. */
  readonly onUpkeepDue: () => void
  /** Told of failures that are not the sender's, for the log. */
  readonly report: (error: unknown) => void
  /** What the application does not allow on the tape; absent where it has no rules. */
  readonly rules?: StreamRules | undefined
  /** How the tape is sealed; as `segmentBounds` says when absent. */
  readonly bounds?: SegmentBounds | undefined
}

export interface StreamState {
  readonly epoch: string | null
  readonly latestSeq: number
  /** Nothing more is taken; absent otherwise. */
  readonly closed?: true
  readonly expires?: Expiry
}
