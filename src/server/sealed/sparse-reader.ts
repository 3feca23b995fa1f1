/**
 * Reads of segments what may be about some objects, where that is little of them: the places of a segment tell which seqs
 * these are, and the others are covered without being read.
 */
import type { TapeEvent } from '../../protocol/event.ts'
import { countSeqs, intersect, type SeqRange, type SeqRanges, subtract } from '../../protocol/seq-ranges.ts'
import { parseLines } from '../tape/lines.ts'
import { joinLines, type Page } from '../tape/slice-reader.ts'
import type { SegmentEntry, TapeStorage } from '../tape/tape-storage.ts'
import { type Contents, isUnreadable } from './contents.ts'
import { readSealedPage, segmentOf } from './sealed-reader.ts'
import { SegmentPlaces, Sought, type Wanted } from './segment-places.ts'

export interface SealedSources {
  readonly storage: Pick<TapeStorage, 'rowsFrom' | 'segmentsFrom'>
  readonly contents: Contents
}

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

/** To look at a segment takes a way to the bucket: it counts as so much that is read, so that no answer takes too long. */
const lookBytes = 256 * 1024

export interface SparseOptions {
  /** Where a segment has a folded form, that is as good as its lines, and shorter: it is not looked for what is wanted, but for whether anything is. */
  readonly takesFolded?: boolean
}

export class SparseReader {
  readonly #storage: Pick<TapeStorage, 'rowsFrom' | 'segmentsFrom'>
  readonly #contents: Contents
  readonly #sought: Sought
  readonly #takesFolded: boolean
  /** Where most of one segment is wanted, so it is of others; and what is lost of one is passed over where the tape is read whole. */
  #isSparse: boolean

  constructor(sources: SealedSources, wanted: Wanted, { takesFolded = false }: SparseOptions = {}) {
    this.#storage = sources.storage
    this.#contents = sources.contents
    this.#takesFolded = takesFolded
    this.#sought = new Sought(wanted)
    this.#isSparse = !this.#sought.isEverything
  }

  /**
   * What may be wanted of the segment that holds the first of these seqs, as much as fits `bytesMax`. Undefined where that is
   * not known, or most of it, or cannot be read: then the tape is to be read whole, which gives what can be.
   */
  async next(ranges: SeqRanges, bytesMax: number): Promise<EventsPage | undefined> {
    const segment = ranges[0] && segmentOf(this.#storage, ranges[0][0])
    if (!this.#isSparse || segment?.places === undefined) return undefined
    const places = await readPlaces(this.#contents, segment)
    if (places === undefined) return undefined
    const { first, last, folded } = segment
    const there = places.seqsOf(this.#sought)
    this.#isSparse = countSeqs(there) <= (last - first + 1) * shareMax
    if (!this.#isSparse) return undefined
    const here = intersect(ranges, [[first, last]])
    const wanted = intersect(here, there)
    if (wanted.length === 0) return { covers: here, events: [], bytes: 0, bytesRead: lookBytes }
    const isWhole = subtract([[first, last]], here).length === 0
    if (this.#takesFolded && isWhole && folded !== undefined) return undefined
    const page = await orUnread(readSealedPage(this.#storage, this.#contents, wanted, { latestSeq: segment.last, bytesMax }))
    this.#isSparse = page !== undefined
    if (page === undefined) return undefined
    const { covers, pieces } = page
    const lines = joinLines(pieces)
    const [next] = subtract(wanted, covers)[0] ?? [Number.POSITIVE_INFINITY]
    return {
      covers: here.flatMap(([from, to]): readonly SeqRange[] => (from < next ? [[from, Math.min(to, next - 1)]] : [])),
      events: parseLines(lines),
      bytes: lines.length,
      bytesRead: lookBytes + segment.plain.bytes,
    }
  }
}

/** A page with its events. */
export function eventsOf({ covers, pieces }: Page): EventsPage {
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
  return { covers, events: pieces.flatMap(parseLines), bytes, bytesRead: bytes }
}

/** Undefined where there are none, or they cannot be read: the segment itself does as well. */
export async function readPlaces(contents: Contents, { first, places }: SegmentEntry): Promise<SegmentPlaces | undefined> {
  const content = places && (await orUnread(contents.get(places)))
  return content && SegmentPlaces.decode(first, content)
}

function orUnread<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: unknown) => {
    if (isUnreadable(error)) return undefined
    throw error
  })
}
