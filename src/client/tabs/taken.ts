/**
 * The drafts that an owner has taken, of its own tab and of others: each goes into the outbox once, and where it is now
 * is told to its publications, if they are here, or to its tab with the news.
 */
import type { Change } from '../../protocol/index.ts'
import type { Leaving } from '../outbox/outbox-entry.ts'
import type { Publication, Publications } from '../outbox/publications.ts'
import type { Publisher } from '../outbox/publisher.ts'
import type { SavedChange } from '../storage/store.ts'
import type { Intake } from '../tape/intake.ts'
import { countOf, type TabCounts, withCount } from './tab-counts.ts'
import type { Placed, TabDraft } from './tabs.ts'
import { UnsavedNews } from './unsaved-news.ts'
import type { MadeDraft, UntakenDraft } from './untaken.ts'

export interface TakenParts {
  readonly publisher: Publisher
  readonly intake: Intake
  readonly publications: Publications
  readonly save: (change: SavedChange) => Promise<void>
}

export class Taken {
  readonly news = new UnsavedNews()
  readonly #parts: TakenParts
  #counts: TabCounts = {}
  /** Where refused drafts have gone that were published again, by the place that they had. */
  readonly #retried = new Map<number, number | undefined>()

  constructor(parts: TakenParts) {
    this.#parts = parts
  }

  /** The store has so many of each tab. */
  restore(counts: TabCounts): void {
    this.#counts = counts
  }

  get counts(): TabCounts {
    return this.#counts
  }

  from(tab: string): number {
    return countOf(this.#counts, tab)
  }

  /** Takes a draft that is made here and now, in place of a refused one where `retries` says so. */
  publish(change: Change, publications: readonly Publication[], retries?: number): void {
    const { seen, tape } = this.#parts.intake
    this.#addMade({ draft: { change, seen, epoch: tape.epoch, retries }, publications })
  }

  /** Takes drafts that were made here before this was the owner, and publications of such that an earlier one took. */
  adopt(drafts: readonly UntakenDraft[], lost: readonly Publication[], tab: string | undefined): void {
    const { publications, publisher } = this.#parts
    publications.found(publisher.outbox.all, lost)
    for (const { draft, publications, number } of drafts) this.#addMade({ draft, publications, number })
    const last = drafts.at(-1)
    // Those who are asked for them later, by a message that was long on its way, know that they are taken.
    if (tab !== undefined && last !== undefined) this.#setCount(tab, last.number)
  }

  /** Takes drafts of another tab that are not taken yet, unless some before them are missing; whether there were any. */
  takeDrafts(tab: string, first: number, drafts: readonly TabDraft[]): boolean {
    const taken = this.from(tab)
    const fresh = first > taken + 1 ? [] : drafts.slice(taken + 1 - first)
    if (fresh.length === 0) return false
    fresh.forEach((draft, index) => {
      this.news.addPlaced({ tab, draft: taken + 1 + index, ...this.#add(draft, tab) })
    })
    this.#setCount(tab, taken + fresh.length)
    return true
  }

  /** These have left the outbox, or gone to another place in it. */
  left(leaving: readonly Leaving[]): void {
    this.news.addLeaving(leaving)
    this.#parts.publications.left(leaving, this.#parts.intake.seen)
  }

  #addMade(made: MadeDraft): void {
    this.news.addMade(made)
    const { publications } = this.#parts
    const { place, isDiscarded = false } = this.#add(made.draft)
    if (isDiscarded) publications.discarded(made.publications)
    else for (const publication of made.publications) publications.place(publication, place)
  }

  #add({ change, seen: seenThere, epoch, retries, knownPlace = 0 }: TabDraft, tab?: string): Pick<Placed, 'place' | 'isDiscarded'> {
    const { publisher, intake } = this.#parts
    // What a draft has seen means something under its own epoch alone.
    const seen = epoch === intake.tape.epoch ? seenThere : -1
    const by = tab === undefined ? undefined : { tab, place: knownPlace }
    if (retries === undefined) return { place: publisher.add(change, seen, by) }
    const retried = publisher.retry(retries, change, seen, by)
    if (retried !== false) {
      this.#retried.set(retries, retried.place)
      return retried
    }
    // Another tab was faster: this is about the draft that took its place, while that waits.
    const place = this.#retried.get(retries)
    return place !== undefined && publisher.outbox.has(place) ? { place } : { place: undefined, isDiscarded: true }
  }

  #setCount(tab: string, drafts: number): void {
    this.#counts = withCount(this.#counts, tab, drafts)
    void this.#parts.save({ tabs: this.#counts })
  }
}
