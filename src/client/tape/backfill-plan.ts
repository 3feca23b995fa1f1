/**
 * Which reads fill a client's holes. A few events come over the socket in one frame, whatever holes they lie in;
 * many come over HTTP in aligned pages, which are the same for every client, so that one cached page serves all.
 */
import { countSeqs, formatSeqs, intersect, rangesMax, type SeqRanges, subtract } from '../../protocol/index.ts'

/** So many events fit a frame or two and are quicker asked for on the open socket. */
export const socketEventsMax = 1000
/** A page of small events is about 1 MB: some 25 requests for 100,000 events. */
export const pageEvents = 4096

/** So many are a page or two. */
const coldEventsMin = 2 * pageEvents
const coldStep = 64

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
 * What a client that has nothing reads folded: up to a seq that those who come at the same time ask for, too, so that a
 * cached answer serves them. The few behind it come as ever. Undefined for a tape that comes as quickly as it is.
 */
export function planColdStart(latestSeq: number): SeqRanges | undefined {
  const end = latestSeq + 1 - ((latestSeq + 1) % coldStep)
  return end < coldEventsMin ? undefined : [[0, end - 1]]
}
