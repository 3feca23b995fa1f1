/**
 * Saves changes in their order, one at a time: what comes meanwhile goes together into the next save. What the store
 * will not take is kept and tried again, before anything that comes later. Nothing is given up but by being fenced.
 */
import type { Draft } from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { retryDelayMs } from '../link/connection.ts'
import { GatheredChange } from './gathered-change.ts'
import { type ClientStore, type OutboxEntry, type SavedChange, StoreFailure, type StoreTrouble } from './store.ts'

export interface SavingHooks {
  /** All that was given to `save` until now is on its way into the store, together. */
  readonly onSaving: () => void
  /** This much has just been saved, together. */
  readonly onSaved: (change: SavedChange) => void
  /** There is no room for the tape any more: what was kept of it is gone, and nothing more is kept. Called once. */
  readonly onShed: () => void
  /** Another process has claimed the store: nothing can be saved any more. */
  readonly onFenced: () => void
  /** What the store held is gone, by somebody else's hand. Gives all that it is to hold from now on, once it is claimed again. */
  readonly onCleared: () => Promise<SavedChange>
  /** The trouble has changed. */
  readonly onChange: () => void
}

export class Saving {
  readonly #store: ClientStore
  readonly #environment: Environment
  readonly #hooks: SavingHooks
  #queued = new GatheredChange()
  /** What waits for the change that is being saved, and for the one that is queued. */
  #waiting: (() => void)[] = []
  #underWay: SavedChange | undefined
  /** What the store has at each place of the outbox, and what it does not have yet. */
  readonly #saved = new Map<number, Draft>()
  readonly #unsaved = new Map<number, Draft>()
  #isRunning = false
  /** Fenced, or stopped: nothing more is saved. */
  #isOver = false
  #retryTimer: unknown
  #isShed = false
  #failures = 0
  /** Why the last save did not succeed; undefined when it did. */
  trouble: StoreTrouble | undefined

  constructor(store: ClientStore, environment: Environment, hooks: SavingHooks) {
    this.#store = store
    this.#environment = environment
    this.#hooks = hooks
  }

  /** How many drafts the store does not have as they are. */
  get unsavedCount(): number {
    return this.#unsaved.size
  }

  /** The store has these already. */
  restore(outbox: readonly OutboxEntry[]): void {
    for (const { place, draft } of outbox) this.#saved.set(place, draft)
  }

  /** All that the store is not known to have. */
  get unsaved(): SavedChange {
    return this.#underWay === undefined ? this.#queued.change : new GatheredChange().add(this.#underWay).add(this.#queued.change).change
  }

  /** Resolves when the change has been saved, after as many attempts as that takes. Never rejects. */
  save(change: SavedChange): Promise<void> {
    this.#gather(change)
    const saved = new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (!this.#isRunning) void this.#run()
    return saved
  }

  /** Nothing more is given to the store. What it was not given is waited for in vain. */
  stop(): void {
    this.#isOver = true
    this.#environment.clearTimer(this.#retryTimer)
  }

  #gather(change: SavedChange): void {
    this.#queued.add(change)
    for (const { place, draft, refused } of change.put ?? []) {
      if (refused === undefined && this.#saved.get(place) !== draft) this.#unsaved.set(place, draft)
      else this.#unsaved.delete(place)
    }
    for (const place of change.remove ?? []) this.#unsaved.delete(place)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    // What is added in the same turn is saved together.
    await null
    while (this.#waiting.length > 0 && !this.#isOver) {
      const change = this.#queued.change
      const waiting = this.#waiting.splice(0)
      this.#queued = new GatheredChange()
      this.#underWay = change
      this.#hooks.onSaving()
      let isShed: boolean
      try {
        isShed = (await this.#store.save(change))?.shed === true
      } catch (error) {
        this.#queued = new GatheredChange().add(change).add(this.#queued.change)
        this.#underWay = undefined
        this.#waiting.unshift(...waiting)
        await this.#fail(error)
        continue
      }
      this.#underWay = undefined
      this.#failures = 0
      if (isShed && !this.#isShed) {
        this.#isShed = true
        this.#hooks.onShed()
      }
      this.#setTrouble(isShed ? 'full' : undefined)
      for (const { place, draft } of change.put ?? []) {
        this.#saved.set(place, draft)
        if (this.#unsaved.get(place) === draft) this.#unsaved.delete(place)
      }
      for (const place of change.remove ?? []) this.#saved.delete(place)
      this.#hooks.onSaved(change)
      for (const resolve of waiting) resolve()
    }
    this.#isRunning = false
  }

  /** Settles when it is time to try again. */
  async #fail(error: unknown): Promise<void> {
    const trouble = error instanceof StoreFailure ? error.trouble : 'failed'
    this.#setTrouble(trouble)
    if (trouble === 'fenced') {
      this.#isOver = true
      return this.#hooks.onFenced()
    }
    if (this.#failures === 0) this.#environment.report(error)
    if (trouble === 'cleared') {
      try {
        const everything = await this.#hooks.onCleared()
        this.#saved.clear()
        return this.#gather(everything)
      } catch (again) {
        this.#environment.report(again)
      }
    }
    const afterMs = retryDelayMs(this.#failures++, this.#environment.random())
    await new Promise<void>((resolve) => {
      this.#retryTimer = this.#environment.setTimer(resolve, afterMs)
    })
  }

  #setTrouble(trouble: StoreTrouble | undefined): void {
    if (trouble === this.trouble) return
    this.trouble = trouble
    this.#hooks.onChange()
  }
}
