/** Those who want to be told that a model shows something else. */
import { callAll } from './call-all.ts'

export class Listeners {
  readonly #listeners = new Set<() => void>()

  /** Calls `listener` whenever they are told, until the function that it gives is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    // Whoever subscribes twice is told twice, and each ends its own.
    const own = () => listener()
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Tells all, whatever one of them throws; that is thrown on. */
  tell(): void {
    callAll(this.#listeners)
  }
}
