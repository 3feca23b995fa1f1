/**
 * The side that works through another tab: it shows what the store has and what the owner says was saved since, and
 * hands its drafts over. Messages are numbered; whenever one is missing, or another owner speaks, the store is read.
 *
 *   reading ── store read ──► following ── the next news ─┐
 *      ▲                        │    ▲                    │
 *      └── a number is missing, ┘    └────────────────────┘
 *          another owner
 */
import { type Draft, type Json, seenOf, type TapeEvent } from '../protocol/index.ts'
import type { Environment } from './environment.ts'
import { type Amount, refusedOf, sizeOf, sum } from './outbox-entry.ts'
import type { Publications } from './publications.ts'
import { type Side, type SideHooks, type SideReport, silence } from './side.ts'
import type { OutboxItem, RefusedDraft } from './status.ts'
import { blankTape, type ClientStore, type LocalTape, type OutboxEntry, type Saved, StoreFailure } from './store.ts'
import type { TabChannel, TabMessage, TabNews, TabOrder } from './tabs.ts'
import type { Untaken, UntakenDraft } from './untaken.ts'

export interface FollowerHooks extends SideHooks {
  /** The store cannot be read: there is nothing to follow. */
  readonly onLost: (error: unknown) => void
}

export interface FollowerParts {
  readonly tab: string
  readonly store: ClientStore
  readonly channel: TabChannel
  readonly untaken: Untaken
  readonly publications: Publications
  readonly environment: Environment
}

export class Follower implements Side {
  readonly #parts: FollowerParts
  readonly #hooks: FollowerHooks
  #tape: LocalTape = blankTape
  readonly #entries = new Map<number, OutboxEntry>()
  readonly #refused = new Map<number, OutboxEntry>()
  #pending: readonly Draft[] | undefined
  #outbox: readonly OutboxItem[] | undefined
  #report = silence
  #latestSeq = -1
  client = ''
  #owner: string | undefined
  /** Of the news that came last. */
  #revision = 0
  #isReading = false
  /** What the store is being read for has changed: it must be read again. */
  #isStale = false
  /** News that came while the store was read. */
  #waiting: TabNews[] = []
  #isStopped = false

  constructor(parts: FollowerParts, hooks: FollowerHooks) {
    this.#parts = parts
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

  get pending(): readonly Draft[] {
    this.#pending ??= [...Array.from(this.#entries.values(), ({ draft }) => draft), ...this.#parts.untaken.pending]
    return this.#pending
  }

  get outbox(): readonly OutboxItem[] {
    this.#outbox ??= [...Array.from(this.#entries.values(), itemOf), ...this.#parts.untaken.drafts.map(itemOfUntaken)]
    return this.#outbox
  }

  get amount(): Amount & { readonly made: Amount } {
    let made: Amount = { drafts: 0, bytes: 0 }
    let bytes = 0
    for (const entry of this.#entries.values()) {
      bytes += sizeOf(entry)
      made = sum(made, entry.folded)
    }
    return { drafts: this.#entries.size, bytes, made }
  }

  get refused(): readonly RefusedDraft[] {
    return Array.from(this.#refused.values(), refusedOf)
  }

  get report(): SideReport {
    const { storage } = this.#report
    return { ...this.#report, storage: { ...storage, unsaved: storage.unsaved + this.#parts.untaken.drafts.length } }
  }

  /** The draft is in `untaken` already. */
  publish(): void {
    this.#changed()
    this.#handOver(this.#parts.untaken.drafts.slice(-1))
  }

  discard(place: number): void {
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
    this.#isStopped = true
    this.#parts.channel.onMessage = undefined
    this.#report = { ...this.#report, connection: 'stopped' }
    this.#hooks.onChange()
  }

  events(): Promise<readonly TapeEvent[]> {
    return this.#parts.store.events()
  }

  #order(order: TabOrder): void {
    this.#parts.channel.post({ type: 'order', order })
  }

  #handOver(drafts: readonly UntakenDraft[]): void {
    const first = drafts[0]
    if (first === undefined) return
    this.#parts.channel.post({ type: 'drafts', tab: this.#parts.tab, first: first.number, drafts: drafts.map(({ draft }) => draft) })
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
        this.#report = message.report
        this.client = message.client
        this.#latestSeq = message.latestSeq
        return this.#hooks.onChange()
      case 'taken':
        if (message.tab === this.#parts.tab) this.#handOver(this.#parts.untaken.drafts.filter(({ number }) => number > message.drafts))
        return
      case 'alone':
        return this.#hooks.onLost(new StoreFailure('unavailable'))
      case 'heard':
        return this.#hooks.onWhisper(message.whisper)
    }
  }

  /** What the store holds from now on is at least what this owner had saved by this revision. */
  #readAgain(owner: string, revision: number): void {
    this.#owner = owner
    this.#revision = revision
    this.#waiting = []
    if (this.#isReading) this.#isStale = true
    else void this.#read()
  }

  async #read(): Promise<void> {
    const { store, untaken } = this.#parts
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
      if (!this.#isStopped) this.#hooks.onLost(error)
      return
    }
    this.#isReading = false
    for (const news of this.#waiting.splice(0)) this.#apply(news)
    this.#handOver(untaken.drafts)
  }

  /** Everything as the store has it. */
  #take(saved: Saved, events: readonly TapeEvent[]): void {
    const { untaken, tab } = this.#parts
    if (this.#tape.epoch !== null && this.#tape.epoch !== saved.tape.epoch) this.#hooks.onReset()
    this.#tape = saved.tape
    this.client = saved.client
    this.#entries.clear()
    this.#refused.clear()
    this.#put(saved.outbox)
    untaken.taken(Object.hasOwn(saved.tabs, tab) ? (saved.tabs[tab] ?? 0) : 0)
    this.#placeLost()
    this.#changed()
    this.#hooks.onEvents(events)
  }

  #apply({ change, placed, leaving }: TabNews): void {
    const { untaken, publications, tab } = this.#parts
    if (change.forgetEvents === true) this.#hooks.onReset()
    if (change.tape !== undefined) this.#tape = change.tape
    if (change.client !== undefined) this.client = change.client
    this.#put(change.put ?? [])
    for (const place of change.remove ?? []) {
      this.#entries.delete(place)
      this.#refused.delete(place)
    }
    if (change.tabs !== undefined && Object.hasOwn(change.tabs, tab)) untaken.taken(change.tabs[tab] ?? 0)
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

  #put(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) {
      // One that is replaced keeps its place in the order, a new one is the newest.
      if (entry.refused === undefined) this.#entries.set(entry.place, entry)
      else {
        this.#entries.delete(entry.place)
        this.#refused.set(entry.place, entry)
      }
    }
  }

  /** Drafts that an owner took and never placed are behind none of those that wait now: they go with the last. */
  #placeLost(): void {
    const last = [...this.#entries.keys()].at(-1)
    for (const publication of this.#parts.untaken.lost()) {
      if (last === undefined) publication.become({ type: 'applied', seq: undefined })
      else this.#parts.publications.place(publication, last)
    }
  }

  #changed(): void {
    this.#pending = undefined
    this.#outbox = undefined
    this.#hooks.onChange()
  }
}

function itemOf({ place, draft, madeAt, folded, counter }: OutboxEntry): OutboxItem {
  return { place, draft, madeAt, folded, state: counter === undefined ? 'queued' : 'sent' }
}

/** It has no place yet: those are numbered from the other side of zero. */
function itemOfUntaken({ number, pending, madeAt }: UntakenDraft): OutboxItem {
  return { place: -number, draft: pending, madeAt, folded: { drafts: 1, bytes: 0 }, state: 'queued' }
}
