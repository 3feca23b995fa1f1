/**
 * From objects to the records that show: each read through the schema when it has changed, listed in order or put into
 * quarantine, and noted for the listeners. A record that shows the same as before stays the same value.
 */
import { isSameJson, type ObjectState, type Values, writeOf } from '../../protocol/index.ts'
import { firstPendingSeq } from '../objects/pending-drafts.ts'
import type { ShownObject, StampedObjects } from '../objects/stamped-objects.ts'
import type { ChangeLog } from './change-log.ts'
import type { CollectionOptions, Quarantined, ShownRecord } from './collection-options.ts'
import { comparePositions, positionOf } from './positions.ts'
import { Quarantine } from './quarantine.ts'
import type { Reading, RecordReader } from './record-reader.ts'
import { type Listed, ShownList } from './shown-list.ts'
import type { VersionReader } from './version-reader.ts'

interface Entry<T> extends Listed<ShownRecord<T>> {
  /** What the record was read from. */
  readonly object: ShownObject
}

export interface ShownRecordsParts<T> extends Pick<CollectionOptions, 'position' | 'partial'> {
  readonly objects: StampedObjects
  readonly versions: VersionReader
  readonly reader: RecordReader<T>
  readonly changes: ChangeLog<ShownRecord<T>>
  readonly onQuarantined: (quarantined: Quarantined) => void
}

export class ShownRecords<T> {
  readonly list = new ShownList<ShownRecord<T>, Entry<T>>(compareEntries)
  readonly quarantine = new Quarantine()
  readonly #parts: ShownRecordsParts<T>
  readonly #hidesPartial: boolean

  constructor(parts: ShownRecordsParts<T>) {
    this.#parts = parts
    this.#hidesPartial = parts.partial === 'hide'
  }

  get(identifier: string): ShownRecord<T> | undefined {
    return this.list.get(identifier)?.item
  }

  /** What would be shown of these values. */
  read(values: Values): Reading<T> {
    const problem = this.#parts.versions.problemIn(values)
    return problem === undefined ? this.#parts.reader.read(values) : { problem, issues: [{ message: problem }] }
  }

  /** As they stand, shown or not. */
  valuesOf(identifier: string): Values | undefined {
    return this.#parts.objects.get(identifier)?.values
  }

  stateOf(identifier: string): ObjectState {
    return this.#parts.objects.state(identifier)
  }

  /** No hole holds anything that changes the object: what is older than its last insert never does. */
  isComplete(identifier: string): boolean {
    const { objects } = this.#parts
    return objects.since(identifier) >= objects.holesEnd
  }

  /** Shows these objects as they are now. */
  show(identifiers: Iterable<string>): void {
    const { changes } = this.#parts
    changes.beginRun()
    const moved: { readonly identifier: string; readonly after: Entry<T> }[] = []
    for (const identifier of identifiers) {
      const before = this.list.get(identifier)
      const after = this.#entryOf(identifier, before)
      if (after === before) continue
      if (after !== undefined && after.item === before?.item) {
        moved.push({ identifier, after })
        continue
      }
      changes.note({ identifier, before: before?.item, after: after?.item })
      this.list.set(identifier, after, before)
    }
    if (moved.length > 0) this.#move(moved)
  }

  /** Records that say the same, and appeared anew or at another place: one that stands where it stood is not worth a word. */
  #move(moved: readonly { readonly identifier: string; readonly after: Entry<T> }[]): void {
    const { items } = this.list
    for (const { identifier, after } of moved) this.list.set(identifier, after, this.list.get(identifier))
    if (this.list.items !== items) for (const { identifier, after } of moved) this.#parts.changes.noteMove(identifier, after.item)
  }

  /** The holes are others than before: what depends on them comes or goes. */
  showComplete(): void {
    if (!this.#hidesPartial) return
    const { objects } = this.#parts
    const changed: string[] = []
    for (const { identifier } of objects.entries()) {
      const isHere = this.list.get(identifier) !== undefined || this.quarantine.has(identifier)
      if (isHere !== this.isComplete(identifier)) changed.push(identifier)
    }
    this.show(changed)
  }

  clear(): void {
    const { changes } = this.#parts
    changes.beginRun()
    for (const identifier of this.list.identifiers()) changes.note({ identifier, before: this.get(identifier), after: undefined })
    if (this.quarantine.list.length > 0) changes.noteNews()
    this.list.clear()
    this.quarantine.clear()
  }

  /** The entry itself when nothing in it has changed. */
  #entryOf(identifier: string, before: Entry<T> | undefined): Entry<T> | undefined {
    const { objects, position: field } = this.#parts
    const object = objects.get(identifier)
    if (object === undefined || (this.#hidesPartial && !this.isComplete(identifier))) return this.#release(identifier)
    const item = before !== undefined && showsSame(before.object, object) ? before.item : this.#recordOf(object)
    if (item === undefined) return undefined
    const rank = objects.since(identifier)
    const position = field !== undefined && Object.hasOwn(object.values, field) ? positionOf(object.values[field]) : undefined
    if (before?.item === item && before.rank === rank && before.position === position) return before
    return { item, rank, position, object: before?.item === item ? before.object : object }
  }

  #recordOf(object: ShownObject): ShownRecord<T> | undefined {
    const { identifier, isPending } = object
    const reading = this.read(object.values)
    if ('problem' in reading) return this.#quarantine(object, reading.problem)
    this.#release(identifier)
    const { values } = reading
    // What stands is what is shown: one object is enough.
    if (values === object.values) {
      Object.freeze(object.values)
      return Object.freeze(object) as ShownRecord<T>
    }
    return Object.freeze({ identifier, values, isPending })
  }

  #quarantine({ identifier, values }: ShownObject, problem: string): undefined {
    const seq = this.#newestSeq(identifier)
    const quarantined = Object.freeze({ identifier, values, problem, seq })
    if (this.quarantine.put(quarantined)) this.#parts.onQuarantined(quarantined)
    this.#parts.changes.noteNews()
  }

  #release(identifier: string): undefined {
    if (this.quarantine.release(identifier)) this.#parts.changes.noteNews()
  }

  /** Of what the object consists of; undefined when something of it is pending. */
  #newestSeq(identifier: string): number | undefined {
    const state = this.#parts.objects.state(identifier)
    let newest = state.since.seq
    for (const field of Object.keys(state.later)) newest = Math.max(newest, writeOf(state, field).seq)
    return newest < firstPendingSeq ? newest : undefined
  }
}

function compareEntries(a: Entry<unknown>, b: Entry<unknown>): number {
  return comparePositions(a.position, b.position) || a.rank - b.rank || comparePositions(a.item.identifier, b.item.identifier)
}

function showsSame(a: ShownObject, b: ShownObject): boolean {
  return a === b || (a.isPending === b.isPending && isSameJson(a.values, b.values))
}
