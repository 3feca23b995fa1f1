/**
 * The fold: fewer changes with the same effect, the shorter edit distance. Events fold by their stamps, drafts, which
 * have none yet, by their order. Folding again changes nothing more.
 */
import { applyDeltas, type Deltas, readDeltas, writeDeltas } from './deltas/delta.ts'
import { compose } from './deltas/splices.ts'
import type { Draft, FieldDeltas, Json, ObjectName, TapeEvent } from './event.ts'
import { deltasMax } from './limits.ts'
import { applyEvent, awaitDeltas, type Known, type ObjectState, settle, unborn, type Write, writeOf } from './object-state.ts'
import type { SeqRanges } from './seq-ranges.ts'

/** Names an object across collections. */
export function objectKey({ collection, identifier }: ObjectName): string {
  // The length in front keeps "a" + "bc" apart from "ab" + "c".
  return `${collection.length}.${collection}${identifier}`
}

/** The object of a key that `objectKey` has made. */
export function objectOfKey(key: string): ObjectName {
  const start = key.indexOf('.') + 1
  const end = start + Number(key.slice(0, start - 1))
  return { collection: key.slice(start, end), identifier: key.slice(end) }
}

/** The events of each object, by `objectKey`, in their order. */
export function groupByObject(events: readonly TapeEvent[]): Map<string, TapeEvent[]> {
  const groups = new Map<string, TapeEvent[]>()
  for (const event of events) {
    const key = objectKey(event)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [event])
    else group.push(event)
  }
  return groups
}

/**
 * Folds a run of events, in any order and with repeats: at most one event per object, or two where an object was
 * written to after its death. In order of seq. Applying the result has the same effect as applying the run, stamps
 * included, above any tape and beneath anything that comes later.
 *
 * Deltas go into the value that they are meant for where that is in the run, too, and all in between is accounted for, up
 * to those of `through`; otherwise they stay events of their own.
 */
export function foldEvents(events: readonly TapeEvent[], accounted: SeqRanges = [], through?: number): readonly TapeEvent[] {
  const groups = groupByObject(events)
  if (groups.size === events.length) return inOrder(events)
  const folded: TapeEvent[] = []
  const isKnown: Known = (first, last) => accounted.some(([from, to]) => from <= first && last <= to)
  for (const group of groups.values()) foldObject(group, folded, (state) => settle(state, isKnown, through))
  return inOrder(folded)
}

/** So many events are gathered, beyond twice what the last fold left of them, before they are folded. */
const gatheredMin = 20_000

/** Folds a long run that comes in pieces: what is gathered stays about as short as what it comes to. */
export class Folding {
  readonly #objects = new Map<string, readonly TapeEvent[]>()
  #gathered = 0
  #foldAt = gatheredMin

  /** `accounted`: all that this run covers so far, with these events. */
  add(events: readonly TapeEvent[], accounted: SeqRanges): void {
    for (const [key, group] of groupByObject(events)) {
      const before = this.#objects.get(key)
      this.#objects.set(key, before === undefined ? group : before.concat(group))
    }
    this.#gathered += events.length
    if (this.#gathered >= this.#foldAt) this.#fold(accounted)
  }

  /** How many events are gathered, folded or not yet. */
  get size(): number {
    return this.#gathered
  }

  /** Of this object nothing is wanted any more. */
  forget(key: string): void {
    this.#gathered -= this.#objects.get(key)?.length ?? 0
    this.#objects.delete(key)
  }

  /** What is gathered of one. */
  of(key: string): readonly TapeEvent[] {
    return this.#objects.get(key) ?? []
  }

  /** What is gathered of each object, by `objectKey`: it need not be folded yet. */
  get objects(): Iterable<readonly [key: string, events: readonly TapeEvent[]]> {
    return this.#objects
  }

  finish(accounted: SeqRanges): readonly TapeEvent[] {
    return foldEvents([...this.#objects.values()].flat(), accounted)
  }

  #fold(accounted: SeqRanges): void {
    this.#gathered = 0
    for (const [key, events] of this.#objects) {
      const folded = events.length > 1 ? foldEvents(events, accounted) : events
      this.#objects.set(key, folded)
      this.#gathered += folded.length
    }
    this.#foldAt = 2 * this.#gathered + gatheredMin
  }
}

/** Folds the events of one object into `folded`. */
function foldObject(events: readonly TapeEvent[], folded: TapeEvent[], settled: (state: ObjectState) => ObjectState): void {
  const [first, ...others] = events
  if (first === undefined) return
  if (others.length === 0) return void folded.push(first)
  const hasDeltas = events.some(({ deltas }) => deltas !== undefined)
  const values = hasDeltas ? events.filter(({ type, values: some }) => type !== 'update' || some !== undefined) : events
  let state = values.reduce(applyValues, unborn)
  if (hasDeltas) state = settled(awaitDeltas(state, inOrder(events)))
  if (state.waiting !== undefined) leaveWaiting(events, state.waiting, folded)
  const { since, isAlive } = state
  const fields = Object.keys(state.values)
  const floor = events.find(({ seq, type }) => seq === since.seq && type !== 'update')
  if (floor !== undefined) folded.push(isAlive ? withFields(floor, state) : floor)
  if (isAlive || fields.length === 0) return
  // Written after its death, or before a birth that is not known yet.
  const writes = fields.map((field) => writeOf(state, field))
  const oldest = writes.reduce((a, b) => (b.seq < a.seq ? b : a))
  const { collection, identifier } = first
  const event = events.find(({ seq, type }) => seq === oldest.seq && type === 'update')
  folded.push(withFields(event ?? { ...plainWrite(oldest), type: 'update', collection, identifier }, state))
}

function applyValues(state: ObjectState, event: TapeEvent): ObjectState {
  if (event.deltas === undefined) return applyEvent(state, event)
  const { deltas: _, ...plain } = event
  return applyEvent(state, plain)
}

function plainWrite({ seq, client, seen, version }: Write): Pick<TapeEvent, 'seq' | 'client' | 'seen' | 'version'> {
  return { seq, ...(client === undefined ? {} : { client }), seen, ...(version === 1 ? {} : { version }) }
}

/** The deltas that cannot go into a value yet, each as an event that says nothing else. */
function leaveWaiting(events: readonly TapeEvent[], waiting: NonNullable<ObjectState['waiting']>, folded: TapeEvent[]): void {
  const left = new Map<number, FieldDeltas>()
  for (const [field, list] of Object.entries(waiting)) {
    for (const { by, deltas } of list) left.set(by.seq, { ...left.get(by.seq), [field]: deltas })
  }
  for (const event of events) {
    const deltas = event.deltas === undefined ? undefined : left.get(event.seq)
    if (deltas === undefined) continue
    left.delete(event.seq)
    const { values: _, stamps: __, makers: ___, versions: ____, ...plain } = event
    folded.push({ ...plain, deltas })
  }
}

/** The event with the fields of this state, and who wrote, where, those that came after it. */
function withFields(event: TapeEvent, state: ObjectState): TapeEvent {
  const stamps: Record<string, number> = {}
  const makers: Record<string, string | null> = {}
  const versions: Record<string, number> = {}
  for (const field of Object.keys(state.values)) {
    const { seq, client, version } = writeOf(state, field)
    if (seq === event.seq) continue
    stamps[field] = seq
    if (client !== event.client) makers[field] = client ?? null
    if (version !== (event.version ?? 1)) versions[field] = version
  }
  const { stamps: _, makers: __, versions: ___, deltas: ____, ...plain } = event
  return { ...plain, values: state.values, ...someOf({ stamps, makers, versions }) }
}

/** The records among these that have members. */
function someOf<T extends Record<string, object>>(records: T): Partial<T> {
  return Object.fromEntries(Object.entries(records).filter(([, record]) => Object.keys(record).length > 0)) as Partial<T>
}

function inOrder(events: readonly TapeEvent[]): readonly TapeEvent[] {
  return events.every((event, index) => index === 0 || (events[index - 1] as TapeEvent).seq <= event.seq)
    ? events
    : events.toSorted((a, b) => a.seq - b.seq)
}

/** What is left of the waiting drafts of one object when one more comes. */
export interface FoldedDrafts {
  /** How many of those before it go, counted from the last. */
  readonly gone: number
  /** Takes the place of the last that stays: an insert keeps its place, so that objects keep their order. */
  readonly last?: Draft
  /** Takes the newest place. */
  readonly newest?: Draft
}

/**
 * Whether two drafts of one object may become one: under the same knowledge, by the same version of the model, with
 * the same precondition.
 */
export function areAlike(a: Draft, b: Draft): boolean {
  return a.seen === b.seen && a.version === b.version && JSON.stringify(a.expect) === JSON.stringify(b.expect)
}

/**
 * Folds a draft onto those before it of the same object that are alike, of which nothing has been sent yet.
 * `isKnown`: whether the tape, as far as it was seen, or an older draft has said anything of the object; if not, its
 * insert and delete leave nothing behind. The folded drafts of an object are one, or a delete and an update.
 */
export function foldDraft(waiting: readonly Draft[], newer: Draft, isKnown: boolean): FoldedDrafts {
  const gone = waiting.length
  const older = waiting.at(-1)
  if (older === undefined) return { gone: 0, newest: newer }
  switch (newer.type) {
    case 'insert':
      // Whatever the object was, it is replaced.
      return { gone, newest: newer }
    case 'delete':
      return older.type === 'insert' && !isKnown ? { gone } : { gone, newest: newer }
    case 'update': {
      // What is written to a dead object shows when somebody else brings it back in between.
      if (older.type === 'delete') return { gone: 0, newest: newer }
      const both = mergeUpdate(older, newer)
      if (both === undefined) return { gone: 0, newest: newer }
      if (older.type === 'insert') return { gone: 0, last: { ...older, ...both } }
      const { values: _, deltas: __, ...plain } = newer
      // What was typed and taken back leaves nothing.
      return both.values === undefined && both.deltas === undefined ? { gone: 1 } : { gone: 1, newest: { ...plain, ...both } }
    }
  }
}

/** What an insert or update, and an update after it, say together; undefined when that cannot be one change. */
function mergeUpdate(older: Draft, newer: Draft): Pick<Draft, 'values' | 'deltas'> | undefined {
  if (older.deltas === undefined && newer.deltas === undefined) return { values: { ...older.values, ...newer.values } }
  const values: Record<string, Json> = { ...older.values, ...newer.values }
  const deltas: Record<string, Deltas> = {}
  for (const [field, list] of Object.entries(older.deltas ?? {})) if (!Object.hasOwn(values, field)) deltas[field] = list
  for (const [field, list] of Object.entries(newer.deltas ?? {})) {
    const isWhole = older.type === 'insert' || Object.hasOwn(values, field)
    if (isWhole) {
      const value = applyDeltas(Object.hasOwn(values, field) ? values[field] : undefined, list)
      if (value === undefined) return undefined
      values[field] = value
      continue
    }
    const composed = writeDeltas(compose(readDeltas(deltas[field] ?? []), readDeltas(list)))
    if (composed.length > 0) deltas[field] = composed
    else delete deltas[field]
  }
  const lists = Object.values(deltas)
  if (lists.reduce((count, list) => count + list.length, 0) > deltasMax) return undefined
  const hasValues = older.type === 'insert' || Object.keys(values).length > 0
  // Deltas may be refused for what others did to their field: new values of other fields have no part in that.
  if (hasValues && lists.length > 0 && (older.values === undefined || older.deltas === undefined)) return undefined
  return { ...(hasValues ? { values } : {}), ...(lists.length > 0 ? { deltas } : {}) }
}

/** Folds drafts of which none has been sent, oldest first. `isOnTape`: whether the tape has said anything of the object. */
export function foldDrafts(drafts: readonly Draft[], isOnTape: (draft: Draft) => boolean): readonly Draft[] {
  const placed = new Map<number, Draft>()
  const windows = new Map<string, { readonly draft: Draft; readonly isKnown: boolean; places: number[] }>()
  drafts.forEach((draft, place) => {
    const key = objectKey(draft)
    let window = windows.get(key)
    if (window === undefined || !areAlike(window.draft, draft)) {
      window = { draft, isKnown: isOnTape(draft) || (window?.places.length ?? 0) > 0, places: [] }
      windows.set(key, window)
    }
    const waiting = window.places.map((each) => placed.get(each) as Draft)
    const { gone, last, newest } = foldDraft(waiting, draft, window.isKnown)
    const stays = window.places.length - gone
    for (const each of window.places.slice(stays)) placed.delete(each)
    window.places = window.places.slice(0, stays)
    if (last !== undefined) placed.set(window.places.at(-1) as number, last)
    if (newest !== undefined) {
      placed.set(place, newest)
      window.places.push(place)
    }
  })
  return [...placed.entries()].sort(([a], [b]) => a - b).map(([, draft]) => draft)
}
