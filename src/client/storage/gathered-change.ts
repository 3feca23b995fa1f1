/** Several changes of a store as one: what comes while a save is under way goes together into the next. */
import type { TapeEvent } from '../../protocol/index.ts'
import type { OutboxEntry, SavedChange } from './store.ts'

export class GatheredChange {
  #rest: Omit<SavedChange, 'forgetEvents' | 'events' | 'put' | 'remove'> = {}
  #forgetsEvents = false
  #events: TapeEvent[] = []
  readonly #put = new Map<number, OutboxEntry>()
  readonly #remove = new Set<number>()

  /** To save what has been gathered has the effect of saving each in the order of these calls. */
  add({ forgetEvents = false, events = [], put = [], remove = [], ...rest }: SavedChange): this {
    this.#rest = { ...this.#rest, ...rest }
    if (forgetEvents) {
      this.#forgetsEvents = true
      this.#events = []
    }
    for (const event of events) this.#events.push(event)
    for (const entry of put) {
      this.#remove.delete(entry.place)
      this.#put.set(entry.place, entry)
    }
    for (const place of remove) {
      this.#put.delete(place)
      this.#remove.add(place)
    }
    return this
  }

  get change(): SavedChange {
    return {
      ...this.#rest,
      ...(this.#forgetsEvents ? { forgetEvents: true } : {}),
      ...(this.#events.length > 0 ? { events: [...this.#events] } : {}),
      ...(this.#put.size > 0 ? { put: [...this.#put.values()] } : {}),
      ...(this.#remove.size > 0 ? { remove: [...this.#remove] } : {}),
    }
  }
}
