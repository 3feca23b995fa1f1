/**
 * The closed list of what can go wrong on the wire. A code is stable: clients branch on it, never on a text.
 * `recovery` says what a client does: `retry` later as it was, send the draft no more (`fatal`), or `renew` the token.
 */

interface CodeFacts {
  readonly status: number
  readonly recovery: 'retry' | 'fatal' | 'renew'
}

const facts = {
  'malformed-json': { status: 400, recovery: 'fatal' },
  invalid: { status: 400, recovery: 'fatal' },
  'unknown-frame': { status: 400, recovery: 'fatal' },
  'binary-frame': { status: 400, recovery: 'fatal' },
  'too-large': { status: 413, recovery: 'fatal' },
  'too-many': { status: 413, recovery: 'fatal' },
  'too-deep': { status: 400, recovery: 'fatal' },
  'lone-surrogate': { status: 400, recovery: 'fatal' },
  'forbidden-key': { status: 400, recovery: 'fatal' },
  'number-range': { status: 400, recovery: 'fatal' },
  'counter-order': { status: 400, recovery: 'fatal' },
  'counter-skipped': { status: 409, recovery: 'retry' },
  'seen-ahead': { status: 409, recovery: 'fatal' },
  'client-taken': { status: 403, recovery: 'fatal' },
  'expect-failed': { status: 412, recovery: 'fatal' },
  'catch-up-first': { status: 412, recovery: 'fatal' },
  rejected: { status: 422, recovery: 'fatal' },
  'rule-failed': { status: 503, recovery: 'retry' },
  'not-empty': { status: 409, recovery: 'fatal' },
  'import-gap': { status: 409, recovery: 'fatal' },
  'import-mismatch': { status: 409, recovery: 'fatal' },
  importing: { status: 503, recovery: 'retry' },
  'bad-ranges': { status: 400, recovery: 'fatal' },
  'bad-query': { status: 400, recovery: 'fatal' },
  'bad-stream-name': { status: 400, recovery: 'fatal' },
  'wrong-epoch': { status: 409, recovery: 'fatal' },
  'not-found': { status: 404, recovery: 'fatal' },
  'method-not-allowed': { status: 405, recovery: 'fatal' },
  'unsupported-media-type': { status: 415, recovery: 'fatal' },
  'upgrade-required': { status: 426, recovery: 'fatal' },
  'bad-subprotocol': { status: 400, recovery: 'fatal' },
  'token-missing': { status: 401, recovery: 'renew' },
  'token-invalid': { status: 401, recovery: 'renew' },
  'token-expired': { status: 401, recovery: 'renew' },
  'token-in-url': { status: 400, recovery: 'fatal' },
  forbidden: { status: 403, recovery: 'fatal' },
  'origin-forbidden': { status: 403, recovery: 'fatal' },
  'not-configured': { status: 503, recovery: 'retry' },
  'keys-unavailable': { status: 503, recovery: 'retry' },
  'too-often': { status: 429, recovery: 'retry' },
  'index-exists': { status: 409, recovery: 'fatal' },
  'index-building': { status: 503, recovery: 'retry' },
  damaged: { status: 503, recovery: 'retry' },
  unavailable: { status: 503, recovery: 'retry' },
  superseded: { status: 409, recovery: 'retry' },
  'stream-closed': { status: 409, recovery: 'fatal' },
  'stream-deleted': { status: 410, recovery: 'fatal' },
} as const satisfies Record<string, CodeFacts>

export type Code = keyof typeof facts

/** What a problem document or a `refused` frame says beyond its code. */
export interface RefusalDetails {
  /** The member that is wrong, as a path: `drafts[3].identifier`. */
  readonly at?: string
  /** What was wrong with it, for people. */
  readonly detail?: string
  /** Of `rejected`: the application's own stable code, which its rule gave. */
  readonly reason?: string
  /** The draft that spoils its batch. */
  readonly counter?: number
  /** The counter that the tape expects next from this client, or the seq that an import goes on with. */
  readonly expected?: number
  readonly latestSeq?: number
  readonly epoch?: string | null
  /** The seqs of the events that stand in the way of a precondition. */
  readonly conflicts?: readonly (readonly [first: number, last: number])[]
}

/** A refusal: thrown where input is decoded, caught at the edge that answers. It is never a bug of ours. */
export class Refusal extends Error {
  readonly code: Code
  readonly details: RefusalDetails

  constructor(code: Code, details: RefusalDetails = {}) {
    super(`${code}${details.detail === undefined ? '' : `: ${details.detail}`}${details.at === undefined ? '' : ` (at ${details.at})`}`)
    this.name = 'Refusal'
    this.code = code
    this.details = details
  }
}

export const codes = Object.keys(facts) as readonly Code[]

export function codeFacts(code: Code): CodeFacts {
  return facts[code]
}

export function isCode(text: unknown): text is Code {
  return typeof text === 'string' && Object.hasOwn(facts, text)
}

/** WebSocket close codes of our own. */
export const closeCodes = {
  tokenExpired: 4401,
  tooSlow: 4408,
  superseded: 4409,
  deleted: 4410,
  silent: 4411,
  changed: 4412,
} as const
