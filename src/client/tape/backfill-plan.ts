/**
 * Which reads fill a client's holes. A few events come over the socket in one frame, whatever holes they lie in;
 * many come over HTTP in aligned pages, which are the same for every client, so that one cached page serves all.
 */
import { countSeqs, formatSeqs, intersect, pageEvents, rangesMax, type SeqRange, type SeqRanges, subtract } from '../../protocol/index.ts'

/** So many events fit a frame or two and are quicker asked for on the open socket. */
export const socketEventsMax = 1000

/** So many are a page or two: they come as quickly as they are. */
export const foldedEventsMin = 2 * pageEvents
/** Whoever has published is told of conflicts with what others did meanwhile, and so reads that as it is, unless it is so much. */
export const foldedEventsMinOfWriters = 16 * pageEvents
const foldedStep = 64

const none: ReadonlySet<number> = new Set()

export interface BackfillPlan {
  /** To be asked for in one frame; empty when there is nothing to ask. */
  readonly overSocket: SeqRanges
  /** Each is one request. */
  readonly overHttp: readonly SeqRanges[]
}

/**
 * `cutPages`: the first seqs of pages of which an answer held less than was asked, as their events are large. To ask for
 * such a page again would give the same.
 */
export function planBackfill(
  holes: SeqRanges,
  inFlight: SeqRanges,
  { latestSeq, cutPages = none }: { readonly latestSeq: number; readonly cutPages?: ReadonlySet<number> },
): BackfillPlan {
  const missing = subtract(holes, inFlight)
  if (countSeqs(missing) <= socketEventsMax) return { overSocket: missing.slice(0, rangesMax), overHttp: [] }
  const pages = new Map<string, SeqRanges>()
  for (const [first, last] of missing) {
    for (let start = first - (first % pageEvents); start <= last; start += pageEvents) {
      const request = pageRequest(start, missing, { latestSeq, isCut: cutPages.has(start) })
      pages.set(formatSeqs(request), request)
    }
  }
  return { overSocket: [], overHttp: [...pages.values()] }
}

/** The whole page when most of it is missing; otherwise just what is. */
function pageRequest(start: number, missing: SeqRanges, { latestSeq, isCut }: { latestSeq: number; isCut: boolean }): SeqRanges {
  const page: SeqRanges = [[start, Math.min(start + pageEvents - 1, latestSeq)]]
  const wanted = intersect(missing, page)
  return !isCut && countSeqs(wanted) * 2 > countSeqs(page) ? page : wanted.slice(0, rangesMax)
}

/**
 * What is read folded of long holes, where that makes no other difference: the first that has `eventsMin` or more. One that
 * reaches to the end of the tape is read up to a seq that those who come at the same time ask for, too, so that a cached
 * answer serves them; the few events behind it come as ever.
 */
export function planFolded(missing: SeqRanges, latestSeq: number, eventsMin: number): SeqRange | undefined {
  for (const [first, last] of missing) {
    const end = last < latestSeq ? last + 1 : last + 1 - ((last + 1) % foldedStep)
    if (end - first >= eventsMin) return [first, end - 1]
  }
  return undefined
}
