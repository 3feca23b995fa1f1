/**
 * The attributes that a stream declares, and which objects have ever had which value of them, since when. What is appended
 * is noted with it; what was on the tape before, in the background.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { TapeEvent } from '../../protocol/event.ts'
import { objectKey } from '../../protocol/fold.ts'
import { parsePointer, valueAt } from './pointer.ts'

export interface Index {
  readonly id: number
  readonly name: string
  readonly pointer: string
  /** Events up to this seq are noted in the background. */
  readonly declaredAt: number
  /** Those up to this seq have been. */
  readonly builtTo: number
}

/** An object that has had a value, first at this seq. */
export interface Member {
  readonly index: number
  readonly value: string
  readonly object: string
  readonly since: number
}

/** These indexes have been built up to a seq. */
export interface Built {
  readonly indexes: readonly number[]
  readonly to: number
}

export interface IndexStorage {
  indexes(): readonly Index[]
  /** Adds an index of which nothing is noted. */
  addIndex(index: Omit<Index, 'id'>): void
  /** Notes members, those that are known from an earlier seq as they are; and how far some indexes have been built. */
  noteMembers(members: readonly Member[], built?: Built): void
  /** Since when each of these objects has had one of these values; without those that never had. */
  membersSince(index: number, values: readonly string[], objects: readonly string[]): ReadonlyMap<string, number>
  /** The objects that have ever had the value, so many at most. */
  membersOf(index: number, value: string, countMax: number): readonly string[]
}

const indexesMax = 16
/** They stand in addresses, beside what those take. */
const namePattern = /^[a-z][a-z0-9_-]{0,63}$/
const reserved = new Set([
  ...['seq', 'after', 'epoch', 'wait', 'fold', 'client', 'collection', 'identifier', 'immutable'],
  ...['filter', 'except', 'own', 'mark'],
])

export function isIndexName(name: string): boolean {
  return namePattern.test(name) && !reserved.has(name) && !/token|authorization|jwt/.test(name)
}

/** Throws `invalid` for what no stream can declare. */
export function checkDeclaration(name: string, pointer: string): void {
  if (!isIndexName(name)) {
    throw new Refusal('invalid', {
      at: 'name',
      detail: 'The name of an index is made of a–z 0–9 _ -, and none that addresses take already.',
    })
  }
  parsePointer(pointer)
}

export class Indexes {
  readonly #storage: IndexStorage
  #known: readonly (Index & { readonly path: readonly string[] })[] | undefined

  constructor(storage: IndexStorage) {
    this.#storage = storage
  }

  get all(): readonly (Index & { readonly path: readonly string[] })[] {
    this.#known ??= this.#storage.indexes().map((index) => ({ ...index, path: parsePointer(index.pointer) }))
    return this.#known
  }

  forget(): void {
    this.#known = undefined
  }

  /** Of a checked declaration. Throws `too-many`, and `index-exists` where it points elsewhere. False where it was declared before. */
  declare(name: string, pointer: string, latestSeq: number): boolean {
    const before = this.all.find((index) => index.name === name)
    if (before !== undefined && before.pointer !== pointer) {
      throw new Refusal('index-exists', { detail: `${name} is ${before.pointer}, and stays so. Declare another name.` })
    }
    if (before !== undefined) return false
    if (this.all.length >= indexesMax) throw new Refusal('too-many', { detail: `A stream has ${indexesMax} indexes at most.` })
    this.#storage.addIndex({ name, pointer, declaredAt: latestSeq, builtTo: -1 })
    this.forget()
    return true
  }

  /** What these events make of objects, for all indexes or some. */
  membersOf(events: readonly TapeEvent[], only?: ReadonlySet<number>): readonly Member[] {
    const members: Member[] = []
    for (const event of events) {
      if (event.values === undefined) continue
      for (const { id, path } of this.all) {
        if (only?.has(id) === false) continue
        const value = valueAt(event.values, path)
        if (value !== undefined) members.push({ index: id, value, object: objectKey(event), since: event.seq })
      }
    }
    return members
  }
}
