/** What reads would take, told from the list of segments alone: nothing is read for it. */
import { countSeqs, intersect, type SeqRanges } from '../../protocol/seq-ranges.ts'
import type { Sizes } from '../../protocol/slice.ts'
import type { SegmentEntry, TapeStorage } from '../tape/tape-storage.ts'
import { sizeOf } from './snapshot.ts'

/** Where nothing has been sealed and folded yet. */
const usualShare = 0.25

/**
 * Of a part of a segment, or of the rows, it is the share that its events have on average; folded, rows are taken to come to
 * what the newest segment came to, and all of it to no more than the snapshot, which has every object.
 */
export function sizesOf(storage: Pick<TapeStorage, 'head' | 'segmentsFrom' | 'snapshots'>, ranges: SeqRanges): Sizes {
  const head = storage.head()
  if (head === undefined || head === 'deleted') return { plain: 0, folded: 0, snapshot: 0 }
  const { latestSeq, bytes, hot } = head
  let [plain, folded] = [0, 0]
  for (const segment of { [Symbol.iterator]: () => storage.segmentsFrom(ranges[0]?.[0] ?? 0) }) {
    if (segment.first > (ranges.at(-1)?.[1] ?? -1)) break
    const share = shareOf(ranges, segment.first, segment.last)
    plain += share * segment.plain.bytes
    folded += share * foldedBytes(segment)
  }
  const ofRows = shareOf(ranges, hot.first, latestSeq) * (bytes - hot.start)
  const newest = hot.first === 0 ? undefined : storage.segmentsFrom(hot.first - 1).next().value
  const foldedShare = newest === undefined ? usualShare : foldedBytes(newest) / newest.plain.bytes
  const chunks = storage.snapshots().current?.chunks ?? []
  return {
    plain: Math.round(plain + ofRows),
    folded: Math.round(chunks.length === 0 ? folded + ofRows * foldedShare : Math.min(folded + ofRows * foldedShare, sizeOf(chunks))),
    snapshot: chunks.reduce((sum, { stored }) => sum + stored, 0),
  }
}

function foldedBytes({ plain, folded = plain }: SegmentEntry): number {
  return folded.bytes
}

function shareOf(ranges: SeqRanges, first: number, last: number): number {
  return last < first ? 0 : countSeqs(intersect(ranges, [[first, last]])) / (last - first + 1)
}
