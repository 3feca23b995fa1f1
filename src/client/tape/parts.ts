/**
 * What a client holds of a tape of which it does not want all: parts, in order, each with what has been accounted for of it.
 * An object that belongs to several filters is the first one's, so nothing is read twice; and an object may come to belong
 * to another, so the order says whose it is now.
 *
 * A tape without parts is one that is wanted whole.
 */
import {
  areSameRanges,
  countSeqs,
  everything,
  holesUpTo,
  includesFilter,
  intersect,
  isSameFilter,
  type ObjectFilter,
  type Selection,
  type SeqRanges,
  union,
} from '../../protocol/index.ts'
import type { StreamStatus } from '../status.ts'
import type { LocalTape, TapePart } from '../storage/store.ts'

export function partsOf({ parts, accounted }: LocalTape): readonly TapePart[] {
  return parts ?? [{ filter: everything, accounted }]
}

/** What of the tape is one part's own. */
export function selectionOf(parts: readonly TapePart[], index: number): Selection {
  const [part, ...before] = parts.slice(0, index + 1).reverse()
  return { any: [part?.filter ?? everything], except: before.reverse().map(({ filter }) => filter) }
}

/** Of several filters those that make a difference: what an earlier one includes does not. */
export function distinct(filters: readonly ObjectFilter[]): readonly ObjectFilter[] {
  return filters.filter((filter, index) => !filters.slice(0, index).some((earlier) => includesFilter(earlier, filter)))
}

/** The tape with these parts: what all of them have is accounted for. One that is whole is no part any more where another includes it. */
export function withParts({ parts: _, ...tape }: LocalTape, parts: readonly TapePart[]): LocalTape {
  const isWithin = ({ filter, accounted }: TapePart, other: TapePart) =>
    includesFilter(other.filter, filter) && areSameRanges(other.accounted, accounted)
  const isWholeNow = ({ accounted }: TapePart) => tape.latestSeq >= 0 && holesUpTo(accounted, tape.latestSeq).length === 0
  const merged = parts.filter((part, index) => !isWholeNow(part) || !parts.slice(index + 1).some((other) => isWithin(part, other)))
  const [first, ...others] = merged
  const accounted = others.reduce((common, part) => intersect(common, part.accounted), first?.accounted ?? [])
  const isWhole = others.length === 0 && first !== undefined && isSameFilter(first.filter, everything)
  return isWhole ? { ...tape, accounted } : { ...tape, accounted, parts: merged }
}

/** The tape as it is when these filters are wanted of it, and nothing else; and whether something is held that they do not want. */
export function retarget(tape: LocalTape, wanted: readonly ObjectFilter[]): { readonly tape: LocalTape; readonly isNarrower: boolean } {
  const before = partsOf(tape)
  const parts: TapePart[] = []
  for (const filter of inOrder(before, distinct(wanted))) {
    const except = parts.map((part) => part.filter)
    parts.push({ filter, accounted: heldOf(tape, filter, except) })
  }
  const isNarrower = !before.every(
    ({ filter, accounted }) => accounted.length === 0 || parts.some((part) => includesFilter(part.filter, filter)),
  )
  return { tape: withParts(tape, parts), isNarrower }
}

/** Whether something is wanted of it that was not before. */
export function isWider(tape: LocalTape, before: LocalTape): boolean {
  return !partsOf(tape).every(({ filter }) => partsOf(before).some((each) => includesFilter(each.filter, filter)))
}

/** The places of the parts, those first that are wanted first, and last what is wanted no more. */
export function orderOf(parts: readonly TapePart[], wanted: readonly ObjectFilter[]): readonly number[] {
  const rankOf = (index: number) => {
    const rank = wanted.findIndex((filter) => isSameFilter(filter, parts[index]?.filter ?? everything))
    return rank < 0 ? wanted.length : rank
  }
  return [...parts.keys()].sort((a, b) => rankOf(a) - rankOf(b) || a - b)
}

/** How many parts have not come whole. */
export function lackingOf(tape: LocalTape): number {
  return partsOf(tape).filter((part) => missingOf(tape, part) > 0).length
}

function missingOf({ unreadable = [], latestSeq }: LocalTape, { accounted }: TapePart): number {
  return countSeqs(holesUpTo(union(accounted, unreadable), latestSeq))
}

/** How many seqs are lacking of parts of which these filters want nothing, and that may have taken something from a later one that they want. */
export function missingOfLeaving(tape: LocalTape, wanted: readonly ObjectFilter[]): number {
  const parts = partsOf(tape)
  const isWanted = ({ filter }: TapePart) => wanted.some((each) => includesFilter(each, filter))
  const leaving = parts.slice(0, parts.findLastIndex(isWanted) + 1).filter((part) => !isWanted(part))
  return leaving.reduce((sum, part) => sum + missingOf(tape, part), 0)
}

/** How many seqs each part lacks, in the order in which they are read. */
export function partStatuses(tape: LocalTape, wanted: readonly ObjectFilter[]): StreamStatus['parts'] {
  const { parts = [] } = tape
  return orderOf(parts, wanted).map((index) => {
    const part = parts[index] as TapePart
    return { filter: part.filter, missing: missingOf(tape, part) }
  })
}

/**
 * Those that there are stay in their order, for what is held of them, too, where more is wanted now. New ones come last, but
 * before the one that includes them.
 */
function inOrder(before: readonly TapePart[], wanted: readonly ObjectFilter[]): readonly ObjectFilter[] {
  const isOfUse = ({ filter, accounted }: TapePart) =>
    wanted.some((each) => isSameFilter(each, filter) || (accounted.length > 0 && includesFilter(each, filter)))
  const order = before.filter(isOfUse).map(({ filter }) => filter)
  for (const filter of wanted) {
    if (order.some((each) => isSameFilter(each, filter))) continue
    const at = order.findIndex((each) => includesFilter(each, filter))
    order.splice(at < 0 ? order.length : at, 0, filter)
  }
  return order
}

/**
 * The seqs of which all is held that belongs to a filter, apart from what belongs to any of `except`. An object that belongs
 * to an earlier part, too, is held there, with all that it had been before: where that part lacks anything, perhaps not yet.
 */
function heldOf(tape: LocalTape, filter: ObjectFilter, except: readonly ObjectFilter[]): SeqRanges {
  let held: SeqRanges = []
  let earlier: readonly TapePart[] = []
  for (const part of partsOf(tape)) {
    if (includesFilter(part.filter, filter) && earlier.every((other) => missingOf(tape, other) === 0)) held = union(held, part.accounted)
    if (!except.some((each) => includesFilter(each, part.filter))) earlier = [...earlier, part]
  }
  return held
}
