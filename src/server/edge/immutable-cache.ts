/**
 * What never changes, closed ranges under an epoch and chunks of snapshots, is answered by the Worker: from the Cache
 * API, else from the bucket, else by the object. It is called after the token has been checked and the lease renewed, and
 * keeps its copies under addresses that carry no token.
 */
import { immutableHeaders, markHeader } from '../answers.ts'
import { Shared } from './shared.ts'

export interface Immutable {
  readonly request: Request
  /** Names the answer among all of the stream. */
  readonly key: string
  readonly etag: string
  /** Of what is kept. */
  readonly type?: string
  readonly context: { waitUntil(promise: Promise<unknown>): void }
  /** Rejects when it is not to be answered any more: to look for a copy takes time. */
  readonly check: () => Promise<void>
  /** For what is said of a tape, not of its content alone: by its mark a copy is known to be of the tape that is there now. */
  readonly marks?: {
    /** Of the tape that the answer is made of, where that does not say. */
    readonly now: string | undefined
    readonly isKnown: (mark: string) => Promise<boolean>
  }
}

/** Long enough for everyone who catches up at once. */
const keptForSeconds = 3600

/** The copy, or what `make` makes; that is kept if it has the ETag. */
export async function answerFromCache(
  { request, key, etag, type = 'application/json', context, check, marks }: Immutable,
  make: () => Promise<Response>,
): Promise<Response> {
  const address = new URL(request.url)
  address.search = `?immutable=${encodeURIComponent(key)}`
  const cacheKey = new Request(address)

  const known = await caches.default.match(cacheKey)
  const mark = known?.headers.get(markHeader)
  if (known !== undefined && (!mark || marks === undefined || (await marks.isKnown(mark)))) {
    await check()
    if (request.headers.get('If-None-Match') === etag) return new Response(null, { status: 304, headers: { ETag: etag } })
    return forReader(known)
  }
  let mine: Response | undefined
  const body = await making.of(address.href, async () => {
    mine = await make()
    if (mine.status !== 200 || mine.headers.get('ETag') !== etag) return null
    const whole = await mine.arrayBuffer()
    const kept = new Response(whole, mine)
    kept.headers.set('Cache-Control', `public, max-age=${keptForSeconds}, immutable`)
    kept.headers.delete('Vary')
    if (marks?.now !== undefined && !kept.headers.has(markHeader)) kept.headers.set(markHeader, marks.now)
    context.waitUntil(caches.default.put(cacheKey, kept))
    return whole
  })
  // What is not immutable is for the one who asked for it.
  if (body === null) return mine ?? make()
  return new Response(body, { headers: { 'Content-Type': type, ...immutableHeaders(etag) } })
}

/** So a thousand who come at once, when nothing is kept yet, are one for what makes it. */
const making = new Shared<ArrayBuffer | null>()

/** The cache's copy says `public`, which is true of the Worker's cache alone. */
function forReader(kept: Response): Response {
  const answer = new Response(kept.body, kept)
  for (const [name, value] of Object.entries(immutableHeaders(kept.headers.get('ETag') ?? ''))) answer.headers.set(name, value)
  answer.headers.set('Tapeline-Cache', 'hit')
  answer.headers.delete(markHeader)
  return answer
}
