/** Reads ranges off the tape folded: as few events as have the effect of all of them. */
import type { TapeEvent } from '../protocol/event.ts'
import { Folding } from '../protocol/fold.ts'
import { intersect, type SeqRanges, subtract, union } from '../protocol/seq-ranges.ts'
import { readPage } from './slice-reader.ts'
import type { TapeStorage } from './tape-storage.ts'

/** So much is parsed between two pauses, in some 20 ms. */
const pageBytes = 2 * 1024 * 1024
/** So much is read for one answer, which then covers less than was asked. */
const bytesReadMax = 64 * 1024 * 1024

/** The tape from its start to a seq, folded. */
export interface FoldedStart {
  readonly through: number
  readonly events: readonly TapeEvent[]
}

export interface FoldedPage {
  readonly covers: SeqRanges
  readonly events: readonly TapeEvent[]
}

/**
 * Gives the folded events at the end; between its steps others may have their turn. Closed ranges of one epoch always give
 * what has the same effect, also when `start` spares reading the tape from the beginning. Whoever drives it sees to it that the tape is
 * still the same.
 */
export function* readFolded(
  storage: Pick<TapeStorage, 'rowsFrom'>,
  ranges: SeqRanges,
  { latestSeq, start }: { readonly latestSeq: number; readonly start?: FoldedStart | undefined },
): Generator<undefined, FoldedPage> {
  let rest: SeqRanges = latestSeq < 0 ? [] : intersect(ranges, [[0, latestSeq]])
  let covers: SeqRanges = []
  const folding = new Folding()
  const known: SeqRanges = start === undefined ? [] : [[0, start.through]]
  if (start !== undefined && subtract(known, rest).length === 0) {
    covers = known
    rest = subtract(rest, known)
    folding.add(start.events, covers)
  }
  for (let bytes = 0; rest.length > 0 && bytes < bytesReadMax; ) {
    const page = readPage(storage, rest, { latestSeq, bytesMax: pageBytes })
    rest = subtract(rest, page.covers)
    covers = union(covers, page.covers)
    folding.add(page.pieces.flatMap(eventsOf), covers)
    bytes += page.pieces.reduce((sum, { length }) => sum + length, 0)
    yield
  }
  return { covers, events: folding.finish(covers) }
}

export function encodeEvents(events: readonly TapeEvent[]): readonly Uint8Array[] {
  return events.length === 0 ? [] : [new TextEncoder().encode(events.map((event) => JSON.stringify(event)).join(',\n'))]
}

function eventsOf(piece: Uint8Array): readonly TapeEvent[] {
  return JSON.parse(`[${decoder.decode(piece)}]`)
}

const decoder = new TextDecoder()
