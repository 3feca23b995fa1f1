/**
 * The Worker's answers of what is sealed: pages and chunks of snapshots. With a bucket it makes them itself, without the
 * object; without one the object does.
 */
import { Refusal } from '../../protocol/codes.ts'
import { seqMax } from '../../protocol/limits.ts'
import { etagOf, immutableHeaders, packedChunk, pageBytesMax } from '../answers.ts'
import type { Env } from '../env.ts'
import type { ReadQuery } from '../read-query.ts'
import { BucketBlobs } from '../sealed/bucket-blobs.ts'
import { Contents, gzipCodec } from '../sealed/contents.ts'
import { readSealedPage } from '../sealed/sealed-reader.ts'
import type { SealedView } from '../sealed/sealed-state.ts'
import { findChunk } from '../sealed/snapshot.ts'
import { joinSlice } from '../tape/slice-reader.ts'
import { TimedBlobs } from '../timed-blobs.ts'
import { answerFromCache, type Immutable } from './immutable-cache.ts'
import { chunkFor } from './snapshot-answers.ts'

export interface Sealed {
  readonly request: Request
  readonly view: SealedView
  /** The same as it is now: the bucket may have taken its time. Throws like `Leases.of`. */
  readonly viewNow: () => Promise<SealedView>
  readonly objectId: string
  readonly env: Env
  readonly context: Immutable['context']
  /** Whether the stream knows a mark again. */
  readonly isKnown: (mark: string) => Promise<boolean>
  /** Asks the object. */
  readonly forward: () => Promise<Response>
}

export function answerImmutableRead(sealed: Sealed, query: ReadQuery): Promise<Response> {
  const { request, view, viewNow, context, forward, isKnown } = sealed
  checkEpoch(view, query)
  const last = query.ranges.at(-1)?.[1] ?? seqMax
  const isSealed = last <= (view.segments.at(-1)?.last ?? -1) && !query.isFolded
  const contents = isSealed ? contentsOf(sealed) : undefined
  const make = async () => {
    if (contents === undefined) return forward()
    const page = await readPage(view, query, contents)
    // What cannot be read may have gone with its epoch: then that is the answer.
    checkEpoch(await viewNow(), query)
    return page ?? forward()
  }
  const check = async () => checkEpoch(await viewNow(), query)
  const marks = { now: view.mark, isKnown }
  return answerFromCache({ request, key: query.immutableKey ?? '', etag: etagOf(query), context, check, marks }, make)
}

function checkEpoch({ epoch, latestSeq }: SealedView, query: ReadQuery): void {
  if (query.epoch !== epoch) throw new Refusal('wrong-epoch', { epoch, latestSeq })
}

/** Undefined where not all of it can be read here: of that its object is to know, which may have what was sealed before there was a bucket. */
async function readPage({ epoch, segments }: SealedView, query: ReadQuery, contents: Contents): Promise<Response | undefined> {
  const storage = {
    segmentsFrom: (from: number) => segments.slice(indexOf(segments, from)).values(),
    rowsFrom: () => [].values(),
  }
  const page = await readSealedPage(storage, contents, query.ranges, { latestSeq: seqMax, bytesMax: pageBytesMax }).catch(refusedIsNone)
  if (page === undefined || page.isCutShort === true) return undefined
  const { covers, pieces } = page
  const head = JSON.stringify({ epoch, latestSeq: covers.at(-1)?.[1], covers })
  const headers = { 'Content-Type': 'application/json', ...immutableHeaders(etagOf(query)) }
  return new Response(joinSlice(head.slice(0, -1), pieces), { headers })
}

/** The place of the first segment that ends at a seq or later. */
function indexOf(segments: SealedView['segments'], seq: number): number {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((segments[middle]?.last ?? seqMax) < seq) low = middle + 1
    else high = middle
  }
  return low
}

/** Throws `not-found` for what is no chunk of the snapshot, nor of the one before it. */
export async function answerChunk(sealed: Sealed, hash: string): Promise<Response> {
  const { request, viewNow, context, forward } = sealed
  const chunk = findChunk(sealed.view, hash)
  const contents = contentsOf(sealed)
  const make = async () => {
    if (contents === undefined) return forward()
    const packed = await contents.checkedPacked(chunk).catch(refusedIsNone)
    findChunk(await viewNow(), hash)
    // What cannot be read here its object is to know of.
    return packed === undefined ? forward() : packedChunk(packed, hash)
  }
  const check = async () => void findChunk(await viewNow(), hash)
  return chunkFor(
    request,
    await answerFromCache({ request, key: `chunk/${hash}`, etag: `"${hash}"`, type: 'application/gzip', context, check }, make),
  )
}

function refusedIsNone(error: unknown): undefined {
  if (!(error instanceof Refusal)) throw error
}

function contentsOf({ env, objectId }: Sealed): Contents | undefined {
  return env.SEGMENTS && new Contents(new TimedBlobs(new BucketBlobs(env.SEGMENTS, objectId)), gzipCodec, (error) => console.error(error))
}
