/** A store that lasts as long as the process: for tests, and for clients that need not outlive a page. */
import { groupByObject, type TapeEvent } from '../../protocol/index.ts'
import { foldKept } from '../tape/local-tape.ts'
import { blankTape, type ClientStore, type LocalTape, type OutboxEntry, type Saved, type SavedChange, StoreFailure } from './store.ts'

interface Contents {
  owner: string | undefined
  client: string | undefined
  nextCounter: number
  tape: LocalTape
  tabs: Readonly<Record<string, number>>
  readonly objects: Map<string, readonly TapeEvent[]>
  readonly outbox: Map<number, OutboxEntry>
}

export class MemoryStore implements ClientStore {
  readonly isDurable: boolean = false
  readonly #contents: Contents
  #owner: string | undefined

  /** Over the same contents as another one, when that is given: two processes on one store. */
  constructor(other?: MemoryStore) {
    this.#contents = other === undefined ? blankContents() : other.#contents
  }

  async claim(owner: string): Promise<void> {
    this.#owner = owner
    this.#contents.owner = owner
  }

  async load(): Promise<Saved | undefined> {
    const { client, nextCounter, tape, tabs, outbox } = this.#contents
    if (client === undefined) return undefined
    return {
      client,
      nextCounter,
      tape,
      tabs,
      outbox: [...outbox.values()].sort((a, b) => a.place - b.place),
      unreadable: 0,
      lastPlace: Math.max(0, ...outbox.keys()),
    }
  }

  async events(): Promise<readonly TapeEvent[]> {
    return [...this.#contents.objects.values()].flat().sort((a, b) => a.seq - b.seq)
  }

  async save(change: SavedChange): Promise<void> {
    const contents = this.#contents
    if (this.#owner === undefined || this.#owner !== contents.owner) throw new StoreFailure('fenced')
    contents.client = change.client ?? contents.client
    contents.nextCounter = change.nextCounter ?? contents.nextCounter
    contents.tape = change.tape ?? contents.tape
    contents.tabs = change.tabs ?? contents.tabs
    if (change.forgetEvents === true) contents.objects.clear()
    for (const [key, events] of groupByObject(change.events ?? [])) {
      contents.objects.set(key, foldKept([...(contents.objects.get(key) ?? []), ...events], contents.tape))
    }
    for (const entry of change.put ?? []) {
      contents.outbox.set(entry.place, entry)
    }
    for (const place of change.remove ?? []) contents.outbox.delete(place)
  }

  async close(): Promise<void> {}
}

function blankContents(): Contents {
  return {
    owner: undefined,
    client: undefined,
    nextCounter: 1,
    tape: blankTape,
    tabs: {},
    objects: new Map(),
    outbox: new Map(),
  }
}
