/** What has changed since listeners were told last, from what showed then. */
import type { Changes } from './collection-options.ts'

interface Step<T> {
  readonly identifier: string
  /** Undefined: not shown. */
  readonly before: T | undefined
  readonly after: T | undefined
}

export class ChangeLog<T> {
  #steps: Step<T>[] = []
  /** Records that are the same, at another place. */
  readonly #moved = new Set<string>()
  #runs = 0
  #isReset = false
  #isNews = false

  /** What is noted from here on is of one run, each record once. */
  beginRun(): void {
    this.#runs++
  }

  note(step: Step<T>): void {
    this.#steps.push(step)
  }

  noteMove(identifier: string, item: T): void {
    this.#steps.push({ identifier, before: item, after: item })
    this.#moved.add(identifier)
  }

  noteReset(): void {
    this.#isReset = true
  }

  /** Something else that the model tells has changed. */
  noteNews(): void {
    this.#isNews = true
  }

  /** Gives the changes and begins anew; undefined when there are none. */
  take(): Changes | undefined {
    const inserted: string[] = []
    const updated: string[] = []
    const removed: string[] = []
    for (const { identifier, before, after } of this.#runs > 1 ? joined(this.#steps) : this.#steps) {
      if (after === undefined) before !== undefined && removed.push(identifier)
      else if (before === undefined) inserted.push(identifier)
      else if (before !== after || this.#moved.has(identifier)) updated.push(identifier)
    }
    const isReset = this.#isReset
    const isNothing = !this.#isNews && inserted.length + updated.length + removed.length === 0
    this.#steps = []
    this.#runs = 0
    this.#moved.clear()
    this.#isReset = false
    this.#isNews = false
    return isNothing ? undefined : { inserted, updated, removed, isReset }
  }
}

/** One step for each record, from what showed first to what showed last. */
function joined<T>(steps: readonly Step<T>[]): Iterable<Step<T>> {
  const joined = new Map<string, Step<T>>()
  for (const step of steps) {
    const first = joined.get(step.identifier)
    joined.set(step.identifier, first === undefined ? step : { ...step, before: first.before })
  }
  return joined.values()
}
