/**
 * Filters: which events of the tape a reader wants. All events of an object belong to a filter once the object has had, for
 * each attribute, one of the values that are asked for; so nobody ever holds half an object.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { Change } from '../../protocol/event.ts'
import { objectKey } from '../../protocol/fold.ts'
import { nameLengthMax } from '../../protocol/limits.ts'
import type { Indexes, IndexStorage } from './indexes.ts'

/** As an address has it: values by name, of which one is to match; all names are to. */
export type FilterQuery = readonly (readonly [name: string, values: readonly string[]])[]

/** They stand in an address, and in the attachment of a socket. */
const valuesMax = 100
const unitsMax = 8000

/** The filter among the parameters of an address, apart from those in `others`. Throws `too-many`, `too-large` and `bad-query`. */
export function filterQueryOf(parameters: URLSearchParams, others: readonly string[]): FilterQuery | undefined {
  const names = [...new Set(parameters.keys())].filter((name) => !others.includes(name)).sort()
  if (names.length === 0) return undefined
  const query = names.map((name) => [name, [...new Set(parameters.getAll(name))].sort()] as const)
  const values = query.flatMap(([, some]) => some)
  if (values.length > valuesMax) throw new Refusal('too-many', { detail: `A filter has ${valuesMax} values at most.` })
  if (values.join('').length > unitsMax)
    throw new Refusal('too-large', { detail: `The values of a filter have ${unitsMax} UTF-16 units at most.` })
  if (values.some((value) => value.length > nameLengthMax)) {
    throw new Refusal('bad-query', { detail: `No value that can be asked for is longer than ${nameLengthMax} UTF-16 units.` })
  }
  return query
}

export class Filter {
  readonly #collections: ReadonlySet<string> | undefined
  readonly #identifiers: ReadonlySet<string> | undefined
  readonly #attributes: readonly { readonly index: number; readonly values: readonly string[] }[]
  readonly #storage: Pick<IndexStorage, 'memberSince'>

  /** Throws `bad-query` for an attribute that is not declared, and `index-building` for one that is not known of the past yet. */
  constructor(query: FilterQuery, indexes: Indexes, storage: Pick<IndexStorage, 'memberSince'>) {
    const valuesOf = (wanted: string) => query.find(([name]) => name === wanted)?.[1]
    const setOf = (values: readonly string[] | undefined) => values && new Set(values)
    this.#collections = setOf(valuesOf('collection'))
    this.#identifiers = setOf(valuesOf('identifier'))
    this.#storage = storage
    this.#attributes = query.flatMap(([name, values]) => {
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

  /**
   * Since which seq the object has belonged to it: −1 when that does not depend on its values, undefined when it does not
   * belong.
   */
  since(object: Pick<Change, 'collection' | 'identifier'>): number | undefined {
    if (this.#collections?.has(object.collection) === false || this.#identifiers?.has(object.identifier) === false) return undefined
    let since = -1
    const key = objectKey(object)
    for (const { index, values } of this.#attributes) {
      let first: number | undefined
      for (const value of values) {
        const seq = this.#storage.memberSince(index, value, key)
        if (seq !== undefined && (first === undefined || seq < first)) first = seq
      }
      if (first === undefined) return undefined
      since = Math.max(since, first)
    }
    return since
  }
}
