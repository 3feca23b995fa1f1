/** Answers about snapshots: where they are, and their chunks. */
import { Refusal } from '../protocol/codes.ts'
import { immutableHeaders } from './immutable-headers.ts'
import type { SealedView } from './sealed/sealed-state.ts'

/** Where the snapshot is: its chunks, to be asked for one by one. */
export function answerSnapshot({ epoch, latestSeq, snapshot }: SealedView): Response {
  const chunks = (snapshot?.chunks ?? []).map(({ hash, bytes, events }) => ({ hash, bytes, events }))
  const covers = snapshot === null ? [] : [[0, snapshot.through]]
  return Response.json({ epoch, latestSeq, covers, chunks }, { headers: { 'Cache-Control': 'no-store' } })
}

export function checkChunk({ snapshot, leaving }: Pick<SealedView, 'snapshot' | 'leaving'>, hash: string): void {
  const isKnown = snapshot?.chunks.some((chunk) => chunk.hash === hash) === true || leaving.includes(hash)
  if (!isKnown) throw new Refusal('not-found', { detail: 'The snapshot has no such chunk. Ask for the snapshot again.' })
}

export function chunkResponse(content: Uint8Array<ArrayBuffer>, hash: string): Response {
  return new Response(content, { headers: { 'Content-Type': 'application/json', ...immutableHeaders(`"${hash}"`) } })
}
