/**
 * The splices that lead from one content to another, few and small: what is common at both ends is set aside, the rest
 * is compared by Myers' algorithm (An O(ND) Difference Algorithm and Its Variations, 1986), first unit by unit, and where
 * more has changed than that is good for, line by line. What differs altogether is one splice, and so are splices that
 * stand so near to each other that it takes fewer bytes to send what is between them.
 */
import { diffArrays } from 'diff'
import { isSameJson } from '../collision.ts'
import type { Json } from '../event.ts'
import { cutsPair } from './delta.ts'
import { type Content, cut, join, type Splice, type Splices } from './splices.ts'

/** So many units apart, comparing unit by unit takes some ten milliseconds. */
const unitEditsMax = 400
const lineEditsMax = 2000
/** Each unit is a text of its own while it is compared. */
const unitsMax = 4 * 1024 * 1024

/** The change from `before` to `after`, which are of one kind. */
export function diff<C extends Content>(before: C, after: C): Splices<C> {
  const start = commonStart(before, after)
  const end = commonEnd(before, after, start)
  const old = cut(before, start, before.length - end)
  const now = cut(after, start, after.length - end)
  if (old.length === 0 && now.length === 0) return []
  const whole = [spliceOf(0, old, now)]
  const isOneSided = old.length === 0 || now.length === 0
  const byUnit = isOneSided || old.length + now.length > unitsMax ? undefined : compare(old, now, unitsOf, unitEditsMax)
  const splices = byUnit ?? (isOneSided ? whole : (compare(old, now, linesOf, lineEditsMax) ?? whole).map((each) => trim(each, old)))
  return joinNear(splices, old).map((each) => ({ ...each, offset: each.offset + start }))
}

/** What stands around the values of a delta takes about so many characters. */
const nearUnits = 40

function joinNear<C extends Content>(splices: Splices<C>, old: C): Splices<C> {
  if (Array.isArray(old)) return splices
  const joined: Splice<C>[] = []
  for (const splice of splices) {
    const last = joined.at(-1)
    const end = last === undefined ? 0 : last.offset + last.removed
    if (last === undefined || splice.offset - end > nearUnits) {
      joined.push(splice)
      continue
    }
    const parts = [last.inserted, cut(old, end, splice.offset), splice.inserted].filter((part) => part !== undefined)
    joined[joined.length - 1] = { offset: last.offset, removed: splice.offset + splice.removed - last.offset, inserted: join(parts, old) }
  }
  return joined
}

function spliceOf<C extends Content>(offset: number, old: C, now: C): Splice<C> {
  return { offset, removed: old.length, inserted: now.length === 0 ? undefined : now }
}

/** Without what both sides have in common at the ends. */
function trim<C extends Content>({ offset, removed, inserted }: Splice<C>, old: C): Splice<C> {
  if (inserted === undefined || removed === 0) return { offset, removed, inserted }
  const before = cut(old, offset, offset + removed)
  const start = commonStart(before, inserted)
  const end = commonEnd(before, inserted, start)
  return spliceOf(offset + start, cut(before, start, removed - end), cut(inserted, start, inserted.length - end))
}

/** Compares piece by piece; undefined when more than `editsMax` pieces differ. */
function compare<C extends Content>(old: C, now: C, piecesOf: (content: C) => readonly string[], editsMax: number): Splices<C> | undefined {
  const parts = diffArrays(piecesOf(old) as string[], piecesOf(now) as string[], { maxEditLength: editsMax })
  if (parts === undefined) return undefined
  const isList = Array.isArray(old)
  const splices: Splice<C>[] = []
  let [from, to] = [0, 0]
  let [openFrom, openTo] = [0, 0]
  const close = () => {
    if (from > openFrom || to > openTo) splices.push(spliceOf(openFrom, cut(old, openFrom, from), cut(now, openTo, to)))
  }
  for (const { added, removed, value } of parts) {
    const length = isList ? value.length : value.reduce((sum, piece) => sum + piece.length, 0)
    if (added) to += length
    else if (removed) from += length
    else {
      close()
      from += length
      to += length
      openFrom = from
      openTo = to
    }
  }
  close()
  return splices
}

/** Whole characters, so that no surrogate pair is cut. */
function unitsOf(content: Content): readonly string[] {
  return Array.from(namesOf(content))
}

function linesOf(content: Content): readonly string[] {
  const names = namesOf(content)
  return typeof names === 'string' ? names.split(/(?<=\n)/) : names
}

function namesOf(content: Content): string | readonly string[] {
  if (typeof content === 'string') return content
  return content instanceof Uint8Array ? characterOfEach(content) : content.map((element) => JSON.stringify(element))
}

/** So many arguments are no trouble to any engine. */
const argumentsMax = 8192

/** Bytes as a text of as many characters. */
function characterOfEach(bytes: Uint8Array): string {
  let text = ''
  for (let from = 0; from < bytes.length; from += argumentsMax) text += String.fromCharCode(...bytes.subarray(from, from + argumentsMax))
  return text
}

function isSameUnit(a: Json | undefined, b: Json | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && isSameJson(a, b))
}

function commonStart(a: Content, b: Content): number {
  const end = Math.min(a.length, b.length)
  let length = 0
  while (length < end && isSameUnit(a[length], b[length])) length++
  return isWithinPair(a, length) || isWithinPair(b, length) ? length - 1 : length
}

function commonEnd(a: Content, b: Content, start: number): number {
  const end = Math.min(a.length, b.length) - start
  let length = 0
  while (length < end && isSameUnit(a[a.length - 1 - length], b[b.length - 1 - length])) length++
  return isWithinPair(a, a.length - length) || isWithinPair(b, b.length - length) ? length - 1 : length
}

function isWithinPair(content: Content, place: number): boolean {
  return typeof content === 'string' && cutsPair(content, place)
}
