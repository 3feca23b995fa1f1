/**
 * Gives the events of the tape in its order, each when all before it have come. What lies above a hole waits: pending
 * deltas are taken over what others did in that order alone.
 */
import { partsOf, type TapeEvent } from '../../protocol/index.ts'
import type { LocalTape } from '../storage/store.ts'
import { seenOn } from './local-tape.ts'

export class InOrder {
  /** All up to here has been given, or was there before. */
  #upTo = -1
  /** By seq: what comes twice waits once. */
  readonly #above = new Map<number, TapeEvent>()

  get upTo(): number {
    return this.#upTo
  }

  /** The tape is known up to here, and of what comes above this was kept. */
  begin(upTo: number, events: readonly TapeEvent[]): void {
    this.#upTo = upTo
    this.#above.clear()
    this.#wait(events.flatMap(partsOf))
  }

  /** More of the tape is wanted: all of it is known up to here alone. What waits goes on to. */
  fallTo(upTo: number): void {
    this.#upTo = Math.min(this.#upTo, upTo)
  }

  /** `fresh` has come, and makes the tape this one. */
  take(tape: LocalTape, fresh: readonly TapeEvent[]): readonly TapeEvent[] {
    const upTo = seenOn(tape)
    this.#wait(fresh)
    if (upTo <= this.#upTo) return []
    this.#upTo = upTo
    const given = [...this.#above.values()].filter(({ seq }) => seq <= upTo)
    for (const { seq } of given) this.#above.delete(seq)
    return given.sort((a, b) => a.seq - b.seq)
  }

  #wait(events: readonly TapeEvent[]): void {
    for (const event of events) if (event.seq > this.#upTo) this.#above.set(event.seq, event)
  }
}
