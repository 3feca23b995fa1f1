/**
 * What an application is to be told, in order and one at a time: whoever is told may change the model, subscribe, end its
 * subscription or throw, and the others are told of what came first before they are told of what came of it.
 */
import { callAll } from '../call-all.ts'
import { ChangeLog } from './change-log.ts'
import type { Changes, Problem } from './collection-options.ts'

export class Announcements<T> {
  /** What listeners are told next. */
  readonly changes = new ChangeLog<T>()
  readonly #onProblem: ((problem: Problem) => void) | undefined
  readonly #listeners = new Set<(changes: Changes) => void>()
  readonly #waiting: (() => void)[] = []
  /** In the middle of something, of whose outcome listeners are told once it is there. */
  #isBusy = false
  #isMaking = false

  constructor(onProblem: ((problem: Problem) => void) | undefined) {
    this.#onProblem = onProblem
  }

  /** Calls `listener` once after each run that changed something, until the function that it gives is called. */
  readonly subscribe = (listener: (changes: Changes) => void): (() => void) => {
    // Whoever subscribes twice is told twice, and each ends its own.
    const own = (changes: Changes) => listener(changes)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  report(problem: Problem): void {
    const onProblem = this.#onProblem
    if (onProblem !== undefined) this.#waiting.push(() => onProblem(problem))
  }

  /** Has something called that is not ours. What it throws is the application's to hear of. */
  add(call: () => unknown): void {
    const onProblem = this.#onProblem
    this.#waiting.push(() => {
      if (onProblem === undefined) return void call()
      const report = (error: unknown) => onProblem({ type: 'listener', error })
      try {
        const result = call()
        if (result instanceof Promise) result.catch(report)
      } catch (error) {
        report(error)
      }
    })
  }

  /** Makes those that come of `run` when that is over. */
  after(run: () => void): void {
    const isPart = this.#isBusy
    this.#isBusy = true
    try {
      run()
    } finally {
      this.#isBusy = isPart
      this.make()
    }
  }

  /** Tells what has changed, unless that is part of more. What is thrown is thrown on, when all have been told. */
  make(): void {
    if (this.#isBusy) return
    const changes = this.changes.take()
    if (changes !== undefined) {
      for (const listener of this.#listeners) this.add(() => this.#listeners.has(listener) && listener(changes))
    }
    if (this.#isMaking || this.#waiting.length === 0) return
    this.#isMaking = true
    try {
      callAll(this.#all())
    } finally {
      this.#isMaking = false
    }
  }

  *#all(): Iterable<() => void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next
  }
}
