/** The one rule of reading: add what a slice covers to what is accounted for; what is missing is what to ask for. */
import { holesUpTo, includes, intersect, type Slice, type TapeEvent, union } from '../../protocol/index.ts'
import type { LocalTape } from '../storage/store.ts'

/** The tape with one more slice of its epoch, and the events in it that were not accounted for before. */
export function account(tape: LocalTape, slice: Slice): { readonly tape: LocalTape; readonly fresh: readonly TapeEvent[] } {
  const repeats = intersect(tape.accounted, slice.covers).length > 0
  const fresh = repeats ? slice.events.filter(({ seq }) => !includes(tape.accounted, seq)) : slice.events
  return {
    tape: {
      epoch: slice.epoch,
      latestSeq: Math.max(tape.latestSeq, slice.latestSeq),
      accounted: union(tape.accounted, slice.covers),
    },
    fresh,
  }
}

export function holesOf(tape: LocalTape) {
  return holesUpTo(tape.accounted, tape.latestSeq)
}
