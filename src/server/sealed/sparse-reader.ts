/**
 * Reads of segments what may be about some objects, where that is little of them: the places of a segment tell which seqs
 * these are, and the others are covered without being read.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { TapeEvent } from '../../protocol/event.ts'
import { countSeqs, intersect, type SeqRange, type SeqRanges, subtract } from '../../protocol/seq-ranges.ts'
import { parseLines } from '../tape/lines.ts'
import { joinLines, type Page } from '../tape/slice-reader.ts'
import type { SegmentEntry, TapeStorage } from '../tape/tape-storage.ts'
import type { Contents } from './contents.ts'
import { readSealedPage, segmentOf } from './sealed-reader.ts'
import { SegmentPlaces, Sought, type Wanted } from './segment-places.ts'

/** Some of the tape as events. */
export interface EventsPage {
  readonly covers: SeqRanges
  readonly events: readonly TapeEvent[]
  /** Of these events, as they are stored. */
  readonly bytes: number
  /** So much was read for them. */
  readonly bytesRead: number
}

/** Beyond this share of a segment it is as well read whole. */
const shareMax = 0.5

export class SparseReader {
  readonly #storage: Pick<TapeStorage, 'rowsFrom' | 'segmentsFrom'>
  readonly #contents: Contents
  readonly #sought: Sought
  /** Where most of one segment is wanted, so it is of others: their places are not read. */
  #isSparse: boolean

  constructor(storage: Pick<TapeStorage, 'rowsFrom' | 'segmentsFrom'>, contents: Contents, wanted: Wanted) {
    this.#storage = storage
    this.#contents = contents
    this.#sought = new Sought(wanted)
    this.#isSparse = !this.#sought.isEverything
  }

  /**
   * What may be wanted of the segment that holds the first of these seqs, as much as fits `bytesMax`. Undefined where that is
   * not known, or most of it: then it is to be read whole. Rejects like `readSealedPage`.
   */
  async next(ranges: SeqRanges, bytesMax: number): Promise<EventsPage | undefined> {
    const segment = ranges[0] && segmentOf(this.#storage, ranges[0][0])
    if (!this.#isSparse || segment?.places === undefined) return undefined
    const places = await readPlaces(this.#contents, segment)
    if (places === undefined) return undefined
    const here = intersect(ranges, [[segment.first, segment.last]])
    const wanted = intersect(here, places.seqsOf(this.#sought))
    this.#isSparse = countSeqs(wanted) <= countSeqs(here) * shareMax
    if (!this.#isSparse) return undefined
    const { bytes } = segment.places
    if (wanted.length === 0) return { covers: here, events: [], bytes: 0, bytesRead: bytes }
    const { covers, pieces } = await readSealedPage(this.#storage, this.#contents, wanted, { latestSeq: segment.last, bytesMax })
    const lines = joinLines(pieces)
    const [next] = subtract(wanted, covers)[0] ?? [Number.POSITIVE_INFINITY]
    return {
      covers: here.flatMap(([first, last]): readonly SeqRange[] => (first < next ? [[first, Math.min(last, next - 1)]] : [])),
      events: parseLines(lines),
      bytes: lines.length,
      bytesRead: bytes + segment.plain.bytes,
    }
  }
}

/** A page with its events. */
export function eventsOf({ covers, pieces }: Page): EventsPage {
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
  return { covers, events: pieces.flatMap(parseLines), bytes, bytesRead: bytes }
}

/** Undefined where there is none, or it is lost: the segment itself does as well. Rejects with `unavailable`. */
export async function readPlaces(contents: Contents, { first, places }: SegmentEntry): Promise<SegmentPlaces | undefined> {
  if (places === undefined) return undefined
  try {
    return SegmentPlaces.decode(first, await contents.get(places))
  } catch (error) {
    if (error instanceof Refusal && error.code === 'damaged') return undefined
    throw error
  }
}
