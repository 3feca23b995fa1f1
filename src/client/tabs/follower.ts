/**
 * The side that works through another tab: it shows what the store has and what the owner says was saved since, and
 * hands its drafts over. Messages are numbered; whenever one is missing, or another owner speaks, the store is read.
 *
 *   reading ── store read ──► following ── the next news ─┐
 *      ▲                        │    ▲                    │
 *      └── a number is missing, ┘    └────────────────────┘
 *          another owner
 */
import { type Json, seenOf, type TapeEvent } from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { retryDelayMs } from '../link/connection.ts'
import type { Publications } from '../outbox/publications.ts'
import { type Side, type SideHooks, type SideReport, silence } from '../side.ts'
import { openingsMax } from '../storage/keeper.ts'
import { type ClientStore, type LocalTape, type Saved, StoreFailure } from '../storage/store.ts'
import { FollowedOutbox } from './followed-outbox.ts'
import { countOf } from './tab-counts.ts'
import type { TabChannel, TabMessage, TabNews, TabOrder } from './tabs.ts'
import type { Untaken, UntakenDraft } from './untaken.ts'

export interface FollowerHooks extends SideHooks {
  /** The store cannot be read: there is nothing to follow. */
  readonly onLost: (error: unknown) => void
}

export interface FollowerParts {
  readonly store: ClientStore
  readonly channel: TabChannel
  readonly untaken: Untaken
  readonly publications: Publications
  readonly environment: Environment
  /** What the models show already. */
  readonly tape: LocalTape
}

/** An owner takes a draft within milliseconds, unless its store is slow. */
const askAfterMs = 2000

export class Follower implements Side {
  readonly #parts: FollowerParts
  readonly #hooks: FollowerHooks
  readonly outbox: FollowedOutbox
  #tape: LocalTape
  #report = silence
  #latestSeq = -1
  client = ''
  #owner: string | undefined
  /** Of the news that came last. */
  #revision = 0
  #isReading = false
  isReady = false
  /** Whether an owner has said how things stand. */
  hasHeard = false
  /** Those who wait until every draft of this tab is taken. */
  #handedOver: (() => void)[] = []
  /** What the store is being read for has changed: it must be read again. */
  #isStale = false
  /** News that came while the store was read. */
  #waiting: TabNews[] = []
  #isAsking = false
  #isStopped = false

  constructor(parts: FollowerParts, hooks: FollowerHooks) {
    this.#parts = parts
    this.outbox = new FollowedOutbox(parts.untaken)
    this.#tape = parts.tape
    this.#hooks = hooks
    parts.channel.onMessage = (message) => this.#receive(message)
  }

  /** Reads the store, and makes itself known to the owner. */
  start(): void {
    void this.#read()
    this.#parts.channel.post({ type: 'hello' })
  }

  get tape(): LocalTape {
    return this.#latestSeq > this.#tape.latestSeq ? { ...this.#tape, latestSeq: this.#latestSeq } : this.#tape
  }

  get report(): SideReport {
    const { storage } = this.#report
    // What the owner has is not lost with this tab.
    return { ...this.#report, storage: { ...storage, unsaved: this.#parts.untaken.drafts.length } }
  }

  /** The draft is in `untaken` already. */
  publish(): void {
    this.#changed()
    this.#handOver(this.#parts.untaken.drafts.slice(-1))
  }

  discard(place: number): void {
    // It is not there to be tried again meanwhile. When the order is lost with its owner, the store brings it back.
    if (this.outbox.dropRefused(place)) this.#changed()
    this.#order({ type: 'discard', place })
  }

  whisper(data: Json): void {
    this.#order({ type: 'whisper', data })
  }

  nudge(): void {
    this.#order({ type: 'nudge' })
  }

  pause(): void {
    this.#order({ type: 'pause' })
  }

  resume(): void {
    this.#order({ type: 'resume' })
  }

  stop(): void {
    this.#leaveChannel()
    this.#report = { ...this.#report, connection: 'stopped' }
    this.#hooks.onChange()
  }

  events(): Promise<readonly TapeEvent[]> {
    return this.#parts.store.events()
  }

  /** There is nothing to follow any more. */
  #lose(error: unknown): void {
    if (this.#isStopped) return
    this.#leaveChannel()
    this.#hooks.onLost(error)
  }

  #leaveChannel(): void {
    this.#isStopped = true
    this.#parts.channel.onMessage = undefined
  }

  /** An owner has taken every draft of this tab, and saved it. */
  saved(): Promise<void> {
    return new Promise((resolve) => {
      this.#handedOver.push(resolve)
      this.#checkHandedOver()
    })
  }

  #checkHandedOver(): void {
    if (this.#parts.untaken.drafts.length > 0) return
    for (const resolve of this.#handedOver.splice(0)) resolve()
  }

  #order(order: TabOrder): void {
    if (!this.#isStopped) this.#parts.channel.post({ type: 'order', order })
  }

  #handOver(drafts: readonly UntakenDraft[]): void {
    const first = drafts[0]
    if (first === undefined || this.#isStopped) return
    this.#askLater()
    this.#parts.channel.post({
      type: 'drafts',
      tab: this.#parts.untaken.tab,
      first: first.number,
      drafts: drafts.map(({ draft }) => draft),
    })
  }

  /** What is not taken for a while was lost on its way, or the news of it were: the owner says how far it is. */
  #askLater(): void {
    const { environment, untaken, channel } = this.#parts
    if (this.#isAsking) return
    this.#isAsking = true
    environment.setTimer(() => {
      this.#isAsking = false
      if (this.#isStopped || untaken.drafts.length === 0) return
      channel.post({ type: 'hello' })
      this.#askLater()
    }, askAfterMs)
  }

  #receive(message: TabMessage): void {
    if (this.#isStopped) return
    switch (message.type) {
      case 'owner':
        if (message.owner !== this.#owner || message.revision !== this.#revision) return this.#readAgain(message.owner, message.revision)
        return this.#isReading ? undefined : this.#handOver(this.#parts.untaken.drafts)
      case 'news':
        if (message.owner !== this.#owner || message.revision !== this.#revision + 1)
          return this.#readAgain(message.owner, message.revision)
        this.#revision = message.revision
        return this.#isReading ? void this.#waiting.push(message.news) : this.#apply(message.news)
      case 'report':
        this.hasHeard = true
        this.#report = message.report
        this.client = message.client
        this.#latestSeq = message.latestSeq
        if (message.owner !== this.#owner || message.revision !== this.#revision) this.#readAgain(message.owner, message.revision)
        return this.#hooks.onChange()
      case 'taken':
        return message.tab === this.#parts.untaken.tab ? this.#goOnFrom(message.drafts) : undefined
      case 'alone':
        return this.#lose(new StoreFailure('unavailable'))
      case 'heard':
        return this.#hooks.onWhisper(message.whisper)
    }
  }

  /** The owner has taken so many drafts of this tab. */
  #goOnFrom(count: number): void {
    const rest = this.#parts.untaken.drafts.filter(({ number }) => number > count)
    if (rest[0]?.number === count + 1) this.#handOver(rest)
    // It knows of fewer than we were told of: the store says how many there are.
    else if (rest.length > 0) this.#readOnce()
  }

  /** What the store holds from now on is at least what this owner had saved by this revision. */
  #readAgain(owner: string, revision: number): void {
    this.#owner = owner
    this.#revision = revision
    this.#waiting = []
    this.#readOnce()
  }

  #readOnce(): void {
    if (this.#isReading) this.#isStale = true
    else void this.#read()
  }

  async #read(attempt = 1): Promise<void> {
    const { store, untaken, environment } = this.#parts
    this.#isReading = true
    try {
      do {
        this.#isStale = false
        const saved = await store.load()
        const events = saved === undefined ? [] : await store.events()
        if (this.#isStopped) return
        if (saved !== undefined) this.#take(saved, events)
      } while (this.#isStale)
    } catch (error) {
      const isPassing = error instanceof StoreFailure && error.trouble === 'failed' && attempt < openingsMax
      if (!isPassing) return this.#lose(error)
      environment.setTimer(() => this.#isStopped || void this.#read(attempt + 1), retryDelayMs(attempt, environment.random()))
      return
    }
    this.#isReading = false
    this.isReady = true
    for (const news of this.#waiting.splice(0)) this.#apply(news)
    this.#handOver(untaken.drafts)
  }

  /** Everything as the store has it. */
  #take(saved: Saved, events: readonly TapeEvent[]): void {
    const { untaken, publications } = this.#parts
    const { tab } = untaken
    if (this.#tape.epoch !== null && this.#tape.epoch !== saved.tape.epoch) this.#hooks.onReset()
    this.#tape = saved.tape
    this.client = saved.client
    this.outbox.restore(saved.outbox)
    const taken = countOf(saved.tabs, tab)
    untaken.taken(taken)
    untaken.known(taken)
    publications.found(saved.outbox, untaken.lost())
    this.#changed()
    this.#hooks.onEvents(events)
  }

  #apply({ change, placed, leaving }: TabNews): void {
    const { untaken, publications } = this.#parts
    const { tab } = untaken
    if (change.forgetEvents === true) this.#hooks.onReset()
    if (change.tape !== undefined) this.#tape = change.tape
    if (change.client !== undefined) this.client = change.client
    this.outbox.put(change.put ?? [])
    this.outbox.remove(change.remove ?? [])
    if (change.tabs !== undefined) untaken.taken(countOf(change.tabs, tab))
    for (const each of placed) {
      if (each.tab !== tab) continue
      for (const publication of untaken.place(each.draft)) publications.place(publication, each.place)
    }
    this.#changed()
    this.#hooks.onEvents(change.events ?? [])
    const seen = seenOf(this.#tape.accounted)
    publications.sent((change.put ?? []).filter(({ counter }) => counter !== undefined).map(({ place }) => place))
    publications.left(leaving, seen)
    publications.applied(seen)
  }

  #changed(): void {
    this.outbox.changed()
    this.#hooks.onChange()
    this.#checkHandedOver()
  }
}
