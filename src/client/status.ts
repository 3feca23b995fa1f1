/** What a stream says of itself, as one immutable value: a new object whenever something in it has changed. */
import type { Code, SeqRanges } from '../protocol/index.ts'
import type { RefusedDraft } from './publisher.ts'

export interface StreamStatus {
  /** `offline` waits to connect again; `stopped` will not, and `problem` says why unless the application closed it. */
  readonly connection: 'connecting' | 'online' | 'offline' | 'stopped'
  /** Ranges of seqs up to latestSeq that this client lacks. */
  readonly holes: SeqRanges
  /** How far a catch-up is: events accounted for, out of all on the tape. */
  readonly progress: { readonly have: number; readonly total: number }
  /** Drafts that are not on the tape yet. */
  readonly pending: number
  /** When the server was last heard from, in ms since 1970. */
  readonly lastHeardAt: number | undefined
  /** Drafts that the server refused, with the code that says why. They no longer show in the models. */
  readonly refused: readonly RefusedDraft[]
  /** What keeps the client from the server, or its drafts from the tape. */
  readonly problem: Code | undefined
}
