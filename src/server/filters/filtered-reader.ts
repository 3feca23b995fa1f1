/**
 * Reads a part of the tape of which only some objects are wanted. The rest is covered all the same, so holes and progress
 * are those of the whole tape. Where an object comes to belong to the filter by an update, what had been of it before,
 * which nobody with this filter has, comes along, folded: where that cannot be read, the seq is not covered.
 */
import { Refusal } from '../../protocol/codes.ts'
import { utf8Length } from '../../protocol/decode.ts'
import type { TapeEvent } from '../../protocol/event.ts'
import { everything } from '../../protocol/filter.ts'
import { objectKey } from '../../protocol/fold.ts'
import { includes, intersect, rangesOfSeqs, type SeqRanges, subtract, union } from '../../protocol/seq-ranges.ts'
import { isUnreadable } from '../sealed/contents.ts'
import type { Wanted } from '../sealed/segment-places.ts'
import { type EventsPage, eventsOf, type SparseReader } from '../sealed/sparse-reader.ts'
import type { FoldedReader } from '../tape/folded-reader.ts'
import { toLines } from '../tape/lines.ts'
import type { Page } from '../tape/slice-reader.ts'
import type { Filter, FilterNow } from './filter.ts'
import { type Joining, needsPast } from './joining.ts'
import type { Past, PastReader } from './past-reader.ts'

/** So much is looked through for one answer, in some 100 ms. */
const bytesSeenMax = 16 * 1024 * 1024
const pageBytes = 2 * 1024 * 1024

export interface FilteredReading {
  readonly latestSeq: number
  /** Nothing of it is sealed. */
  readonly isHot: boolean
  /** The reader knows of the tape up to here. */
  readonly knownTo: number
  readonly folded: FoldedReader
  readonly past: PastReader
  /** Awaited between two steps; throws when the tape is not the same any more. */
  readonly between: () => Promise<void>
}

export interface FilteredPaging {
  readonly bytesMax: number
  /** The client whose events come, too, whatever they are about. */
  readonly own?: string | undefined
  /** Reads what is wanted alone, where that is little: see `SparseReader`. */
  readonly sparse: (wanted: Wanted) => Pick<SparseReader, 'next'>
  readonly readPage: (ranges: SeqRanges, bytesMax: number) => Page | Promise<Page>
}

/** What has been found: events in order of seq, and the objects among them that come to belong there. */
interface Found {
  readonly covers: SeqRanges
  readonly events: readonly TapeEvent[]
  readonly joining: readonly Joining[]
}

export async function readFiltered(
  wanted: Filter,
  ranges: SeqRanges,
  { bytesMax, own, sparse, readPage, ...reading }: FilteredReading & FilteredPaging,
): Promise<Page> {
  const { latestSeq, between } = reading
  const filter = filterFor(wanted, reading)
  const reader = sparse({ any: filter.names, client: own })
  const events: TapeEvent[] = []
  const aside = new Set<number>()
  const joining: Joining[] = []
  let covers: SeqRanges = []
  let rest = latestSeq < 0 ? [] : intersect(ranges, [[0, latestSeq]])
  for (let seen = 0, size = 0; rest.length > 0 && seen < bytesSeenMax && size < bytesMax; ) {
    const page = await readRest(rest)
    if (page.covers.length === 0) break
    seen += page.bytesRead
    const belonging = filter.over(page.events)
    const before = events.length
    for (const event of page.events) {
      const since = belonging.since(event)
      if (since === undefined && (own === undefined || event.client !== own)) continue
      events.push(event)
      if (since === undefined) aside.add(event.seq)
      if (needsPast(event, since)) joining.push({ key: objectKey(event), since: event.seq })
    }
    if (page.events.length > 0) size += (page.bytes * (events.length - before)) / page.events.length
    rest = subtract(rest, page.covers)
    covers = union(covers, page.covers)
    await between()
  }
  const past = await reading.past.read({ covers, joining, ...reading })
  const unread = new Set(joining.filter(({ key }) => !past.objects.has(key)).map(({ since }) => since))
  const found = { covers, events: events.filter(({ seq }) => !unread.has(seq)), joining }
  const end = endWithin(found, past, bytesMax)
  const asideThere = [...aside].filter((seq) => seq < end).map((seq) => ({ seq }))
  return { ...pageOf(found, past, end), ...(asideThere.length === 0 ? {} : { own: rangesOfSeqs(asideThere) }) }

  /** What cannot be read takes nothing from what has been. */
  async function readRest(some: SeqRanges): Promise<EventsPage> {
    const max = Math.min(pageBytes, bytesMax)
    try {
      return (await reader.next(some, max)) ?? eventsOf(await readPage(some, max))
    } catch (error) {
      if (covers.length === 0 || !isUnreadable(error)) throw error
      return { covers: [], events: [], bytes: 0, bytesRead: 0 }
    }
  }
}

/** A short read is about a few objects, which are soon looked up; a long one about many. */
function filterFor(wanted: Filter, { isHot }: FilteredReading): FilterNow {
  return isHot ? { names: [everything], over: (objects) => wanted.over(objects) } : wanted.asOfNow()
}

/** The same folded: an object that comes to belong in a part that was folded before need not show where. */
export async function readFilteredFolded(wanted: Filter, ranges: SeqRanges, reading: FilteredReading): Promise<Page> {
  const { folded, latestSeq, between } = reading
  const filter = filterFor(wanted, reading)
  const joining = new Map<string, number>()
  const { events, covers } = await folded.read(ranges, latestSeq, between, {
    wanted: { any: filter.names },
    select: (piece) => {
      const belonging = filter.over(piece.events)
      const inserted = new Set<string>()
      return piece.events.filter((event) => {
        const since = belonging.since(event)
        if (since === undefined) return false
        // Before its insert there is nothing of it that counts.
        if (event.type === 'insert') inserted.add(objectKey(event))
        else if (event.type === 'update' && includes(piece.covers, since) && !inserted.has(objectKey(event)))
          joining.set(objectKey(event), since)
        return true
      })
    },
  })
  const found = { covers, events, joining: Array.from(joining, ([key, since]) => ({ key, since })).sort((a, b) => a.since - b.since) }
  const past = await reading.past.read({ ...found, ...reading })
  return pageOf(found, past, past.end)
}

/** The first seq that has no room, with the past of what comes to belong there: above the first, which always has. */
function endWithin({ events, joining }: Found, { objects, end }: Past, bytesMax: number): number {
  const past = new Map(joining.map(({ key, since }) => [since, objects.get(key) ?? []]))
  let room = bytesMax
  for (const [index, event] of events.entries()) {
    for (const each of [event, ...(past.get(event.seq) ?? [])]) room -= utf8Length(JSON.stringify(each))
    if (room < 0 && index > 0) return Math.min(end, event.seq)
  }
  return end
}

/** Throws what keeps from reading what had been, where nothing can be covered without. */
function pageOf({ covers, events, joining }: Found, { objects, refusal }: Past, end: number): Page {
  const there = joining.filter(({ since }) => since < end)
  const unread = there.filter(({ key }) => !objects.has(key)).map(({ since }) => ({ seq: since }))
  const left = subtract(intersect(covers, [[0, end - 1]]), rangesOfSeqs(unread))
  if (left.length === 0 && covers.length > 0)
    throw refusal ?? new Refusal('unavailable', { detail: 'What had been of an object is too long to be read.' })
  const past = there.flatMap(({ key }) => objects.get(key) ?? [])
  const given = events.filter(({ seq }) => seq < end)
  const all = past.length === 0 ? given : [...past, ...given].sort((a, b) => a.seq - b.seq)
  return { covers: left, pieces: all.length === 0 ? [] : [toLines(all)], isCutShort: true }
}
