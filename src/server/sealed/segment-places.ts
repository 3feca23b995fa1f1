/**
 * What a segment is about, without what it says: the object and the client of each of its events. Whoever wants a few
 * objects reads this, and of the segment their lines alone, or nothing.
 */
import type { ObjectName, TapeEvent } from '../../protocol/event.ts'
import { objectKey, objectOfKey } from '../../protocol/fold.ts'
import type { SeqRange, SeqRanges } from '../../protocol/seq-ranges.ts'

/** Names in their order, which compress well, and for each event which of them is its own; −1 for none. */
interface Column {
  readonly names: readonly string[]
  readonly places: readonly number[]
}

export class SegmentPlaces {
  readonly #first: number
  readonly #objects: Column
  readonly #clients: Column

  private constructor(first: number, objects: Column, clients: Column) {
    this.#first = first
    this.#objects = objects
    this.#clients = clients
  }

  /** Of all events of a segment, which begins at `first`. */
  static of(first: number, events: readonly TapeEvent[]): SegmentPlaces {
    return new SegmentPlaces(first, columnOf(events.map(objectKey)), columnOf(events.map(({ client }) => client)))
  }

  static decode(first: number, content: Uint8Array): SegmentPlaces {
    const { objects, clients } = JSON.parse(new TextDecoder().decode(content)) as { readonly objects: Column; readonly clients: Column }
    return new SegmentPlaces(first, objects, clients)
  }

  encode(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(new TextEncoder().encode(JSON.stringify({ objects: this.#objects, clients: this.#clients })))
  }

  get objects(): readonly ObjectName[] {
    return this.#objects.names.map(objectOfKey)
  }

  isAbout(object: ObjectName): boolean {
    return this.#objects.names.includes(objectKey(object))
  }

  /** The seqs of the objects that are wanted, and those of a client. */
  seqsOf(isWanted: (object: ObjectName) => boolean, client?: string): SeqRanges {
    const wanted = this.objects.map(isWanted)
    const own = client === undefined ? -1 : this.#clients.names.indexOf(client)
    const ranges: SeqRange[] = []
    let open = -1
    for (const [index, object] of this.#objects.places.entries()) {
      const isIn = wanted[object] === true || (own >= 0 && this.#clients.places[index] === own)
      if (isIn && open < 0) open = index
      if (isIn || open < 0) continue
      ranges.push([this.#first + open, this.#first + index - 1])
      open = -1
    }
    if (open >= 0) ranges.push([this.#first + open, this.#first + this.#objects.places.length - 1])
    return ranges
  }
}

function columnOf(values: readonly (string | undefined)[]): Column {
  const names = [...new Set(values)].filter((value) => value !== undefined).sort()
  const places = new Map<string | undefined, number>(names.map((name, place) => [name, place]))
  return { names, places: values.map((value) => places.get(value) ?? -1) }
}
