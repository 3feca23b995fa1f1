/** A store in memory that does what real ones do now and then: it is slow, fails, has no room, dies with its process. */
import {
  blankOf,
  blankTape,
  type ClientStore,
  MemoryStore,
  type Saved,
  type SavedChange,
  StoreFailure,
  type StoreTrouble,
} from '../../src/client/index.ts'
import type { TapeEvent } from '../../src/protocol/index.ts'

export class TestStore implements ClientStore {
  readonly isDurable = true
  readonly #memory: MemoryStore
  /** Every change that was saved. */
  readonly saved: SavedChange[] = []
  /** What the next calls reject with, by method; the last one stays. */
  readonly failures: Record<'claim' | 'load' | 'events' | 'save', (StoreTrouble | Error | undefined)[]> = {
    claim: [],
    load: [],
    events: [],
    save: [],
  }
  /** Saves wait before they have an effect, or after it, until `letGo`. */
  holds: 'no' | 'before' | 'after' = 'no'
  /** No room for the tape. */
  isFull = false
  /** Of a dead process nothing is heard any more. */
  isDead = false
  readonly #held: (() => void)[] = []

  /** Over the same contents as another one, when that is given. */
  constructor(other?: TestStore) {
    this.#memory = new MemoryStore(other === undefined ? undefined : other.#memory)
  }

  async claim(owner: string): Promise<void> {
    await this.#gate('claim')
    return this.#memory.claim(owner)
  }

  async load(): Promise<Saved | undefined> {
    await this.#gate('load')
    return this.#memory.load()
  }

  async events(): Promise<readonly TapeEvent[]> {
    await this.#gate('events')
    return this.#memory.events()
  }

  async save(change: SavedChange): Promise<void | { readonly shed: true }> {
    if (this.holds === 'before') await this.#turn()
    await this.#gate('save')
    await (this.isFull ? this.#shed(change) : this.#memory.save(change))
    this.saved.push(change)
    if (this.holds === 'after') await this.#turn()
    if (this.isDead) await new Promise(() => {})
    if (this.isFull) return { shed: true }
  }

  async close(): Promise<void> {}

  letGo(): void {
    this.holds = 'no'
    for (const go of this.#held.splice(0)) go()
  }

  async #gate(method: keyof TestStore['failures']): Promise<void> {
    if (this.isDead) await new Promise(() => {})
    const queue = this.failures[method]
    const failure = queue.length > 1 ? queue.shift() : queue[0]
    if (failure !== undefined) throw failure instanceof Error ? failure : new StoreFailure(failure)
  }

  async #shed({ events: _, ...rest }: SavedChange): Promise<void> {
    const tape = rest.tape ?? (await this.#memory.load())?.tape ?? blankTape
    await this.#memory.save({ ...rest, forgetEvents: true, tape: blankOf(tape) })
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#held.push(resolve))
  }
}
