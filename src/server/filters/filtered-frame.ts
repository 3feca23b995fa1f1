/** What a listener with a filter is sent of a row. */
import type { TapeEvent } from '../../protocol/event.ts'
import { rangesOfSeqs, type SeqRange, subtract } from '../../protocol/seq-ranges.ts'
import { sliceFrame } from '../tape/slice-frames.ts'
import type { Filter } from './filter.ts'
import { needsPast } from './joining.ts'

export interface LiveRow {
  readonly epoch: string
  readonly mark: string
  readonly range: SeqRange
  readonly events: readonly TapeEvent[]
}

/**
 * Its events, those of `maker` beside them, and the whole row as covered; but not where an object comes to belong to the
 * filter and what it had been is wanted, too: that is left as a hole, and comes with its past when it is asked for. Without
 * a filter that can tell, nothing but where the tape ends.
 */
export function filteredFrame({ epoch, mark, range, events }: LiveRow, filter: Filter | undefined, maker?: string): string {
  const [, latestSeq] = range
  if (filter === undefined) return sliceFrame({ epoch, latestSeq, mark, covers: [] })
  const belonging = filter.over(events)
  const given: TapeEvent[] = []
  const aside: TapeEvent[] = []
  const left: TapeEvent[] = []
  for (const event of events) {
    const since = belonging.since(event)
    const isOwn = maker !== undefined && event.client === maker
    if (since === undefined && !isOwn) continue
    if (since === undefined) aside.push(event)
    if (needsPast(event, since)) left.push(event)
    else given.push(event)
  }
  const covers = subtract([range], rangesOfSeqs(left))
  const own = aside.length === 0 ? undefined : rangesOfSeqs(aside)
  return sliceFrame({ epoch, latestSeq, mark, covers, own }, given.map((event) => JSON.stringify(event)).join(',\n'))
}
