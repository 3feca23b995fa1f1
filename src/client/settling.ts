/**
 * Those who wait until every draft has come to rest. It owns their promises, and does not see for itself that something has
 * changed: whoever does has it look.
 */
import type { Sides } from './sides.ts'

interface Waiting {
  readonly resolve: () => void
  readonly reject: (reason: Error) => void
}

export class Settling {
  readonly #sides: Sides
  #waiting: Waiting[] = []

  constructor(sides: Sides) {
    this.#sides = sides
  }

  /** Resolves when no draft waits any more. Rejects when the stream stops before. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.check()
    })
  }

  check(): void {
    if (this.#waiting.length === 0) return
    const { current, outbox, report } = this.#sides
    // Before the store has been read, nobody knows what waits in it.
    const isSettled = current?.isReady === true && outbox.pending.length === 0
    if (isSettled) for (const { resolve } of this.#waiting.splice(0)) resolve()
    else if (report.connection === 'stopped') {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('The stream stopped before everything was on the tape.'))
    }
  }
}
