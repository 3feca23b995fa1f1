/** A store that tells when what it was given to keep is kept, and knows which events it has given back. */
import type { ClientStore, Saved, SavedChange } from '../../src/client/index.ts'
import type { TapeEvent } from '../../src/protocol/index.ts'
import type { Entry } from './history.ts'

export class RecordingStore implements ClientStore {
  readonly #store: ClientStore
  readonly #who: string
  readonly #record: (entry: Entry) => void
  readonly #restored = new WeakSet<TapeEvent>()

  constructor(store: ClientStore, who: string, record: (entry: Entry) => void) {
    this.#store = store
    this.#who = who
    this.#record = record
  }

  get isDurable(): boolean {
    return this.#store.isDurable
  }

  /** Whether an event comes from here, and not from the server. */
  hasGiven(event: TapeEvent): boolean {
    return this.#restored.has(event)
  }

  claim(owner: string): Promise<void> {
    return this.#store.claim(owner)
  }

  load(): Promise<Saved | undefined> {
    return this.#store.load()
  }

  async events(): Promise<readonly TapeEvent[]> {
    const events = await this.#store.events()
    for (const event of events) this.#restored.add(event)
    return events
  }

  async save(change: SavedChange): Promise<void> {
    await this.#store.save(change)
    if (change.put === undefined || change.put.length === 0) return
    const changes = change.put.map(({ draft: { type, collection, identifier, values } }) => ({ type, collection, identifier, values }))
    this.#record({ type: 'saved', who: this.#who, changes })
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}
