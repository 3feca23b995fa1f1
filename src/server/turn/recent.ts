/**
 * What the newest events wrote, by object and field: who, and where on the tape. It answers preconditions, and, where
 * the application has rules, keeps those events themselves for them.
 *
 * It is made from the end of the tape when something first asks, and follows each append from then on. It is bounded
 * in events, text and fields; the bounds are counted from the tape alone, so that what it says is the same after an
 * eviction. What a publish lays on it can be taken back, until `trim` makes room for the next.
 */

import { applyDeltas, type Deltas } from '../../protocol/deltas/delta.ts'
import type { Json, TapeEvent, Values } from '../../protocol/event.ts'
import { objectKey } from '../../protocol/fold.ts'
import { freeze } from '../../protocol/freeze.ts'
import { Trail } from './trail.ts'

/** How far back anything looks: so many events are read in a few milliseconds. */
export const recentEventsMax = 1000

/** Events of so much text, in UTF-16 units, take some ten milliseconds to read. */
export const recentUnitsMax = 4 * 1024 * 1024

/** Events that are kept for rules take up to fifteen times their text. */
const keptUnitsMax = 1024 * 1024

/** Each field that an update writes takes some 150 bytes here, and an event may have tens of thousands. */
export const recentFieldsMax = 20_000

/** What the recent events say of an object. */
export interface KnownObject {
  /** Its last insert or delete; undefined when that is not among them. */
  readonly since: TapeEvent | undefined
  /** The fields that stand, as far as they were written since that and are known. */
  readonly values: Values
}

interface Entry {
  /** Its object and the fields that it wrote; none for an insert or a delete, which write all. */
  readonly key: string
  readonly fields: readonly string[]
  /** Of this one and all before it, from some beginning. */
  readonly unitsSoFar: number
  readonly fieldsSoFar: number
  /** As it is on the tape, frozen; kept where rules may ask for it. */
  event: TapeEvent | undefined
}

interface Trails {
  readonly any: Trail
  /** Inserts and deletes. */
  readonly whole: Trail
  /** Updates, by field. */
  readonly fields: Map<string, Trail>
}

const nowhere = { unitsSoFar: 0, fieldsSoFar: 0 }

export class Recent {
  /** How many events it holds, where the other bounds allow. */
  readonly size: number
  readonly #keeps: number
  #entries: Entry[] = []
  /** The seq of the first entry. */
  #first: number
  /** What was counted before the first entry. */
  #before: Pick<Entry, 'unitsSoFar' | 'fieldsSoFar'> = nowhere
  /** So many entries at the front are kept without their events. */
  #bare = 0
  readonly #objects = new Map<string, Trails>()

  /** Knows nothing up to `latestSeq`. Of `size` events that it holds, it keeps the newest `keeps` whole. */
  constructor(latestSeq: number, { size, keeps }: { size: number; keeps: number }) {
    this.#first = latestSeq + 1
    this.size = size
    this.#keeps = keeps
  }

  get latestSeq(): number {
    return this.#first + this.#entries.length - 1
  }

  /** Takes the next event of the tape as it is stored. */
  read(line: string): void {
    const event = JSON.parse(line) as TapeEvent
    this.add(this.#keeps > 0 ? freeze(event) : event, line.length)
  }

  /** Takes the next event of the tape, frozen where it is to be kept, and the length of its text. */
  add(event: TapeEvent, units: number): void {
    const fields = fieldsOf(event)
    const key = objectKey(event)
    const last = this.#entries.at(-1) ?? this.#before
    this.#entries.push({
      key,
      fields,
      unitsSoFar: last.unitsSoFar + units,
      fieldsSoFar: last.fieldsSoFar + fields.length,
      event: this.#keeps > 0 ? event : undefined,
    })
    let trails = this.#objects.get(key)
    if (trails === undefined) {
      trails = { any: new Trail(), whole: new Trail(), fields: new Map() }
      this.#objects.set(key, trails)
    }
    trails.any.add(event.seq, event.client)
    if (event.type !== 'update') trails.whole.add(event.seq, event.client)
    for (const field of fields) {
      const trail = trails.fields.get(field) ?? new Trail()
      trails.fields.set(field, trail)
      trail.add(event.seq, event.client)
    }
  }

  /** Takes back all above `latestSeq`, which must have been added since the last `trim`. */
  undoTo(latestSeq: number): void {
    while (this.latestSeq > latestSeq) {
      const seq = this.latestSeq
      this.#forget(this.#entries.pop() as Entry, (trail) => trail.forgetNewest(seq))
    }
  }

  /** Lets go of what is beyond the bounds. */
  trim(): void {
    const tooMany = this.floorOf(this.size) - this.#first
    for (const entry of tooMany > 0 ? this.#entries.splice(0, tooMany) : []) {
      const seq = this.#first++
      this.#before = entry
      this.#forget(entry, (trail) => trail.forgetOldest(seq))
    }
    this.#bare = Math.max(0, this.#bare - tooMany)
    if (this.#keeps === 0) return
    for (const end = this.keptFrom - this.#first; this.#bare < end; this.#bare++) {
      ;(this.#entries[this.#bare] as Entry).event = undefined
    }
  }

  /** The first seq of the newest `size` events that are within the other bounds, too; the next seq when none is. */
  floorOf(size: number): number {
    return this.#floorOf(size, recentUnitsMax)
  }

  /** The first seq of the events that rules may ask for; the next seq when there is none. */
  get keptFrom(): number {
    return this.#floorOf(this.#keeps, keptUnitsMax)
  }

  /** The seqs above `seen` of what anybody but `client` wrote of an object, or of these fields of it. */
  othersSince(
    object: Pick<TapeEvent, 'collection' | 'identifier'>,
    fields: true | readonly string[],
    by: { seen: number; client: string | undefined },
  ): readonly number[] {
    const trails = this.#objects.get(objectKey(object))
    if (trails === undefined) return nothing
    if (fields === true) return othersSince(trails.any, by)
    // One event may have written many of the fields: its seq is given once.
    let seqs: Set<number> | undefined
    const take = (trail: Trail) => {
      for (const seq of othersSince(trail, by)) {
        seqs ??= new Set()
        seqs.add(seq)
      }
    }
    take(trails.whole)
    for (const field of fields) {
      const trail = trails.fields.get(field)
      if (trail !== undefined) take(trail)
    }
    return seqs === undefined ? nothing : [...seqs]
  }

  /** The events that rules may ask for, in a list of its own. */
  get keptEvents(): readonly TapeEvent[] {
    return this.#entries.slice(this.keptFrom - this.#first).map(({ event }) => event as TapeEvent)
  }

  /** What these events make of an object: the same as `applyEvent` does of them, one after the other. */
  keptObject(object: Pick<TapeEvent, 'collection' | 'identifier'>): KnownObject {
    const seq = this.keptFrom
    const trails = this.#objects.get(objectKey(object))
    if (trails === undefined || trails.any.newest < seq) return { since: undefined, values: {} }
    const since = trails.whole.newest < seq ? undefined : this.#eventAt(trails.whole.newest)
    const from = Math.max(seq, trails.whole.newest + 1)
    let values: Record<string, Json> | undefined
    for (const [field, { newest }] of trails.fields) {
      if (newest < from) continue
      values ??= { ...since?.values }
      const value = this.#valueAt(field, { newest, from, born: since?.values, trail: trails.any })
      if (value === undefined) delete values[field]
      else values[field] = value
    }
    return { since, values: values ?? since?.values ?? {} }
  }

  /** What the newest write of a field left there; undefined when that was deltas, and what they were meant for is not known. */
  #valueAt(
    field: string,
    { newest, from, born, trail }: { newest: number; from: number; born: Values | undefined; trail: Trail },
  ): Json | undefined {
    const value = this.#eventAt(newest).values?.[field]
    if (value !== undefined) return value
    let state: Json | undefined = born !== undefined && Object.hasOwn(born, field) ? born[field] : undefined
    let isKnown = born !== undefined || this.keptFrom === 0
    for (const seq of trail.seqsFrom(from)) {
      const { values = noFields, deltas } = this.#eventAt(seq)
      if (Object.hasOwn(values, field)) {
        state = values[field]
        isKnown = true
      } else if (deltas !== undefined && Object.hasOwn(deltas, field) && isKnown) {
        // What does not fit has no effect, here as anywhere.
        state = applyDeltas(state, deltas[field] as Deltas) ?? state
      }
    }
    return isKnown ? state : undefined
  }

  #eventAt(seq: number): TapeEvent {
    return this.#entries[seq - this.#first]?.event as TapeEvent
  }

  #floorOf(size: number, unitsMax: number): number {
    let low = Math.max(0, this.#entries.length - size)
    if (this.#isWithin(low, unitsMax)) return this.#first + low
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#isWithin(middle, unitsMax)) high = middle
      else low = middle + 1
    }
    return this.#first + low
  }

  /** Whether the entries from this index on are within the bounds of text and fields. */
  #isWithin(index: number, unitsMax: number): boolean {
    const before = this.#entries[index - 1] ?? this.#before
    const last = this.#entries.at(-1) ?? this.#before
    return last.unitsSoFar - before.unitsSoFar <= unitsMax && last.fieldsSoFar - before.fieldsSoFar <= recentFieldsMax
  }

  #forget({ key, fields }: Entry, forget: (trail: Trail) => void): void {
    const trails = this.#objects.get(key) as Trails
    forget(trails.any)
    forget(trails.whole)
    for (const field of fields) {
      const trail = trails.fields.get(field) as Trail
      forget(trail)
      if (trail.isEmpty) trails.fields.delete(field)
    }
    if (trails.any.isEmpty) this.#objects.delete(key)
  }
}

const nothing: readonly never[] = []
const noFields: Values = {}

function othersSince(trail: Trail, { seen, client }: { seen: number; client: string | undefined }): readonly number[] {
  return trail.newestByOthers(client) > seen ? trail.othersSince(seen, client) : nothing
}

/** The fields that an update wrote; an insert or a delete writes all. */
export function fieldsOf({ type, values = noFields, deltas }: TapeEvent): readonly string[] {
  if (type !== 'update') return nothing
  return deltas === undefined ? Object.keys(values) : [...Object.keys(values), ...Object.keys(deltas)]
}
