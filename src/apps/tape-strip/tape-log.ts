/** Remembers the newest events of a tape, and the drafts that wait to be on it, for the strip to draw. */
import type { Draft, ModelReconciler, OutboundEventReceiver, TapeEvent } from '../../browser/index.ts'

/** As many as the strip draws. */
export const loggedSeqsMax = 48

export class TapeLog implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  onChange: (() => void) | undefined
  readonly #events = new Map<number, TapeEvent>()
  readonly #places = new WeakMap<Draft, number>()
  #nextPlace = 1
  #newestSeq = -1
  #pending: readonly Draft[] = []

  get pending(): readonly Draft[] {
    return this.#pending
  }

  /** The event at a seq, if it is one of the newest and has reached this window. */
  event(seq: number): TapeEvent | undefined {
    return this.#events.get(seq)
  }

  /** A number that a pending draft keeps while those before it leave. */
  placeOf(draft: Draft): number {
    const known = this.#places.get(draft)
    if (known !== undefined) return known
    this.#places.set(draft, this.#nextPlace)
    return this.#nextPlace++
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    for (const { seq } of events) this.#newestSeq = Math.max(this.#newestSeq, seq)
    const oldestSeq = this.#newestSeq - loggedSeqsMax + 1
    for (const event of events) if (event.seq >= oldestSeq) this.#events.set(event.seq, event)
    for (const seq of this.#events.keys()) if (seq < oldestSeq) this.#events.delete(seq)
    this.#pending = pending
    this.onChange?.()
  }

  reset(): void {
    this.#events.clear()
    this.#newestSeq = -1
    this.#pending = []
    this.onChange?.()
  }
}
