/**
 * Remembers the newest events of a tape, for the strip to draw. What a client kept comes back to it folded, an event
 * standing for several: the log knows of each seq that still has a part in one which event that is.
 */
import type { ModelReconciler, OutboundEventReceiver, TapeEvent } from '../../browser/index.ts'

/** As many as the strip draws. */
export const loggedSeqsMax = 48

export class TapeLog implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  onChange: (() => void) | undefined
  readonly #events = new Map<number, TapeEvent>()
  readonly #carriers = new Map<number, TapeEvent>()
  #newestSeq = -1

  /** The event at a seq, if it is one of the newest and has reached this window. */
  event(seq: number): TapeEvent | undefined {
    return this.#events.get(seq)
  }

  /** The event that carries what was written at a seq, when it is another one. */
  carrier(seq: number): TapeEvent | undefined {
    return this.#carriers.get(seq)
  }

  apply(events: readonly TapeEvent[]): void {
    if (events.length === 0) return
    for (const event of events) for (const seq of seqsOf(event)) this.#newestSeq = Math.max(this.#newestSeq, seq)
    const oldestSeq = this.#newestSeq - loggedSeqsMax + 1
    for (const event of events) for (const seq of seqsOf(event)) if (seq >= oldestSeq) this.#keep(event, seq)
    for (const known of [this.#events, this.#carriers]) {
      for (const seq of known.keys()) if (seq < oldestSeq) known.delete(seq)
    }
    this.onChange?.()
  }

  reset(): void {
    this.#events.clear()
    this.#carriers.clear()
    this.#newestSeq = -1
    this.onChange?.()
  }

  #keep(event: TapeEvent, seq: number): void {
    if (seq !== event.seq) this.#carriers.set(seq, event)
    // As it was written says more than what is left of it.
    else if (event.stamps === undefined || this.#events.get(seq)?.stamps !== undefined || !this.#events.has(seq))
      this.#events.set(seq, event)
  }
}

/** The seqs of all that an event carries. */
function seqsOf({ seq, stamps = {} }: TapeEvent): readonly number[] {
  return [seq, ...Object.values(stamps)]
}
