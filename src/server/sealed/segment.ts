/**
 * Where the tape is cut into segments. The cuts follow from the rows alone, so whoever seals again after a kill makes
 * the same segment under the same name.
 */
import { joinLines, type RowSource } from '../tape/slice-reader.ts'
import type { TapeHead, TapeRow } from '../tape/tape-storage.ts'

export interface SegmentBounds {
  /** A row is not cut: one that is larger by itself, up to 1 MB, is a segment by itself. */
  readonly eventsMax: number
  readonly bytesMax: number
  /** So much of the end of the tape stays in rows, whichever is reached first. */
  readonly keptEvents: number
  readonly keptBytes: number
}

/** Preconditions look back over 1,000 events, or 4 MiB of text, which is up to three times as much in UTF-8. */
export const segmentBounds: SegmentBounds = {
  eventsMax: 4000,
  bytesMax: 512 * 1024,
  keptEvents: 1000,
  keptBytes: 12 * 1024 * 1024,
}

type Head = Pick<TapeHead, 'latestSeq' | 'bytes' | 'hot'>

/** Whether it is worth looking for a segment: now and then it finds none, but it never misses one for long. */
export function mayBeDue({ latestSeq, bytes, hot }: Head, { eventsMax, bytesMax, keptEvents, keptBytes }: SegmentBounds): boolean {
  const events = latestSeq + 1 - hot.first
  const size = bytes - hot.start
  if (events <= 1) return false
  const spare = Math.max(events - keptEvents, events * (1 - keptBytes / size))
  return spare >= eventsMax || spare * (size / events) >= bytesMax
}

/** The oldest rows, as one: they are as many as a segment may hold, and enough stays. Undefined while they are not. */
export function cutSegment(source: RowSource, { latestSeq, bytes, hot }: Head, bounds: SegmentBounds): TapeRow | undefined {
  const { eventsMax, bytesMax, keptEvents, keptBytes } = bounds
  const bodies: Uint8Array[] = []
  let last = hot.first - 1
  let size = 0
  const rows = source.rowsFrom(hot.first)
  for (let next = rows.next(); next.done !== true; next = rows.next()) {
    const row = next.value
    const isFull = row.last - hot.first + 1 > eventsMax || size + row.body.length > bytesMax
    if (bodies.length > 0 && isFull) {
      const isEnoughLeft = latestSeq - last >= keptEvents || bytes - hot.start - size >= keptBytes
      return isEnoughLeft ? { first: hot.first, last, body: joinLines(bodies) } : undefined
    }
    bodies.push(row.body)
    last = row.last
    size += row.body.length
  }
  return undefined
}
