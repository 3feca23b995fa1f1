/**
 * The objects of one collection: what the tape made of them, by the stamp rule, and this client's pending drafts on
 * top. Models of an application hold one and turn what it shows into their own plain objects.
 *
 * Work is proportional to the objects that an `apply` touches, not to the collection.
 */
import { applyToObject, type Draft, type ObjectState, type TapeEvent, unborn, type Values } from '../protocol/index.ts'

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
  readonly #shown = new Map<string, { readonly since: number; readonly object: ShownObject }>()
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
    this.#list ??= [...this.#shown.values()].sort((a, b) => a.since - b.since).map(({ object }) => object)
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
    const { gone, added, isAtEnd } = difference(this.#pending, pending)
    this.#pending = pending
    if (!isAtEnd) return this.#takeAnew(touched)
    for (const draft of gone) {
      if (draft.collection !== this.#collection) continue
      touched.add(draft.identifier)
      const rest = (this.#drafts.get(draft.identifier) ?? []).filter((each) => each !== draft)
      if (rest.length > 0) this.#drafts.set(draft.identifier, rest)
      else this.#drafts.delete(draft.identifier)
    }
    for (const draft of added) this.#lay(draft, touched)
    return touched
  }

  /** Drafts came that are older than some at hand: all are ranked again. */
  #takeAnew(touched: Set<string>): ReadonlySet<string> {
    for (const identifier of this.#drafts.keys()) touched.add(identifier)
    this.#drafts.clear()
    for (const draft of this.#pending) this.#lay(draft, touched)
    return touched
  }

  #lay(draft: Draft, touched: Set<string>): void {
    if (draft.collection !== this.#collection) return
    touched.add(draft.identifier)
    this.#ranks.set(draft, this.#nextRank++)
    this.#drafts.set(draft.identifier, [...(this.#drafts.get(draft.identifier) ?? []), draft])
  }

  #show(identifier: string): void {
    this.#list = undefined
    const drafts = this.#drafts.get(identifier) ?? []
    let state = this.#onTape.get(identifier) ?? unborn
    for (const draft of drafts) state = applyToObject(state, draft, this.#ranks.get(draft) ?? pendingSeq)
    if (!state.isAlive) {
      this.#shown.delete(identifier)
      return
    }
    const values = Object.fromEntries(Array.from(state.fields, ([name, { value }]) => [name, value]))
    this.#shown.set(identifier, { since: state.since, object: { identifier, values, isPending: drafts.length > 0 } })
  }
}

/** What two lists differ in, between the start and the end that they share. `isAtEnd`: nothing follows what was added. */
function difference(before: readonly Draft[], after: readonly Draft[]) {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let end = 0
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end++
  const kept = new Set(after.slice(start, after.length - end))
  const known = new Set(before.slice(start, before.length - end))
  const gone = [...known].filter((draft) => !kept.has(draft))
  const added = [...kept].filter((draft) => !known.has(draft))
  const last = after.length - end - 1
  const isAtEnd = added.length === 0 || (end === 0 && added.every((draft, index) => after[last - added.length + 1 + index] === draft))
  return { gone, added, isAtEnd }
}
