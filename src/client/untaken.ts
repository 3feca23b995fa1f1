/** The drafts of this tab that no owner has taken yet, numbered 1, 2, 3 … for as long as the tab lives. */
import type { Draft } from '../protocol/index.ts'
import type { Publication } from './publications.ts'
import type { TabDraft } from './tabs.ts'

export interface UntakenDraft {
  readonly number: number
  readonly draft: TabDraft
  readonly pending: Draft
  readonly publications: readonly Publication[]
  readonly madeAt: number
}

export class Untaken {
  #drafts: readonly UntakenDraft[] = []
  #pending: readonly Draft[] | undefined
  #made = 0
  /** Taken, but where they are now is not known yet. */
  readonly #unplaced = new Map<number, readonly Publication[]>()

  get drafts(): readonly UntakenDraft[] {
    return this.#drafts
  }

  get pending(): readonly Draft[] {
    this.#pending ??= this.#drafts.map(({ pending }) => pending)
    return this.#pending
  }

  add(draft: TabDraft, publications: readonly Publication[], madeAt: number): UntakenDraft {
    const pending = { ...draft.change, seen: draft.seen }
    const untaken = { number: ++this.#made, draft, pending, publications, madeAt }
    this.#set([...this.#drafts, untaken])
    return untaken
  }

  /** An owner has taken so many of all that were made; whether there were any among them. */
  taken(count: number): boolean {
    const taken = this.#drafts.filter(({ number }) => number <= count)
    if (taken.length === 0) return false
    for (const { number, publications } of taken) this.#unplaced.set(number, publications)
    this.#set(this.#drafts.filter(({ number }) => number > count))
    return true
  }

  /** This tab is the owner now: they go into its own outbox. */
  takeAll(): readonly UntakenDraft[] {
    const all = this.#drafts
    this.#set([])
    return all
  }

  /** Gives the publications of a draft that was taken, once. */
  place(number: number): readonly Publication[] {
    const publications = this.#unplaced.get(number) ?? []
    this.#unplaced.delete(number)
    return publications
  }

  /** Gives the publications of drafts that were taken by an owner who could not say where they are. */
  lost(): readonly Publication[] {
    const lost = [...this.#unplaced.values()].flat()
    this.#unplaced.clear()
    return lost
  }

  #set(drafts: readonly UntakenDraft[]): void {
    this.#drafts = drafts
    this.#pending = undefined
  }
}
