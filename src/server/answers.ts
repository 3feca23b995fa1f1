/** What answers of the Worker and of the object have in common, and the headers in which the object tells the Worker something. */
import type { ReadQuery } from './read-query.ts'

/** Says `yes` of an answer without events, so that the Worker need not look into it. */
export const emptyHeader = 'Tapeline-Empty'

/** So many ms until the Worker's copies are known to be out of date: the answer waits for that. */
export const settlesHeader = 'Tapeline-Settles-In'

/** Says how far the tape went when an answer was made. */
export const markHeader = 'Tapeline-Mark'

/** A page takes a few milliseconds to read and send, and 100,000 events come in some ten of them. */
export const pageBytesMax = 2 * 1024 * 1024

/** Kept by the reader alone, and only for the token that it came for; the Worker keeps its own copy. */
export function immutableHeaders(etag: string): Record<string, string> {
  return { 'Cache-Control': 'private, max-age=31536000, immutable', Vary: 'Authorization', ETag: etag }
}

/** The ETag of an immutable answer: epoch and ranges say everything. Folded ones have the same effect, whatever their bytes. */
export function etagOf({ immutableKey, isFolded }: Pick<ReadQuery, 'immutableKey' | 'isFolded'>): string {
  return `${isFolded ? 'W/' : ''}"${immutableKey}"`
}

/** A chunk of a snapshot as it is stored, packed with gzip, from whoever has it to the Worker. */
export function packedChunk(packed: Uint8Array<ArrayBuffer>, hash: string): Response {
  return new Response(packed, { headers: { 'Content-Type': 'application/gzip', ...immutableHeaders(`"${hash}"`) } })
}
