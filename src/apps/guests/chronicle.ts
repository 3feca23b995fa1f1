/**
 * The newest part of the tape as it was written, as far as this window has it. What comes live is there as it was written;
 * what comes folded, or is of another model, is not: the chronicle says which seqs to read off the tape for the rest.
 */
import type { OutboundEventReceiver, SeqRange, SeqRanges, TapeEvent } from '../../browser/index.ts'
import type { CollectionModel } from '../../models/index.ts'

export class Chronicle implements CollectionModel {
  receiver: OutboundEventReceiver | undefined
  readonly collections: readonly string[]
  readonly #seqsMax: number
  readonly #events = new Map<number, TapeEvent>()
  /** Read, and nothing of ours was there, or nothing at all. */
  readonly #empty = new Set<number>()
  #newestSeq = -1

  /** `seqsMax`: how far it looks back. */
  constructor(collection: string, seqsMax: number) {
    this.collections = [collection]
    this.#seqsMax = seqsMax
  }

  apply(events: readonly TapeEvent[]): void {
    // One without stamps stands for itself alone.
    for (const event of events) if (event.stamps === undefined) this.#keep(event)
    this.#forget()
  }

  reset(): void {
    this.#events.clear()
    this.#empty.clear()
    this.#newestSeq = -1
  }

  /** What is missing of the story after a seq. */
  missing(after: number, latestSeq: number): SeqRanges {
    const ranges: SeqRange[] = []
    for (let seq = after + 1; seq <= latestSeq; seq++) {
      if (this.#events.has(seq) || this.#empty.has(seq)) continue
      const last = ranges.at(-1)
      if (last !== undefined && last[1] === seq - 1) ranges[ranges.length - 1] = [last[0], seq]
      else ranges.push([seq, seq])
    }
    return ranges
  }

  /** Takes what was read for what was missing. */
  add(missing: SeqRanges, events: readonly TapeEvent[]): void {
    for (const event of events) this.#keep(event)
    for (const [first, last] of missing) for (let seq = first; seq <= last; seq++) if (!this.#events.has(seq)) this.#empty.add(seq)
    this.#forget()
  }

  /** The events after a seq that are here, in order. */
  after(seq: number): readonly TapeEvent[] {
    return [...this.#events.values()].filter((event) => event.seq > seq).sort((a, b) => a.seq - b.seq)
  }

  #keep(event: TapeEvent): void {
    this.#events.set(event.seq, event)
    this.#newestSeq = Math.max(this.#newestSeq, event.seq)
  }

  #forget(): void {
    const oldestSeq = this.#newestSeq - this.#seqsMax + 1
    for (const seq of this.#events.keys()) if (seq < oldestSeq) this.#events.delete(seq)
    for (const seq of this.#empty) if (seq < oldestSeq) this.#empty.delete(seq)
  }
}
