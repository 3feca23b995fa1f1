/**
 * The drafts of this tab that no owner has taken yet, numbered 1, 2, 3 … under a name. A number is never given twice
 * under one name, so whatever comes late is known as such: to count anew is to take another name.
 */
import { type Draft, freeze } from '../../protocol/index.ts'
import { bytesOf, nothing, sum } from '../outbox/outbox-entry.ts'
import type { OutboxView } from '../outbox/outbox-view.ts'
import type { Publication } from '../outbox/publications.ts'
import type { OutboxItem, RefusedDraft, StreamStatus } from '../status.ts'
import type { TabDraft } from './tabs.ts'

export interface UntakenDraft {
  readonly number: number
  readonly draft: TabDraft
  readonly pending: Draft
  readonly publications: readonly Publication[]
  readonly madeAt: number
  readonly bytes: number
}

/** What an owner has of a draft that was made in its own tab. */
export interface MadeDraft extends Pick<UntakenDraft, 'draft' | 'publications'> {
  /** When it had been offered to other owners before. */
  readonly number?: number | undefined
}

export class Untaken implements OutboxView {
  #drafts: readonly UntakenDraft[] = []
  /** What came behind `#drafts` since it was last asked for: thousands may be made before there is an owner. */
  #added: UntakenDraft[] = []
  #amount = nothing
  #pending: readonly Draft[] | undefined
  #items: readonly OutboxItem[] | undefined
  #made = 0
  readonly #newName: () => string
  /** What owners know this tab by. */
  tab: string
  /** Taken, but where they are now is not known yet. */
  readonly #unplaced = new Map<number, readonly Publication[]>()

  constructor(newName: () => string) {
    this.#newName = newName
    this.tab = newName()
  }

  get drafts(): readonly UntakenDraft[] {
    if (this.#added.length > 0) {
      const added = this.#added
      this.#added = []
      this.#drafts = [...this.#drafts, ...added]
      if (this.#pending !== undefined) this.#pending = [...this.#pending, ...added.map(({ pending }) => pending)]
      this.#items = undefined
    }
    return this.#drafts
  }

  get count(): number {
    return this.#amount.drafts
  }

  get oldestAt(): number | undefined {
    return (this.#drafts[0] ?? this.#added[0])?.madeAt
  }

  get pending(): readonly Draft[] {
    const { drafts } = this
    this.#pending ??= drafts.map(({ pending }) => pending)
    return this.#pending
  }

  /** As they are shown: they have no place yet, those are numbered from the other side of zero. */
  get items(): readonly OutboxItem[] {
    const { drafts } = this
    this.#items ??= drafts.map(({ number, pending, madeAt, bytes }) => {
      return { place: -number, draft: pending, madeAt, folded: { drafts: 1, bytes }, state: 'queued' }
    })
    return this.#items
  }

  /** Nothing is folded before an owner takes it. */
  get amount(): StreamStatus['outbox'] {
    return { ...this.#amount, made: this.#amount }
  }

  /** None is refused before an owner takes it. */
  get refused(): readonly RefusedDraft[] {
    return []
  }

  add(draft: TabDraft, publications: readonly Publication[], madeAt: number): void {
    this.putBack({ draft, publications }, madeAt)
  }

  /** An owner has taken so many of all that were made. */
  taken(count: number): void {
    const taken = this.drafts.filter(({ number }) => number <= count)
    if (taken.length === 0) return
    for (const { number, publications } of taken) this.#unplaced.set(number, publications)
    this.#set(this.#drafts.filter(({ number }) => number > count))
  }

  /** The store knows of so many. When there were more, it has forgotten this tab. */
  known(count: number): void {
    const first = this.drafts[0]?.number ?? this.#made + 1
    if (first > count + 1) this.#countAnew()
  }

  /** The places of the refused drafts that wait to be published again. */
  get retried(): ReadonlySet<number> {
    return new Set(this.drafts.flatMap(({ draft }) => draft.retries ?? []))
  }

  /** This tab is the owner now: they go into its own outbox. */
  takeAll(): readonly UntakenDraft[] {
    const all = this.drafts
    this.#set([])
    return all
  }

  /** There is no outbox any more with the refused drafts that these publish again: each stands for itself. */
  leaveRefused(): void {
    this.#set(this.drafts.map((each) => ({ ...each, draft: { ...each.draft, retries: undefined } })))
  }

  /**
   * This tab is the owner no more, and this was never saved. A draft that had a number keeps it: the one who is the owner
   * now may have taken it under that.
   */
  putBack({ draft, publications, number = ++this.#made }: MadeDraft, madeAt: number): void {
    const pending = { ...draft.change, seen: draft.seen }
    freeze(pending)
    const bytes = bytesOf(pending)
    this.#added.push({ number, draft, pending, publications, madeAt, bytes })
    this.#amount = sum(this.#amount, { drafts: 1, bytes })
  }

  #countAnew(): void {
    this.tab = this.#newName()
    this.#made = 0
    this.#set(this.drafts.map((draft) => ({ ...draft, number: ++this.#made })))
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
    this.#amount = drafts.reduce((total, { bytes }) => sum(total, { drafts: 1, bytes }), nothing)
    this.#pending = undefined
    this.#items = undefined
  }
}
