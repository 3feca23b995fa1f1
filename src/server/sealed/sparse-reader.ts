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
  /** Where most of one segment is wanted, so it is of others; and what is lost of one is passed over where the tape is read whole. */
  #isSparse: boolean

  constructor(storage: Pick<TapeStorage, 'rowsFrom' | 'segmentsFrom'>, contents: Contents, wanted: Wanted) {
    this.#storage = storage
    this.#contents = contents
    this.#sought = new Sought(wanted)
    this.#isSparse = !this.#sought.isEverything
  }

  /**
   * What may be wanted of the segment that holds the first of these seqs, as much as fits `bytesMax`. Undefined where that is
   * not known, or most of it, or damaged: then the tape is to be read whole. Rejects with `unavailable`.
   */
  async next(ranges: SeqRanges, bytesMax: number): Promise<EventsPage | undefined> {
    const segment = ranges[0] && segmentOf(this.#storage, ranges[0][0])
    if (!this.#isSparse || segment?.places === undefined) return undefined
    const places = await readPlaces(this.#contents, segment)
    if (places === undefined) return undefined
    const { bytes } = segment.places
    const here = intersect(ranges, [[segment.first, segment.last]])
    const wanted = intersect(here, places.seqsOf(this.#sought))
    this.#isSparse = countSeqs(wanted) <= countSeqs(here) * shareMax
    if (!this.#isSparse) return undefined
    if (wanted.length === 0) return { covers: here, events: [], bytes: 0, bytesRead: bytes }
    const page = await orLost(readSealedPage(this.#storage, this.#contents, wanted, { latestSeq: segment.last, bytesMax }))
    this.#isSparse = page !== undefined
    if (page === undefined) return undefined
    const { covers, pieces } = page
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

/** Undefined where there are none, or they are lost: the segment itself does as well. Rejects with `unavailable`. */
export async function readPlaces(contents: Contents, { first, places }: SegmentEntry): Promise<SegmentPlaces | undefined> {
  const content = places && (await orLost(contents.get(places)))
  return content && SegmentPlaces.decode(first, content)
}

/** Undefined for what is damaged. */
function orLost<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'damaged') return undefined
    throw error
  })
}
