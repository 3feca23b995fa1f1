/**
 * The status of a stream as it is now: made when it is asked for, kept until something in it changes, and told to those who
 * listen. It owns nothing of what it says.
 */
import { countSeqs } from '../protocol/index.ts'
import { Listeners, type Unsubscribe } from './listeners.ts'
import type { Sides } from './sides.ts'
import type { StreamStatus } from './status.ts'
import { Holes } from './tape/local-tape.ts'
import { partStatuses } from './tape/parts.ts'

export class CurrentStatus {
  readonly #sides: Sides
  readonly #report: (error: unknown) => void
  readonly #holes = new Holes()
  readonly #listeners = new Listeners<StreamStatus>()
  #value: StreamStatus | undefined

  /** `report` is told of a listener that throws. */
  constructor(sides: Sides, report: (error: unknown) => void) {
    this.#sides = sides
    this.#report = report
  }

  get value(): StreamStatus {
    this.#value ??= this.#snapshot()
    return this.#value
  }

  subscribe(listener: (status: StreamStatus) => void): Unsubscribe {
    return this.#listeners.add(listener)
  }

  /** Whoever asks from now on is told of something newer; those who listen are not told yet. */
  outdate(): void {
    this.#value = undefined
  }

  /** Something in it has changed. */
  changed(): void {
    this.outdate()
    this.#listeners.tell(() => this.value, this.#report)
  }

  #snapshot(): StreamStatus {
    const { tape, report, outbox, wanted } = this.#sides
    const holes = this.#holes.of(tape)
    const total = tape.latestSeq + 1
    return {
      ...report,
      holes,
      parts: partStatuses(tape, wanted),
      unreadable: countSeqs(tape.unreadable ?? []),
      progress: { have: total - countSeqs(holes), total },
      pending: outbox.pending.length,
      outbox: outbox.amount,
      oldestPendingAt: outbox.oldestAt,
      refused: outbox.refused,
    }
  }
}
