/** Tells everyone who listens: all of a row, or those with a filter what is theirs of it. */
import { Refusal } from '../protocol/codes.ts'
import type { Selection } from '../protocol/filter.ts'
import type { Filter } from './filters/filter.ts'
import { filteredFrame, type LiveRow } from './filters/filtered-frame.ts'

/** Who is told of what happens: a live socket that may read this stream. */
export interface Listener {
  /** What of the tape it wants; absent for all. */
  readonly filter?: Selection | undefined
  /** Who publishes there, and is to see its own events, whatever they are about. */
  readonly client?: string | undefined
  /** Never throws: a listener that cannot be reached any more takes itself off. */
  send(frame: string): void
}

export class Broadcast {
  readonly #listeners: Iterable<Listener>
  readonly #filterOf: (selection: Selection) => Filter
  /** What each session's filter says, written out once. */
  readonly #texts = new WeakMap<Selection, string>()

  constructor(listeners: Iterable<Listener>, filterOf: (selection: Selection) => Filter) {
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
    const makers = new Set(row?.events.map(({ client }) => client))
    for (const listener of this.#listeners) {
      const { filter, client } = listener
      if (filter === undefined || row === undefined) {
        listener.send(frame)
        continue
      }
      const maker = makers.has(client) ? client : undefined
      const key = `${maker ?? ''} ${this.#textOf(filter)}`
      const theirs = filtered.get(key) ?? filteredFrame(row, this.#filterOrNone(filter), maker)
      filtered.set(key, theirs)
      listener.send(theirs)
    }
  }

  #textOf(filter: Selection): string {
    const text = this.#texts.get(filter) ?? JSON.stringify(filter)
    this.#texts.set(filter, text)
    return text
  }

  /** Undefined while an index is built anew: then nothing can be told, and is asked for later. */
  #filterOrNone(selection: Selection): Filter | undefined {
    try {
      return this.#filterOf(selection)
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  }
}
