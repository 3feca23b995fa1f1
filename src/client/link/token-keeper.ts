/**
 * Keeps a token as long as it is good, so that a reconnect need not fetch another. How long that is says the
 * server, in what it welcomes with; before the end, and whenever a token is refused, it is forgotten.
 */
import type { Environment } from '../environment.ts'
import type { Transport } from './transport.ts'
import { within } from './within.ts'

/** What the parts of a client have in common. */
export interface ClientParts {
  readonly transport: Transport
  readonly environment: Environment
  readonly tokens: TokenKeeper
}

/** A token is renewed when a fifth of its time is left. */
const renewAfterShare = 0.8

/** Whoever fetches one for so long will not get it. */
const fetchDeadlineMs = 60_000

export class TokenKeeper {
  readonly #fetch: () => string | Promise<string>
  readonly #environment: Environment
  #token: string | undefined
  /** On its way. */
  #fetching: Promise<string> | undefined
  #timer: unknown

  constructor(fetch: () => string | Promise<string>, environment: Environment) {
    this.#fetch = fetch
    this.#environment = environment
  }

  /** A token that is good, as far as is known; the same for all who ask meanwhile. Rejects when none can be had. */
  async get(): Promise<string> {
    if (this.#token !== undefined) return this.#token
    this.#fetching ??= this.#fetchSoon().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchSoon(): Promise<string> {
    const fetching = Promise.resolve(this.#fetch())
    this.#token = await within(this.#environment, fetchDeadlineMs, fetching)
    return this.#token
  }

  /** The token is good for so long; `onEnding` is called when that is nearly over. */
  expect(expiresInMs: number, onEnding: () => void): void {
    this.#environment.clearTimer(this.#timer)
    this.#timer = this.#environment.setTimer(
      () => {
        this.forget()
        onEnding()
      },
      Math.max(0, expiresInMs * renewAfterShare),
    )
  }

  /** The next one must be a fresh one, unless the one that is no good has been forgotten already. */
  forget(token = this.#token): void {
    if (token === this.#token) this.#token = undefined
  }

  stop(): void {
    this.#environment.clearTimer(this.#timer)
  }
}
