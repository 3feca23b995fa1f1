/**
 * Follows an owner without a gap. Its news are numbered: whenever one is missing, or another owner speaks, the store is
 * read, and what comes meanwhile waits. It owns whose news are followed and up to where; what they say it gives away, in
 * order, and keeps nothing of it.
 *
 *   reading ── store read ──► following ── the next news ─┐
 *      ▲                        │    ▲                    │
 *      └── a number is missing, ┘    └────────────────────┘
 *          another owner
 */
import type { TapeEvent } from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { retryDelayMs } from '../link/connection.ts'
import { openingsMax } from '../storage/keeper.ts'
import { type ClientStore, type Saved, StoreFailure } from '../storage/store.ts'
import type { TabMessage, TabNews } from './tabs.ts'

export interface FollowingHooks {
  /** Another owner than before speaks: it has heard nothing of this tab. */
  readonly onOwner: () => void
  /** Everything as the store has it. */
  readonly onSaved: (saved: Saved, events: readonly TapeEvent[]) => void
  /** This was saved since. */
  readonly onNews: (news: TabNews) => void
  /** The store has been read, and the news since were told. */
  readonly onRead: () => void
  /** The store cannot be read: there is nothing to follow. */
  readonly onLost: (error: unknown) => void
}

/** Who speaks, and the number of the news that it told last. */
interface Place {
  readonly owner: string
  readonly revision: number
}

export class Following {
  readonly #store: ClientStore
  readonly #environment: Environment
  readonly #hooks: FollowingHooks
  #owner: string | undefined
  /** Of the news that came last. */
  #revision = 0
  #isReading = false
  #isReady = false
  /** What the store is being read for has changed: it must be read again. */
  #isStale = false
  /** News that came while the store was read. */
  #waiting: TabNews[] = []
  #isStopped = false

  constructor(store: ClientStore, environment: Environment, hooks: FollowingHooks) {
    this.#store = store
    this.#environment = environment
    this.#hooks = hooks
  }

  /** Whether the store has been read once. */
  get isReady(): boolean {
    return this.#isReady
  }

  get isReading(): boolean {
    return this.#isReading
  }

  isOf(owner: string): boolean {
    return owner === this.#owner
  }

  /** Reads the store, or reads it again when it is being read. */
  read(): void {
    if (this.#isReading) this.#isStale = true
    else void this.#read()
  }

  /** An owner says how far its news are. */
  hear(place: Place): void {
    if (!this.isOf(place.owner) || place.revision !== this.#revision) this.#readAgain(place)
  }

  take({ owner, revision, news }: TabMessage & { readonly type: 'news' }): void {
    if (!this.isOf(owner) || revision !== this.#revision + 1) return this.#readAgain({ owner, revision })
    this.#revision = revision
    if (this.#isReading) this.#waiting.push(news)
    else this.#hooks.onNews(news)
  }

  /** Tells nothing more. */
  stop(): void {
    this.#isStopped = true
  }

  /** What the store holds from now on is at least what this owner had saved by this revision. */
  #readAgain({ owner, revision }: Place): void {
    if (!this.isOf(owner)) this.#hooks.onOwner()
    this.#owner = owner
    this.#revision = revision
    this.#waiting = []
    this.read()
  }

  async #read(attempt = 1): Promise<void> {
    this.#isReading = true
    try {
      do {
        this.#isStale = false
        const saved = await this.#store.load()
        const events = saved === undefined ? [] : await this.#store.events()
        if (this.#isStopped) return
        if (saved !== undefined) this.#hooks.onSaved(saved, events)
      } while (this.#isStale)
    } catch (error) {
      const isPassing = error instanceof StoreFailure && error.trouble === 'failed' && attempt < openingsMax
      if (!isPassing) return this.#lose(error)
      const { setTimer, random } = this.#environment
      setTimer(() => this.#isStopped || void this.#read(attempt + 1), retryDelayMs(attempt, random()))
      return
    }
    this.#isReading = false
    this.#isReady = true
    for (const news of this.#waiting.splice(0)) this.#hooks.onNews(news)
    this.#hooks.onRead()
  }

  #lose(error: unknown): void {
    if (!this.#isStopped) this.#hooks.onLost(error)
  }
}
