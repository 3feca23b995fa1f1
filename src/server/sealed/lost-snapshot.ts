/**
 * A snapshot of which a chunk is lost is made anew. So it may be when the storage that speaks of it was set back, and the
 * bucket was not: the chunks went when later snapshots came.
 */
import { Refusal } from '../../protocol/codes.ts'
import { nameOf } from './contents.ts'
import type { Snapshots, Snapshotted } from './snapshot.ts'

/** All is made anew from the segments, and what is left of the chunks goes when that has been done. */
export function withoutSnapshot({ current, draft, leaving, garbage, ...rest }: Snapshots): Snapshots {
  const names = [...(current?.chunks ?? []), ...(draft?.chunks ?? [])].map(nameOf)
  return { ...rest, leaving: [], garbage: [...new Set([...garbage, ...leaving, ...names])] }
}

/** What `reading` gives of a chunk. When that is lost, the snapshot is, and it rejects as `reading` does. */
export async function readChunk<T>(tape: Snapshotted, hash: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    // One of the snapshot before is nobody's start any more.
    const isCurrent = tape.snapshots().current?.chunks.some((chunk) => chunk.hash === hash) === true
    if (isLost(error) && isCurrent) tape.forgetSnapshots()
    throw error
  }
}

/** As a segment that is lost says nothing of the snapshot. */
export class LostChunk extends Error {}

export function throwIfLost(error: unknown): never {
  throw isLost(error) ? new LostChunk('A chunk of the snapshot is lost.', { cause: error }) : error
}

function isLost(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'damaged'
}
