/**
 * Which reads fill a client's holes. A few events come over the socket in one frame, whatever holes they lie in;
 * many come over HTTP in aligned pages, which are the same for every client, so that one cached page serves all.
 */
import { countSeqs, formatSeqs, intersect, rangesMax, type SeqRanges, subtract } from '../../protocol/index.ts'

/** So many events fit a frame or two and are quicker asked for on the open socket. */
export const socketEventsMax = 1000
/** A page of small events is about 1 MB: some 25 requests for 100,000 events. */
export const pageEvents = 4096

export interface BackfillPlan {
  /** To be asked for in one frame; empty when there is nothing to ask. */
  readonly overSocket: SeqRanges
  /** Each is one request. */
  readonly overHttp: readonly SeqRanges[]
}

export function planBackfill(holes: SeqRanges, inFlight: SeqRanges, latestSeq: number): BackfillPlan {
  const missing = subtract(holes, inFlight)
  if (countSeqs(missing) <= socketEventsMax) return { overSocket: missing.slice(0, rangesMax), overHttp: [] }
  const pages = new Map<string, SeqRanges>()
  for (const [first, last] of missing) {
    for (let start = first - (first % pageEvents); start <= last; start += pageEvents) {
      const request = pageRequest(start, missing, latestSeq)
      pages.set(formatSeqs(request), request)
    }
  }
  return { overSocket: [], overHttp: [...pages.values()] }
}

/** The whole page when most of it is missing; otherwise just what is. */
function pageRequest(start: number, missing: SeqRanges, latestSeq: number): SeqRanges {
  const page: SeqRanges = [[start, Math.min(start + pageEvents - 1, latestSeq)]]
  const wanted = intersect(missing, page)
  return countSeqs(wanted) * 2 > countSeqs(page) ? page : wanted.slice(0, rangesMax)
}
