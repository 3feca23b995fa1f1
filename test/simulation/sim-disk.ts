/**
 * What a browser of a simulation keeps: contents that outlive its processes, saves that take their time and fail at
 * times. A save that is under way when its process is killed happens as a whole or not at all.
 */
import {
  type ClientStore,
  type MemoryStore,
  type Saved,
  type SavedChange,
  StoreFailure,
  type StoreTrouble,
} from '../../src/client/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'
import type { DiskTemper } from './temper.ts'

export interface DiskSurroundings {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly temper: DiskTemper
  /** Makes another handle on the same contents, or the first one. */
  readonly createStore: (other?: MemoryStore) => MemoryStore
  readonly count: (what: string) => void
}

export class SimDisk {
  readonly around: DiskSurroundings
  readonly contents: MemoryStore
  /** Every operation that changes something fails until then. */
  #trouble: { readonly trouble: StoreTrouble; readonly until: number } | undefined
  /** The next so many attempts to open it fail. */
  openingFailures = 0
  /** Operations that have begun and are not over. */
  busy = 0

  constructor(around: DiskSurroundings) {
    this.around = around
    this.contents = around.createStore()
  }

  failFor(ms: number, trouble: StoreTrouble): void {
    this.#trouble = { trouble, until: this.around.time.now + ms }
  }

  heal(): void {
    this.#trouble = undefined
    this.openingFailures = 0
  }

  /** Throws when this attempt to change something fails. */
  strike(): void {
    const { time, random, temper } = this.around
    if (this.#trouble !== undefined && this.#trouble.until > time.now) throw new StoreFailure(this.#trouble.trouble)
    if (random.chance(temper.failure)) throw new StoreFailure('failed')
  }

  /** A copy of everything, as a profile folder is copied. Undefined while there is nothing. */
  async copyTo(disk: SimDisk): Promise<Saved | undefined> {
    const saved = await this.contents.load()
    if (saved === undefined) return undefined
    const { client, nextCounter, tape, tabs, outbox } = structuredClone(saved)
    const events = structuredClone(await this.contents.events())
    await disk.contents.claim('the copier')
    await disk.contents.save({ client, nextCounter, tape, tabs, put: outbox, events })
    return saved
  }
}

export interface StoreHooks {
  /** How many edits of this process a save covers that begins now; undefined while it has none of them. */
  readonly covers: () => number | undefined
  /** The change is on the disk, whatever the process knows of it. */
  readonly onCommit: (change: SavedChange, covered: number | undefined) => void
}

/** One process's way to the disk. */
export class SimStore implements ClientStore {
  readonly isDurable = true
  readonly #disk: SimDisk
  readonly #handle: MemoryStore
  readonly #hooks: StoreHooks
  #isAlive = true
  #underWay: { readonly change: SavedChange; readonly covered: number | undefined } | undefined

  constructor(disk: SimDisk, hooks: StoreHooks) {
    this.#disk = disk
    this.#hooks = hooks
    this.#handle = disk.around.createStore(disk.contents)
  }

  async claim(owner: string): Promise<void> {
    return this.#during(async () => {
      if (this.#disk.openingFailures > 0) {
        this.#disk.openingFailures--
        this.#disk.around.count('opening failed')
        throw new StoreFailure('failed')
      }
      await this.#handle.claim(owner)
    })
  }

  async load(): Promise<Saved | undefined> {
    return this.#during(() => this.#handle.load())
  }

  async events() {
    return this.#during(() => this.#handle.events())
  }

  async save(change: SavedChange): Promise<void> {
    this.#underWay = { change, covered: this.#hooks.covers() }
    return this.#during(async () => {
      const { covered } = this.#underWay ?? {}
      this.#underWay = undefined
      try {
        this.#disk.strike()
      } catch (error) {
        this.#disk.around.count('save failed')
        throw error
      }
      await this.#commit(change, covered)
    })
  }

  async close(): Promise<void> {}

  /** The process dies. */
  kill(): void {
    this.#isAlive = false
    if (this.#underWay === undefined) return
    const { change, covered } = this.#underWay
    this.#underWay = undefined
    const isOnDisk = this.#disk.around.random.chance(0.5)
    this.#disk.around.count(isOnDisk ? 'killed during save, saved' : 'killed during save, lost')
    // Another process may have claimed the store: then it changes nothing.
    if (isOnDisk) this.#commit(change, covered).catch(() => {})
  }

  async #commit(change: SavedChange, covered: number | undefined): Promise<void> {
    try {
      await this.#handle.save(change)
    } catch (error) {
      this.#disk.around.count('fenced')
      throw error
    }
    this.#hooks.onCommit(change, covered)
  }

  /** Some time, the operation, and some time again. A process that was killed hears nothing of it. */
  async #during<T>(operation: () => Promise<T>): Promise<T> {
    this.#disk.busy++
    try {
      if (this.#isAlive) await this.#delay()
      if (this.#isAlive) {
        const result = await operation()
        await this.#delay()
        if (this.#isAlive) return result
      }
    } catch (error) {
      if (this.#isAlive) throw error
    } finally {
      this.#disk.busy--
    }
    return new Promise(() => {})
  }

  #delay(): Promise<void> | undefined {
    const { time, random, temper } = this.#disk.around
    if (temper.delayMsMax === 0) return undefined
    return new Promise((resolve) => time.set(resolve, random.next() * temper.delayMsMax))
  }
}
