/** The one rule of reading: add what a slice covers to what is accounted for; what is missing is what to ask for. */
import {
  holesUpTo,
  includes,
  intersect,
  type SeqRanges,
  type Slice,
  seenOf,
  subtract,
  type TapeEvent,
  union,
} from '../../protocol/index.ts'
import type { LocalTape } from '../storage/store.ts'

/** The tape with one more slice of its epoch, and the events in it that were not accounted for before. */
export function account(tape: LocalTape, slice: Slice): { readonly tape: LocalTape; readonly fresh: readonly TapeEvent[] } {
  const repeats = intersect(tape.accounted, slice.covers).length > 0
  const fresh = repeats ? slice.events.filter(({ seq }) => !includes(tape.accounted, seq)) : slice.events
  const latestSeq = Math.max(tape.latestSeq, slice.latestSeq)
  if (slice.unreadable === undefined && tape.unreadable === undefined) {
    return { tape: { epoch: slice.epoch, latestSeq, accounted: union(tape.accounted, slice.covers) }, fresh }
  }
  const setAside = union(tape.unreadable ?? [], rangesOf(slice))
  const accounted = union(tape.accounted, subtract(slice.covers, rangesOf(slice)))
  // One that came damaged may come whole.
  const unreadable = subtract(setAside, accounted)
  return { tape: { epoch: slice.epoch, latestSeq, accounted, ...(unreadable.length === 0 ? {} : { unreadable }) }, fresh }
}

function rangesOf({ covers, unreadable = [] }: Slice): SeqRanges {
  return unreadable.filter(({ seq }) => includes(covers, seq)).reduce<SeqRanges>((ranges, { seq }) => union(ranges, [[seq, seq]]), [])
}

/** What has come of the tape, the events that cannot be read here among it. */
export function comeOf({ accounted, unreadable }: LocalTape): SeqRanges {
  return unreadable === undefined ? accounted : union(accounted, unreadable)
}

/** The highest S such that all of 0 … S has come, or −1. */
export function seenOn(tape: LocalTape): number {
  return seenOf(comeOf(tape))
}

export function holesOf(tape: LocalTape): SeqRanges {
  return holesUpTo(comeOf(tape), tape.latestSeq)
}

/** The holes of a tape, worked out once for each change of them: the same ranges as before while they are. */
export class Holes {
  #tape: LocalTape | undefined
  #ranges: SeqRanges = []

  of(tape: LocalTape): SeqRanges {
    const { latestSeq, accounted, unreadable } = tape
    const before = this.#tape
    if (before?.latestSeq === latestSeq && before.accounted === accounted && before.unreadable === unreadable) return this.#ranges
    this.#tape = tape
    const ranges = holesOf(tape)
    if (!areSameRanges(ranges, this.#ranges)) this.#ranges = ranges
    return this.#ranges
  }
}

export function areSameRanges(a: SeqRanges, b: SeqRanges): boolean {
  return a.length === b.length && a.every(([first, last], index) => first === b[index]?.[0] && last === b[index]?.[1])
}
