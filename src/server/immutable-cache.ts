/**
 * What never changes, closed ranges under an epoch and chunks of snapshots, is answered by the Worker: from the Cache
 * API, else from the bucket, else by the object. It is called after the token has been checked and the lease renewed, and
 * keeps its copies under addresses that carry no token.
 */
import { Refusal } from '../protocol/codes.ts'
import { immutableHeaders } from './immutable-headers.ts'

export interface Immutable {
  readonly request: Request
  /** Names the answer among all of the stream. */
  readonly key: string
  readonly etag: string
  readonly context: { waitUntil(promise: Promise<unknown>): void }
}

/** Long enough for everyone who catches up at once. */
const keptForSeconds = 3600

/** The copy, or what `make` makes; that is kept if it has the ETag. */
export async function answerFromCache({ request, key, etag, context }: Immutable, make: () => Promise<Response>): Promise<Response> {
  const address = new URL(request.url)
  address.search = `?immutable=${encodeURIComponent(key)}`
  const cacheKey = new Request(address)

  const known = await caches.default.match(cacheKey)
  if (known !== undefined) {
    if (request.headers.get('If-None-Match') === etag) return new Response(null, { status: 304, headers: { ETag: etag } })
    return forReader(known)
  }
  const answer = await make()
  if (answer.status !== 200 || answer.headers.get('ETag') !== etag) return answer
  const [kept, given] = teed(answer)
  kept.headers.set('Cache-Control', `public, max-age=${keptForSeconds}, immutable`)
  kept.headers.delete('Vary')
  context.waitUntil(caches.default.put(cacheKey, kept))
  return given
}

/** The cache's copy says `public`, which is true of the Worker's cache alone. */
function forReader(kept: Response): Response {
  const answer = new Response(kept.body, kept)
  for (const [name, value] of Object.entries(immutableHeaders(kept.headers.get('ETag') ?? ''))) answer.headers.set(name, value)
  answer.headers.set('Tapeline-Cache', 'hit')
  return answer
}

function teed(answer: Response): [Response, Response] {
  if (answer.body === null) throw new Refusal('unavailable')
  const [left, right] = answer.body.tee()
  return [new Response(left, answer), new Response(right, answer)]
}
