/**
 * The side that works through another tab: it shows what the store has and what the owner says was saved since, hands its
 * drafts over, and asks the owner for everything else. It owns what is known here of the owner's tape and outbox, and
 * never reaches the server or saves anything itself.
 */
import type { Json, ObjectFilter, TapeEvent } from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import type { Publications } from '../outbox/publications.ts'
import { type Side, type SideHooks, type SideReport, silence } from '../side.ts'
import { type ClientStore, type LocalTape, type Saved, StoreFailure } from '../storage/store.ts'
import { isWider } from '../tape/parts.ts'
import { FollowedOutbox } from './followed-outbox.ts'
import { FollowedTape } from './followed-tape.ts'
import { Following } from './following.ts'
import { HandOver } from './hand-over.ts'
import { Orders } from './orders.ts'
import { countOf } from './tab-counts.ts'
import type { TabChannel, TabMessage, TabNews } from './tabs.ts'
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
  readonly #following: Following
  readonly #handOver: HandOver
  readonly #orders: Orders
  #report = silence
  client = ''
  /** Whether an owner has said how things stand. */
  hasHeard = false
  #isStopped = false

  constructor(parts: FollowerParts, hooks: FollowerHooks) {
    const { store, channel, untaken, environment, tape, seen, wanted } = parts
    this.#parts = parts
    this.#hooks = hooks
    this.outbox = new FollowedOutbox(untaken)
    this.#tape = new FollowedTape(tape, seen)
    this.#handOver = new HandOver(untaken, channel, environment)
    this.#orders = new Orders(untaken, channel, wanted)
    this.#following = new Following(store, environment, {
      onOwner: () => this.#orders.repeat(),
      onSaved: (saved, events) => this.#take(saved, events),
      onNews: (news) => this.#apply(news),
      onRead: () => this.#handOver.offer(),
      onLost: (error) => this.#lose(error),
    })
    channel.onMessage = (message) => this.#receive(message)
  }

  /** Reads the store, and makes itself known to the owner. */
  start(): void {
    this.#following.read()
    this.#parts.channel.post({ type: 'hello' })
  }

  get isReady(): boolean {
    return this.#following.isReady
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
    this.#orders.want(filters)
  }

  /** Wants nothing while its tab is not there. */
  present(isHere: boolean): void {
    this.#orders.present(isHere)
  }

  discard(place: number): void {
    // It is not there to be tried again meanwhile. When the order is lost with its owner, the store brings it back.
    if (this.outbox.dropRefused(place)) this.#changed()
    this.#orders.give({ type: 'discard', place })
  }

  whisper(data: Json): void {
    this.#orders.give({ type: 'whisper', data })
  }

  nudge(): void {
    this.#orders.give({ type: 'nudge' })
  }

  pause(): void {
    this.#report = { ...this.#report, connection: 'paused' }
    this.#orders.switch('pause')
  }

  resume(): void {
    if (this.#report.connection === 'paused') this.#report = { ...this.#report, connection: 'connecting' }
    this.#orders.switch('resume')
  }

  stop(): void {
    this.#orders.present(false)
    this.#leaveChannel()
  }

  /** An owner has taken every draft of this tab, and saved it, or this is a follower no more. */
  saved(): Promise<void> {
    return this.#handOver.done()
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
    this.#following.stop()
    this.#handOver.stop()
    this.#orders.stop()
    this.#parts.channel.onMessage = undefined
  }

  #receive(message: TabMessage): void {
    if (this.#isStopped) return
    switch (message.type) {
      case 'owner':
        this.#following.hear(message)
        return this.#following.isReading ? undefined : this.#handOver.offer()
      case 'news':
        return this.#following.take(message)
      case 'report':
        return this.#learn(message)
      case 'taken':
        return message.tab === this.#parts.untaken.tab ? this.#goOnFrom(message.drafts) : undefined
      case 'alone':
        return this.#lose(new StoreFailure('unavailable'))
      case 'heard':
        return this.#hooks.onWhisper(message.whisper)
    }
  }

  /** An owner says how things stand. */
  #learn(message: TabMessage & { readonly type: 'report' }): void {
    this.hasHeard = true
    if (this.#following.isOf(message.owner)) this.#orders.heard()
    this.#report = message.report
    this.client = message.client
    this.#tape.heardOf(message.latestSeq)
    this.#following.hear(message)
    this.#hooks.onContext()
    this.#hooks.onChange()
  }

  /** The owner has taken so many drafts of this tab. */
  #goOnFrom(count: number): void {
    const rest = this.#parts.untaken.drafts.filter(({ number }) => number > count)
    if (rest[0]?.number === count + 1) this.#handOver.offer(rest)
    // It knows of fewer than we were told of: the store says how many there are.
    else if (rest.length > 0) this.#following.read()
  }

  /** Everything as the store has it. */
  #take(saved: Saved, events: readonly TapeEvent[]): void {
    const { untaken, publications } = this.#parts
    const { tab } = untaken
    const { epoch } = this.shown
    // What is not held any more nobody keeps up to date.
    const isGone = epoch !== saved.tape.epoch || isWider(this.shown, saved.tape)
    if (epoch !== null && isGone) this.#reset(saved.tape)
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
      const made = untaken.place(each.draft)
      if (each.isDiscarded === true) publications.discarded(made)
      else for (const publication of made) publications.place(publication, each.place)
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
