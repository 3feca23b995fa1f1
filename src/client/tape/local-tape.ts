/** The one rule of reading: add what a slice covers to what is accounted for; what is missing is what to ask for. */
import {
  areSameRanges,
  foldEvents,
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
import { blankTape, type LocalTape } from '../storage/store.ts'
import { partsOf, withParts } from './parts.ts'

export interface Accounting {
  readonly tape: LocalTape
  /** The events that were not accounted for before. */
  readonly fresh: readonly TapeEvent[]
  /** This client's own that do not belong to what is wanted: they say that they are on the tape, and that is all. */
  readonly aside: readonly TapeEvent[]
}

/**
 * The tape with one more slice of its epoch: of all that is wanted of it, or of one part. What stands beside `covers` is
 * what an object had been before it came to belong to a filter, and was not here.
 */
export function account(tape: LocalTape, slice: Slice, part?: number): Accounting {
  const known = part === undefined ? tape.accounted : (tape.parts?.[part]?.accounted ?? [])
  const repeats = intersect(known, slice.covers)
  const hasNews = !areSameRanges(repeats, slice.covers)
  // A folded event says more than its own seq does.
  const isNew = ({ seq, stamps }: TapeEvent) => repeats.length === 0 || !includes(repeats, seq) || (hasNews && stamps !== undefined)
  const isAside = ({ seq }: TapeEvent) => slice.own !== undefined && includes(slice.own, seq)
  return {
    tape: tapeWith(tape, slice, part),
    fresh: repeats.length === 0 && slice.own === undefined ? slice.events : slice.events.filter((event) => isNew(event) && !isAside(event)),
    aside: slice.own === undefined ? [] : slice.events.filter((event) => isNew(event) && isAside(event)),
  }
}

function tapeWith(tape: LocalTape, slice: Slice, part: number | undefined): LocalTape {
  const mark = slice.mark ?? tape.mark
  const latestSeq = Math.max(tape.latestSeq, slice.latestSeq)
  const known = { epoch: slice.epoch, latestSeq, ...(mark === undefined ? {} : { mark }) }
  const troubled = slice.unreadable === undefined ? [] : rangesOf(slice)
  const covers = troubled.length === 0 ? slice.covers : subtract(slice.covers, troubled)
  const { parts } = tape
  const read =
    parts === undefined
      ? { ...known, accounted: union(tape.accounted, covers) }
      : withParts(
          { ...known, accounted: [] },
          parts.map((each, index) =>
            part === undefined || part === index ? { filter: each.filter, accounted: union(each.accounted, covers) } : each,
          ),
        )
  // One that came damaged may come whole.
  const unreadable = subtract(union(tape.unreadable ?? [], troubled), read.accounted)
  const next = unreadable.length === 0 ? read : { ...read, unreadable }
  return tape.anewTo === undefined || seenOn(next) >= tape.anewTo ? next : { ...next, anewTo: tape.anewTo }
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

/**
 * What is kept of a tape, folded. Deltas above a hole stay as they are, for the pending ones that are taken over them once
 * all before them has come.
 */
export function foldKept(events: readonly TapeEvent[], tape = blankTape): readonly TapeEvent[] {
  return foldEvents(events, tape.accounted, seenOn(tape))
}

/** Whether what needs the tape in its order has to wait for more of it: it began anew, or some part has come further than all have. */
export function isHeldBack(tape: LocalTape): boolean {
  if (tape.anewTo !== undefined) return true
  const seen = seenOn(tape)
  return partsOf(tape).some(({ accounted }) => seenOn({ ...tape, accounted }) > seen)
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
