/**
 * Reads a part of the tape of which only some objects are wanted. The rest is covered all the same, so holes and progress
 * are those of the whole tape. Where an object comes to belong to the filter by an update, what had been of it before,
 * which nobody with this filter has, comes along, folded.
 */
import type { TapeEvent } from '../../protocol/event.ts'
import { objectKey } from '../../protocol/fold.ts'
import { intersect, rangesOfSeqs, type SeqRanges, subtract, union } from '../../protocol/seq-ranges.ts'
import type { FoldedReader } from '../tape/folded-reader.ts'
import { parseLines, toLines } from '../tape/lines.ts'
import type { Page } from '../tape/slice-reader.ts'
import type { Belonging, Filter } from './filter.ts'

/** So much is looked through for one answer, in some 100 ms. */
const bytesSeenMax = 16 * 1024 * 1024
const pageBytes = 2 * 1024 * 1024

export interface FilteredReading {
  readonly latestSeq: number
  readonly bytesMax: number
  /** The client whose events come, too, whatever they are about. */
  readonly own?: string | undefined
  readonly readPage: (ranges: SeqRanges, bytesMax: number) => Page | Promise<Page>
  readonly folded: FoldedReader
  /** Awaited between two steps; throws when the tape is not the same any more. */
  readonly between: () => Promise<void>
}

export async function readFiltered(filter: Filter, ranges: SeqRanges, reading: FilteredReading): Promise<Page> {
  const { latestSeq, bytesMax, own, readPage, between } = reading
  const events: TapeEvent[] = []
  const aside: TapeEvent[] = []
  let covers: SeqRanges = []
  let rest = latestSeq < 0 ? [] : intersect(ranges, [[0, latestSeq]])
  for (let seen = 0, size = 0; rest.length > 0 && seen < bytesSeenMax && size < bytesMax; ) {
    const page = await readPage(rest, Math.min(pageBytes, bytesMax))
    if (page.covers.length === 0) break
    for (const piece of page.pieces) {
      seen += piece.length
      const some = parseLines(piece)
      const belonging = filter.over(some)
      const wanted = some.filter((event) => belonging.since(event) !== undefined)
      size += (piece.length * wanted.length) / some.length
      for (const event of wanted) events.push(event)
      if (own !== undefined) aside.push(...some.filter((event) => event.client === own && belonging.since(event) === undefined))
    }
    rest = subtract(rest, page.covers)
    covers = union(covers, page.covers)
    await between()
  }
  const past = await readPast(filter, events, reading)
  const all = past.length + aside.length === 0 ? events : [...past, ...aside, ...events].sort((a, b) => a.seq - b.seq)
  const page = { covers, pieces: all.length === 0 ? [] : [toLines(all)], isCutShort: true }
  return aside.length === 0 ? page : { ...page, own: rangesOfSeqs(aside) }
}

/** What had been of the objects that come to belong to the filter by one of these events, before that. */
export async function readPast(
  filter: Filter,
  events: readonly TapeEvent[],
  { folded, between }: FilteredReading,
): Promise<readonly TapeEvent[]> {
  const until = new Map<string, number>()
  const belonging = filter.over(events)
  for (const event of events) if (needsPast(belonging, event)) until.set(objectKey(event), event.seq)
  if (until.size === 0) return []
  const last = Math.max(...until.values()) - 1
  const isPast = (event: TapeEvent) => event.seq < (until.get(objectKey(event)) ?? 0)
  const { events: past } = await folded.read(last < 0 ? [] : [[0, last]], last, between, (some) => some.filter(isPast))
  const given = new Set(events.map(({ seq }) => seq))
  return past.filter(({ seq }) => !given.has(seq))
}

/** Whether this event is the one by which its object belongs, and says nothing of what that had been. */
export function needsPast(belonging: Belonging, event: TapeEvent): boolean {
  return event.type === 'update' && event.seq > 0 && belonging.since(event) === event.seq
}
