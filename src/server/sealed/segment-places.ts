/**
 * What the events of a segment are about, without what they say: of each a few bytes of the hashes of its object's name and
 * of its client. Whoever wants a few objects looks here first, in a twelfth of what the segment takes, and reads of it the
 * lines that may be theirs alone, or nothing. Two names may have the same bytes: what is read is to be looked at.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { ObjectName, TapeEvent } from '../../protocol/event.ts'
import type { ObjectFilter } from '../../protocol/filter.ts'
import type { SeqRange, SeqRanges } from '../../protocol/seq-ranges.ts'

/** What is looked for: a superset of what is wanted does. */
export interface Wanted {
  /** By `collection` and `identifier` alone. */
  readonly any: readonly ObjectFilter[]
  /** The client whose events are wanted, too, whatever they are about. */
  readonly client?: string | undefined
}

/** Bytes of each, one column after the other: of so many identifiers hardly two are the same. */
const widths = { identifier: 3, collection: 1, client: 2 }
const bytesPerEvent = widths.identifier + widths.collection + widths.client

export class SegmentPlaces {
  readonly #first: number
  readonly #content: Uint8Array<ArrayBuffer>

  private constructor(first: number, content: Uint8Array<ArrayBuffer>) {
    this.#first = first
    this.#content = content
  }

  /** Of all events of a segment, which begins at `first`. */
  static of(first: number, events: readonly TapeEvent[]): SegmentPlaces {
    const places = new SegmentPlaces(first, new Uint8Array(events.length * bytesPerEvent))
    const [identifierAt, collectionAt, clientAt] = places.#columns
    const hashes = new Map<string, Uint8Array>()
    const put = (name: string, at: number, width: number) => {
      const hash = hashes.get(name) ?? hashOf(name)
      hashes.set(name, hash)
      places.#content.set(hash.subarray(0, width), at)
    }
    for (const [index, { identifier, collection, client = '' }] of events.entries()) {
      put(identifier, identifierAt + index * widths.identifier, widths.identifier)
      put(collection, collectionAt + index * widths.collection, widths.collection)
      put(client, clientAt + index * widths.client, widths.client)
    }
    return places
  }

  static decode(first: number, content: Uint8Array<ArrayBuffer>): SegmentPlaces {
    return new SegmentPlaces(first, content)
  }

  encode(): Uint8Array<ArrayBuffer> {
    return this.#content
  }

  /** The seqs that may be what is looked for. */
  seqsOf(sought: Sought): SeqRanges {
    const [identifierAt, collectionAt, clientAt] = this.#columns
    const ranges: [number, number][] = []
    for (let index = 0; index < this.#count; index++) {
      const identifier = readBytes(this.#content, identifierAt + index * widths.identifier, widths.identifier)
      const collection = readBytes(this.#content, collectionAt + index * widths.collection, widths.collection)
      const client = readBytes(this.#content, clientAt + index * widths.client, widths.client)
      if (!sought.includes(identifier, collection, client)) continue
      const seq = this.#first + index
      const open = ranges.at(-1)
      if (open?.[1] === seq - 1) open[1] = seq
      else ranges.push([seq, seq])
    }
    return ranges satisfies readonly SeqRange[]
  }

  get #count(): number {
    return this.#content.length / bytesPerEvent
  }

  /** Where each column begins. */
  get #columns(): readonly [identifier: number, collection: number, client: number] {
    const collectionAt = this.#count * widths.identifier
    return [0, collectionAt, collectionAt + this.#count * widths.collection]
  }
}

/** What is wanted, as places have it: made once for many segments. */
export class Sought {
  /** The collections of each identifier; undefined for any. */
  readonly #identifiers = new Map<number, Set<number> | undefined>()
  /** All objects of these. */
  readonly #collections = new Set<number>()
  readonly #client: number | undefined
  /** Whether it is all there is. */
  readonly isEverything: boolean

  constructor({ any, client }: Wanted) {
    for (const { collection, identifier } of any) {
      const collections = collection?.map((name) => placeOf(name, widths.collection))
      if (identifier === undefined) for (const place of collections ?? []) this.#collections.add(place)
      else for (const name of identifier) this.#add(placeOf(name, widths.identifier), collections)
    }
    this.#client = client === undefined ? undefined : placeOf(client, widths.client)
    this.isEverything = any.some(({ collection, identifier }) => collection === undefined && identifier === undefined)
  }

  /** Of the bytes of one event. */
  includes(identifier: number, collection: number, client: number): boolean {
    if (this.isEverything || client === this.#client || this.#collections.has(collection)) return true
    const collections = this.#identifiers.get(identifier)
    return collections === undefined ? this.#identifiers.has(identifier) : collections.has(collection)
  }

  #add(identifier: number, collections: readonly number[] | undefined): void {
    const known = this.#identifiers.get(identifier)
    const isAny = collections === undefined || (known === undefined && this.#identifiers.has(identifier))
    this.#identifiers.set(identifier, isAny ? undefined : new Set([...(known ?? []), ...collections]))
  }
}

/** Filters that name these objects, and no other. */
export function filtersNaming(objects: Iterable<ObjectName>): readonly ObjectFilter[] {
  const byCollection = Map.groupBy(objects, ({ collection }) => collection)
  return Array.from(byCollection, ([collection, some]) => ({
    collection: [collection],
    identifier: some.map(({ identifier }) => identifier),
  }))
}

function hashOf(name: string): Uint8Array {
  return sha256(utf8ToBytes(name))
}

function placeOf(name: string, width: number): number {
  return readBytes(hashOf(name), 0, width)
}

function readBytes(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let i = at; i < at + width; i++) value = value * 256 + (bytes[i] ?? 0)
  return value
}
