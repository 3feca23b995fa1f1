/**
 * The drafts that are not on the tape yet, oldest first: folded while they wait, numbered when they are sent, taken
 * off when their events are seen. It decides and remembers; sending and saving is the publisher's work, and each
 * method that changes something gives what is to be saved.
 */
import { type Code, type Draft, groupByObject, objectKey, type TapeEvent } from '../../protocol/index.ts'
import type { OutboxItem, RefusedDraft, StreamStatus } from '../status.ts'
import type { OutboxEntry, RefusalNotes, Saved } from '../storage/store.ts'
import { foldOnto, windowOf } from './folding.ts'
import { isSomethingInTheWay } from './judging.ts'
import { OutboxEntries } from './outbox-entries.ts'
import { bytesOf, type Entry, isSame, type Leaving, nothing, type OutboxStep, refusedOf, sum, toSaved } from './outbox-entry.ts'
import type { OutboxView } from './outbox-view.ts'
import { dependsOn } from './rebase.ts'
import { type TakeOverOptions, takeOver } from './take-over.ts'

export interface OutboxBounds {
  readonly draftsMax: number
  readonly bytesMax: number
  readonly inFlightMax: number
  readonly inFlightBytesMax: number
  /** Deltas have been taken over all of 0 … this. */
  readonly upTo: number
  /** Whether deltas may go. */
  readonly hasDeltas: boolean
}

export class Outbox implements OutboxView {
  readonly #entries = new OutboxEntries()
  readonly #refused = new Map<number, OutboxEntry>()
  #nextPlace = 1
  #nextCounter = 1
  /** The highest counter of our own that was seen on the tape, and the last frame that was sent before that. */
  #taken = { counter: 0, ref: -1 }
  #lastRef = -1
  /** What was folded away altogether since the outbox was last empty. */
  #vanished = nothing
  client: string

  constructor(client: string) {
    this.client = client
  }

  get entries(): OutboxEntries {
    return this.#entries
  }

  /** What waits, and the refused drafts. */
  get all(): readonly OutboxEntry[] {
    return [...Array.from(this.#entries, toSaved), ...this.#refused.values()]
  }

  /** Whether a draft waits at this place. */
  has(place: number): boolean {
    return this.#entries.at(place) !== undefined
  }

  get pending(): readonly Draft[] {
    return this.#entries.pending
  }

  get items(): readonly OutboxItem[] {
    return this.#entries.items
  }

  get amount(): StreamStatus['outbox'] {
    return { ...this.#entries.waiting, made: sum(this.#entries.folded, this.#vanished) }
  }

  get oldestAt(): number | undefined {
    for (const { madeAt } of this.#entries) return madeAt
    return undefined
  }

  get refused(): readonly RefusedDraft[] {
    return Array.from(this.#refused.values(), refusedOf)
  }

  /** The newest place that was given. */
  get lastPlace(): number {
    return this.#nextPlace - 1
  }

  get nextCounter(): number {
    return this.#nextCounter
  }

  /**
   * Whether nothing here needs others' events one by one: nothing that was sent is to be found among them, and nothing that
   * waits is meant for what its field, or object, was.
   */
  get isIndifferent(): boolean {
    return this.firstGiven === undefined && !this.#entries.haveDeltas && !this.#entries.haveExpectations
  }

  /** Whether anything was ever sent. */
  get hasSent(): boolean {
    return this.#nextCounter > 1
  }

  /** The first counter that was given to a draft which is still here. */
  get firstGiven(): number | undefined {
    for (const { counter } of this.#entries) if (counter !== undefined) return counter
    return undefined
  }

  /** Takes up what was saved. To be called on an empty outbox. */
  restore({ client, nextCounter, outbox, lastPlace }: Saved, events: readonly TapeEvent[] = []): void {
    this.client = client
    this.#nextCounter = nextCounter
    this.#nextPlace = lastPlace + 1
    const kept = outbox.some(({ draft }) => draft.expect !== undefined) ? groupByObject(events) : undefined
    for (const entry of outbox) {
      const { draft, refused, place } = entry
      const isClear = draft.expect !== undefined && !isSomethingInTheWay(draft, kept?.get(objectKey(draft)) ?? [], client)
      if (refused === undefined) this.#entries.put({ ...entry, ref: undefined, isClear })
      else this.#refused.set(place, entry)
    }
  }

  /**
   * Adds a draft, folded with what waits of its object. Gives the place where it is now, unless nothing is left of it.
   * `upTo`: what the tape is known to, in order.
   */
  add(
    draft: Draft,
    madeAt: number,
    { isOnTape, upTo }: { readonly isOnTape: boolean; readonly upTo: number },
  ): OutboxStep & { readonly place: number | undefined } {
    const bytes = bytesOf(draft)
    const own = { drafts: 1, bytes }
    const others = this.#entries.of(draft)
    const waiting = windowOf(others, draft)
    const { gone, last, newest } = foldOnto(waiting, draft, isOnTape || waiting.length < others.length)
    const leaving = waiting.slice(waiting.length - gone)
    const folded = leaving.reduce((total, each) => sum(total, each.folded), own)
    for (const { place } of leaving) this.#entries.delete(place)
    const older = waiting.at(-1)
    let entry: Omit<Entry, 'bytes'> | undefined
    if (newest !== undefined)
      entry = {
        place: this.#nextPlace++,
        draft: newest,
        madeAt: leaving[0]?.madeAt ?? madeAt,
        folded,
        ref: undefined,
        isClear: newest.expect !== undefined && newest.seen >= upTo && leaving.every(({ isClear }) => isClear === true),
      }
    else if (last !== undefined && older !== undefined) entry = { ...older, draft: last, folded: sum(older.folded, own) }
    if (entry === undefined) this.#vanished = sum(this.#vanished, folded)
    return {
      place: entry?.place,
      change: { put: entry === undefined ? [] : [toSaved(this.#entries.put(entry))], remove: leaving.map(({ place }) => place) },
      leaving: leaving.map(({ place }) => ({ type: 'folded', place, into: entry?.place })),
    }
  }

  /** Gives counters to the drafts that go next, at most so many and so large together. */
  take({ draftsMax, bytesMax, inFlightMax, inFlightBytesMax, upTo, hasDeltas }: OutboxBounds): readonly Entry[] {
    const batch: Entry[] = []
    let inFlight = 0
    let inFlightBytes = 0
    let bytes = 0
    for (const entry of this.#entries) {
      if (entry.ref !== undefined) {
        inFlightBytes += entry.bytes
        if (++inFlight >= inFlightMax || inFlightBytes >= inFlightBytesMax) return []
        continue
      }
      // What is typed meanwhile goes together: were the first of it refused for another's sake, all behind it would be in vain.
      if (entry.draft.deltas !== undefined && (!hasDeltas || this.#entries.hasDeltasUnderWay(entry.draft))) break
      // One whose event came first, above a hole, leaves a gap: what lies beneath it has been taken, too.
      const previous = batch.at(-1)?.counter
      if (previous !== undefined && (entry.counter ?? this.#nextCounter) !== previous + 1) break
      bytes += entry.bytes
      if (batch.length >= draftsMax || (bytes > bytesMax && batch.length > 0)) break
      batch.push(this.#prepare(entry, upTo))
    }
    return batch
  }

  /** Whether a draft that has fallen too far behind is known to have nothing in its way, so that it can be sent again. */
  canCatchUp(counter: number, upTo: number): boolean {
    const entry = this.#entries.withCounter(counter)
    return entry?.isClear === true && entry.draft.seen < upTo
  }

  /** The drafts at these places travel in a frame. Those that are gone meanwhile, or numbered anew, do not. */
  sent(batch: readonly OutboxEntry[], ref: number): void {
    this.#lastRef = ref
    for (const { place } of batch) {
      const entry = this.#entries.at(place)
      if (entry !== undefined) this.#entries.setRef(entry, ref)
    }
  }

  /** Nothing is under way any more: everything is to be sent again. */
  recall(): void {
    for (const entry of this.#entries) this.#entries.setRef(entry, undefined)
  }

  /**
   * Takes off the drafts whose events are among these. `isOurs` is false when an event has one of our counters and
   * other contents than our draft: then somebody else publishes under our id. Deltas stay until their event is among those
   * that are in order: above a hole it shows nothing yet.
   */
  confirm(
    events: readonly TapeEvent[],
    inOrder: readonly TapeEvent[] = events,
  ): OutboxStep & { readonly isOurs: boolean; readonly hadDeltas?: boolean } {
    const leaving: Leaving[] = []
    let hadDeltas = false
    let isOurs = true
    for (const event of events) {
      if (event.client === this.client && (event.counter ?? 0) > this.#taken.counter) {
        this.#taken = { counter: event.counter ?? 0, ref: this.#lastRef }
      }
      const entry = this.#entryOf(event)
      if (entry === undefined) isOurs &&= event.client !== this.client || (event.counter ?? 0) < this.#nextCounter
      else if (!isSame(entry.draft, event)) isOurs = false
      else if (entry.draft.deltas === undefined) leaving.push({ type: 'on-tape', place: entry.place, seq: event.seq })
    }
    if (isOurs && this.#entries.haveDeltas) {
      for (const event of inOrder) {
        const entry = this.#entryOf(event)
        if (entry?.draft.deltas === undefined) continue
        hadDeltas = true
        leaving.push({ type: 'on-tape', place: entry.place, seq: event.seq })
      }
    }
    return { ...this.#leave(leaving), isOurs, ...(hadDeltas ? { hadDeltas } : {}) }
  }

  #entryOf({ client, counter }: TapeEvent): Entry | undefined {
    return client !== this.client || counter === undefined ? undefined : this.#entries.withCounter(counter)
  }

  /** The tape has taken every draft up to this counter, though its events are not all known. */
  confirmUpTo(counter: number): OutboxStep {
    const taken = [...this.#entries].filter((entry) => entry.counter !== undefined && entry.counter <= counter)
    return this.#leave(taken.map(({ place }) => ({ type: 'on-tape', place, seq: undefined })))
  }

  /**
   * A frame was refused: for the drafts with this counter, or for all of it. They leave the outbox, and with an insert
   * what was written to its object afterwards; the drafts behind them are numbered anew.
   */
  refuse(
    ref: number,
    counter: number | undefined,
    { code, notes }: { code: Code; notes?: RefusalNotes | undefined },
  ): OutboxStep | undefined {
    const batch = [...this.#entries].filter((entry) => entry.ref === ref)
    if (batch.length === 0) return undefined
    const named = batch.filter((entry) => entry.counter === counter)
    // The whole batch was refused for it: the others are to be sent again.
    for (const entry of batch) this.#entries.setRef(entry, undefined)
    return this.#refuseAll(named.length > 0 ? named : batch, { code, notes })
  }

  #refuseAll(toBlame: readonly Entry[], { code, notes }: { code: Code; notes?: RefusalNotes | undefined }): OutboxStep {
    const first = toBlame.find(({ counter }) => counter !== undefined)?.counter ?? this.#nextCounter
    const leaving = [...new Set(toBlame.flatMap((entry) => [entry, ...this.#behind(entry)]))]
    const put: OutboxEntry[] = []
    for (const entry of leaving) {
      this.#entries.delete(entry.place)
      const { counter: _, ...rest } = toSaved(entry)
      const refused = { ...rest, refused: code, ...(notes === undefined ? {} : { refusal: notes }) }
      this.#refused.set(entry.place, refused)
      put.push(refused)
    }
    if (this.#entries.size === 0) this.#vanished = nothing
    const renumbered = this.renumberFrom(first)
    return {
      change: { ...renumbered.change, put: [...put, ...(renumbered.change.put ?? [])] },
      leaving: leaving.map(({ place }) => ({ type: 'refused', place, code })),
    }
  }

  /**
   * Somebody else's events have come, in the order of the tape: takes the pending deltas over them. Where an event has
   * replaced what they are meant for they leave the outbox, as the server would refuse them.
   */
  rebase(events: readonly TapeEvent[], onShown: TakeOverOptions['onShown']): OutboxStep {
    const others = events.filter(({ client }) => client !== this.client)
    return takeOver(this.#entries, others, {
      client: this.client,
      onShown,
      refuse: (entry, conflict) => this.#refuseAll([entry], { code: 'expect-failed', notes: { conflicts: [[conflict, conflict]] } }),
      drop: (entry) => this.#dropMoot(entry),
    })
  }

  /** Others have done what it was to do. */
  #dropMoot({ place, counter }: Entry): OutboxStep {
    this.#entries.delete(place)
    const { change } = counter === undefined ? { change: {} } : this.renumberFrom(counter)
    return { change: { ...change, remove: [place] }, leaving: [{ type: 'folded', place, into: undefined }] }
  }

  /** Those that would lie on nothing without it. */
  #behind({ place, draft }: Entry): readonly Entry[] {
    const later = this.#entries.of(draft).filter((entry) => entry.place > place)
    return dependsOn(draft, later)
  }

  /**
   * The drafts with this counter or a higher one get counters anew, from it on, and are to be sent again. What the server
   * said of a frame, `ref`, may be behind what it has taken since that was sent.
   */
  renumberFrom(expected: number, ref = Number.POSITIVE_INFINITY): OutboxStep {
    const first = ref <= this.#taken.ref ? Math.max(expected, this.#taken.counter + 1) : expected
    const numbered = [...this.#entries].filter(({ counter }) => counter !== undefined && counter >= first)
    const renumbered = numbered.map((entry, index) => ({ ...entry, counter: first + index, ref: undefined }))
    this.#entries.replace(renumbered)
    this.#nextCounter = first + renumbered.length
    return { change: { nextCounter: this.#nextCounter, put: renumbered.map(toSaved) }, leaving: [] }
  }

  /** Whoever publishes under the old id is somebody else: all that waits is ours, and gets new counters under a new id. */
  reidentify(client: string): OutboxStep {
    this.client = client
    this.#nextCounter = 1
    this.#taken = { counter: 0, ref: -1 }
    return {
      change: { client, nextCounter: 1, put: this.#replaceAll(({ counter: _, ...entry }) => ({ ...entry, ref: undefined })) },
      leaving: [],
    }
  }

  /**
   * The tape began anew: nothing that the drafts had seen is known to be there still, nor what their deltas are meant for.
   * Those up to the counter `taken` are on it, and wait for their events as they are.
   */
  forgetSeen(taken: number): OutboxStep {
    this.#taken = { counter: 0, ref: -1 }
    const isTaken = ({ counter }: Entry) => counter !== undefined && counter <= taken
    const withDeltas = [...this.#entries].filter((entry) => entry.draft.deltas !== undefined && !isTaken(entry))
    const { change, leaving } = this.#refuseAll(withDeltas, { code: 'wrong-epoch' })
    const put = this.#replaceAll((entry) => (isTaken(entry) ? entry : { ...entry, draft: { ...entry.draft, seen: -1 } }))
    return { change: { ...change, put: [...(change.put ?? []), ...put] }, leaving }
  }

  /** Forgets a refused draft; false when there is none at that place. */
  dropRefused(place: number): boolean {
    return this.#refused.delete(place)
  }

  #prepare(entry: Entry, upTo: number): Entry {
    const { draft, counter } = entry
    // What has a precondition of its own was not taken over anything: it has seen only what is not in its way.
    const isJudged = draft.expect === undefined ? draft.deltas !== undefined : entry.isClear === true
    const isUpToDate = !isJudged || draft.seen >= upTo
    if (counter !== undefined && isUpToDate) return entry
    const prepared = { ...entry, draft: isUpToDate ? draft : { ...draft, seen: upTo }, counter: counter ?? this.#nextCounter++ }
    this.#entries.replace([prepared])
    return prepared
  }

  #replaceAll(replace: (entry: Entry) => Entry): readonly OutboxEntry[] {
    const all = Array.from(this.#entries, replace)
    this.#entries.replace(all)
    return all.map(toSaved)
  }

  #leave(leaving: readonly Leaving[]): OutboxStep {
    for (const { place } of leaving) this.#entries.delete(place)
    if (this.#entries.size === 0) this.#vanished = nothing
    return { change: leaving.length === 0 ? {} : { remove: leaving.map(({ place }) => place) }, leaving }
  }
}
