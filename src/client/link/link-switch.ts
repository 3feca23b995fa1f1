/**
 * Whether the link may be open: not before everything is ready for it, and not while the application works offline on purpose.
 */
import type { LinkState, LiveLink } from './live-link.ts'

export class LinkSwitch {
  readonly #link: LiveLink
  #isReady = false
  #isPaused = false

  constructor(link: LiveLink) {
    this.#link = link
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  get state(): LinkState | 'paused' {
    const { state } = this.#link
    return this.#isPaused && state !== 'stopped' ? 'paused' : state
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
    this.#isPaused = false
    if (this.#isReady) this.#link.start()
  }
}
