/**
 * Keeps what the client must not lose: opens the store, or goes on in memory where it cannot be opened, saves in order,
 * and says how things stand. A client in memory has an id of its own, so it can be no trouble to what the store holds.
 */
import type { TapeEvent } from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { retryDelayMs } from '../link/connection.ts'
import type { StorageStatus } from '../status.ts'
import { foldKept } from '../tape/local-tape.ts'
import { MemoryStore } from './memory-store.ts'
import { Saving, type SavingHooks } from './saving.ts'
import { blankOf, type ClientStore, type Saved, type SavedChange, StoreFailure, type StoreTrouble } from './store.ts'

/** A store that fails for no reason that we know is tried so often before the client goes on in memory. */
export const openingsMax = 4

export interface KeeperHooks extends Omit<SavingHooks, 'onCleared'> {
  /** The store was cleared by somebody else: gives all of the client and its outbox, and reads the tape again. */
  readonly everything: () => SavedChange
  /** What was kept of the tape is gone, for want of room: it must be read again, and is kept in memory from now on. */
  readonly onShed: () => void
}

export class Keeper {
  readonly #environment: Environment
  readonly #hooks: KeeperHooks
  /** The store that we were given, unless it cannot be opened. */
  #store: ClientStore
  #saving: Saving
  #openTrouble: StoreTrouble | undefined
  #isInMemory = false
  /** The tape, when the store has no room for it. */
  #tapeInMemory: MemoryStore | undefined
  #unreadable = 0

  constructor(store: ClientStore, environment: Environment, hooks: KeeperHooks) {
    this.#environment = environment
    this.#hooks = hooks
    this.#store = store
    this.#saving = this.#savingTo(store)
  }

  #savingTo(store: ClientStore): Saving {
    return new Saving(store, this.#environment, {
      ...this.#hooks,
      onShed: () => void this.#keepTapeInMemory(),
      onCleared: async () => {
        await store.claim(this.#environment.newId())
        return this.#hooks.everything()
      },
    })
  }

  async #keepTapeInMemory(): Promise<void> {
    this.#tapeInMemory = new MemoryStore()
    await this.#tapeInMemory.claim('the tape')
    this.#hooks.onShed()
  }

  /** Whether it is the store that we were given, which other tabs have, too. */
  get isShared(): boolean {
    return this.#tapeInMemory === undefined && !this.#isInMemory
  }

  get storage(): StorageStatus {
    return {
      isDurable: this.#store.isDurable,
      trouble: this.#saving.trouble ?? this.#openTrouble,
      unsaved: this.#saving.unsavedCount,
      unreadable: this.#unreadable,
    }
  }

  /** Claims the store and reads it. Never rejects: what cannot be read is said in `storage`. */
  async open(attempt = 1): Promise<{ readonly saved: Saved | undefined; readonly events: readonly TapeEvent[] }> {
    try {
      await this.#store.claim(this.#environment.newId())
      const saved = await this.#store.load()
      this.#unreadable = saved?.unreadable ?? 0
      this.#saving.restore(saved?.outbox ?? [])
      return saved === undefined ? { saved, events: [] } : await this.#readEvents(saved)
    } catch (error) {
      this.#environment.report(error)
      const trouble = error instanceof StoreFailure ? error.trouble : 'failed'
      this.#openTrouble = trouble
      this.#hooks.onChange()
      if (trouble === 'failed' && attempt < openingsMax) {
        const afterMs = retryDelayMs(attempt, this.#environment.random())
        await new Promise<void>((resolve) => this.#environment.setTimer(resolve, afterMs))
        this.#openTrouble = undefined
        return this.open(attempt + 1)
      }
      this.#isInMemory = true
      this.#store = new MemoryStore()
      this.#saving = this.#savingTo(this.#store)
      return this.open()
    }
  }

  /** The tape is on the server, too: when what was kept of it cannot be understood, it is read anew. */
  async #readEvents(saved: Saved): Promise<{ readonly saved: Saved; readonly events: readonly TapeEvent[] }> {
    try {
      return { saved, events: await this.#store.events() }
    } catch (error) {
      if (!(error instanceof StoreFailure) || error.trouble !== 'unreadable') throw error
      this.#environment.report(error)
      this.#openTrouble = 'unreadable'
      const tape = blankOf(saved.tape)
      void this.save({ tape, forgetEvents: true })
      return { saved: { ...saved, tape }, events: [] }
    }
  }

  /** Resolves when the change has been saved, after as many attempts as that takes. Never rejects. */
  save(change: SavedChange): Promise<void> {
    const { events = [], forgetEvents = false, tape } = change
    if (this.#tapeInMemory !== undefined) void this.#tapeInMemory.save({ ...(tape === undefined ? {} : { tape }), events, forgetEvents })
    return this.#saving.save(change)
  }

  /** Nothing more is saved. */
  stop(): void {
    this.#saving.stop()
  }

  /** Everything of the tape that was given to `save`, folded. Rejects when the store cannot be read. */
  async events(): Promise<readonly TapeEvent[]> {
    if (this.#tapeInMemory !== undefined) return this.#tapeInMemory.events()
    const { events = [], forgetEvents = false, tape } = this.#saving.unsaved
    const saved = forgetEvents ? [] : await this.#store.events()
    return events.length === 0 ? saved : foldKept([...saved, ...events], tape)
  }
}
