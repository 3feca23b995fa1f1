/**
 * Sends what waits in an outbox, frame after frame: no draft before its counter is saved, and none as it was before the
 * link ended or the drafts were numbered anew. Owns that order alone: whether anything may go now, and what becomes of it,
 * is the publisher's to say.
 */
import { batchBytesMax } from '../../protocol/index.ts'
import type { SavedChange } from '../storage/store.ts'
import type { Outbox } from './outbox.ts'
import { type Entry, toSaved } from './outbox-entry.ts'
import type { Turns } from './turns.ts'

export interface SenderHooks {
  readonly send: (frame: object) => void
  /** A number for a frame, so that its refusal is known. */
  readonly newRef: () => number
  /** Saves, and settles when that is done. */
  readonly save: (change: SavedChange) => Promise<void>
  /** The drafts at these places are on their way. */
  readonly onSent: (places: readonly number[]) => void
  readonly maySend: () => boolean
  /** The pending deltas have been taken over all of 0 … this. */
  readonly upTo: () => number
}

const frameBounds = {
  /** A frame's worth: large enough to share one row and one frame, small enough to answer others in between. */
  draftsMax: 200,
  /** Half of what a frame may hold, for what stands around the drafts. */
  bytesMax: batchBytesMax / 2,
  /** Sent and not yet seen on the tape. More would only wait in the network, and fall behind what the server looks back over. */
  inFlightMax: 1000,
  inFlightBytesMax: 2 * batchBytesMax,
}

export class Sender {
  readonly #outbox: Outbox
  readonly #turns: Turns
  readonly #hooks: SenderHooks
  /** Changes with each link, and with each renumbering: what was decided before must be decided again. */
  #generation = 0
  #isFlushing = false
  /** Counters given and not yet known to be saved: nothing is sent before they are. */
  #unsavedNumbering: Promise<void> | undefined

  constructor(outbox: Outbox, turns: Turns, hooks: SenderHooks) {
    this.#outbox = outbox
    this.#turns = turns
    this.#hooks = hooks
  }

  /** Sends what waits, as long as it may. What is added in the same turn goes into one frame. */
  async flush(): Promise<void> {
    if (this.#isFlushing || !this.#hooks.maySend()) return
    this.#isFlushing = true
    await null
    while (this.#hooks.maySend()) {
      const generation = this.#generation
      const batch = this.#take()
      if (batch.length === 0) break
      // Whatever was numbered before is saved by then, too: saves keep their order.
      await this.#unsavedNumbering
      if (generation !== this.#generation) continue
      this.#send(batch)
    }
    this.#isFlushing = false
  }

  /** What is about to go is to be taken anew. */
  reconsider(): void {
    this.#generation++
  }

  /** Drafts have other counters now, and that is saved when `saved` settles. */
  renumbered(saved: Promise<void>): void {
    this.reconsider()
    this.#unsavedNumbering = saved
  }

  /** What was sent may never have arrived. */
  sendAgain(): void {
    this.reconsider()
    this.#outbox.numbering.recall()
    void this.flush()
  }

  #take(): readonly Entry[] {
    const { client, numbering } = this.#outbox
    const { next } = numbering
    const batch = numbering.take({ ...frameBounds, upTo: this.#hooks.upTo(), hasDeltas: !this.#turns.isOthers })
    if (numbering.next > next) {
      this.#unsavedNumbering = this.#hooks.save({ client, nextCounter: numbering.next, put: batch.map(toSaved) })
    }
    return batch
  }

  #send(batch: readonly Entry[]): void {
    const ref = this.#hooks.newRef()
    if (batch.some(({ draft }) => draft.deltas !== undefined)) this.#turns.sent()
    this.#outbox.numbering.sent(batch, ref)
    const drafts = batch.map(({ counter, draft }) => ({ counter, ...draft }))
    this.#hooks.send({ type: 'publish', ref, client: this.#outbox.client, drafts })
    this.#hooks.onSent(batch.map(({ place }) => place))
  }
}
