/**
 * The side that holds the socket and the outbox: it ties together one part for each of link, tape, outbox and store.
 *
 *   link ─ frames ─► conversation ─ slices ─► intake ─ fresh events, folded ─► the stream's models
 *                                               │ holes ─► backfiller ─► socket or HTTP ─► slices, back into the intake
 *   wants, another tape ─► holdings ────────────┘
 *   models ─ changes ─► publisher ─► link
 *   all of them ─ what must not be lost ─► keeper ─ what was saved ─► other tabs
 */
import { type Change, everything, type Json, type ObjectFilter, type TapeEvent } from '../protocol/index.ts'
import { Conversation } from './link/conversation.ts'
import { LinkSwitch } from './link/link-switch.ts'
import { LiveLink } from './link/live-link.ts'
import { TokenKeeper } from './link/token-keeper.ts'
import type { Leaving } from './outbox/outbox-entry.ts'
import type { OutboxView } from './outbox/outbox-view.ts'
import type { Publication, Publications } from './outbox/publications.ts'
import { Publisher } from './outbox/publisher.ts'
import type { Side, SideHooks, SideReport } from './side.ts'
import { Keeper } from './storage/keeper.ts'
import { blankTape, type LocalTape, type SavedChange } from './storage/store.ts'
import type { StreamOptions } from './stream-options.ts'
import type { TabDraft, TabNews } from './tabs/tabs.ts'
import { Taken } from './tabs/taken.ts'
import { Holdings } from './tape/holdings.ts'
import { Intake } from './tape/intake.ts'

export interface OwnerHooks extends SideHooks {
  /** What other tabs are told: this was saved, and this much happened until then. */
  readonly onNews: (news: TabNews) => void
  /** Another process has claimed the store: this one may save and send nothing more. */
  readonly onFenced: () => void
  /** Other tabs do not find in the store what they need any more. */
  readonly onAlone: () => void
}

export class Owner implements Side {
  readonly #hooks: OwnerHooks
  readonly #keeper: Keeper
  readonly #publisher: Publisher
  readonly #intake: Intake
  readonly #holdings: Holdings
  readonly #conversation: Conversation
  readonly #link: LiveLink
  readonly #switch: LinkSwitch
  /** The drafts that this has taken, of its own tab and of others. */
  readonly taken: Taken
  readonly isReady = true
  /** Whether `report` says how things stand. */
  readonly hasHeard = true

  constructor(
    { transport, store, environment, token, wanted = [everything] }: StreamOptions,
    publications: Publications,
    hooks: OwnerHooks,
  ) {
    this.#hooks = hooks
    const keeper = new Keeper(store, environment, {
      onSaving: () => this.taken.news.seal(),
      onSaved: (change) => {
        hooks.onNews({ change, ...this.taken.news.take() })
        hooks.onChange()
      },
      onFenced: () => this.#fenced(),
      onShed: () => {
        hooks.onAlone()
        this.#holdings.readAgain()
      },
      everything: () => this.#everything(),
      onChange: hooks.onChange,
    })
    const parts = { transport, environment, tokens: new TokenKeeper(token, environment) }
    let lastRef = 0
    const shared = {
      send: (frame: object) => this.#link.send(frame),
      newRef: () => ++lastRef,
      save: (change: SavedChange) => keeper.save(change),
      onLeave: (leaving: readonly Leaving[]) => this.taken.left(leaving),
      onChange: hooks.onChange,
    }
    const publisher = new Publisher(environment, {
      ...shared,
      backOff: () => this.#link.backOff(),
      onSent: (places) => {
        publications.sent(places)
        hooks.onChange()
      },
    })
    const intake = new Intake(
      {
        ...shared,
        confirm: (events, inOrder, upTo) => publisher.confirm(events, inOrder, upTo),
        client: () => publisher.outbox.client,
        wanted: () => this.#holdings.wanting.filters,
        mayFold: () => publisher.outbox.isIndifferent,
        hasSent: () => publisher.outbox.hasSent,
        onRun: (events) => {
          if (events.length > 0) hooks.onEvents(events)
          else hooks.onContext()
          publications.applied(intake.seen)
        },
        onCaughtUp: () => this.#tellPending(() => publisher.caughtUp()),
        onWhole: () => this.#conversation.fitLink(),
        onEpoch: () => this.#link.backOff(),
        onFatal: (code) => this.#link.stop(code),
      },
      parts,
    )
    this.#keeper = keeper
    this.#publisher = publisher
    this.#intake = intake
    this.#holdings = new Holdings(
      wanted,
      { ...parts, intake, publisher, publications, keeper },
      { ...hooks, onLeave: shared.onLeave, onParts: () => this.#conversation.fitLink() },
    )
    this.#conversation = new Conversation(
      { publisher, intake, wanting: this.#holdings.wanting },
      {
        now: environment.now,
        renew: () => this.#link.renew(),
        onAnew: (frame) => this.#holdings.beginAnew(frame),
        onRefused: (frame) => this.#tellPending(() => publisher.refuse(frame)),
        onWhisper: hooks.onWhisper,
        // Where it is another process on this store, this save is fenced.
        onSuperseded: () => void keeper.save({}),
        onChange: hooks.onChange,
      },
    )
    this.#link = new LiveLink(this.#conversation, parts)
    this.#switch = new LinkSwitch(this.#link)
    this.taken = new Taken({ publisher, intake, publications, save: shared.save })
  }

  get client(): string {
    return this.#publisher.outbox.client
  }

  get tape(): LocalTape {
    return this.#intake.tape
  }

  get shown(): LocalTape {
    return this.#intake.shown
  }

  get seen(): number {
    return this.#intake.seen
  }

  get outbox(): OutboxView {
    return this.#publisher.outbox
  }

  /** Whether other tabs find in the store what this one saves. */
  get isShared(): boolean {
    return this.#keeper.isShared
  }

  /** Whether it works offline on purpose. */
  get isPaused(): boolean {
    return this.#switch.isPaused
  }

  get report(): SideReport {
    return {
      isClosed: this.#conversation.isClosed,
      connection: this.#switch.state,
      lastHeardAt: this.#conversation.lastHeardAt,
      problem: this.#link.problem ?? this.#publisher.problem ?? this.#publisher.setback ?? this.#intake.problem,
      storage: this.#keeper.storage,
    }
  }

  /** Reads the store, which decides who this client is. Gives what was kept of the tape. Nothing may be published before. */
  async open(): Promise<readonly TapeEvent[]> {
    const { saved, events } = await this.#keeper.open()
    this.taken.restore(saved?.tabs ?? {})
    this.#publisher.restore(saved, events)
    this.#intake.restore(saved?.tape ?? blankTape, events)
    this.#holdings.wanting.begin()
    this.#publisher.begin(this.#intake.seen)
    return events
  }

  /** The models have seen so much of this tape already. */
  keepSeen(seen: number): void {
    this.#intake.keepSeen(seen)
  }

  /** From now on, unless it is paused. */
  connect(): void {
    this.#switch.connect()
  }

  /** `retries`: the place of the refused draft that this one takes. */
  publish(change: Change, publications: readonly Publication[], retries?: number): void {
    // A draft has seen what the models show.
    this.#intake.deliver()
    this.taken.publish(change, publications, retries)
    this.#hooks.onChange()
  }

  /** Takes drafts of another tab that it has not taken yet; gives how many it has taken from that tab by now. */
  takeDrafts(tab: string, first: number, drafts: readonly TabDraft[]): number {
    if (this.taken.takeDrafts(tab, first, drafts)) {
      this.#hooks.onPending()
      this.#hooks.onChange()
    }
    return this.taken.from(tab)
  }

  /** What a tab wants of the tape, this one by default; nothing more when it is gone. */
  want(filters: readonly ObjectFilter[] | undefined, tab?: string): void {
    this.#holdings.wanting.want(filters, tab)
  }

  discard(place: number): void {
    this.#publisher.discard(place)
  }

  whisper(data: Json): void {
    this.#link.send({ type: 'whisper', client: this.client, data })
  }

  nudge(): void {
    this.#link.nudge()
  }

  pause(): void {
    this.#switch.pause()
    this.#hooks.onChange()
  }

  resume(): void {
    this.#switch.resume()
    this.#hooks.onChange()
  }

  /** Sends and hears nothing more. What was made is saved all the same. */
  disconnect(): void {
    this.#link.stop()
  }

  stop(): void {
    this.disconnect()
    this.#keeper.stop()
  }

  /** Resolves when everything until now has been saved. */
  saved(): Promise<void> {
    return this.#keeper.save({})
  }

  /** Gives models that come late what is known of the tape. */
  async events(): Promise<readonly TapeEvent[]> {
    return this.#keeper.events()
  }

  /** Tells the models, if that changes what is pending, or who this client is. */
  #tellPending(change: () => void): void {
    const before = this.outbox.pending
    change()
    if (this.outbox.pending !== before) this.#hooks.onPending()
    else this.#hooks.onContext()
  }

  /** All that a store has to hold of this client, but the tape, which is read again. */
  #everything(): SavedChange {
    this.#holdings.readAgain()
    const { client, nextCounter, all } = this.#publisher.outbox
    return { client, nextCounter, tabs: this.taken.counts, tape: this.#intake.tape, forgetEvents: true, put: all }
  }

  #fenced(): void {
    this.#link.stop()
    this.#hooks.onFenced()
  }
}
