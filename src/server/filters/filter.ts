/**
 * Filters: which events of the tape a reader wants. All events of an object belong to a filter once the object has had, for
 * each attribute, one of the values that are asked for; so nobody ever holds half an object.
 */
import { Refusal } from '../../protocol/codes.ts'
import { parseJson, within } from '../../protocol/decode.ts'
import type { ObjectName } from '../../protocol/event.ts'
import { checkSelection, everything, hasNames, isSameFilter, type ObjectFilter, type Selection, tidyFilter } from '../../protocol/filter.ts'
import { objectKey, objectOfKey } from '../../protocol/fold.ts'
import { filtersNaming } from '../sealed/segment-places.ts'
import type { Indexes, IndexStorage } from './indexes.ts'

/** Parameters that hold a whole filter each, as JSON. */
export const selectionNames = ['filter', 'except']

/**
 * What the parameters of an address select, apart from those in `others`: names and values of one filter, or `filter` for
 * each of several; undefined for everything. Throws `too-many`, `too-large`, `malformed-json`, `invalid` and `bad-query`.
 */
export function selectionOf(parameters: URLSearchParams, others: readonly string[]): Selection | undefined {
  const names = new Set([...parameters.keys()].filter((name) => !others.includes(name) && !selectionNames.includes(name)))
  const [filters = [], excepts = []] = selectionNames.map((name) =>
    parameters.getAll(name).map((text) => within(name, () => tidyFilter(parseJson(text)))),
  )
  if (filters.length > 0 && names.size > 0) {
    throw new Refusal('bad-query', { at: 'filter', detail: 'Give whole filters, or the names of one, not both.' })
  }
  const named = tidyFilter(Object.fromEntries([...names].map((name) => [name, parameters.getAll(name)])))
  const selection = { any: filters.length > 0 ? filters : [named], except: excepts }
  checkSelection(selection)
  return isSameFilter(selection.any[0] ?? everything, everything) && selection.any.length === 1 && excepts.length === 0
    ? undefined
    : selection
}

/** Which of some objects belong to a filter. */
export interface Belonging {
  /**
   * Since which seq one of them has belonged to the first filter that it belongs to: −1 when that does not depend on its
   * values, undefined when it belongs to none.
   */
  since(object: ObjectName): number | undefined
}

/** So many objects are looked up once for a whole read, rather than for each part of it. */
const fewMax = 1000

/** A text of SQLite holds 2 MB, and a key takes up to 2,500 bytes of it. */
const keysAtOnce = 750

/** A filter over what is on the tape now. */
export interface FilterNow extends Pick<Filter, 'over'> {
  /** Names that include those of all objects that belong to it. */
  readonly names: readonly ObjectFilter[]
}

/** One that the stream can answer. */
class CheckedFilter {
  /** What it says of `collection` and `identifier`. */
  readonly names: ObjectFilter
  readonly #attributes: readonly { readonly index: number; readonly values: readonly string[] }[]
  readonly #storage: Pick<IndexStorage, 'membersSince' | 'membersOf'>

  constructor(filter: ObjectFilter, indexes: Indexes, storage: Pick<IndexStorage, 'membersSince' | 'membersOf'>) {
    const { collection, identifier } = filter
    this.names = { ...(collection && { collection }), ...(identifier && { identifier }) }
    this.#storage = storage
    this.#attributes = Object.entries(filter).flatMap(([name, values]) => {
      if (name === 'collection' || name === 'identifier') return []
      const index = indexes.all.find((each) => each.name === name)
      if (index === undefined) {
        throw new Refusal('bad-query', {
          at: name,
          detail: `${name} is no parameter, nor an index of this stream. An administrator can declare one.`,
        })
      }
      if (index.builtTo < index.declaredAt) {
        throw new Refusal('index-building', {
          at: name,
          detail: `Of ${index.declaredAt + 1} events ${index.builtTo + 1} have been looked at.`,
        })
      }
      return [{ index: index.id, values }]
    })
  }

  over(objects: readonly ObjectName[]): Belonging {
    const mayBe = objects.filter((object) => hasNames(this.names, object))
    const keys = this.#attributes.length === 0 ? [] : [...new Set(mayBe.map(objectKey))]
    const known = keys.length === 0 ? [] : this.#attributes.map(({ index, values }) => this.#membersSince(index, values, keys))
    return {
      since: (object) => {
        if (!hasNames(this.names, object)) return undefined
        const key = known.length === 0 ? '' : objectKey(object)
        let since = -1
        for (const members of known) {
          const first = members.get(key)
          if (first === undefined) return undefined
          since = Math.max(since, first)
        }
        return since
      },
    }
  }

  /** Whether attributes list what belongs to it. */
  get isListed(): boolean {
    return this.#attributes.length > 0
  }

  /**
   * Adds the keys of objects that may belong, and of all that do, until there are more than `countMax`. Throws `bad-query`
   * where nothing lists them.
   */
  addKeys(keys: Set<string>, countMax: number): void {
    const [attribute] = this.#attributes
    if (attribute === undefined) throw new Refusal('bad-query', { detail: 'Only what declared attributes select is listed.' })
    for (const value of attribute.values) {
      if (keys.size > countMax) return
      for (const key of this.#storage.membersOf(attribute.index, value, countMax + 1)) keys.add(key)
    }
  }

  #membersSince(index: number, values: readonly string[], keys: readonly string[]): ReadonlyMap<string, number> {
    const first = this.#storage.membersSince(index, values, keys.slice(0, keysAtOnce))
    if (keys.length <= keysAtOnce) return first
    const since = new Map(first)
    for (let at = keysAtOnce; at < keys.length; at += keysAtOnce) {
      for (const [key, seq] of this.#storage.membersSince(index, values, keys.slice(at, at + keysAtOnce))) since.set(key, seq)
    }
    return since
  }
}

export class Filter {
  readonly #any: readonly CheckedFilter[]
  readonly #except: readonly CheckedFilter[]

  /** Throws `bad-query` for an attribute that is not declared, and `index-building` for one that is not known of the past yet. */
  constructor({ any, except }: Selection, indexes: Indexes, storage: Pick<IndexStorage, 'membersSince' | 'membersOf'>) {
    this.#any = any.map((filter) => new CheckedFilter(filter, indexes, storage))
    this.#except = except.map((filter) => new CheckedFilter(filter, indexes, storage))
  }

  /** Which of these objects belong to it: what they have had is looked up at once, as one by one takes most of the time. */
  over(objects: readonly ObjectName[]): Belonging {
    const any = this.#any.map((filter) => filter.over(objects))
    const except = this.#except.map((filter) => filter.over(objects))
    return {
      since: (object) => {
        for (const one of any) {
          const since = one.since(object)
          if (since !== undefined) return except.some((other) => other.since(object) !== undefined) ? undefined : since
        }
        return undefined
      },
    }
  }

  /** The same as of now, for a read of what is on the tape now: where few objects belong, all of them are looked up at once. */
  asOfNow(): FilterNow {
    const keys = this.#any.every(({ isListed }) => isListed) ? this.#keys(fewMax) : undefined
    if (keys === undefined) return { names: this.#any.map(({ names }) => names), over: (objects) => this.over(objects) }
    const objects = [...keys].map(objectOfKey)
    const belonging = this.over(objects)
    const few: Belonging = { since: (object) => (keys.has(objectKey(object)) ? belonging.since(object) : undefined) }
    return { names: filtersNaming(objects.filter((object) => belonging.since(object) !== undefined)), over: () => few }
  }

  /** The objects that belong to it. Throws `too-large` for more than `countMax`, and `bad-query` where no attribute lists them. */
  objects(countMax: number): readonly ObjectName[] {
    const keys = this.#keys(countMax)
    if (keys === undefined) throw new Refusal('too-large', { detail: `More than ${countMax} objects belong to this.` })
    const objects = [...keys].map(objectOfKey)
    const belonging = this.over(objects)
    return objects.filter((object) => belonging.since(object) !== undefined)
  }

  /** Of objects that may belong, and of all that do; undefined where they are more. */
  #keys(countMax: number): ReadonlySet<string> | undefined {
    const keys = new Set<string>()
    for (const filter of this.#any) filter.addKeys(keys, countMax)
    return keys.size > countMax ? undefined : keys
  }
}
