/**
 * Whether the link may be open: not before everything is ready for it, not while the application works offline on purpose,
 * and never again once another process has the store.
 */
import type { LinkState, LiveLink } from './live-link.ts'

export class LinkSwitch {
  readonly #link: LiveLink
  #isReady = false
  #isPaused = false
  #isFenced = false

  constructor(link: LiveLink) {
    this.#link = link
  }

  get state(): LinkState | 'paused' {
    return this.#isPaused ? 'paused' : this.#link.state
  }

  /** From now on, unless it is paused. */
  connect(): void {
    this.#isReady = true
    if (!this.#isPaused) this.#link.start()
  }

  pause(): void {
    this.#isPaused = true
    this.#link.pause()
  }

  resume(): void {
    if (this.#isFenced) return
    this.#isPaused = false
    if (this.#isReady) this.#link.start()
  }

  fence(): void {
    this.#isFenced = true
    this.#link.stop()
  }
}
