/**
 * The drafts that are not on the tape yet, oldest first: folded while they wait, numbered when they are sent, taken
 * off when their events are seen. It decides and remembers; sending and saving is the publisher's work, and each
 * method that changes something gives what is to be saved.
 */
import { type Code, type Draft, eventBytesMax, foldDraft, objectKey, type TapeEvent } from '../../protocol/index.ts'
import type { OutboxEntry, Saved } from '../storage/store.ts'
import { type Amount, bytesOf, type Entry, isSame, type Leaving, nothing, type OutboxStep, sizeOf, sum, toSaved } from './outbox-entry.ts'

export class Outbox {
  /** In order of place. */
  readonly #entries = new Map<number, Entry>()
  readonly #refused = new Map<number, OutboxEntry>()
  /** The places of each object's drafts, rising. */
  readonly #byObject = new Map<string, readonly number[]>()
  readonly #byCounter = new Map<number, number>()
  #nextPlace = 1
  #nextCounter = 1
  /** The sum of the entries, and of what was folded into them. */
  #waiting = nothing
  #folded = nothing
  /** What was folded away altogether since the outbox was last empty. */
  #vanished = nothing
  #pending: readonly Draft[] | undefined
  /** What came behind `#pending` since it was put together. */
  #appended: Draft[] = []
  client: string

  constructor(client: string) {
    this.client = client
  }

  /** Drafts that are not on the tape, oldest first: the same array until one is added, changed or gone. */
  get pending(): readonly Draft[] {
    if (this.#pending === undefined) this.#pending = Array.from(this.#entries.values(), ({ draft }) => draft)
    else if (this.#appended.length > 0) this.#pending = [...this.#pending, ...this.#appended]
    this.#appended = []
    return this.#pending
  }

  get entries(): Iterable<Readonly<Entry>> {
    return this.#entries.values()
  }

  get size(): number {
    return this.#entries.size
  }

  get oldestAt(): number | undefined {
    for (const { madeAt } of this.#entries.values()) return madeAt
    return undefined
  }

  get refused(): Iterable<OutboxEntry> {
    return this.#refused.values()
  }

  get nextCounter(): number {
    return this.#nextCounter
  }

  /** The first counter that was given to a draft which is still here. */
  get firstGiven(): number | undefined {
    for (const { counter } of this.#entries.values()) if (counter !== undefined) return counter
    return undefined
  }

  /** What waits, and what was made to come to that. */
  get amount(): Amount & { readonly made: Amount } {
    return { ...this.#waiting, made: sum(this.#folded, this.#vanished) }
  }

  /** Takes up what was saved. To be called on an empty outbox. */
  restore({ client, nextCounter, outbox, lastPlace }: Saved): void {
    this.client = client
    this.#nextCounter = nextCounter
    this.#nextPlace = lastPlace + 1
    for (const entry of outbox) {
      if (entry.refused === undefined) this.#set({ ...entry, ref: undefined })
      else this.#refused.set(entry.place, entry)
    }
  }

  /** Adds a draft, folded with what waits of its object. Gives the place where it is now, unless nothing is left of it. */
  add(draft: Draft, madeAt: number, isOnTape: boolean): OutboxStep & { readonly place: number | undefined } {
    const bytes = bytesOf(draft)
    const own = { drafts: 1, bytes }
    const places = this.#byObject.get(objectKey(draft)) ?? []
    const waiting = this.#window(places, draft)
    const { gone, last, newest } = this.#fold(waiting, draft, isOnTape || waiting.length < places.length)
    const leaving = waiting.slice(waiting.length - gone)
    const folded = leaving.reduce((total, each) => sum(total, each.folded), own)
    for (const { place } of leaving) this.#delete(place)
    const older = waiting.at(-1)
    let entry: Omit<Entry, 'bytes'> | undefined
    if (newest !== undefined)
      entry = { place: this.#nextPlace++, draft: newest, madeAt: leaving[0]?.madeAt ?? madeAt, folded, ref: undefined }
    else if (last !== undefined && older !== undefined) entry = { ...older, draft: last, folded: sum(older.folded, own) }
    if (entry === undefined) this.#vanished = sum(this.#vanished, folded)
    return {
      place: entry?.place,
      change: { put: entry === undefined ? [] : [toSaved(this.#set(entry))], remove: leaving.map(({ place }) => place) },
      leaving: leaving.map(({ place }) => ({ type: 'folded', place, into: entry?.place })),
    }
  }

  /** The drafts of the object at the end of `places` that a new one may be folded with: unsent, and of its `seen`. */
  #window(places: readonly number[], { seen }: Draft): readonly Entry[] {
    const waiting: Entry[] = []
    for (let i = places.length - 1; i >= 0; i--) {
      const entry = this.#entries.get(places[i] as number)
      if (entry === undefined || entry.counter !== undefined || entry.draft.seen !== seen) break
      waiting.unshift(entry)
    }
    return waiting
  }

  #fold(waiting: readonly Entry[], draft: Draft, isKnown: boolean) {
    const step = foldDraft(
      waiting.map((entry) => entry.draft),
      draft,
      isKnown,
    )
    const grown = step.last ?? (step.newest === draft ? undefined : step.newest)
    // No event may be larger than that; what stands around the draft takes less than a sixteenth.
    const isTooLarge = grown !== undefined && bytesOf(grown) > (eventBytesMax * 15) / 16
    return isTooLarge ? { gone: 0, newest: draft } : step
  }

  /** Gives counters to the drafts that go next, at most so many and so large together. */
  take({ draftsMax, bytesMax, inFlightMax }: { draftsMax: number; bytesMax: number; inFlightMax: number }): readonly Entry[] {
    const batch: Entry[] = []
    let inFlight = 0
    let bytes = 0
    for (const entry of this.#entries.values()) {
      if (entry.ref !== undefined) {
        if (++inFlight >= inFlightMax) return []
        continue
      }
      // One whose event came first, above a hole, leaves a gap: what lies beneath it has been taken, too.
      const previous = batch.at(-1)?.counter
      if (previous !== undefined && (entry.counter ?? this.#nextCounter) !== previous + 1) break
      bytes += entry.bytes
      if (batch.length >= draftsMax || (bytes > bytesMax && batch.length > 0)) break
      batch.push(entry.counter === undefined ? this.#set({ ...entry, counter: this.#nextCounter++ }) : entry)
    }
    return batch
  }

  /** The drafts at these places travel in a frame. Those that are gone meanwhile, or numbered anew, do not. */
  sent(batch: readonly OutboxEntry[], ref: number): void {
    for (const { place } of batch) {
      const entry = this.#entries.get(place)
      if (entry !== undefined) entry.ref = ref
    }
  }

  /** Nothing is under way any more: everything is to be sent again. */
  recall(): void {
    for (const entry of this.#entries.values()) entry.ref = undefined
  }

  /**
   * Takes off the drafts whose events are among these. `isOurs` is false when an event has one of our counters and
   * other contents than our draft: then somebody else publishes under our id.
   */
  confirm(events: readonly TapeEvent[]): OutboxStep & { readonly isOurs: boolean } {
    const leaving: Leaving[] = []
    let isOurs = true
    for (const event of events) {
      if (event.client !== this.client || event.counter === undefined) continue
      const place = this.#byCounter.get(event.counter)
      const entry = place === undefined ? undefined : this.#entries.get(place)
      if (entry === undefined) isOurs &&= event.counter < this.#nextCounter
      else if (!isSame(entry.draft, event)) isOurs = false
      else leaving.push({ type: 'on-tape', place: entry.place, seq: event.seq })
    }
    return { ...this.#leave(leaving), isOurs }
  }

  /** The tape has taken every draft up to this counter, though its events are not all known. */
  confirmUpTo(counter: number): OutboxStep {
    const taken = [...this.#entries.values()].filter((entry) => entry.counter !== undefined && entry.counter <= counter)
    return this.#leave(taken.map(({ place }) => ({ type: 'on-tape', place, seq: undefined })))
  }

  /**
   * A frame was refused: for the drafts with this counter, or for all of it. They leave the outbox, and with an insert
   * what was written to its object afterwards; the drafts behind them are numbered anew.
   */
  refuse(ref: number, counter: number | undefined, code: Code): OutboxStep | undefined {
    const batch = [...this.#entries.values()].filter((entry) => entry.ref === ref)
    if (batch.length === 0) return undefined
    const named = batch.filter((entry) => entry.counter === counter)
    const toBlame = named.length > 0 ? named : batch
    const first = toBlame[0]?.counter ?? this.#nextCounter
    // The whole batch was refused for it: the others are to be sent again.
    for (const entry of batch) entry.ref = undefined
    const leaving = [...new Set(toBlame.flatMap((entry) => [entry, ...this.#dependentsOf(entry)]))]
    const put: OutboxEntry[] = []
    for (const entry of leaving) {
      this.#delete(entry.place)
      const { counter: _, ...refused } = toSaved(entry)
      this.#refused.set(entry.place, { ...refused, refused: code })
      put.push({ ...refused, refused: code })
    }
    if (this.#entries.size === 0) this.#vanished = nothing
    const renumbered = this.renumberFrom(first)
    return {
      change: { ...renumbered.change, put: [...put, ...(renumbered.change.put ?? [])] },
      leaving: leaving.map(({ place }) => ({ type: 'refused', place, code })),
    }
  }

  /** Without its insert an object is not there to be written to; another insert makes a new beginning. */
  #dependentsOf({ place, draft }: Entry): readonly Entry[] {
    if (draft.type !== 'insert') return []
    const later = (this.#byObject.get(objectKey(draft)) ?? []).filter((each) => each > place)
    const entries = later.flatMap((each) => this.#entries.get(each) ?? [])
    const reborn = entries.findIndex((entry) => entry.draft.type === 'insert')
    return reborn < 0 ? entries : entries.slice(0, reborn)
  }

  /** The drafts with this counter or a higher one get counters anew, from it on, and are to be sent again. */
  renumberFrom(first: number): OutboxStep {
    let next = first
    const put: OutboxEntry[] = []
    for (const entry of [...this.#entries.values()]) {
      if (entry.counter === undefined || entry.counter < first) continue
      this.#byCounter.delete(entry.counter)
      const renumbered = { ...entry, counter: next++, ref: undefined }
      this.#entries.set(entry.place, renumbered)
      put.push(toSaved(renumbered))
    }
    for (const { place, counter } of put) this.#byCounter.set(counter as number, place)
    this.#nextCounter = next
    return { change: { nextCounter: next, put }, leaving: [] }
  }

  /** Whoever publishes under the old id is somebody else: all that waits is ours, and gets new counters under a new id. */
  reidentify(client: string): OutboxStep {
    this.client = client
    this.#nextCounter = 1
    this.#byCounter.clear()
    return {
      change: { client, nextCounter: 1, put: this.#replaceAll(({ counter: _, ...entry }) => ({ ...entry, ref: undefined })) },
      leaving: [],
    }
  }

  /** The tape began anew: nothing that the drafts had seen is known to be there still. */
  forgetSeen(): OutboxStep {
    return { change: { put: this.#replaceAll((entry) => ({ ...entry, draft: { ...entry.draft, seen: -1 } })) }, leaving: [] }
  }

  /** Forgets a refused draft; false when there is none at that place. */
  dropRefused(place: number): boolean {
    return this.#refused.delete(place)
  }

  #replaceAll(replace: (entry: Entry) => Entry): readonly OutboxEntry[] {
    this.#pending = undefined
    const all = Array.from(this.#entries.values(), replace)
    for (const entry of all) this.#entries.set(entry.place, entry)
    return all.map(toSaved)
  }

  #leave(leaving: readonly Leaving[]): OutboxStep {
    for (const { place } of leaving) this.#delete(place)
    if (this.#entries.size === 0) this.#vanished = nothing
    return { change: leaving.length === 0 ? {} : { remove: leaving.map(({ place }) => place) }, leaving }
  }

  #set(unweighed: Omit<Entry, 'bytes'>): Entry {
    const before = this.#entries.get(unweighed.place)
    const isSameDraft = before?.draft === unweighed.draft
    const entry = { ...unweighed, bytes: isSameDraft ? before.bytes : sizeOf(unweighed) }
    this.#entries.set(entry.place, entry)
    this.#count(before, -1)
    this.#count(entry, 1)
    if (entry.counter !== undefined) this.#byCounter.set(entry.counter, entry.place)
    if (before === undefined) this.#appended.push(entry.draft)
    else if (!isSameDraft) this.#pending = undefined
    if (before !== undefined) return entry
    const key = objectKey(entry.draft)
    this.#byObject.set(key, [...(this.#byObject.get(key) ?? []), entry.place])
    return entry
  }

  #count(entry: Entry | undefined, sign: 1 | -1): void {
    if (entry === undefined) return
    const { bytes, folded } = entry
    this.#waiting = sum(this.#waiting, { drafts: sign, bytes: sign * bytes })
    this.#folded = sum(this.#folded, { drafts: sign * folded.drafts, bytes: sign * folded.bytes })
  }

  #delete(place: number): void {
    const entry = this.#entries.get(place)
    if (entry === undefined) return
    this.#pending = undefined
    this.#entries.delete(place)
    this.#count(entry, -1)
    if (entry.counter !== undefined) this.#byCounter.delete(entry.counter)
    const key = objectKey(entry.draft)
    const rest = (this.#byObject.get(key) ?? []).filter((each) => each !== place)
    if (rest.length > 0) this.#byObject.set(key, rest)
    else this.#byObject.delete(key)
  }
}
