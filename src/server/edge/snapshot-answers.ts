/** Answers about snapshots: where they are, and their chunks. */

import type { SealedView } from '../sealed/sealed-state.ts'

/** Where the snapshot is: its chunks, to be asked for one by one. */
export function answerSnapshot({ epoch, latestSeq, snapshot }: SealedView): Response {
  const chunks = (snapshot?.chunks ?? []).map(({ hash, bytes, events }) => ({ hash, bytes, events }))
  const covers = snapshot === null ? [] : [[0, snapshot.through]]
  return Response.json({ epoch, latestSeq, covers, chunks }, { headers: { 'Cache-Control': 'no-store' } })
}

/** A packed chunk for its reader: as it is for one who takes gzip, and else unpacked. */
export function chunkFor(request: Request, packed: Response): Response {
  if (packed.status !== 200 || packed.body === null) return packed
  const { headers } = packed
  headers.set('Content-Type', 'application/json')
  if (!/\bgzip\b/.test(request.headers.get('Accept-Encoding') ?? '')) {
    return new Response(packed.body.pipeThrough(new DecompressionStream('gzip')), { headers })
  }
  headers.set('Content-Encoding', 'gzip')
  return new Response(packed.body, { headers, encodeBody: 'manual' })
}
