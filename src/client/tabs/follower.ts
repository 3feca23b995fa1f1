/**
 * The side that works through another tab: it shows what the store has and what the owner says was saved since, and
 * hands its drafts over. Messages are numbered; whenever one is missing, or another owner speaks, the store is read.
 *
 *   reading ── store read ──► following ── the next news ─┐
 *      ▲                        │    ▲                    │
 *      └── a number is missing, ┘    └────────────────────┘
 *          another owner
 */
import type { Json, ObjectFilter, TapeEvent } from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { retryDelayMs } from '../link/connection.ts'
import type { Publications } from '../outbox/publications.ts'
import { type Side, type SideHooks, type SideReport, silence } from '../side.ts'
import { openingsMax } from '../storage/keeper.ts'
import { type ClientStore, type LocalTape, type Saved, StoreFailure } from '../storage/store.ts'
import { FollowedOutbox } from './followed-outbox.ts'
import { FollowedTape } from './followed-tape.ts'
import { HandOver } from './hand-over.ts'
import { countOf } from './tab-counts.ts'
import type { TabChannel, TabMessage, TabNews, TabOrder } from './tabs.ts'
import type { Untaken } from './untaken.ts'

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
  /** What the models show already, and what they have seen of it. */
  readonly tape: LocalTape
  readonly seen: number
  readonly wanted: readonly ObjectFilter[]
}

export class Follower implements Side {
  readonly #parts: FollowerParts
  readonly #hooks: FollowerHooks
  readonly outbox: FollowedOutbox
  readonly #tape: FollowedTape
  readonly #handOver: HandOver
  #report = silence
  client = ''
  #wanted: readonly ObjectFilter[]
  #owner: string | undefined
  /** Of the news that came last. */
  #revision = 0
  /** What was said of working offline, until an owner has said how things stand since. */
  #unheard: 'pause' | 'resume' | undefined
  #isReading = false
  isReady = false
  /** Whether an owner has said how things stand. */
  hasHeard = false
  /** What the store is being read for has changed: it must be read again. */
  #isStale = false
  /** News that came while the store was read. */
  #waiting: TabNews[] = []
  #isStopped = false

  constructor(parts: FollowerParts, hooks: FollowerHooks) {
    this.#parts = parts
    this.outbox = new FollowedOutbox(parts.untaken)
    this.#tape = new FollowedTape(parts.tape, parts.seen)
    this.#handOver = new HandOver(parts.untaken, parts.channel, parts.environment)
    this.#wanted = parts.wanted
    this.#hooks = hooks
    parts.channel.onMessage = (message) => this.#receive(message)
  }

  /** Reads the store, and makes itself known to the owner. */
  start(): void {
    void this.#read()
    this.#parts.channel.post({ type: 'hello' })
  }

  get tape(): LocalTape {
    return this.#tape.known
  }

  get shown(): LocalTape {
    return this.#tape.saved
  }

  get seen(): number {
    return this.#tape.seen
  }

  get report(): SideReport {
    const { storage } = this.#report
    // What the owner has is not lost with this tab.
    return { ...this.#report, storage: { ...storage, unsaved: this.#parts.untaken.drafts.length } }
  }

  /** The draft is in `untaken` already. */
  publish(): void {
    this.#changed()
    this.#handOver.offer(this.#parts.untaken.drafts.slice(-1))
  }

  want(filters: readonly ObjectFilter[]): void {
    this.#wanted = filters
    this.#sayWanted(filters)
  }

  /** Wants nothing while its tab is not there. */
  present(isHere: boolean): void {
    this.#sayWanted(isHere ? this.#wanted : undefined)
  }

  #sayWanted(filters: readonly ObjectFilter[] | undefined): void {
    this.#order({ type: 'want', tab: this.#parts.untaken.tab, filters })
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
    this.#report = { ...this.#report, connection: 'paused' }
    this.#switch('pause')
  }

  resume(): void {
    if (this.#report.connection === 'paused') this.#report = { ...this.#report, connection: 'connecting' }
    this.#switch('resume')
  }

  /** An owner that is gone does not hear it: it is what the next one is to go by. */
  #switch(type: 'pause' | 'resume'): void {
    this.#unheard = type
    this.#order({ type })
  }

  stop(): void {
    this.#sayWanted(undefined)
    this.#leaveChannel()
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
    this.#handOver.stop()
    this.#parts.channel.onMessage = undefined
  }

  /** An owner has taken every draft of this tab, and saved it, or this is a follower no more. */
  saved(): Promise<void> {
    return this.#handOver.done()
  }

  #order(order: TabOrder): void {
    if (!this.#isStopped) this.#parts.channel.post({ type: 'order', order })
  }

  #receive(message: TabMessage): void {
    if (this.#isStopped) return
    switch (message.type) {
      case 'owner':
        if (message.owner !== this.#owner || message.revision !== this.#revision) return this.#readAgain(message.owner, message.revision)
        return this.#isReading ? undefined : this.#handOver.offer()
      case 'news':
        if (message.owner !== this.#owner || message.revision !== this.#revision + 1)
          return this.#readAgain(message.owner, message.revision)
        this.#revision = message.revision
        return this.#isReading ? void this.#waiting.push(message.news) : this.#apply(message.news)
      case 'report':
        this.hasHeard = true
        if (message.owner === this.#owner) this.#unheard = undefined
        this.#report = message.report
        this.client = message.client
        this.#tape.heardOf(message.latestSeq)
        if (message.owner !== this.#owner || message.revision !== this.#revision) this.#readAgain(message.owner, message.revision)
        this.#hooks.onContext()
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
    if (rest[0]?.number === count + 1) this.#handOver.offer(rest)
    // It knows of fewer than we were told of: the store says how many there are.
    else if (rest.length > 0) this.#readOnce()
  }

  /** What the store holds from now on is at least what this owner had saved by this revision. */
  #readAgain(owner: string, revision: number): void {
    // Whoever owns the tape now has not heard of it.
    if (owner !== this.#owner) {
      this.#sayWanted(this.#wanted)
      if (this.#unheard !== undefined) this.#order({ type: this.#unheard })
    }
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
    const { store, environment } = this.#parts
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
    this.#handOver.offer()
  }

  /** Everything as the store has it. */
  #take(saved: Saved, events: readonly TapeEvent[]): void {
    const { untaken, publications } = this.#parts
    const { tab } = untaken
    const { epoch } = this.shown
    if (epoch !== null && epoch !== saved.tape.epoch) this.#reset(saved.tape)
    this.#tape.save(saved.tape)
    this.client = saved.client
    this.outbox.restore(saved.outbox)
    const taken = countOf(saved.tabs, tab)
    untaken.taken(taken)
    untaken.known(taken)
    publications.found(saved.outbox, untaken.lost())
    this.outbox.changed()
    this.#hooks.onEvents(events)
    this.#changed()
    publications.applied(this.seen)
  }

  #apply({ change, placed, leaving }: TabNews): void {
    const { untaken, publications } = this.#parts
    const { tab } = untaken
    if (change.forgetEvents === true) this.#reset(change.tape)
    if (change.tape !== undefined) this.#tape.save(change.tape)
    if (change.client !== undefined) this.client = change.client
    this.outbox.put(change.put ?? [])
    this.outbox.remove(change.remove ?? [])
    if (change.tabs !== undefined) untaken.taken(countOf(change.tabs, tab))
    for (const each of placed) {
      if (each.tab !== tab) continue
      const placed = untaken.place(each.draft)
      if (each.isDiscarded === true) publications.discarded(placed)
      else for (const publication of placed) publications.place(publication, each.place)
    }
    this.outbox.changed()
    this.#hooks.onEvents(change.events ?? [])
    this.#changed()
    publications.left(leaving, this.seen)
    publications.sent((change.put ?? []).filter(({ counter }) => counter !== undefined).map(({ place }) => place))
    publications.applied(this.seen)
  }

  #reset(tape: LocalTape | undefined): void {
    // Of the same tape the models have seen what they have seen, though less of it is kept.
    const isNarrowed = tape?.epoch === this.shown.epoch
    if (!isNarrowed) this.#tape.forget()
    if (tape !== undefined && !isNarrowed) this.#parts.publications.begin(tape.latestSeq)
    this.#hooks.onReset(isNarrowed)
  }

  #changed(): void {
    this.outbox.changed()
    this.#hooks.onChange()
    this.#handOver.check()
  }
}
