/**
 * Deltas: changes inside a field, as they travel. A field's deltas are meant for one state of it, and all their offsets
 * are those of that state: rising, and not overlapping.
 *
 *   { type: 'insert', offset: 4, values: 'dog' }      puts values in
 *   { type: 'update', offset: 4, values: 'dog' }      puts values in the place of as many
 *   { type: 'delete', offset: 4, count: 3 }           takes units away
 *
 * What `values` is says what the field is: a string is text, counted in UTF-16 units; a list is a list; and bytes are an
 * object whose only member is `base64`, in the field itself, too.
 */

import * as v from 'valibot'
import { fromBase64, toBase64 } from '../base64.ts'
import type { Json } from '../event.ts'
import { seqMax } from '../limits.ts'
import { type Content, reachOf, type Splice, type Splices, splice } from './splices.ts'

/** Bytes as JSON has them. */
export type Base64 = { readonly base64: string }

export type DeltaValues = string | readonly Json[] | Base64

export type Delta =
  | { readonly type: 'insert'; readonly offset: number; readonly values: DeltaValues }
  | { readonly type: 'update'; readonly offset: number; readonly values: DeltaValues }
  | { readonly type: 'delete'; readonly offset: number; readonly count: number }

export type Deltas = readonly Delta[]

/** Of several texts that lenient readers take for the same bytes, one is. */
function isBase64Text(text: string): boolean {
  try {
    fromBase64(text)
    return true
  } catch {
    return false
  }
}

const offsetSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const valuesSchema = v.union([
  v.pipe(v.string(), v.minLength(1)),
  v.strictObject({ base64: v.pipe(v.string(), v.minLength(1), v.check(isBase64Text, 'Expected base64, with its padding.')) }),
  v.pipe(v.array(v.custom<Json>(() => true)), v.minLength(1)),
])

export const deltaSchema = v.variant('type', [
  v.strictObject({ type: v.literal('insert'), offset: offsetSchema, values: valuesSchema }),
  v.strictObject({ type: v.literal('update'), offset: offsetSchema, values: valuesSchema }),
  v.strictObject({ type: v.literal('delete'), offset: offsetSchema, count: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) }),
])

type Kind = 'text' | 'list' | 'bytes'

function kindOf(values: DeltaValues): Kind {
  return typeof values === 'string' ? 'text' : 'base64' in values ? 'bytes' : 'list'
}

/** How many units the values are. */
function countOf(values: DeltaValues): number {
  if (!('base64' in Object(values))) return (values as string | readonly Json[]).length
  const { base64 } = values as Base64
  return (base64.length / 4) * 3 - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0)
}

/** What is wrong with deltas whose members are as they should be: with their order, or with what they hold. */
export function problemOfDeltas(deltas: Deltas): { readonly index: number; readonly problem: string } | undefined {
  let end = 0
  let kind: Kind | undefined
  for (const [index, delta] of deltas.entries()) {
    if (delta.offset < end) return { index, problem: `It starts at ${delta.offset}, before the end of the one before it, ${end}.` }
    if (delta.type !== 'delete') {
      kind ??= kindOf(delta.values)
      if (kindOf(delta.values) !== kind) return { index, problem: `It is of ${kindOf(delta.values)}, and those before it of ${kind}.` }
    }
    end = delta.offset + (delta.type === 'insert' ? 0 : delta.type === 'delete' ? delta.count : countOf(delta.values))
    if (end > seqMax) return { index, problem: 'It ends beyond all numbers.' }
  }
  return undefined
}

/** Deltas as splices: those that touch become one. */
export function readDeltas(deltas: Deltas): Splices {
  const splices: Splice[] = []
  for (const delta of deltas) {
    const inserted = delta.type === 'delete' ? undefined : toContent(delta.values)
    const removed = delta.type === 'delete' ? delta.count : delta.type === 'update' ? (inserted as Content).length : 0
    const last = splices.at(-1)
    if (last !== undefined && last.offset + last.removed === delta.offset) {
      splices[splices.length - 1] = { offset: last.offset, removed: last.removed + removed, inserted: both(last.inserted, inserted) }
    } else splices.push({ offset: delta.offset, removed, inserted })
  }
  return splices
}

/** Splices as deltas, as few as there may be. */
export function writeDeltas(splices: Splices): Deltas {
  const deltas: Delta[] = []
  for (const { offset, removed, inserted } of splices) {
    const count = inserted?.length ?? 0
    // Half a pair could not travel: then nothing is updated.
    const isCut = typeof inserted === 'string' && cutsPair(inserted, removed)
    const updated = isCut ? 0 : Math.min(removed, count)
    if (updated > 0 && inserted !== undefined) deltas.push({ type: 'update', offset, values: toValues(inserted.slice(0, updated)) })
    if (count > updated && inserted !== undefined) {
      deltas.push({ type: 'insert', offset: offset + updated, values: toValues(inserted.slice(updated)) })
    }
    if (removed > updated) deltas.push({ type: 'delete', offset: offset + updated, count: removed - updated })
  }
  return deltas
}

/**
 * The field after its deltas; undefined when they do not fit it: they reach beyond its end, it is of another kind, or
 * half a surrogate pair would be left. A field that is not there is the empty one of their kind.
 */
export function applyDeltas(value: Json | undefined, deltas: Deltas): Json | undefined {
  const splices = readDeltas(deltas)
  const content = contentOf(value, splices)
  if (content === undefined || !fits(content, splices)) return undefined
  return toValues(splice(content, splices))
}

/** Whether the splices are of the content's kind, within it, and cut no surrogate pair. */
export function fits(content: Content, splices: Splices): boolean {
  if (reachOf(splices) > content.length) return false
  for (const { offset, removed, inserted } of splices) {
    if (inserted !== undefined && !isSameKind(inserted, content)) return false
    if (typeof content === 'string' && (cutsPair(content, offset) || cutsPair(content, offset + removed))) return false
  }
  return true
}

/** Whether a place in a text lies within a surrogate pair. */
export function cutsPair(text: string, place: number): boolean {
  return isWithin(text.charCodeAt(place - 1), 0xd800) && isWithin(text.charCodeAt(place), 0xdc00)
}

/** Whether a unit is one of the halves that begin with this one. There is none beyond the ends of a text. */
function isWithin(unit: number, firstHalf: number): boolean {
  return unit >= firstHalf && unit < firstHalf + 0x400
}

/** The content of a field that splices are meant for; undefined when it is none. */
export function contentOf(value: Json | undefined, splices: Splices): Content | undefined {
  if (value !== undefined) return isDeltaValues(value) ? toContent(value) : undefined
  const inserted = splices.find((each) => each.inserted !== undefined)?.inserted
  if (inserted === undefined || typeof inserted === 'string') return ''
  return inserted instanceof Uint8Array ? new Uint8Array(0) : []
}

/** Whether a field holds something that deltas can be meant for. */
export function isDeltaValues(value: Json): value is DeltaValues {
  return typeof value === 'string' || Array.isArray(value) || isBase64(value)
}

function isBase64(value: Json): value is Json & Base64 {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { base64 } = value as { readonly base64?: Json }
  return Object.keys(value).length === 1 && typeof base64 === 'string' && isBase64Text(base64)
}

export function toContent(values: DeltaValues): Content {
  return typeof values === 'string' || !('base64' in values) ? values : fromBase64(values.base64)
}

export function toValues(content: Content): DeltaValues & Json {
  return content instanceof Uint8Array ? { base64: toBase64(content) } : content
}

export function isSameKind(a: Content, b: Content): boolean {
  return typeof a === typeof b && a instanceof Uint8Array === b instanceof Uint8Array
}

function both(a: Content | undefined, b: Content | undefined): Content | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return splice(a, [{ offset: a.length, removed: 0, inserted: b }])
}
