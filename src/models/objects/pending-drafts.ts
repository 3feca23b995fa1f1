/**
 * The pending drafts of one collection, by object and in the order in which they were made. Each has the seq that it acts
 * under until it has one.
 */
import type { Draft } from '../../protocol/index.ts'

export interface PendingDraft {
  readonly draft: Draft
  readonly rank: number
}

const none: readonly PendingDraft[] = []

/** Pending drafts act as if they were beyond the end of every tape. */
export const firstPendingSeq = 2 ** 52

export class PendingDrafts {
  readonly #collection: string
  readonly #byObject = new Map<string, readonly PendingDraft[]>()
  #all: readonly Draft[] = []
  #nextRank = firstPendingSeq

  constructor(collection: string) {
    this.#collection = collection
  }

  of(identifier: string): readonly PendingDraft[] {
    return this.#byObject.get(identifier) ?? none
  }

  /** Takes what is pending now; gives the identifiers of the objects for which a draft was added or is gone. */
  take(pending: readonly Draft[]): ReadonlySet<string> {
    const touched = new Set<string>()
    if (pending === this.#all) return touched
    const { gone, added, isAtEnd } = difference(this.#all, pending)
    this.#all = pending
    if (!isAtEnd) return this.#takeAnew(touched)
    for (const draft of gone) {
      if (draft.collection !== this.#collection) continue
      touched.add(draft.identifier)
      const rest = this.of(draft.identifier).filter((each) => each.draft !== draft)
      if (rest.length > 0) this.#byObject.set(draft.identifier, rest)
      else this.#byObject.delete(draft.identifier)
    }
    for (const draft of added) this.#lay(draft, touched)
    return touched
  }

  reset(): void {
    this.#byObject.clear()
    this.#all = []
  }

  /** Drafts came that are older than some at hand: all are ranked again. */
  #takeAnew(touched: Set<string>): ReadonlySet<string> {
    for (const identifier of this.#byObject.keys()) touched.add(identifier)
    this.#byObject.clear()
    for (const draft of this.#all) this.#lay(draft, touched)
    return touched
  }

  #lay(draft: Draft, touched: Set<string>): void {
    if (draft.collection !== this.#collection) return
    touched.add(draft.identifier)
    this.#byObject.set(draft.identifier, [...this.of(draft.identifier), { draft, rank: this.#nextRank++ }])
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
