/**
 * What the tape alone has made of a text or of bytes: its events strictly in their order, up to the first hole. Deltas need their
 * predecessors, so what lies above a hole waits, whatever it is.
 */
import {
  ChunkedContent,
  diff,
  isDeltaValues,
  isSameKind,
  type Json,
  partsOf,
  readDeltas,
  type Splices,
  type TapeEvent,
  toContent,
} from '../../protocol/index.ts'

/** What an event in order has done to the content. */
export interface TapeStep<C extends string | Uint8Array> {
  readonly event: TapeEvent
  readonly splices: Splices<C>
  /** It has given it another value, whatever it was. */
  readonly isWhole: boolean
}

export class TapeContent<C extends string | Uint8Array> {
  readonly #field: string
  readonly #onMisfit: (event: TapeEvent) => void
  /** Plain events above the first hole, in order of seq. */
  #waiting: TapeEvent[] = []
  /** The last seq that has been brought in. */
  #last = -1
  readonly #empty: C
  content: ChunkedContent<C>

  /** `onMisfit` is told of deltas that have no effect, as they do not fit. */
  constructor(field: string, empty: C, onMisfit: (event: TapeEvent) => void) {
    this.#empty = empty
    this.content = new ChunkedContent(empty)
    this.#field = field
    this.#onMisfit = onMisfit
  }

  /** Takes events of its object, in any order, folded or not, and gives what that comes to, as far as there is no hole. */
  *take(events: readonly TapeEvent[], end: number): Iterable<TapeStep<C>> {
    let isSorted = true
    for (const event of events) {
      for (const part of event.stamps === undefined ? [event] : partsOf(event)) {
        if (part.seq <= this.#last || !this.#concerns(part)) continue
        isSorted &&= (this.#waiting.at(-1)?.seq ?? -1) <= part.seq
        this.#waiting.push(part)
      }
    }
    if (!isSorted) this.#waiting.sort((a, b) => a.seq - b.seq)
    const waiting = this.#waiting
    let count = waiting.findIndex(({ seq }) => seq >= end)
    if (count < 0) count = waiting.length
    this.#waiting = waiting.slice(count)
    for (const event of waiting.slice(0, count)) {
      // One that came twice waits twice.
      if (event.seq <= this.#last) continue
      this.#last = event.seq
      const step = this.#step(event)
      if (step !== undefined) yield step
    }
  }

  reset(): void {
    this.#waiting = []
    this.#last = -1
    this.content = new ChunkedContent(this.#empty)
  }

  /** Changes the content. */
  #step(event: TapeEvent): TapeStep<C> | undefined {
    const deltas = event.type === 'update' && event.deltas !== undefined ? event.deltas[this.#field] : undefined
    if (deltas === undefined) {
      const before = this.content.whole
      this.content.set(contentOf(event.values?.[this.#field], this.#empty))
      return { event, splices: diff(before, this.content.whole), isWhole: true }
    }
    const splices = readDeltas(deltas)
    if (!this.content.fits(splices)) {
      this.#onMisfit(event)
      return undefined
    }
    this.content.splice(splices)
    return { event, splices, isWhole: false }
  }

  #concerns({ type, values, deltas }: TapeEvent): boolean {
    if (type !== 'update') return true
    return (values !== undefined && Object.hasOwn(values, this.#field)) || (deltas !== undefined && Object.hasOwn(deltas, this.#field))
  }
}

/** What a field holds, if it is of this kind: whatever else it holds is nothing. */
export function contentOf<C extends string | Uint8Array>(value: Json | undefined, empty: C): C {
  const content = value === undefined || !isDeltaValues(value) ? empty : toContent(value)
  return isSameKind(content, empty) ? (content as C) : empty
}
