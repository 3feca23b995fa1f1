/** Those who listen, and the one way to call what is not ours: whoever throws is its own trouble, not the stream's. */

export type Unsubscribe = () => void

export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>()

  /** Tells `listener` from now on, until the function that it gives is called. */
  add(listener: (value: T) => void): Unsubscribe {
    // Whoever subscribes twice is told twice, and each ends its own.
    const own = (value: T) => listener(value)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** The value is asked for anew for each: a listener may change what the next one is told. */
  tell(value: () => T, report: (error: unknown) => void): void {
    for (const listener of this.#listeners) guard(() => listener(value()), report)
  }
}

/** `report` is told of what `call` throws. */
export function guard(call: () => void, report: (error: unknown) => void): void {
  try {
    call()
  } catch (error) {
    report(error)
  }
}
