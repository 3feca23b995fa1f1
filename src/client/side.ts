/**
 * The two sides that a stream can be on: it owns the socket and the outbox itself (`Owner`), or works through another
 * tab that does (`Follower`). A stream is the same to its application on either, and can change over at any moment.
 */
import type { Code, Json, ObjectFilter, TapeEvent } from '../protocol/index.ts'
import type { OutboxView } from './outbox/outbox-view.ts'
import type { StorageStatus, StreamStatus } from './status.ts'
import type { LocalTape } from './storage/store.ts'

/** What one client whispers to those who listen now. */
export interface Whisper {
  readonly client: string
  readonly data: Json
}

export interface SideHooks {
  /** These are new on the tape; the pending drafts may have changed with them. */
  readonly onEvents: (events: readonly TapeEvent[]) => void
  readonly onPending: () => void
  /** What the models are told beside the events may have changed: the client's id, or the holes. */
  readonly onContext: () => void
  /** The tape begins anew. What is known of it follows at once. */
  readonly onReset: (isNarrowed?: boolean) => void
  readonly onWhisper: (whisper: Whisper) => void
  /** Anything that the status says. */
  readonly onChange: () => void
}

/** What stands in the status beside what the tape says. */
export interface SideReport {
  readonly connection: StreamStatus['connection']
  readonly lastHeardAt: number | undefined
  readonly problem: Code | undefined
  readonly isClosed: boolean
  readonly storage: StorageStatus
}

export interface Side {
  readonly client: string
  readonly tape: LocalTape
  /** The tape as far as the models have been given it. */
  readonly shown: LocalTape
  /** What a draft that is made now has seen: all of 0 … this was given to the models. It never falls within one epoch, unless more is wanted. */
  readonly seen: number
  readonly outbox: OutboxView
  readonly report: SideReport
  /** Whether it knows what the store has: nothing waits that it does not know of. */
  readonly isReady: boolean

  /** What this tab wants of the tape from now on. */
  want(filters: readonly ObjectFilter[]): void
  /** Forgets a refused draft. */
  discard(place: number): void
  whisper(data: Json): void
  nudge(): void
  pause(): void
  resume(): void
  stop(): void
  /** Resolves when everything that was published until now has been saved, here or by the owner. */
  saved(): Promise<void>
  /** What is kept of the tape, folded. */
  events(): Promise<readonly TapeEvent[]>
}

/** What is said before anything is known. */
export const silence: SideReport = {
  connection: 'connecting',
  lastHeardAt: undefined,
  problem: undefined,
  isClosed: false,
  storage: { isDurable: true, trouble: undefined, unsaved: 0, unreadable: 0 },
}
