/**
 * Sets of seqs as ranges: what a slice covers, what a client has accounted for, which holes it has.
 *
 * A set is a list of inclusive ranges, rising, disjoint and never adjacent, so equal sets are equal lists.
 * All functions take and give such lists; `normalize` makes one from any ranges.
 */
import { Refusal } from './codes.ts'
import { rangesMax, seqMax } from './limits.ts'

/** First and last seq, both included. */
export type SeqRange = readonly [first: number, last: number]
export type SeqRanges = readonly SeqRange[]

const noSeqs: SeqRanges = []

/** Any ranges, in any order and overlapping, as a set. */
export function normalize(ranges: SeqRanges): SeqRanges {
  const set: [number, number][] = []
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const open = set.at(-1)
    if (open !== undefined && first <= open[1] + 1) open[1] = Math.max(open[1], last)
    else set.push([first, last])
  }
  return set
}

/** The ranges of the seqs of these, in whatever order. */
export function rangesOfSeqs(events: Iterable<{ readonly seq: number }>): SeqRanges {
  return normalize(Array.from(events, ({ seq }): SeqRange => [seq, seq]))
}

export function union(a: SeqRanges, b: SeqRanges): SeqRanges {
  if (b.length === 0) return a
  if (a.length === 0) return b
  const end = a[a.length - 1] as SeqRange
  const [first, last] = b[0] as SeqRange
  // Live events extend the end or follow it: the case of almost every call.
  if (b.length === 1 && first > end[1]) {
    return first === end[1] + 1 ? [...a.slice(0, -1), [end[0], last]] : [...a, [first, last]]
  }
  return normalize([...a, ...b])
}

/** The seqs of `a` that are not in `b`. */
export function subtract(a: SeqRanges, b: SeqRanges): SeqRanges {
  const rest: SeqRange[] = []
  let next = 0
  for (const [first, last] of a) {
    let from = first
    while (next < b.length && (b[next] as SeqRange)[1] < from) next++
    for (let i = next; i < b.length && (b[i] as SeqRange)[0] <= last; i++) {
      const [cutFirst, cutLast] = b[i] as SeqRange
      if (cutFirst > from) rest.push([from, cutFirst - 1])
      from = cutLast + 1
    }
    if (from <= last) rest.push([from, last])
  }
  return rest
}

export function intersect(a: SeqRanges, b: SeqRanges): SeqRanges {
  return subtract(a, subtract(a, b))
}

export function areSameRanges(a: SeqRanges, b: SeqRanges): boolean {
  return a.length === b.length && a.every(([first, last], index) => first === b[index]?.[0] && last === b[index]?.[1])
}

export function includes(set: SeqRanges, seq: number): boolean {
  let low = 0
  let high = set.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((set[middle] as SeqRange)[1] < seq) low = middle + 1
    else high = middle
  }
  const range = set[low]
  return range !== undefined && range[0] <= seq
}

export function countSeqs(set: SeqRanges): number {
  let count = 0
  for (const [first, last] of set) count += last - first + 1
  return count
}

/** The holes of a client that has accounted for `accounted` of a tape that ends at `latestSeq`. */
export function holesUpTo(accounted: SeqRanges, latestSeq: number): SeqRanges {
  return latestSeq < 0 ? noSeqs : subtract([[0, latestSeq]], accounted)
}

/** The highest S such that all of 0…S is in the set, or −1: the `seen` of a draft made now. */
export function seenOf(accounted: SeqRanges): number {
  const head = accounted[0]
  return head !== undefined && head[0] === 0 ? head[1] : -1
}

/** `10-14,17,30-` as ranges; an open end reaches to the largest seq there can be. */
export function parseSeqs(text: string): SeqRanges {
  const parts = text.split(',')
  if (parts.length > rangesMax) throw new Refusal('too-many', { at: 'seq' })
  return normalize(parts.map(parseRange))
}

function parseRange(part: string): SeqRange {
  const match = /^(\d{1,16})(?:(-)(\d{1,16})?)?$/.exec(part)
  if (match === null) throw new Refusal('bad-ranges', { at: 'seq', detail: `"${part.slice(0, 40)}" is not a range of seqs.` })
  const first = Number(match[1])
  const last = match[2] === undefined ? first : match[3] === undefined ? seqMax : Number(match[3])
  return checkRange(first, last)
}

/** A range as it may stand in a request; throws `bad-ranges` otherwise. */
export function checkRange(first: number, last: number): SeqRange {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || first < 0) {
    throw new Refusal('bad-ranges', { at: 'seq', detail: `Seqs are whole numbers from 0 to ${seqMax}.` })
  }
  if (first > last) throw new Refusal('bad-ranges', { at: 'seq', detail: `The range ${first}-${last} is reversed.` })
  return [first, last]
}

/** Whether that was kept as ranges. */
export function areRanges(value: unknown): value is SeqRanges {
  const isSeq = (seq: unknown) => typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0
  return Array.isArray(value) && value.every((range) => Array.isArray(range) && range.length === 2 && range.every(isSeq))
}

/** The ranges as they are written in an address. */
export function formatSeqs(set: SeqRanges): string {
  return set.map(([first, last]) => (first === last ? `${first}` : last === seqMax ? `${first}-` : `${first}-${last}`)).join(',')
}
