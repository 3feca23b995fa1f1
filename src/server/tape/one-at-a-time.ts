/** Work that takes much memory and time: one piece at a time, in the order in which it was asked for. */
import { Refusal } from '../../protocol/codes.ts'

/** So many wait: whoever comes after them has given up before it is their turn. */
const waitingMax = 64

export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve()
  #count = 0

  /** Resolves and rejects as the work does; rejects with `unavailable` where too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#count > waitingMax) return Promise.reject(new Refusal('unavailable', { detail: 'Too much is being read now.' }))
    this.#count++
    const done = this.#last.then(work).finally(() => this.#count--)
    this.#last = done.catch(() => {})
    return done
  }
}
