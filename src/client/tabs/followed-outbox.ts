/** What a follower knows of the owner's outbox, and behind it the drafts of its own tab that no owner has taken. */
import { type Draft, freeze } from '../../protocol/index.ts'
import { itemOf, refusedOf, sizeOf, sum } from '../outbox/outbox-entry.ts'
import type { OutboxView } from '../outbox/outbox-view.ts'
import type { OutboxItem, RefusedDraft, StreamStatus } from '../status.ts'
import type { OutboxEntry } from '../storage/store.ts'
import type { Untaken } from './untaken.ts'

export class FollowedOutbox implements OutboxView {
  readonly #entries = new Map<number, OutboxEntry>()
  readonly #refused = new Map<number, OutboxEntry>()
  readonly #untaken: Untaken
  /** The highest place that was heard of. */
  lastPlace = 0
  #pending: readonly Draft[] | undefined
  #items: readonly OutboxItem[] | undefined

  constructor(untaken: Untaken) {
    this.#untaken = untaken
  }

  get pending(): readonly Draft[] {
    this.#pending ??= [...Array.from(this.#entries.values(), ({ draft }) => draft), ...this.#untaken.pending]
    return this.#pending
  }

  get items(): readonly OutboxItem[] {
    this.#items ??= [...Array.from(this.#entries.values(), (entry) => itemOf(entry, entry.counter !== undefined)), ...this.#untaken.items]
    return this.#items
  }

  get amount(): StreamStatus['outbox'] {
    let { made, ...waiting } = this.#untaken.amount
    for (const entry of this.#entries.values()) {
      waiting = sum(waiting, { drafts: 1, bytes: sizeOf(entry) })
      made = sum(made, entry.folded)
    }
    return { ...waiting, made }
  }

  get oldestAt(): number | undefined {
    for (const { madeAt } of this.#entries.values()) return madeAt
    return this.#untaken.oldestAt
  }

  get refused(): readonly RefusedDraft[] {
    const { retried } = this.#untaken
    return [...this.#refused.values()].filter(({ place }) => !retried.has(place)).map(refusedOf)
  }

  /** It is all known from scratch. */
  restore(entries: readonly OutboxEntry[]): void {
    this.#entries.clear()
    this.#refused.clear()
    this.put(entries)
  }

  put(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) {
      this.lastPlace = Math.max(this.lastPlace, entry.place)
      freeze(entry.draft)
      // One that is replaced keeps its place in the order, a new one is the newest.
      if (entry.refused === undefined) this.#entries.set(entry.place, entry)
      else {
        this.#entries.delete(entry.place)
        this.#refused.set(entry.place, entry)
      }
    }
  }

  remove(places: readonly number[]): void {
    for (const place of places) {
      this.#entries.delete(place)
      this.#refused.delete(place)
    }
  }

  /** Forgets a refused draft; false when there is none at that place. */
  dropRefused(place: number): boolean {
    return this.#refused.delete(place)
  }

  /** All of a change is in, here and in the drafts behind: only now does it show. */
  changed(): void {
    this.#pending = undefined
    this.#items = undefined
  }
}
