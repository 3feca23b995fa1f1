/**
 * What an application is to be told, in order and one at a time: whoever is told may change the model, subscribe, end its
 * subscription or throw, and the others are told of what came first before they are told of what came of it.
 */
import { callAll } from '../call-all.ts'

export class Announcements {
  readonly #waiting: (() => void)[] = []
  #isMaking = false

  add(announcement: () => void): void {
    this.#waiting.push(announcement)
  }

  /** Makes those that wait, unless that is under way. What they throw is thrown on, when all have been made. */
  make(): void {
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
