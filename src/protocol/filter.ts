/**
 * Which objects of a tape are wanted. A filter names attributes (`collection`, `identifier`, and what the stream declares)
 * and of each the values of which an object must have had one; all names must match. A filter without names is everything.
 */
import * as v from 'valibot'
import { Refusal } from './codes.ts'
import { check } from './decode.ts'
import type { ObjectName } from './event.ts'
import { nameLengthMax } from './limits.ts'

export type ObjectFilter = Readonly<Record<string, readonly string[]>>

export const everything: ObjectFilter = {}

/** What belongs to any of some filters, and to none of others. */
export interface Selection {
  /** An object that belongs to several is the first one’s. */
  readonly any: readonly ObjectFilter[]
  readonly except: readonly ObjectFilter[]
}

/** They stand in an address, and in the attachment of a socket. */
const valuesMax = 100
const unitsMax = 8000

const recordSchema = v.custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
const valuesSchema = v.union([v.string(), v.pipe(v.array(v.string()), v.minLength(1))])

/** The same filter, whatever its order; values may be given alone. Throws `invalid`. */
export function tidyFilter(value: unknown): ObjectFilter {
  // A record's schema would leave out what is named `constructor`, and without it a filter asks for more than was meant.
  const names = Object.entries(check(value, recordSchema)).map(
    ([name, values]) => [name, [...new Set([check(values, valuesSchema)].flat())].sort()] as const,
  )
  return Object.fromEntries(names.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A filter as people write it: one value may stand alone. */
export type FilterLike = Readonly<Record<string, string | readonly string[]>>

/** What is wanted of a tape, tidied. Throws like `checkSelection`, and `invalid` for what is no filter, or for none. */
export function checkedFilters(filters: readonly FilterLike[]): readonly ObjectFilter[] {
  if (filters.length === 0) throw new Refusal('invalid', { detail: 'Name one filter at least: {} is everything.' })
  const any = filters.map(tidyFilter)
  checkSelection({ any, except: [] })
  return any
}

/** Throws `too-many`, `too-large`, and `bad-query` for what no object has. */
export function checkSelection({ any, except }: Selection): void {
  const values = valuesOf([...any, ...except])
  if (values.length > valuesMax || any.length + except.length > valuesMax) {
    throw new Refusal('too-many', { detail: `Filters have ${valuesMax} values at most.` })
  }
  if (values.join('').length > unitsMax)
    throw new Refusal('too-large', { detail: `The values of filters have ${unitsMax} UTF-16 units at most.` })
  if (values.some((value) => value.length > nameLengthMax)) {
    throw new Refusal('bad-query', { detail: `No value that can be asked for is longer than ${nameLengthMax} UTF-16 units.` })
  }
}

/** Whether these are no more than can be asked for at once. */
export function areAskable(filters: readonly ObjectFilter[]): boolean {
  const values = valuesOf(filters)
  return values.length <= valuesMax && filters.length <= valuesMax && values.join('').length <= unitsMax
}

function valuesOf(filters: readonly ObjectFilter[]): readonly string[] {
  return filters.flatMap((filter) => Object.values(filter).flat())
}

export function isSameFilter(a: ObjectFilter, b: ObjectFilter): boolean {
  return includesFilter(a, b) && includesFilter(b, a)
}

/** Whether everything that belongs to `inner` belongs to `outer`, too, whatever the tape holds. */
export function includesFilter(outer: ObjectFilter, inner: ObjectFilter): boolean {
  return Object.entries(outer).every(([name, values]) => {
    const some = Object.hasOwn(inner, name) ? inner[name] : undefined
    return some?.every((value) => values.includes(value)) === true
  })
}

/** Whether the names of an object say if it belongs, and not its values. */
export function isOfNames(filter: ObjectFilter): boolean {
  return Object.keys(filter).every((name) => name === 'collection' || name === 'identifier')
}

/** Whether an object has the names that the filter asks for. */
export function hasNames({ collection, identifier }: ObjectFilter, object: ObjectName): boolean {
  return collection?.includes(object.collection) !== false && identifier?.includes(object.identifier) !== false
}
