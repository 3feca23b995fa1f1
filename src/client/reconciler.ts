/**
 * The two interfaces between an application's model and the stream. They know nothing of each other's insides.
 */
import type { Change, Draft, TapeEvent } from '../protocol/index.ts'

/** Inbound: a model, made of plain objects, that takes what happened. */
export interface ModelReconciler {
  /**
   * Makes the model show the tape so far plus this client's own pending drafts.
   *
   * `events` are new on the tape since the last call. Runs come in any order and may lie above holes; an event may
   * come twice. `pending` are all drafts of this client that are not on the tape yet, oldest first: they lie on top.
   * It is the same array as before when none was added or removed. A draft that was refused is simply gone from it.
   */
  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void

  /** Forgets everything: the tape begins anew, under another epoch. */
  reset(): void

  /** Where the model tells of the drafts it vends. `attach` sets it, `detach` takes it away. */
  receiver: OutboundEventReceiver | undefined
}

/** Outbound: whoever takes the drafts that a model vends. A stream is one. */
export interface OutboundEventReceiver {
  /** A user's action became a change. It shows in the model, as pending, before this returns. */
  didCreateDraft(change: Change): void
}
