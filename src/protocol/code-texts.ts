/** What each code means, for people, and what they can do. Apart from the codes, so that clients need not carry it. */
import type { Code } from './codes.ts'

export interface CodeTexts {
  readonly title: string
  readonly hint: string
}

const texts: Readonly<Record<Code, CodeTexts>> = {
  'malformed-json': {
    title: 'The text is not JSON.',
    hint: 'Send one JSON value in UTF-8, as JSON.stringify makes it.',
  },
  invalid: {
    title: 'A member is missing, unknown or of the wrong type.',
    hint: 'Compare the member named by `at` with the tables in PROTOCOL.md.',
  },
  'unknown-frame': {
    title: 'The frame has no type that the server knows.',
    hint: 'Send a frame of type publish, fetch, token or whisper, or the text ping.',
  },
  'binary-frame': {
    title: 'The socket speaks JSON in text frames, and this one is binary.',
    hint: 'Send text frames; binary contents travel as base64 inside values.',
  },
  'too-large': {
    title: 'The event, batch, frame or whisper is too large.',
    hint: 'Split it: 256 KiB an event, 1 MiB a batch or frame, 4 KiB a whisper.',
  },
  'too-many': {
    title: 'Too many drafts or ranges at once.',
    hint: 'At most 1,000 drafts a batch and 1,000 ranges a request; send the rest after it.',
  },
  'too-deep': {
    title: 'The values are nested too deeply.',
    hint: 'At most 64 levels of objects and arrays; flatten the value or encode it as a string.',
  },
  'lone-surrogate': {
    title: 'A string holds half a surrogate pair, which UTF-8 cannot carry.',
    hint: 'Cut strings between code points, or repair them with toWellFormed().',
  },
  'forbidden-key': {
    title: 'An object has a key named __proto__.',
    hint: 'Rename the key: as a member it would change what readers inherit.',
  },
  'number-range': {
    title: 'A number is too large for a JSON reader and would become null.',
    hint: 'Send it as a string, or keep it below 1.8e308.',
  },
  'counter-order': {
    title: 'The counters inside the batch do not rise one by one.',
    hint: 'Number the drafts of a batch n, n + 1, n + 2 and so on.',
  },
  'counter-skipped': {
    title: 'The counter skips drafts that the tape has not taken from this client.',
    hint: 'Send again from the counter in `expected`.',
  },
  'seen-ahead': {
    title: 'The draft claims to have seen events that are not on the tape.',
    hint: 'seen is at most latestSeq; read the stream state, its epoch may have changed.',
  },
  'client-taken': {
    title: 'The client id belongs to another sub.',
    hint: 'Use a client id of your own; a random one never collides.',
  },
  'expect-failed': {
    title: 'The tape is not as the precondition expects.',
    hint: 'Read what is in the way, rebase the drafts on it and publish again.',
  },
  'catch-up-first': {
    title: 'The drafts have seen too little of the tape to check that nothing changed.',
    hint: 'Read up to latestSeq first, then publish with the new seen.',
  },
  rejected: {
    title: 'A rule of this application does not allow the change.',
    hint: '`reason` is the application’s own code for it. Change the draft, or discard it.',
  },
  'rule-failed': {
    title: 'A rule of this application failed to decide on the change, and nothing was changed.',
    hint: 'Send it again later; whoever runs the deployment finds the error in its log.',
  },
  'not-empty': {
    title: 'The stream has events of its own, and imports and forks begin an empty one.',
    hint: 'Take a name that nobody has used yet.',
  },
  'import-gap': {
    title: 'Events are missing before one that is to be imported.',
    hint: 'Send all events in order of seq, from 0 on; `expected` is the seq to go on with.',
  },
  'import-mismatch': {
    title: 'The stream holds something else than what is imported.',
    hint: 'Send what the import was begun with, or import into a stream whose name nobody has used yet.',
  },
  importing: {
    title: 'Events are being brought to this stream, and nothing is published to it until that is finished.',
    hint: 'Send it again later; what is there already can be read. Whoever began the import or the fork can go on with it.',
  },
  'bad-ranges': {
    title: 'The ranges of seqs cannot be read.',
    hint: 'Write ranges as seq=10-14,17,30- with first ≤ last, or after=9.',
  },
  'bad-query': {
    title: 'A query parameter is unknown, repeated or has a value that is not allowed.',
    hint: 'See the table of requests in PROTOCOL.md for what this address takes.',
  },
  'bad-stream-name': {
    title: 'The name is not one a stream can have.',
    hint: 'A name has 1 to 200 characters out of A–Z a–z 0–9 . _ : -',
  },
  'wrong-epoch': {
    title: 'The stream is under another epoch than the one asked for.',
    hint: 'Forget what you have of this stream and read it again under the epoch in `epoch`.',
  },
  'not-found': {
    title: 'There is nothing at this address.',
    hint: 'Streams are at /v1/streams/{name}, their events at …/events and the socket at …/live.',
  },
  'method-not-allowed': {
    title: 'This address does not take that method.',
    hint: 'The Allow header lists what it takes.',
  },
  'unsupported-media-type': {
    title: 'The body is not declared as JSON.',
    hint: 'Send Content-Type: application/json.',
  },
  'upgrade-required': {
    title: 'This address is a WebSocket.',
    hint: 'Connect with a WebSocket and the subprotocol tapeline.v1, or read …/events with Accept: text/event-stream.',
  },
  'bad-subprotocol': {
    title: 'The socket was not asked for under a protocol the server speaks.',
    hint: 'Offer the subprotocols tapeline.v1 and, in a browser, the token after it.',
  },
  'token-missing': {
    title: 'The request carries no token.',
    hint: 'Send Authorization: Bearer <token>; for a socket in a browser, the token as a subprotocol beside tapeline.v1.',
  },
  'token-invalid': {
    title: 'The token is not one this deployment accepts.',
    hint: 'Sign it with the configured key and algorithm, with sub, exp and streams.',
  },
  'token-expired': {
    title: 'The token has expired.',
    hint: 'Fetch a fresh one; on an open socket send it in a token frame.',
  },
  'token-in-url': {
    title: 'A token stands in the address, where logs and histories keep it.',
    hint: 'Send it in the Authorization header, and consider this one leaked.',
  },
  forbidden: {
    title: 'The token does not allow this on this stream.',
    hint: 'Ask for a token whose streams claim names this stream and this action.',
  },
  'origin-forbidden': {
    title: 'Pages of this origin may not talk to this deployment.',
    hint: 'Add the origin to TAPELINE_ORIGINS.',
  },
  'not-configured': {
    title: 'This deployment has no key to check tokens with, so it answers nobody.',
    hint: 'Set TAPELINE_SECRET to at least 32 characters (npx wrangler secret put TAPELINE_SECRET), or TAPELINE_JWKS_URL.',
  },
  'keys-unavailable': {
    title: 'The keys at TAPELINE_JWKS_URL cannot be read.',
    hint: 'Try again; if it stays so, check that address.',
  },
  'too-often': {
    title: 'The socket whispers too often.',
    hint: 'At most 30 whispers a second; send the newest only.',
  },
  'index-exists': {
    title: 'The stream has an index of this name, which points elsewhere.',
    hint: 'An index never changes: declare one under another name.',
  },
  'index-building': {
    title: 'The index does not know all of the past yet.',
    hint: 'Try again in a moment; `detail` says how far it has come.',
  },
  damaged: {
    title: 'A part of the stored tape is missing or is not what it was.',
    hint: 'The rest of the tape can be read. Whoever runs the server finds the part in its log, and can restore it.',
  },
  unavailable: {
    title: 'The stream could not do this just now, and nothing was changed.',
    hint: 'Send it again; drafts with a client and counter are never taken twice.',
  },
  superseded: {
    title: 'A newer socket publishes as this client.',
    hint: 'Connect again; if the counter in the welcome is not your own, another runs under this id: take a new one.',
  },
  'stream-closed': {
    title: 'The stream has been closed: nothing more comes on it.',
    hint: 'It can be read as before. To go on, publish to another stream.',
  },
  'stream-deleted': {
    title: 'The stream has been deleted.',
    hint: 'Its name cannot be used again; choose another.',
  },
}

export function codeTexts(code: Code): CodeTexts {
  return texts[code]
}
