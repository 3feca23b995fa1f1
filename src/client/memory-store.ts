/** A store that lasts as long as the process: for tests, and for clients that need not outlive a page. */
import type { TapeEvent } from '../protocol/index.ts'
import { blankTape, type ClientStore, type LocalTape, type OutboxEntry, type Saved, type SavedChange } from './store.ts'

export class MemoryStore implements ClientStore {
  #client: string | undefined
  #nextCounter = 1
  #tape: LocalTape = blankTape
  #events: TapeEvent[] = []
  readonly #outbox = new Map<number, OutboxEntry>()

  async load(): Promise<Saved | undefined> {
    if (this.#client === undefined) return undefined
    const outbox = [...this.#outbox.values()].sort((a, b) => a.place - b.place)
    return { client: this.#client, nextCounter: this.#nextCounter, tape: this.#tape, outbox }
  }

  async save(change: SavedChange): Promise<void> {
    this.#client = change.client ?? this.#client
    this.#nextCounter = change.nextCounter ?? this.#nextCounter
    this.#tape = change.tape ?? this.#tape
    if (change.forgetEvents === true) this.#events = []
    for (const event of change.events ?? []) this.#events.push(event)
    for (const entry of change.put ?? []) this.#outbox.set(entry.place, entry)
    for (const place of change.remove ?? []) this.#outbox.delete(place)
  }

  async events(): Promise<readonly TapeEvent[]> {
    return [...this.#events]
  }
}
