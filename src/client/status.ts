/** What a stream says of itself, as one immutable value: a new object whenever something in it has changed. */
import type { Code, Draft, ObjectFilter, SeqRanges } from '../protocol/index.ts'
import type { Amount } from './outbox/outbox-entry.ts'
import type { StoreTrouble } from './storage/store.ts'

export interface StreamStatus {
  /**
   * `offline` waits to connect again, `paused` works offline on purpose, `stopped` will not connect any more, and
   * `problem` or `storage` says why unless the application closed it.
   */
  readonly connection: 'connecting' | 'online' | 'offline' | 'paused' | 'stopped'
  /** Ranges of seqs up to latestSeq that this client lacks: the same array while they are. */
  readonly holes: SeqRanges
  /**
   * Where a part of the tape is wanted, or one before the others: how many seqs each lacks, in the order in which they are
   * read. `holes` and `progress` are of what all of them have. Empty when the tape is held whole.
   */
  readonly parts: readonly { readonly filter: ObjectFilter; readonly missing: number }[]
  /** Events that have come and cannot be read here. A newer version of the application asks for them again. */
  readonly unreadable: number
  /** How far a catch-up is: events accounted for, out of all on the tape. */
  readonly progress: { readonly have: number; readonly total: number }
  /** Drafts that are not on the tape yet, after folding. */
  readonly pending: number
  /** What waits after folding, and what was made to come to that: the edit distance, and how it was shortened. */
  readonly outbox: Amount & { readonly made: Amount }
  /** When the oldest draft that waits was made, in ms since 1970. */
  readonly oldestPendingAt: number | undefined
  /** When the server was last heard from, in ms since 1970. */
  readonly lastHeardAt: number | undefined
  /** Drafts that the server refused, with the code that says why. They no longer show in the models. */
  readonly refused: readonly RefusedDraft[]
  readonly storage: StorageStatus
  /** The stream has been closed on the server: nothing more comes on its tape. */
  readonly isClosed: boolean
  /** What keeps the client from the server, or its drafts from the tape. */
  readonly problem: Code | undefined
}

export interface RefusedDraft {
  /** Names it to `stream.retry` and `stream.discard`. */
  readonly place: number
  readonly draft: Draft
  readonly code: Code
  /** Of `rejected`: the code that the application's own rule gave. */
  readonly reason?: string | undefined
  /** What was wrong with it, for people. */
  readonly detail?: string | undefined
  /** Of a precondition: the seqs of the events that stand in its way. See `stream.read`. */
  readonly conflicts?: SeqRanges | undefined
}

export interface StorageStatus {
  /** Whether what is made here outlives the page or process. */
  readonly isDurable: boolean
  /** What is wrong with the store. Then the client goes on in memory, or tries again, and nothing is sent unsaved. */
  readonly trouble: StoreTrouble | undefined
  /** Drafts that the store does not have yet: they would be lost if this process ended now. */
  readonly unsaved: number
  /** Drafts in the store that cannot be understood, and are left where they are. */
  readonly unreadable: number
}

/** A draft that is not on the tape yet. */
export interface OutboxItem {
  readonly place: number
  readonly draft: Draft
  readonly state: 'queued' | 'sent'
  /** In ms since 1970. */
  readonly madeAt: number
  /** The drafts that were folded into this one, itself included, and their bytes before that. */
  readonly folded: Amount
}
