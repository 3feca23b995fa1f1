/**
 * A file's content as an object on the tape has it: parts that each fit an event, in fields named 0, 1, 2 …, in order. A
 * change is as many updates as it takes, mostly one, of deltas where these are smaller than what they lead to.
 */
import {
  type Deltas,
  diff,
  type FieldDeltas,
  join,
  type Splice,
  type Splices,
  toValues,
  type Values,
  writeDeltas,
} from '../../protocol/index.ts'
import { type PortionBounds, portionsOf } from '../portions.ts'

/** In base64, with a path beside it, it fits an event of 256 KiB. */
export const partBytes = 176 * 1024

/** With 400 splices around them they fit an event, too. */
const portionBounds: PortionBounds = { insertedMax: 128 * 1024, splicesMax: 400 }

/** What a splice takes beside its values. */
const spliceBytes = 80

/** One update of several, in order. */
export interface PartChange {
  readonly values?: Values
  readonly deltas?: FieldDeltas
}

/** Cuts a content; one that is empty is one empty part. */
export function partsOf(content: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let from = 0; from < content.length || from === 0; from += partBytes) parts.push(content.subarray(from, from + partBytes))
  return parts
}

/** What leads from the parts that are there to a content, and how many parts that has. */
export function changesOf(before: readonly Uint8Array[], after: Uint8Array): { changes: readonly PartChange[]; count: number } {
  const splices = diff(joinParts(before), after)
  const inserted = splices.reduce((sum, splice) => sum + (splice.inserted?.length ?? 0), 0)
  if (before.length > 0 && inserted + splices.length * spliceBytes < after.length) {
    return { changes: byDeltas(before, splices), count: before.length }
  }
  const parts = partsOf(after)
  const changes = parts.map((part, index): PartChange => ({ values: { [index]: toValues(part) } }))
  // What is left over takes no room.
  const rest = before.slice(parts.length).map((_, index) => [parts.length + index, toValues(new Uint8Array(0))] as const)
  if (rest.length > 0) changes.push({ values: Object.fromEntries(rest) })
  return { changes, count: parts.length }
}

function byDeltas(before: readonly Uint8Array[], splices: Splices<Uint8Array>): readonly PartChange[] {
  const lengths = before.map(({ length }) => length)
  return portionsOf(splices, portionBounds).map((portion) => {
    const deltas: Record<string, Deltas> = {}
    for (const [index, own] of distribute(portion, lengths)) {
      deltas[index] = writeDeltas(own)
      for (const { removed, inserted } of own) lengths[index] = (lengths[index] ?? 0) - removed + (inserted?.length ?? 0)
    }
    return { deltas }
  })
}

/** Splices of the whole content as splices of its parts. What is put in between two parts goes to the former. */
function distribute(splices: Splices<Uint8Array>, lengths: readonly number[]): ReadonlyMap<number, Splices<Uint8Array>> {
  const byPart = new Map<number, Splice<Uint8Array>[]>()
  let index = 0
  let start = 0
  for (const { offset, removed, inserted } of splices) {
    let rest = inserted
    let left = removed
    for (let at = offset; left > 0 || rest !== undefined; ) {
      // Up to its end for what is put in, before its end for what is taken away.
      while (index < lengths.length - 1 && at > start + (lengths[index] ?? 0) - (rest === undefined ? 1 : 0)) start += lengths[index++] ?? 0
      const length = Math.min(left, start + (lengths[index] ?? 0) - at)
      const own = byPart.get(index)
      const splice = { offset: at - start, removed: length, inserted: rest }
      if (own === undefined) byPart.set(index, [splice])
      else own.push(splice)
      rest = undefined
      left -= length
      at += length
    }
  }
  return byPart
}

export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  return join(parts, new Uint8Array(0))
}
