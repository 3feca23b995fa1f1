/**
 * What became of each draft, for the application that made it. A publication follows its draft through folding,
 * refusal and another try, until its event has been applied with everything beneath it.
 */
import type { Code } from '../protocol/index.ts'
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
  readonly #listeners = new Set<(state: DraftState) => void>()

  get state(): DraftState {
    return this.#state
  }

  /** Calls `listener` after each change of the state, until the function that it gives is called. */
  subscribe(listener: (state: DraftState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** For the stream alone. */
  become(state: DraftState): void {
    this.#state = state
    for (const listener of this.#listeners) listener(state)
  }
}

export class Publications {
  readonly #report: (error: unknown) => void
  readonly #byPlace = new Map<number, readonly Publication[]>()
  #aboveHoles: { readonly seq: number; readonly publications: readonly Publication[] }[] = []

  /** `report` is told of a listener that throws. */
  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

  /** The draft is in the outbox, at this place; folded away at once when there is none. */
  place(publication: Publication, place: number | undefined): void {
    if (place === undefined) this.#become([publication], { type: 'folded-away' })
    else this.#byPlace.set(place, [...(this.#byPlace.get(place) ?? []), publication])
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
    this.#become(publications, { type: 'queued' })
    return publications
  }

  /** `seen`: everything up to there has been applied. */
  left(leaving: readonly Leaving[], seen: number): void {
    if (this.#byPlace.size === 0) return
    for (const leave of leaving) {
      const publications = this.#byPlace.get(leave.place)
      if (publications === undefined) continue
      if (leave.type !== 'refused') this.#byPlace.delete(leave.place)
      switch (leave.type) {
        case 'on-tape':
          this.#landed(publications, leave.seq, seen)
          break
        case 'folded':
          for (const publication of publications) this.place(publication, leave.into)
          break
        case 'refused':
          this.#become(publications, leave)
          break
        case 'discarded':
          this.#become(publications, leave)
      }
    }
  }

  /** Everything up to `seen` has been applied. */
  applied(seen: number): void {
    if (this.#aboveHoles.length === 0) return
    const applied = this.#aboveHoles.filter(({ seq }) => seq <= seen)
    this.#aboveHoles = this.#aboveHoles.filter(({ seq }) => seq > seen)
    for (const { seq, publications } of applied) this.#become(publications, { type: 'applied', seq })
  }

  #landed(publications: readonly Publication[], seq: number | undefined, seen: number): void {
    if (seq === undefined || seq <= seen) return this.#become(publications, { type: 'applied', seq })
    this.#aboveHoles.push({ seq, publications })
    this.#become(publications, { type: 'on-tape', seq })
  }

  #become(publications: readonly Publication[], state: DraftState): void {
    for (const publication of publications) {
      try {
        publication.become(state)
      } catch (error) {
        this.#report(error)
      }
    }
  }
}
