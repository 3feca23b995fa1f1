/**
 * Positions: keys between which there is always room for another, so that to move one record is to write one field.
 * They are compared by code units. Records with equal positions, and after all others those with none, are in the order
 * of their appearance.
 *
 * Two clients that use the same room at once make the same key. Where there is no room between two records, as few of
 * their neighbours as possible get new positions, too.
 */
import { generateNKeysBetween } from 'fractional-indexing'
import type { Json } from '../../protocol/index.ts'

/** The records of a list in order, apart from the one that is to be placed. */
export interface Neighbours {
  readonly length: number
  readonly positionAt: (index: number) => string | undefined
}

/** Where something goes, and which of the neighbours have to make room for it, by index. */
export interface Placement {
  readonly position: string
  readonly others: readonly (readonly [index: number, position: string])[]
}

/** Longer ones are not taken for positions: anybody may have written anything. */
const positionLengthMax = 1000
/** Some hundred inserts at the same place make a longer one: then neighbours move, too, so that keys get shorter again. */
const lengthWanted = 64
/** The more of them move, the shorter their keys have to become, so that it is the longer until as many move again. */
const shorterPerDoubling = 4
/** So many move for shorter keys; as many as it takes, only when the key would be no position any more. */
const neighboursMax = 4096

const digits = /^[A-Za-z][0-9A-Za-z]+$/
/** The library's least key, which leaves no room in front. */
const least = `A${'0'.repeat(26)}`

/** The position that a field holds; undefined when that is none. */
export function positionOf(value: Json | undefined): string | undefined {
  if (typeof value !== 'string' || value.length > positionLengthMax || !digits.test(value)) return undefined
  const integerLength = lengthOfInteger(value.charCodeAt(0))
  if (value.length < integerLength || value === least) return undefined
  return value.length > integerLength && value.endsWith('0') ? undefined : value
}

/** a, b, c … stand for whole parts of 2, 3, 4 … characters, and so do Z, Y, X …, below zero. */
function lengthOfInteger(head: number): number {
  const [z, a] = [90, 97]
  return head >= a ? head - a + 2 : z - head + 2
}

/** By position; undefined comes after all. */
export function comparePositions(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0
  if (a === undefined) return 1
  return b === undefined || a < b ? -1 : 1
}

/** Makes room between the neighbours before and at `index`. */
export function placeAt(neighbours: Neighbours, index: number): Placement {
  const { start, keys } = roomFor(neighbours, index)
  const others = keys.flatMap((key, place) => (start + place < index ? [[start + place, key] as const] : []))
  const position = keys[index - start] as string
  for (let place = index - start + 1; place < keys.length; place++) others.push([start + place - 1, keys[place] as string])
  return { position, others }
}

/** The neighbours from `start` up to, not including, `end` move; the keys are theirs and that of what comes among them. */
interface Room {
  readonly start: number
  readonly end: number
  readonly keys: readonly string[]
}

function roomFor(neighbours: Neighbours, index: number): Room {
  const [start, end] = leastRoom(neighbours, index)
  const room = roomOf(neighbours, start, end)
  if (!isTooLong(room, lengthWanted)) return room
  let lengthMax = lengthWanted
  for (let width = 2; ; width *= 2) {
    lengthMax = Math.max(lengthMax - shorterPerDoubling, shorterPerDoubling)
    const left = Math.max(0, start - width)
    let right = end
    while (right < end + width && at(neighbours, right) !== undefined) right++
    const wider = [[start, right] as const, [left, end] as const, [left, right] as const]
    for (const [from, to] of wider) {
      const each = roomOf(neighbours, from, to)
      if (!isTooLong(each, lengthMax)) return each
    }
    if (width >= neighboursMax && !isTooLong(room, positionLengthMax)) return room
    if (left === 0 && at(neighbours, right) === undefined) return roomOf(neighbours, left, right)
  }
}

/** Those that have to move whatever the keys' length: what stands before without a position, or with that of the next. */
function leastRoom(neighbours: Neighbours, index: number): readonly [start: number, end: number] {
  let start = index
  while (start > 0 && at(neighbours, start - 1) === undefined) start--
  const position = at(neighbours, index)
  if (start < index || position === undefined || at(neighbours, index - 1) !== position) return [start, index]
  for (let count = 1; ; count++) {
    if (at(neighbours, index + count) !== position) return [index, index + count]
    if (at(neighbours, index - 1 - count) !== position) return [index - count, index]
  }
}

function roomOf(neighbours: Neighbours, start: number, end: number): Room {
  const keys = generateNKeysBetween(at(neighbours, start - 1) ?? null, at(neighbours, end) ?? null, end - start + 1)
  return { start, end, keys }
}

function at({ length, positionAt }: Neighbours, index: number): string | undefined {
  return index < 0 || index >= length ? undefined : positionAt(index)
}

function isTooLong({ keys }: Room, lengthMax: number): boolean {
  return keys.some(({ length }) => length > lengthMax)
}
