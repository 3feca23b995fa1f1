/**
 * The drafts that the server does not take, each with what it said: neither shown nor sent, and kept until the application
 * publishes them again or discards them. What falls together with a draft is the outbox's to say.
 */
import type { Code } from '../../protocol/index.ts'
import type { RefusedDraft } from '../status.ts'
import type { OutboxEntry, RefusalNotes } from '../storage/store.ts'
import { type Entry, refusedOf, toSaved } from './outbox-entry.ts'

/** What the server said. */
export interface Verdict {
  readonly code: Code
  readonly notes?: RefusalNotes | undefined
}

export class RefusedDrafts {
  readonly #byPlace = new Map<number, OutboxEntry>()

  /** As a store keeps them. */
  get entries(): Iterable<OutboxEntry> {
    return this.#byPlace.values()
  }

  /** As an application sees them. */
  get list(): readonly RefusedDraft[] {
    return Array.from(this.entries, refusedOf)
  }

  restore(entry: OutboxEntry): void {
    this.#byPlace.set(entry.place, entry)
  }

  /** Keeps a draft that has left the others, without its counter; gives what is to be saved of it. */
  keep(entry: Entry, { code, notes }: Verdict): OutboxEntry {
    const { counter: _, ...rest } = toSaved(entry)
    const refused = { ...rest, refused: code, ...(notes === undefined ? {} : { refusal: notes }) }
    this.#byPlace.set(entry.place, refused)
    return refused
  }

  /** False when there is none at that place. */
  drop(place: number): boolean {
    return this.#byPlace.delete(place)
  }
}
