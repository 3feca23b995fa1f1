/**
 * Lets those who write in one field at once get through in turns. The server takes whoever comes first, so whoever has
 * just got through lets the others go first, a round trip for each of them. Without others nobody waits.
 */
import type { TapeEvent } from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'

/** Whoever has written so lately may be about to write again. */
const recentMs = 3000
/** Nobody waits longer for others than a reader takes to notice. */
const waitMsMax = 1000
/** A round trip that nothing is known of. */
const roundTripMs = 50
/** So many attempts are bad luck in turn; beyond that each waits at random, up to twice as long as before. */
const attemptsAtOnce = 8

export class Turns {
  readonly #environment: Environment
  readonly #onTurn: () => void
  readonly #others = new Map<string, number>()
  #sentAt: number | undefined
  #roundTripMs = roundTripMs
  #timer: unknown

  constructor(environment: Environment, onTurn: () => void) {
    this.#environment = environment
    this.#onTurn = onTurn
  }

  /** Whether it is for others to go first. */
  get isOthers(): boolean {
    return this.#timer !== undefined
  }

  /** Others have written in fields. */
  heard(events: readonly TapeEvent[], me: string): void {
    const now = this.#environment.now()
    for (const { client = '', deltas } of events) if (deltas !== undefined && client !== me) this.#others.set(client, now)
  }

  sent(): void {
    this.#sentAt ??= this.#environment.now()
  }

  /** What was sent is on the tape. */
  gotThrough(): void {
    const now = this.#environment.now()
    if (this.#sentAt !== undefined) this.#roundTripMs = Math.min(waitMsMax, Math.max(1, now - this.#sentAt))
    this.#sentAt = undefined
    for (const [client, at] of this.#others) if (Math.abs(now - at) > recentMs) this.#others.delete(client)
    if (this.#others.size > 0) this.#wait(this.#others.size * this.#roundTripMs * (1 + this.#environment.random() / 2))
  }

  /** Somebody else was faster, for so many times in a row. */
  wasOvertaken(attempts: number): void {
    this.#sentAt = undefined
    if (attempts > attemptsAtOnce) this.#wait(this.#environment.random() * 10 * 2 ** (attempts - attemptsAtOnce))
  }

  stop(): void {
    this.#environment.clearTimer(this.#timer)
    this.#timer = undefined
    this.#sentAt = undefined
  }

  #wait(ms: number): void {
    this.#environment.clearTimer(this.#timer)
    this.#timer = this.#environment.setTimer(
      () => {
        this.#timer = undefined
        this.#onTurn()
      },
      Math.min(waitMsMax, Math.ceil(ms)),
    )
  }
}
