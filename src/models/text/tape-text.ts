/**
 * What the tape alone has made of a text: its events strictly in their order, up to the first hole. Deltas need their
 * predecessors, so what lies above a hole waits, whatever it is.
 */
import { ChunkedText, diff, partsOf, readDeltas, type Splices, type TapeEvent } from '../../protocol/index.ts'

/** What an event in order has done to the text. */
export interface TapeStep {
  readonly event: TapeEvent
  readonly splices: Splices<string>
  /** It has given it another value, whatever it was. */
  readonly isWhole: boolean
}

export class TapeText {
  readonly #field: string
  readonly #onMisfit: (event: TapeEvent) => void
  /** Plain events above the first hole, in order of seq. */
  #waiting: TapeEvent[] = []
  /** The last seq that has been brought in. */
  #last = -1
  content = new ChunkedText()

  /** `onMisfit` is told of deltas that have no effect, as they do not fit. */
  constructor(field: string, onMisfit: (event: TapeEvent) => void) {
    this.#field = field
    this.#onMisfit = onMisfit
  }

  /** Takes events of this text's object, in any order, folded or not, and gives what that comes to, as far as there is no hole. */
  *take(events: readonly TapeEvent[], end: number): Iterable<TapeStep> {
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
    this.content = new ChunkedText()
  }

  /** Changes the content. */
  #step(event: TapeEvent): TapeStep | undefined {
    const deltas = event.type === 'update' && event.deltas !== undefined ? event.deltas[this.#field] : undefined
    if (deltas === undefined) {
      const value = event.values !== undefined && Object.hasOwn(event.values, this.#field) ? event.values[this.#field] : ''
      const before = this.content.toString()
      this.content.set(typeof value === 'string' ? value : '')
      return { event, splices: diff(before, this.content.toString()), isWhole: true }
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
