/**
 * What became of each draft, for the application that made it. A publication follows its draft through folding,
 * refusal and another try, until its event has been applied with everything beneath it.
 */
import type { Code } from '../../protocol/index.ts'
import { Listeners, type Unsubscribe } from '../listeners.ts'
import type { OutboxEntry } from '../storage/store.ts'
import type { Leaving } from './outbox-entry.ts'

export type DraftState =
  /** Waits for a connection, and may still be folded with others. */
  | { readonly type: 'queued' }
  /** On its way, or it was when a connection was lost. */
  | { readonly type: 'sent' }
  /** On the tape, above a hole. */
  | { readonly type: 'on-tape'; readonly seq: number }
  /** On the tape, and applied with everything beneath it. The seq may be unknown when that was learnt later. */
  | { readonly type: 'applied'; readonly seq: number | undefined }
  /** The server does not take it: see `stream.retry` and `stream.discard`. */
  | { readonly type: 'refused'; readonly code: Code; readonly place: number }
  /** An insert and its delete met before anything was sent: nothing is left to send. */
  | { readonly type: 'folded-away' }
  | { readonly type: 'discarded' }

export class Publication {
  #state: DraftState = { type: 'queued' }
  readonly #listeners = new Listeners<DraftState>()

  get state(): DraftState {
    return this.#state
  }

  /** Calls `listener` after each change of the state, until the function that it gives is called. */
  subscribe(listener: (state: DraftState) => void): Unsubscribe {
    return this.#listeners.add(listener)
  }

  /** For the stream alone. `report` is told of a listener that throws. */
  become(state: DraftState, report: (error: unknown) => void): void {
    this.#state = state
    this.#listeners.tell(() => state, report)
  }
}

export class Publications {
  readonly #report: (error: unknown) => void
  readonly #byPlace = new Map<number, Publication[]>()
  /** Of drafts that nobody tells of any more, and the place of the last one that they lie behind. */
  #orphans: Publication[] = []
  #orphansBehind: number | undefined
  #aboveHoles: { readonly upTo: number; readonly seq: number | undefined; readonly publications: readonly Publication[] }[] = []

  /** `report` is told of a listener that throws. */
  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

  /** The draft is in the outbox, at this place; folded away at once when there is none. */
  place(publication: Publication, place: number | undefined): void {
    this.#placeAll([publication], place)
  }

  /** The drafts that these were to publish again are gone. */
  discarded(publications: readonly Publication[]): void {
    this.#become(publications, { type: 'discarded' })
  }

  sent(places: Iterable<number>): void {
    if (this.#byPlace.size === 0) return
    for (const place of places) {
      this.#become(
        (this.#byPlace.get(place) ?? []).filter(({ state }) => state.type === 'queued'),
        { type: 'sent' },
      )
    }
  }

  /** Takes away those of the draft at this place, which is to be published again. */
  take(place: number): readonly Publication[] {
    const publications = this.#byPlace.get(place) ?? []
    this.#byPlace.delete(place)
    const others = publications.filter(({ state }) => state.type !== 'queued')
    this.#become(others, { type: 'queued' })
    return publications
  }

  /** Of these, gives those that have not come to their end, to wait somewhere else. */
  takeBack(publications: readonly Publication[]): readonly Publication[] {
    const waiting = publications.filter(({ state }) => state.type === 'queued' || state.type === 'sent')
    for (const [place, at] of [...this.#byPlace]) {
      const others = at.filter((each) => !waiting.includes(each))
      if (others.length > 0) this.#byPlace.set(place, others)
      else this.#byPlace.delete(place)
    }
    return waiting
  }

  /** `seen`: everything up to there has been applied. */
  left(leaving: readonly Leaving[], seen: number): void {
    if (this.#byPlace.size === 0 && this.#orphans.length === 0) return
    for (const leave of leaving) {
      if (leave.place === this.#orphansBehind) this.#waitBehind(leave.type === 'folded' ? leave.into : undefined)
      const publications = this.#byPlace.get(leave.place)
      if (publications === undefined) continue
      if (leave.type !== 'refused') this.#byPlace.delete(leave.place)
      switch (leave.type) {
        case 'on-tape':
          this.#landed(publications, leave.seq, seen)
          break
        case 'folded':
          this.#placeAll(publications, leave.into)
          break
        case 'refused':
          this.#become(publications, leave)
          break
        case 'retried':
          this.#become(publications, { type: 'queued' })
          this.#placeAll(publications, leave.into)
          break
        case 'discarded':
          this.#become(publications, { type: 'discarded' })
      }
    }
  }

  /**
   * The outbox was read from a store that somebody else writes. Nobody says what became of a draft that is not there
   * any more. It was taken, and lies behind nothing but what waits now: when the last of that is gone, it is applied.
   * So it is with `lost` ones, of drafts that were taken by an owner who never said where they are.
   */
  found(outbox: readonly OutboxEntry[], lost: readonly Publication[]): void {
    const byPlace = new Map(outbox.map((entry) => [entry.place, entry]))
    const orphans = [...this.#orphans, ...lost]
    for (const [place, publications] of [...this.#byPlace]) {
      const entry = byPlace.get(place)
      if (entry === undefined) {
        this.#byPlace.delete(place)
        orphans.push(...publications)
      } else if (entry.refused !== undefined) {
        const waiting = publications.filter(({ state }) => state.type !== 'refused')
        this.#become(waiting, { type: 'refused', code: entry.refused, place })
      } else if (entry.counter !== undefined) this.sent([place])
    }
    this.#orphans = orphans
    this.#waitBehind(outbox.findLast(({ refused }) => refused === undefined)?.place)
  }

  #waitBehind(place: number | undefined): void {
    this.#orphansBehind = place
    if (place === undefined) this.#become(this.#orphans.splice(0), { type: 'applied', seq: undefined })
  }

  /** Everything up to `seen` has been applied. */
  applied(seen: number): void {
    if (this.#aboveHoles.length === 0) return
    const applied = this.#aboveHoles.filter(({ upTo }) => upTo <= seen)
    this.#aboveHoles = this.#aboveHoles.filter(({ upTo }) => upTo > seen)
    for (const { seq, publications } of applied) this.#become(publications, { type: 'applied', seq })
  }

  /** Another tape begins. What is beyond its end is not waited for any longer than for that: it may have been lost. */
  begin(latestSeq: number): void {
    this.#aboveHoles = this.#aboveHoles.map((each) => (each.upTo <= latestSeq ? each : { ...each, upTo: latestSeq, seq: undefined }))
  }

  /** A draft may stand for thousands, one more with each letter that is typed: the larger list takes the smaller one. */
  #placeAll(publications: Publication[], place: number | undefined): void {
    if (place === undefined) return this.#become(publications, { type: 'folded-away' })
    const there = this.#byPlace.get(place)
    if (there === undefined) this.#byPlace.set(place, publications)
    else for (const publication of publications) there.push(publication)
  }

  #landed(publications: readonly Publication[], seq: number | undefined, seen: number): void {
    if (seq === undefined || seq <= seen) return this.#become(publications, { type: 'applied', seq })
    this.#aboveHoles.push({ upTo: seq, seq, publications })
    this.#become(publications, { type: 'on-tape', seq })
  }

  #become(publications: readonly Publication[], state: DraftState): void {
    for (const publication of publications) publication.become(state, this.#report)
  }
}
