/**
 * What a segment is about, without its events: the seqs of each object, and of each client. Whoever wants a few objects
 * reads this, an eighth of the segment, and of the segment their lines alone, or nothing.
 */
import type { ObjectName, TapeEvent } from '../../protocol/event.ts'
import { groupByObject, objectKey, objectOfKey } from '../../protocol/fold.ts'
import { normalize, rangesOfSeqs, type SeqRange, type SeqRanges } from '../../protocol/seq-ranges.ts'

/** The seqs of each name: first and last of each range, one after the other, counted from the first seq of the segment. */
type Places = readonly (readonly [name: string, bounds: readonly number[]])[]

export class SegmentPlaces {
  readonly #first: number
  readonly #objects: Places
  readonly #clients: Places

  private constructor(first: number, objects: Places, clients: Places) {
    this.#first = first
    this.#objects = objects
    this.#clients = clients
  }

  /** Of all events of a segment, which begins at `first`. */
  static of(first: number, events: readonly TapeEvent[]): SegmentPlaces {
    const clients = Map.groupBy(events, ({ client }) => client)
    return new SegmentPlaces(
      first,
      Array.from(groupByObject(events), ([key, some]) => [key, boundsOf(some, first)]),
      Array.from(clients).flatMap(([client, some]) => (client === undefined ? [] : [[client, boundsOf(some, first)]])),
    )
  }

  static decode(first: number, content: Uint8Array): SegmentPlaces {
    const [objects, clients] = JSON.parse(new TextDecoder().decode(content)) as readonly [Places, Places]
    return new SegmentPlaces(first, objects, clients)
  }

  encode(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(new TextEncoder().encode(JSON.stringify([this.#objects, this.#clients])))
  }

  get objects(): readonly ObjectName[] {
    return this.#objects.map(([key]) => objectOfKey(key))
  }

  /** The seqs of the objects that are wanted, and those of a client. */
  seqsOf(isWanted: (object: ObjectName) => boolean, client?: string): SeqRanges {
    const objects = this.#objects.flatMap(([key, bounds]) => (isWanted(objectOfKey(key)) ? this.#rangesOf(bounds) : []))
    const own = this.#clients.flatMap(([name, bounds]) => (name === client ? this.#rangesOf(bounds) : []))
    return normalize([...objects, ...own])
  }

  isAbout(object: ObjectName): boolean {
    const wanted = objectKey(object)
    return this.#objects.some(([key]) => key === wanted)
  }

  #rangesOf(bounds: readonly number[]): readonly SeqRange[] {
    const ranges: SeqRange[] = []
    for (let i = 0; i < bounds.length; i += 2) ranges.push([this.#first + (bounds[i] as number), this.#first + (bounds[i + 1] as number)])
    return ranges
  }
}

function boundsOf(events: readonly TapeEvent[], first: number): readonly number[] {
  return rangesOfSeqs(events)
    .flat()
    .map((seq) => seq - first)
}
