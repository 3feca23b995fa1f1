/**
 * The drafts that wait in an outbox, in order of place: found by place, by object and by counter, listed and summed up.
 * What becomes of them is the outbox's to decide.
 */
import { type Draft, freeze, objectKey } from '../../protocol/index.ts'
import type { OutboxItem } from '../status.ts'
import { type Amount, type Entry, itemOf, nothing, sizeOf, sum } from './outbox-entry.ts'

export class OutboxEntries implements Iterable<Entry> {
  readonly #byPlace = new Map<number, Entry>()
  /** The places of each object's drafts, rising. */
  readonly #byObject = new Map<string, readonly number[]>()
  readonly #byCounter = new Map<number, number>()
  #waiting = nothing
  #folded = nothing
  #withDeltas = 0
  #withExpect = 0
  #pending: readonly Draft[] | undefined
  /** What came behind `#pending` since it was put together. */
  #appended: Draft[] = []
  #items: readonly OutboxItem[] | undefined;

  [Symbol.iterator](): Iterator<Entry> {
    return this.#byPlace.values()
  }

  get size(): number {
    return this.#byPlace.size
  }

  /** The same array until a draft is added, changed or gone. */
  get pending(): readonly Draft[] {
    if (this.#pending === undefined) this.#pending = Array.from(this, ({ draft }) => draft)
    else if (this.#appended.length > 0) this.#pending = [...this.#pending, ...this.#appended]
    this.#appended = []
    return this.#pending
  }

  /** The same array until something in it changes. */
  get items(): readonly OutboxItem[] {
    this.#items ??= Array.from(this, (entry) => itemOf(entry, entry.ref !== undefined))
    return this.#items
  }

  /** Whether any of them has deltas, which are meant for one state of their field. */
  get haveDeltas(): boolean {
    return this.#withDeltas > 0
  }

  /** Whether any of them has a precondition. */
  get haveExpectations(): boolean {
    return this.#withExpect > 0
  }

  /** The sum of the entries. */
  get waiting(): Amount {
    return this.#waiting
  }

  /** The sum of what was folded into them, themselves included. */
  get folded(): Amount {
    return this.#folded
  }

  at(place: number): Entry | undefined {
    return this.#byPlace.get(place)
  }

  /** The places of all that is about the same object as this draft, rising. */
  placesOf(draft: Pick<Draft, 'collection' | 'identifier'>): readonly number[] {
    return this.#byObject.get(objectKey(draft)) ?? []
  }

  withCounter(counter: number): Entry | undefined {
    const place = this.#byCounter.get(counter)
    return place === undefined ? undefined : this.#byPlace.get(place)
  }

  /** The entries of an object, oldest first. */
  of(object: Pick<Draft, 'collection' | 'identifier'>): readonly Entry[] {
    return this.placesOf(object).flatMap((place) => this.#byPlace.get(place) ?? [])
  }

  /** Whether deltas of the draft's object travel in a frame. */
  hasDeltasUnderWay(draft: Draft): boolean {
    return this.of(draft).some((entry) => entry.ref !== undefined && entry.draft.deltas !== undefined)
  }

  /** The draft with this counter, if it travels in this frame. */
  sentWith(ref: number, counter: number): Draft | undefined {
    const entry = this.withCounter(counter)
    return entry?.ref === ref ? entry.draft : undefined
  }

  /** All of a frame is to be sent again, for the sake of the draft with this counter. Gives how often that was so. */
  tryAgain(ref: number, counter: number): number {
    let attempts = 0
    for (const entry of [...this]) {
      if (entry.ref !== ref) continue
      if (entry.counter === counter) attempts = (entry.attempts ?? 0) + 1
      this.replace([{ ...entry, ref: undefined, ...(entry.counter === counter ? { attempts } : {}) }])
    }
    return attempts
  }

  /** Adds an entry behind all others, or puts another draft in the place of an older one. */
  put(unweighed: Omit<Entry, 'bytes'>): Entry {
    const entry = { ...unweighed, bytes: sizeOf(unweighed) }
    const { place, draft, counter } = entry
    freeze(draft)
    const before = this.#byPlace.get(place)
    this.#byPlace.set(place, entry)
    if (counter !== undefined) this.#byCounter.set(counter, place)
    this.#items = undefined
    this.#count(entry, 1)
    if (before === undefined) {
      this.#byObject.set(objectKey(draft), [...this.placesOf(draft), place])
      this.#appended.push(draft)
    } else {
      this.#count(before, -1)
      this.#pending = undefined
    }
    return entry
  }

  /** Says other things of entries that are here: of their drafts, which weigh the same, or of their counters. */
  replace(entries: readonly Entry[]): void {
    // A new counter may be the old one of another.
    for (const { place } of entries) this.#forgetCounter(this.#byPlace.get(place))
    for (const entry of entries) {
      freeze(entry.draft)
      const { draft, ref } = this.#byPlace.get(entry.place) ?? {}
      if (draft !== entry.draft) this.#pending = undefined
      if (draft !== entry.draft || ref !== entry.ref) this.#items = undefined
      this.#byPlace.set(entry.place, entry)
      if (entry.counter !== undefined) this.#byCounter.set(entry.counter, entry.place)
    }
  }

  /** The same of all of them; gives what they are now. */
  replaceAll(replace: (entry: Entry) => Entry): readonly Entry[] {
    const all = Array.from(this, replace)
    this.replace(all)
    return all
  }

  /** It travels in this frame of the present link, or waits to be sent. */
  setRef(entry: Entry, ref: number | undefined): void {
    if (entry.ref === ref) return
    entry.ref = ref
    this.#items = undefined
  }

  delete(place: number): void {
    const entry = this.#byPlace.get(place)
    if (entry === undefined) return
    this.#byPlace.delete(place)
    this.#forgetCounter(entry)
    this.#pending = undefined
    this.#items = undefined
    this.#count(entry, -1)
    const rest = this.placesOf(entry.draft).filter((each) => each !== place)
    if (rest.length > 0) this.#byObject.set(objectKey(entry.draft), rest)
    else this.#byObject.delete(objectKey(entry.draft))
  }

  #forgetCounter(entry: Entry | undefined): void {
    if (entry?.counter !== undefined) this.#byCounter.delete(entry.counter)
  }

  #count({ draft, bytes, folded }: Entry, sign: 1 | -1): void {
    if (draft.deltas !== undefined) this.#withDeltas += sign
    if (draft.expect !== undefined) this.#withExpect += sign
    this.#waiting = sum(this.#waiting, { drafts: sign, bytes: sign * bytes })
    this.#folded = sum(this.#folded, { drafts: sign * folded.drafts, bytes: sign * folded.bytes })
  }
}
