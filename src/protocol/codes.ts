/**
 * The closed list of what can go wrong on the wire. A code is stable: clients branch on it, never on a text.
 * `recovery` says what a client does: `retry` later as it was, send the draft no more (`fatal`), or `renew` the token.
 */

interface CodeFacts {
  readonly status: number
  readonly recovery: 'retry' | 'fatal' | 'renew'
  readonly title: string
  readonly hint: string
}

const facts = {
  'malformed-json': {
    status: 400,
    recovery: 'fatal',
    title: 'The text is not JSON.',
    hint: 'Send one JSON value in UTF-8, as JSON.stringify makes it.',
  },
  invalid: {
    status: 400,
    recovery: 'fatal',
    title: 'A member is missing, unknown or of the wrong type.',
    hint: 'Compare the member named by `at` with the tables in PROTOCOL.md.',
  },
  'unknown-frame': {
    status: 400,
    recovery: 'fatal',
    title: 'The frame has no type that the server knows.',
    hint: 'Send a frame of type publish, fetch, token or whisper, or the text ping.',
  },
  'binary-frame': {
    status: 400,
    recovery: 'fatal',
    title: 'The socket speaks JSON in text frames, and this one is binary.',
    hint: 'Send text frames; binary contents travel as base64 inside values.',
  },
  'too-large': {
    status: 413,
    recovery: 'fatal',
    title: 'The event, batch, frame or whisper is too large.',
    hint: 'Split it: 256 KiB an event, 1 MiB a batch or frame, 4 KiB a whisper.',
  },
  'too-many': {
    status: 413,
    recovery: 'fatal',
    title: 'Too many drafts or ranges at once.',
    hint: 'At most 1,000 drafts a batch and 1,000 ranges a request; send the rest after it.',
  },
  'too-deep': {
    status: 400,
    recovery: 'fatal',
    title: 'The values are nested too deeply.',
    hint: 'At most 64 levels of objects and arrays; flatten the value or encode it as a string.',
  },
  'lone-surrogate': {
    status: 400,
    recovery: 'fatal',
    title: 'A string holds half a surrogate pair, which UTF-8 cannot carry.',
    hint: 'Cut strings between code points, or repair them with toWellFormed().',
  },
  'forbidden-key': {
    status: 400,
    recovery: 'fatal',
    title: 'An object has a key named __proto__.',
    hint: 'Rename the key: as a member it would change what readers inherit.',
  },
  'number-range': {
    status: 400,
    recovery: 'fatal',
    title: 'A number is too large for a JSON reader and would become null.',
    hint: 'Send it as a string, or keep it below 1.8e308.',
  },
  'counter-order': {
    status: 400,
    recovery: 'fatal',
    title: 'The counters inside the batch do not rise one by one.',
    hint: 'Number the drafts of a batch n, n + 1, n + 2 and so on.',
  },
  'counter-skipped': {
    status: 409,
    recovery: 'retry',
    title: 'The counter skips drafts that the tape has not taken from this client.',
    hint: 'Send again from the counter in `expected`.',
  },
  'seen-ahead': {
    status: 409,
    recovery: 'fatal',
    title: 'The draft claims to have seen events that are not on the tape.',
    hint: 'seen is at most latestSeq; read the stream state, its epoch may have changed.',
  },
  'client-taken': {
    status: 403,
    recovery: 'fatal',
    title: 'The client id belongs to another sub.',
    hint: 'Use a client id of your own; a random one never collides.',
  },
  'expect-failed': {
    status: 412,
    recovery: 'fatal',
    title: 'The tape is not as the precondition expects.',
    hint: 'Read what is in the way, rebase the drafts on it and publish again.',
  },
  'catch-up-first': {
    status: 412,
    recovery: 'fatal',
    title: 'The drafts have seen too little of the tape to check that nothing changed.',
    hint: 'Read up to latestSeq first, then publish with the new seen.',
  },
  'bad-ranges': {
    status: 400,
    recovery: 'fatal',
    title: 'The ranges of seqs cannot be read.',
    hint: 'Write ranges as seq=10-14,17,30- with first ≤ last, or after=9.',
  },
  'bad-query': {
    status: 400,
    recovery: 'fatal',
    title: 'A query parameter is unknown, repeated or has a value that is not allowed.',
    hint: 'See the table of requests in PROTOCOL.md for what this address takes.',
  },
  'bad-stream-name': {
    status: 400,
    recovery: 'fatal',
    title: 'The name is not one a stream can have.',
    hint: 'A name has 1 to 200 characters out of A–Z a–z 0–9 . _ : -',
  },
  'wrong-epoch': {
    status: 409,
    recovery: 'fatal',
    title: 'The stream is under another epoch than the one asked for.',
    hint: 'Forget what you have of this stream and read it again under the epoch in `epoch`.',
  },
  'not-found': {
    status: 404,
    recovery: 'fatal',
    title: 'There is nothing at this address.',
    hint: 'Streams are at /v1/streams/{name}, their events at …/events and the socket at …/live.',
  },
  'method-not-allowed': {
    status: 405,
    recovery: 'fatal',
    title: 'This address does not take that method.',
    hint: 'The Allow header lists what it takes.',
  },
  'unsupported-media-type': {
    status: 415,
    recovery: 'fatal',
    title: 'The body is not declared as JSON.',
    hint: 'Send Content-Type: application/json.',
  },
  'upgrade-required': {
    status: 426,
    recovery: 'fatal',
    title: 'This address is a WebSocket.',
    hint: 'Connect with a WebSocket and the subprotocol tapeline.v1, or read …/events with Accept: text/event-stream.',
  },
  'bad-subprotocol': {
    status: 400,
    recovery: 'fatal',
    title: 'The socket was not asked for under a protocol the server speaks.',
    hint: 'Offer the subprotocols tapeline.v1 and, in a browser, the token after it.',
  },
  'token-missing': {
    status: 401,
    recovery: 'renew',
    title: 'The request carries no token.',
    hint: 'Send Authorization: Bearer <token>; for a socket in a browser, the token as a subprotocol beside tapeline.v1.',
  },
  'token-invalid': {
    status: 401,
    recovery: 'renew',
    title: 'The token is not one this deployment accepts.',
    hint: 'Sign it with the configured key and algorithm, with sub, exp and streams.',
  },
  'token-expired': {
    status: 401,
    recovery: 'renew',
    title: 'The token has expired.',
    hint: 'Fetch a fresh one; on an open socket send it in a token frame.',
  },
  'token-in-url': {
    status: 400,
    recovery: 'fatal',
    title: 'A token stands in the address, where logs and histories keep it.',
    hint: 'Send it in the Authorization header, and consider this one leaked.',
  },
  forbidden: {
    status: 403,
    recovery: 'fatal',
    title: 'The token does not allow this on this stream.',
    hint: 'Ask for a token whose streams claim names this stream and this action.',
  },
  'origin-forbidden': {
    status: 403,
    recovery: 'fatal',
    title: 'Pages of this origin may not talk to this deployment.',
    hint: 'Add the origin to TAPELINE_ORIGINS.',
  },
  'not-configured': {
    status: 503,
    recovery: 'retry',
    title: 'This deployment has no key to check tokens with, so it answers nobody.',
    hint: 'Set TAPELINE_SECRET to at least 32 characters (npx wrangler secret put TAPELINE_SECRET), or TAPELINE_JWKS_URL.',
  },
  'keys-unavailable': {
    status: 503,
    recovery: 'retry',
    title: 'The keys at TAPELINE_JWKS_URL cannot be read.',
    hint: 'Try again; if it stays so, check that address.',
  },
  'too-often': {
    status: 429,
    recovery: 'retry',
    title: 'The socket whispers too often.',
    hint: 'At most 30 whispers a second; send the newest only.',
  },
  unavailable: {
    status: 503,
    recovery: 'retry',
    title: 'The stream could not do this just now, and nothing was changed.',
    hint: 'Send it again; drafts with a client and counter are never taken twice.',
  },
  superseded: {
    status: 409,
    recovery: 'retry',
    title: 'A newer socket publishes as this client.',
    hint: 'Connect again; if the counter in the welcome is not your own, another runs under this id: take a new one.',
  },
  'stream-deleted': {
    status: 410,
    recovery: 'fatal',
    title: 'The stream has been deleted.',
    hint: 'Its name cannot be used again; choose another.',
  },
} as const satisfies Record<string, CodeFacts>

export type Code = keyof typeof facts

/** What a problem document or a `refused` frame says beyond its code. */
export interface RefusalDetails {
  /** The member that is wrong, as a path: `drafts[3].identifier`. */
  readonly at?: string
  /** What was wrong with it, for people. */
  readonly detail?: string
  /** The draft that spoils its batch. */
  readonly counter?: number
  /** The counter that the tape expects next from this client. */
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
    super(`${code}: ${details.detail ?? facts[code].title}${details.at === undefined ? '' : ` (at ${details.at})`}`)
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
} as const
