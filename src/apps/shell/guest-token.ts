/**
 * Tokens for a guest of the demos. A guest is something random that this browser keeps, so that what it publishes
 * stays its own across reloads.
 */
import { randomId } from './random-id.ts'

const guestKey = 'tapeline.guest'

export class GuestToken {
  #guest: string | undefined
  #problem: string | undefined

  /** Why the last request gave no token, for people; undefined when it gave one. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Asks for a token that is good now. Rejects when the server gives none or cannot be reached. */
  readonly fetch = async (): Promise<string> => {
    this.#guest ??= keptGuest()
    const answer = await fetch('/demo/token', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ guest: this.#guest }),
    })
    const body: unknown = await answer.json().catch(() => undefined)
    const token = textOf(body, 'token')
    if (answer.ok && token !== undefined) {
      this.#problem = undefined
      return token
    }
    this.#problem = textOf(body, 'detail') ?? textOf(body, 'title') ?? `The server gave none (${answer.status}).`
    throw new Error(this.#problem)
  }
}

/** A browser that keeps nothing for us makes a new guest with each page: no more is lost than the name. */
function keptGuest(): string {
  const fresh = randomId()
  try {
    const kept = localStorage.getItem(guestKey)
    if (kept !== null && /^[a-z0-9-]{16,64}$/.test(kept)) return kept
    localStorage.setItem(guestKey, fresh)
  } catch {
    // Storage is blocked.
  }
  return fresh
}

function textOf(body: unknown, member: string): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const value: unknown = Reflect.get(body, member)
  return typeof value === 'string' ? value : undefined
}
