/**
 * Closed ranges under an epoch never change, so the Worker answers them from the Cache API, without the object.
 * It is called after the token has been checked, and keeps its copies under addresses that carry no token.
 */
import { Refusal } from '../protocol/codes.ts'
import { etagOf } from './object-routes.ts'
import type { ReadQuery } from './read-query.ts'

interface Through {
  readonly stream: { fetch(request: Request): Promise<Response> }
  readonly context: { waitUntil(promise: Promise<unknown>): void }
}

/** Long enough for everyone who catches up at once; short, because nothing takes a copy back when a stream is deleted. */
const keptForSeconds = 3600

export async function answerFromCache(request: Request, query: ReadQuery, { stream, context }: Through): Promise<Response> {
  const etag = etagOf(query)
  const address = new URL(request.url)
  address.search = `?immutable=${encodeURIComponent(query.immutableKey ?? '')}`
  const key = new Request(address)

  const known = await caches.default.match(key)
  if (known !== undefined) {
    if (request.headers.get('If-None-Match') === etag) return new Response(null, { status: 304, headers: { ETag: etag } })
    return forReader(known)
  }
  const answer = await stream.fetch(request)
  if (answer.status !== 200 || answer.headers.get('ETag') !== etag) return answer
  const [kept, given] = teed(answer)
  kept.headers.set('Cache-Control', `public, max-age=${keptForSeconds}, immutable`)
  kept.headers.delete('Vary')
  context.waitUntil(caches.default.put(key, kept))
  return given
}

/** The cache's copy says `public`, which is true of the Worker's cache alone. */
function forReader(kept: Response): Response {
  const answer = new Response(kept.body, kept)
  answer.headers.set('Cache-Control', 'private, max-age=31536000, immutable')
  answer.headers.set('Vary', 'Authorization')
  answer.headers.set('Tapeline-Cache', 'hit')
  return answer
}

function teed(answer: Response): [Response, Response] {
  if (answer.body === null) throw new Refusal('unavailable')
  const [left, right] = answer.body.tee()
  return [new Response(left, answer), new Response(right, answer)]
}
