/** Writes the history of a run. Events that several clients were given alike are kept once. */
import { isDeepStrictEqual } from 'node:util'
import type { TapeEvent } from '../../src/protocol/index.ts'
import type { Entry, History } from './history.ts'

export class Recorder {
  readonly #entries: Entry[] = []
  readonly #known = new Map<number, TapeEvent>()

  get history(): History {
    return this.#entries
  }

  record(entry: Entry): void {
    this.#entries.push(entry.type === 'delivered' ? { ...entry, events: entry.events.map((event) => this.#shared(event)) } : entry)
  }

  #shared(event: TapeEvent): TapeEvent {
    const known = this.#known.get(event.seq)
    if (known === undefined) this.#known.set(event.seq, event)
    return known !== undefined && isDeepStrictEqual(known, event) ? known : event
  }
}
