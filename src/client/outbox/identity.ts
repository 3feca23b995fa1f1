/**
 * Whether nobody else publishes under our id. A copy of our store does, and shows itself in one of three ways:
 *
 *   the tape has taken more than we ever sent        ─┐
 *   an event has one of our counters, and is not ours ├─► copied: we go on under a new id
 *   we are superseded, and superseded again          ─┘
 *
 * What the tape has taken of what we have sent is compared with our drafts before anything goes on. Owns what is known of
 * that. The id is the outbox's, and what is done about a copy is the publisher's.
 */
import type { Numbering } from './numbering.ts'

export class Identity {
  readonly #numbering: Numbering
  #isCopied = false
  /** Up to this counter the tape has taken drafts under our id, and we have not seen all of their events. */
  #unverifiedUpTo: number | undefined
  /** How often the server has closed our socket for another one of our id. */
  #timesSuperseded = 0

  constructor(numbering: Numbering) {
    this.#numbering = numbering
  }

  /** Somebody else publishes under our id. */
  get isCopied(): boolean {
    return this.#isCopied
  }

  get unverifiedUpTo(): number | undefined {
    return this.#unverifiedUpTo
  }

  /** Whether all that the tape has taken under our id is known to be ours. */
  get isVerified(): boolean {
    return !this.#isCopied && this.#unverifiedUpTo === undefined
  }

  /** Whether somebody has taken the id from us since we have taken it from them. */
  get isContested(): boolean {
    return this.#timesSuperseded > 1
  }

  /** A link begins. `counter`: the last that the tape has taken under our id; undefined when nobody says. */
  welcomed(counter: number | undefined): void {
    const { next, firstGiven } = this.#numbering
    this.#unverifiedUpTo = undefined
    if (counter === undefined) return
    if (counter >= next) this.#isCopied = true
    else if (firstGiven !== undefined && counter >= firstGiven) this.#unverifiedUpTo = counter
  }

  /** Events have taken their drafts off, `isOurs` unless one of them was not our draft. Says whether that is how a copy shows. */
  compared(isOurs: boolean): boolean {
    const isNews = !isOurs && !this.#isCopied
    if (isNews) this.#isCopied = true
    const { firstGiven = Number.POSITIVE_INFINITY } = this.#numbering
    if (this.#unverifiedUpTo !== undefined && firstGiven > this.#unverifiedUpTo) this.#unverifiedUpTo = undefined
    return isNews
  }

  /** There is nothing more to compare. */
  verified(): void {
    this.#unverifiedUpTo = undefined
  }

  /** Another socket publishes under our id: one of ours that was slow to open, or, if it happens again, a copy's. */
  superseded(): void {
    this.#timesSuperseded++
    if (this.isContested) this.#isCopied = true
  }

  /** The id is a new one, which nobody else has. */
  beginAnew(): void {
    this.#isCopied = false
    this.#unverifiedUpTo = undefined
    this.#timesSuperseded = 0
  }
}
