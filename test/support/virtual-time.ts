/** Time that passes only when told to: timers run in their order, and every promise settles before the next one. */
interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class VirtualTime {
  #now = 0
  #order = 0
  /** Sorted: the next to run is the last. */
  readonly #timers: Timer[] = []

  get now(): number {
    return this.#now
  }

  /** Runs `run` after so many ms, and gives what `clear` takes. */
  set(run: () => void, afterMs: number): unknown {
    const timer = { at: this.#now + afterMs, order: this.#order++, run }
    let index = this.#timers.length
    while (index > 0) {
      const before = this.#timers[index - 1]
      if (before === undefined || before.at > timer.at || (before.at === timer.at && before.order > timer.order)) break
      index--
    }
    this.#timers.splice(index, 0, timer)
    return timer
  }

  clear(timer: unknown): void {
    const index = this.#timers.indexOf(timer as Timer)
    if (index >= 0) this.#timers.splice(index, 1)
  }

  /** Lets so many ms pass. `afterEach` is called whenever something has run and every promise has settled. */
  async advance(ms: number, afterEach: () => void = () => {}): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (let next = this.#timers.at(-1); next !== undefined && next.at <= end; next = this.#timers.at(-1)) {
      this.#timers.pop()
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await settled()
      afterEach()
    }
    this.#now = end
  }
}

/** After the microtasks that are due now, and those that they add. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
