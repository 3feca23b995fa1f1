/**
 * The drafts that are not on the tape yet, oldest first: folded while they wait, numbered when they are sent, taken
 * off when their events are seen. It decides and remembers; sending and saving is the publisher's work, and each
 * method that changes something gives what is to be saved.
 */
import { type Draft, groupByObject, objectKey, type TapeEvent } from '../../protocol/index.ts'
import type { OutboxItem, RefusedDraft, StreamStatus } from '../status.ts'
import type { OutboxEntry, Saved } from '../storage/store.ts'
import { foldOnto, windowOf } from './folding.ts'
import { isSomethingInTheWay } from './judging.ts'
import { Numbering } from './numbering.ts'
import { OutboxEntries } from './outbox-entries.ts'
import { bytesOf, type Entry, type Leaving, nothing, type OutboxStep, sum, toSaved } from './outbox-entry.ts'
import type { OutboxView } from './outbox-view.ts'
import { recognize } from './own-events.ts'
import { dependsOn } from './rebase.ts'
import { RefusedDrafts, type Verdict } from './refused-drafts.ts'
import { type TakeOverOptions, takeOver } from './take-over.ts'

export class Outbox implements OutboxView {
  readonly entries = new OutboxEntries()
  readonly numbering = new Numbering(this.entries)
  readonly #refused = new RefusedDrafts()
  #nextPlace = 1
  /** What was folded away altogether since the outbox was last empty. */
  #vanished = nothing
  client: string

  constructor(client: string) {
    this.client = client
  }

  /** What waits, and the refused drafts. */
  get all(): readonly OutboxEntry[] {
    return [...Array.from(this.entries, toSaved), ...this.#refused.entries]
  }

  /** Whether a draft waits at this place. */
  has(place: number): boolean {
    return this.entries.at(place) !== undefined
  }

  get pending(): readonly Draft[] {
    return this.entries.pending
  }

  get items(): readonly OutboxItem[] {
    return this.entries.items
  }

  get amount(): StreamStatus['outbox'] {
    return { ...this.entries.waiting, made: sum(this.entries.folded, this.#vanished) }
  }

  get oldestAt(): number | undefined {
    for (const { madeAt } of this.entries) return madeAt
    return undefined
  }

  get refused(): readonly RefusedDraft[] {
    return this.#refused.list
  }

  /** The newest place that was given. */
  get lastPlace(): number {
    return this.#nextPlace - 1
  }

  get nextCounter(): number {
    return this.numbering.next
  }

  /**
   * Whether nothing here needs others' events one by one: nothing that was sent is to be found among them, and nothing that
   * waits is meant for what its field, or object, was.
   */
  get isIndifferent(): boolean {
    return this.numbering.firstGiven === undefined && !this.entries.haveDeltas && !this.entries.haveExpectations
  }

  /** Whether anything was ever sent. */
  get hasSent(): boolean {
    return this.numbering.next > 1
  }

  /** Takes up what was saved. To be called on an empty outbox. */
  restore({ client, nextCounter, outbox, lastPlace }: Saved, events: readonly TapeEvent[] = []): void {
    this.client = client
    this.numbering.restore(nextCounter)
    this.#nextPlace = lastPlace + 1
    const kept = outbox.some(({ draft }) => draft.expect !== undefined) ? groupByObject(events) : undefined
    for (const entry of outbox) {
      const { draft, refused } = entry
      const isClear = draft.expect !== undefined && !isSomethingInTheWay(draft, kept?.get(objectKey(draft)) ?? [], client)
      if (refused === undefined) this.entries.put({ ...entry, ref: undefined, isClear })
      else this.#refused.restore(entry)
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
    const others = this.entries.of(draft)
    const waiting = windowOf(others, draft)
    const { gone, last, newest } = foldOnto(waiting, draft, isOnTape || waiting.length < others.length)
    const leaving = waiting.slice(waiting.length - gone)
    const folded = leaving.reduce((total, each) => sum(total, each.folded), own)
    for (const { place } of leaving) this.entries.delete(place)
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
      change: { put: entry === undefined ? [] : [toSaved(this.entries.put(entry))], remove: leaving.map(({ place }) => place) },
      leaving: leaving.map(({ place }) => ({ type: 'folded', place, into: entry?.place })),
    }
  }

  /** Takes off the drafts whose events are among these; `isOurs` is false when somebody else publishes under our id. */
  confirm(
    events: readonly TapeEvent[],
    inOrder: readonly TapeEvent[] = events,
  ): OutboxStep & { readonly isOurs: boolean; readonly hadDeltas: boolean } {
    const us = { client: this.client, next: this.numbering.next }
    const { leaving, hadDeltas, isOurs, counter } = recognize(this.entries, { events, inOrder }, us)
    this.numbering.taken(counter)
    return { ...this.#leave(leaving), isOurs, hadDeltas }
  }

  /** The tape has taken every draft up to this counter, though its events are not all known. */
  confirmUpTo(counter: number): OutboxStep {
    const taken = [...this.entries].filter((entry) => entry.counter !== undefined && entry.counter <= counter)
    return this.#leave(taken.map(({ place }) => ({ type: 'on-tape', place, seq: undefined })))
  }

  /**
   * A frame was refused: for the drafts with this counter, or for all of it. They leave the outbox, and with an insert
   * what was written to its object afterwards; the drafts behind them are numbered anew.
   */
  refuse(ref: number, counter: number | undefined, verdict: Verdict): OutboxStep | undefined {
    const batch = [...this.entries].filter((entry) => entry.ref === ref)
    if (batch.length === 0) return undefined
    const named = batch.filter((entry) => entry.counter === counter)
    // The whole batch was refused for it: the others are to be sent again.
    for (const entry of batch) this.entries.setRef(entry, undefined)
    return this.#refuseAll(named.length > 0 ? named : batch, verdict)
  }

  #refuseAll(toBlame: readonly Entry[], verdict: Verdict): OutboxStep {
    const first = toBlame.find(({ counter }) => counter !== undefined)?.counter ?? this.numbering.next
    const refused = [...new Set(toBlame.flatMap((entry) => [entry, ...this.#behind(entry)]))]
    const put = refused.map((entry) => this.#refused.keep(entry, verdict))
    const { leaving } = this.#leave(refused.map(({ place }) => ({ type: 'refused', place, code: verdict.code })))
    const { change } = this.numbering.renumberFrom(first)
    return { change: { ...change, put: [...put, ...(change.put ?? [])] }, leaving }
  }

  /**
   * Somebody else's events have come, in the order of the tape: takes the pending deltas over them. Where an event has
   * replaced what they are meant for they leave the outbox, as the server would refuse them.
   */
  rebase(events: readonly TapeEvent[], onShown: TakeOverOptions['onShown']): OutboxStep {
    const others = events.filter(({ client }) => client !== this.client)
    return takeOver(this.entries, others, {
      client: this.client,
      onShown,
      refuse: (entry, conflict) => this.#refuseAll([entry], { code: 'expect-failed', notes: { conflicts: [[conflict, conflict]] } }),
      drop: (entry) => this.#dropMoot(entry),
    })
  }

  /** Others have done what it was to do. */
  #dropMoot({ place, counter }: Entry): OutboxStep {
    const left = this.#leave([{ type: 'folded', place, into: undefined }])
    const { change } = counter === undefined ? { change: {} } : this.numbering.renumberFrom(counter)
    return { ...left, change: { ...change, ...left.change } }
  }

  /** Those that would lie on nothing without it. */
  #behind({ place, draft }: Entry): readonly Entry[] {
    const later = this.entries.of(draft).filter((entry) => entry.place > place)
    return dependsOn(draft, later)
  }

  /** Whoever publishes under the old id is somebody else: all that waits is ours, and gets new counters under a new id. */
  reidentify(client: string): OutboxStep {
    this.client = client
    return { change: { client, ...this.numbering.beginAnew() }, leaving: [] }
  }

  /**
   * The tape began anew: nothing that the drafts had seen is known to be there still, nor what their deltas are meant for.
   * Those up to the counter `taken` are on it, and wait for their events as they are.
   */
  forgetSeen(taken: number): OutboxStep {
    this.numbering.forgetTaken()
    const isTaken = ({ counter }: Entry) => counter !== undefined && counter <= taken
    const withDeltas = [...this.entries].filter((entry) => entry.draft.deltas !== undefined && !isTaken(entry))
    const { change, leaving } = this.#refuseAll(withDeltas, { code: 'wrong-epoch' })
    const unseen = this.entries.replaceAll((entry) => (isTaken(entry) ? entry : { ...entry, draft: { ...entry.draft, seen: -1 } }))
    return { change: { ...change, put: [...(change.put ?? []), ...unseen.map(toSaved)] }, leaving }
  }

  /** Forgets a refused draft; false when there is none at that place. */
  dropRefused(place: number): boolean {
    return this.#refused.drop(place)
  }

  #leave(leaving: readonly Leaving[]): OutboxStep {
    for (const { place } of leaving) this.entries.delete(place)
    if (this.entries.size === 0) this.#vanished = nothing
    return { change: leaving.length === 0 ? {} : { remove: leaving.map(({ place }) => place) }, leaving }
  }
}
