/**
 * What a client keeps: its id, the tape as far as it has it, and its outbox. What changes together is saved
 * together, so whatever instant the process dies, what comes back is a state that existed.
 */
import type { Draft, SeqRanges, TapeEvent } from '../protocol/index.ts'

/** The part of the tape that this client has accounted for. */
export interface LocalTape {
  /** null until the stream is known to exist. */
  readonly epoch: string | null
  readonly latestSeq: number
  readonly accounted: SeqRanges
}

export const blankTape: LocalTape = { epoch: null, latestSeq: -1, accounted: [] }

/** A draft that is not on the tape yet. */
export interface OutboxEntry {
  /** Its place in this outbox: rises with each draft, and is never used again. */
  readonly place: number
  readonly draft: Draft
  /** Given when it is first sent. */
  readonly counter: number | undefined
}

export interface Saved {
  readonly client: string
  readonly nextCounter: number
  readonly tape: LocalTape
  /** In order of place. */
  readonly outbox: readonly OutboxEntry[]
}

/** A change of what is saved; what is absent stays as it is. */
export interface SavedChange {
  readonly client?: string
  readonly nextCounter?: number
  readonly tape?: LocalTape
  /** Events to keep, or `all` of the past to forget first. */
  readonly events?: readonly TapeEvent[]
  readonly forgetEvents?: boolean
  /** Entries to add or to replace, by place. */
  readonly put?: readonly OutboxEntry[]
  /** Places to remove. */
  readonly remove?: readonly number[]
}

export interface ClientStore {
  /** What was saved last, or undefined for a client that never was. Rejects when it cannot be read. */
  load(): Promise<Saved | undefined>

  /** Saves all of the change or, when it rejects, nothing of it. Changes are saved in the order of the calls. */
  save(change: SavedChange): Promise<void>

  /** The events kept so far, in no particular order. */
  events(): Promise<readonly TapeEvent[]>
}
