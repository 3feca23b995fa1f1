/** Tells everyone who listens: all of a row, or those with a filter what is theirs of it. */
import { Refusal } from '../protocol/codes.ts'
import type { Filter, FilterQuery } from './filters/filter.ts'
import { filteredFrame, type LiveRow } from './filters/filtered-frame.ts'

/** Who is told of what happens: a live socket that may read this stream. */
export interface Listener {
  /** What of the tape it wants; absent for all. */
  readonly filter?: FilterQuery | undefined
  /** Never throws: a listener that cannot be reached any more takes itself off. */
  send(frame: string): void
}

export class Broadcast {
  readonly #listeners: Iterable<Listener>
  readonly #filterOf: (query: FilterQuery) => Filter

  constructor(listeners: Iterable<Listener>, filterOf: (query: FilterQuery) => Filter) {
    this.#listeners = listeners
    this.#filterOf = filterOf
  }

  get hasFilters(): boolean {
    for (const { filter } of this.#listeners) if (filter !== undefined) return true
    return false
  }

  /** Those with a filter are sent what is theirs of `row`; all of a frame that has no events. */
  send(frame: string, row?: LiveRow): void {
    const filtered = new Map<string, string>()
    for (const listener of this.#listeners) {
      if (listener.filter === undefined || row === undefined) {
        listener.send(frame)
        continue
      }
      const key = JSON.stringify(listener.filter)
      const own = filtered.get(key) ?? filteredFrame(row, this.#filterOrNone(listener.filter))
      filtered.set(key, own)
      listener.send(own)
    }
  }

  /** Undefined while an index is built anew: then nothing can be told, and is asked for later. */
  #filterOrNone(query: FilterQuery): Filter | undefined {
    try {
      return this.#filterOf(query)
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  }
}
