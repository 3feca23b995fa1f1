/**
 * The objects of one collection: what the tape made of them, by the stamp rule, and this client's pending drafts on
 * top. Models of an application hold one and turn what it shows into their own plain objects.
 *
 * Work is proportional to the objects that an `apply` touches, not to the collection.
 */
import { applyToObject, type Draft, isVisible, type ObjectState, type TapeEvent, unborn, type Values } from '../protocol/index.ts'

/** An object as it is to be shown. A new value whenever it changes, so that it can be compared by identity. */
export interface ShownObject {
  readonly identifier: string
  readonly values: Values
  /** Whether drafts that are not on the tape yet have a part in it. */
  readonly isPending: boolean
}

/** Pending drafts act as if they were far beyond the end of the tape, in the order in which they were made. */
const pendingSeq = 2 ** 52

export class StampedObjects {
  readonly #collection: string
  /** What the tape alone says. */
  readonly #onTape = new Map<string, ObjectState>()
  readonly #drafts = new Map<string, readonly Draft[]>()
  readonly #shown = new Map<string, { readonly born: number; readonly object: ShownObject }>()
  #pending: readonly Draft[] = []
  /** The pending drafts in the order in which they were made, each with the seq that it acts under until it has one. */
  readonly #ranks = new WeakMap<Draft, number>()
  #nextRank = pendingSeq
  #list: readonly ShownObject[] | undefined = []

  constructor(collection: string) {
    this.#collection = collection
  }

  /** Applies what a reconciler's `apply` gets; gives the identifiers of the objects that may show differently now. */
  apply(events: readonly TapeEvent[], pending: readonly Draft[]): ReadonlySet<string> {
    const touched = new Set<string>()
    for (const event of events) {
      if (event.collection !== this.#collection) continue
      const before = this.#onTape.get(event.identifier) ?? unborn
      const after = applyToObject(before, event, event.seq)
      if (after === before) continue
      this.#onTape.set(event.identifier, after)
      touched.add(event.identifier)
    }
    for (const identifier of this.#takePending(pending)) touched.add(identifier)
    for (const identifier of touched) this.#show(identifier)
    return touched
  }

  get(identifier: string): ShownObject | undefined {
    return this.#shown.get(identifier)?.object
  }

  /** All visible objects in the order of their inserts. The same array until one of them changes. */
  get list(): readonly ShownObject[] {
    this.#list ??= [...this.#shown.values()].sort((a, b) => a.born - b.born).map(({ object }) => object)
    return this.#list
  }

  reset(): void {
    this.#onTape.clear()
    this.#drafts.clear()
    this.#shown.clear()
    this.#pending = []
    this.#list = undefined
  }

  /** Gives the identifiers of the objects for which a draft was added or is gone. */
  #takePending(pending: readonly Draft[]): ReadonlySet<string> {
    const touched = new Set<string>()
    if (pending === this.#pending) return touched
    const before = new Set(this.#pending)
    const after = new Set(pending)
    for (const draft of before.symmetricDifference(after)) {
      if (draft.collection === this.#collection) touched.add(draft.identifier)
    }
    for (const identifier of touched) this.#drafts.delete(identifier)
    for (const draft of pending) {
      this.#rankOf(draft)
      if (draft.collection !== this.#collection || !touched.has(draft.identifier)) continue
      this.#drafts.set(draft.identifier, [...(this.#drafts.get(draft.identifier) ?? []), draft])
    }
    this.#pending = pending
    return touched
  }

  #rankOf(draft: Draft): number {
    const known = this.#ranks.get(draft)
    if (known !== undefined) return known
    this.#ranks.set(draft, this.#nextRank)
    return this.#nextRank++
  }

  #show(identifier: string): void {
    this.#list = undefined
    const drafts = this.#drafts.get(identifier) ?? []
    let state = this.#onTape.get(identifier) ?? unborn
    for (const draft of drafts) state = applyToObject(state, draft, this.#rankOf(draft))
    if (!isVisible(state)) {
      this.#shown.delete(identifier)
      return
    }
    const values = Object.fromEntries(Array.from(state.fields, ([name, { value }]) => [name, value]))
    this.#shown.set(identifier, { born: state.born, object: { identifier, values, isPending: drafts.length > 0 } })
  }
}
