/**
 * The two interfaces between an application's model and the stream. They know nothing of each other's insides.
 */
import type { Change, Draft, SeqRanges, TapeEvent } from '../protocol/index.ts'

/** What the client knows of the tape as a whole, beside the events. The same object as before while nothing in it changes. */
export interface ApplyContext {
  /** The id under which this client publishes: events with it are this client's own. Empty until the store has been read. */
  readonly client: string
  /** Ranges of seqs up to the end of the tape of which this model was given nothing, because the client lacks them. */
  readonly holes: SeqRanges
  /**
   * What shows of the tape in its order is older than what the client has: whoever stands between holds events back, or
   * parts of the tape that are wanted have not come as far as others.
   */
  readonly isHeldBack?: boolean | undefined
}

/** Inbound: a model, made of plain objects, that takes what happened. */
export interface ModelReconciler {
  /**
   * Makes the model show the tape so far plus this client's own pending drafts.
   *
   * `events` are new on the tape since the last call. Runs come in any order and may lie above holes; an event may
   * come twice. `pending` are all drafts of this client that are not on the tape yet, oldest first: they lie on top.
   * It is the same array as before when none was added or removed. A draft that was refused is simply gone from it.
   *
   * A run is folded, but for objects on which somebody else and this client wrote without having seen each other. When
   * only the context changes, it is called without events. All that it is given is frozen. What it throws is reported,
   * and harms neither the stream nor other models. It may publish, attach and detach.
   */
  apply(events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext): void

  /**
   * Forgets everything: the tape begins anew, under another epoch. `isNarrowed`: it is the same tape, of which less is
   * wanted, and `apply` follows with all that stays.
   */
  reset(isNarrowed?: boolean): void

  /** Where the model tells of the drafts it vends. `attach` sets it, `detach` takes it away. */
  receiver: OutboundEventReceiver | undefined
}

/** Outbound: whoever takes the drafts that a model vends. A stream is one. */
export interface OutboundEventReceiver {
  /** A user's action became a change. It shows in the model, as pending, before this returns. */
  didCreateDraft(change: Change): void

  /** Several that belong together, oldest first; a receiver without it is told of each. */
  didCreateDrafts?(changes: readonly Change[]): void
}
