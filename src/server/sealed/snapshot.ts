/** Snapshots: the folded slice of 0 … S, in chunks of some objects each, in the order of their keys. */
import { Refusal } from '../../protocol/codes.ts'
import type { TapeEvent } from '../../protocol/event.ts'
import type { SegmentEntry } from '../tape/tape-storage.ts'
import { type ContentEntry, type ContentKey, keyOf } from './contents.ts'

export interface SnapshotChunk extends ContentEntry {
  /** Its objects have keys from this one on, up to the next chunk's. */
  readonly from: string
  readonly events: number
}

export interface Snapshot {
  /** It folds 0 … through. */
  readonly through: number
  readonly chunks: readonly SnapshotChunk[]
}

/** One that is being made: its chunks so far, of objects with keys below `next`. */
export interface SnapshotDraft extends Snapshot {
  readonly next: string
}

export interface Snapshots {
  readonly current?: Snapshot | undefined
  readonly draft?: SnapshotDraft | undefined
  /** Names of chunks of the snapshot before the current one, for whoever is reading it. */
  readonly leaving: readonly string[]
  /** Names of what is to be removed. */
  readonly garbage: readonly string[]
  /** Something has been redacted, and not all that is left of it is gone yet. */
  readonly isUnclean?: boolean | undefined
}

export const noSnapshots: Snapshots = { leaving: [], garbage: [] }

/** What is snapshotted: see `SealedPast`. */
export interface Snapshotted {
  /** Undefined while there is no stream. */
  readonly epoch: string | undefined
  snapshots(): Snapshots
  segmentsFrom(from: number): Iterable<SegmentEntry>
  /** False when the stream is under another epoch. */
  keepSnapshots(snapshots: Snapshots, epoch: string): boolean
  /** A part of what was made is lost: it is made anew. */
  forgetSnapshots(): void
}

/** A chunk is a JSON list of folded events, in order of seq. */
export function encodeChunk(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(`[\n${lines.join(',\n')}\n]`))
}

export function parseChunk(content: Uint8Array): readonly TapeEvent[] {
  return JSON.parse(new TextDecoder().decode(content))
}

export function sizeOf(entries: readonly ContentEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** Throws `not-found` for what is no chunk of the snapshot, nor of the one before it. */
export function findChunk(
  { snapshot, leaving }: { readonly snapshot: Snapshot | null; readonly leaving: readonly string[] },
  hash: string,
): ContentKey {
  const chunk = [...(snapshot?.chunks ?? []), ...leaving.map(keyOf)].find((one) => one.hash === hash)
  if (chunk === undefined) throw new Refusal('not-found', { detail: 'The snapshot has no such chunk. Ask for the snapshot again.' })
  return chunk
}
