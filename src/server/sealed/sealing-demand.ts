/**
 * When the alarm is asked to seal: as soon as a segment may be due, once until it has found nothing more to seal, and then
 * not again before the tape has grown by some.
 */
import type { TapeHead } from '../tape/tape-storage.ts'
import { mayBeDue, type SegmentBounds } from './segment.ts'

/** When sealing found nothing to seal, the tape grows by so many before it is asked again. */
const sealStep = 500

export class SealingDemand {
  readonly #bounds: SegmentBounds
  readonly #ask: () => void
  #isAsked = false
  /** Not before the tape has grown to this. */
  #from = 0

  constructor(bounds: SegmentBounds, ask: () => void) {
    this.#bounds = bounds
    this.#ask = ask
  }

  /** The tape has grown to this. */
  consider(head: TapeHead): void {
    if (this.#isAsked || head.latestSeq < this.#from || !mayBeDue(head, this.#bounds)) return
    this.#isAsked = true
    this.#ask()
  }

  /** Nothing is left to seal of a tape that ends at `latestSeq`. */
  settle(latestSeq: number): void {
    this.#isAsked = false
    this.#from = latestSeq + sealStep
  }

  /** What was asked for may not have come to storage. */
  forget(): void {
    this.#isAsked = false
  }
}
