/**
 * The side that holds the socket and the outbox: it ties together one part for each of link, tape, outbox and store.
 *
 *   link ─ slices ─► intake ─ fresh events, folded ─► the stream's models
 *                       │ holes ─► backfiller ─► socket or HTTP ─► slices, back into the intake
 *   models ─ changes ─► publisher ─► link
 *   all of them ─ what must not be lost ─► keeper ─ what was saved ─► other tabs
 */
import {
  type Change,
  everything,
  type Json,
  type ObjectFilter,
  type RefusedServerFrame,
  type ServerFrame,
  type TapeEvent,
  type WelcomeFrame,
} from '../protocol/index.ts'
import { LinkSwitch } from './link/link-switch.ts'
import { LiveLink } from './link/live-link.ts'
import { TokenKeeper } from './link/token-keeper.ts'
import type { OutboxView } from './outbox/outbox-view.ts'
import type { Publication, Publications } from './outbox/publications.ts'
import { Publisher } from './outbox/publisher.ts'
import type { Side, SideHooks, SideReport } from './side.ts'
import { Keeper } from './storage/keeper.ts'
import { blankTape, type LocalTape, type SavedChange } from './storage/store.ts'
import type { StreamOptions } from './stream-options.ts'
import type { TabDraft, TabNews } from './tabs/tabs.ts'
import { Taken } from './tabs/taken.ts'
import { Intake } from './tape/intake.ts'
import { comeOf, seenOn } from './tape/local-tape.ts'
import { isWider } from './tape/parts.ts'
import { Wanting } from './tape/wanting.ts'

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
  readonly #link: LiveLink
  readonly #switch: LinkSwitch
  readonly #intake: Intake
  readonly #publisher: Publisher
  readonly #wanting: Wanting
  readonly #publications: Publications
  /** The drafts that this has taken, of its own tab and of others. */
  readonly taken: Taken
  #lastHeardAt: number | undefined
  /** What the present link brings, as text. */
  #filtersOnLink: string | undefined
  #isClosed = false

  constructor(
    { transport, store, environment, token, wanted = [everything] }: StreamOptions,
    publications: Publications,
    hooks: OwnerHooks,
  ) {
    this.#hooks = hooks
    this.#publications = publications
    this.#keeper = new Keeper(store, environment, {
      onSaving: () => this.taken.news.seal(),
      onSaved: (change) => {
        hooks.onNews({ change, ...this.taken.news.take() })
        hooks.onChange()
      },
      onFenced: () => this.#fenced(),
      onShed: () => {
        hooks.onAlone()
        this.#readAgain()
      },
      everything: () => this.#everything(),
      onChange: hooks.onChange,
    })
    let lastRef = 0
    const newRef = () => ++lastRef
    const parts = { transport, environment, tokens: new TokenKeeper(token, environment) }
    const send = (frame: object) => this.#link.send(frame)
    const save = (change: SavedChange) => this.#keeper.save(change)
    this.#publisher = new Publisher(environment, {
      send,
      newRef,
      save,
      backOff: () => this.#link.backOff(),
      onLeave: (leaving) => this.taken.left(leaving),
      onSent: (places) => {
        publications.sent(places)
        hooks.onChange()
      },
      onChange: hooks.onChange,
    })
    this.#link = new LiveLink(
      {
        resume: () => this.#resume(),
        onWelcome: (frame) => this.#welcome(frame),
        onFrame: (frame) => this.#receive(frame),
        onHeard: () => {
          this.#lastHeardAt = environment.now()
        },
        onDown: () => this.#goOffline(),
        onChange: hooks.onChange,
      },
      parts,
    )
    this.#switch = new LinkSwitch(this.#link)
    this.#intake = new Intake(
      {
        send,
        newRef,
        save,
        confirm: (events, inOrder, upTo) => this.#publisher.confirm(events, inOrder, upTo),
        onLeave: (leaving) => this.taken.left(leaving),
        client: () => this.client,
        wanted: () => this.#wanting.filters,
        mayFold: () => this.#publisher.outbox.isIndifferent,
        hasSent: () => this.#publisher.outbox.hasSent,
        onRun: (events) => {
          if (events.length > 0) hooks.onEvents(events)
          else hooks.onContext()
          publications.applied(this.#intake.seen)
        },
        onCaughtUp: () => this.#tellPending(() => this.#publisher.caughtUp()),
        onChange: hooks.onChange,
        onWhole: () => this.#fitLink(),
        onEpoch: () => this.#link.backOff(),
        onFatal: (code) => this.#link.stop(code),
      },
      parts,
    )
    this.#wanting = new Wanting(
      wanted,
      {
        tape: () => this.#intake.tape,
        events: () => this.#keeper.events(),
        pending: () => this.outbox.pending,
        onSelect: (tape) => this.#select(tape),
        onNarrow: (tape, events) => this.#narrow(tape, events),
      },
      parts,
    )
    this.taken = new Taken({ publisher: this.#publisher, intake: this.#intake, publications, save })
  }

  readonly isReady = true
  /** Whether `report` says how things stand. */
  readonly hasHeard = true

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
      isClosed: this.#isClosed,
      connection: this.#switch.state,
      lastHeardAt: this.#lastHeardAt,
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
    this.#wanting.begin()
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
    this.#wanting.want(filters, tab)
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

  #resume() {
    const { tape } = this.#intake
    const filters = filtersOf(tape)
    this.#filtersOnLink = JSON.stringify(filters)
    const after = comeOf(tape).at(-1)?.[1] ?? -1
    return { after, epoch: tape.epoch, client: this.#publisher.publisherOnLink, mark: tape.mark, filters }
  }

  #welcome(frame: WelcomeFrame): void {
    if (this.#intake.isOther(frame.epoch)) {
      this.#beginAnew(frame)
      if (this.#fitLink()) return
    }
    this.#isClosed = frame.closed === true
    this.#publisher.online(frame.counter)
    this.#intake.online(frame)
    this.#wanting.online()
    this.#hooks.onChange()
  }

  #receive(frame: Exclude<ServerFrame, WelcomeFrame>): void {
    switch (frame.type) {
      case 'slice':
        this.#isClosed ||= frame.closed === true
        return this.#intake.receive(frame)
      case 'refused':
        return this.#refuse(frame)
      case 'token':
        return this.#publisher.renewed()
      case 'whisper':
        return this.#hooks.onWhisper({ client: frame.client, data: frame.data })
    }
  }

  #refuse(frame: RefusedServerFrame): void {
    this.#tellPending(() => this.#publisher.refuse(frame))
    this.#intake.refuse(frame)
  }

  /** Tells the models, if that changes what is pending, or who this client is. */
  #tellPending(change: () => void): void {
    const before = this.outbox.pending
    change()
    if (this.outbox.pending !== before) this.#hooks.onPending()
    else this.#hooks.onContext()
  }

  /** Under another epoch the tape is another one: everything known of it is forgotten, except what waits to be sent. */
  #beginAnew(frame: WelcomeFrame): void {
    this.#intake.begin(frame)
    this.#publications.begin(frame.latestSeq)
    this.#publisher.begin(-1)
    const { change, leaving } = this.#publisher.forgetTape(frame.counter)
    void this.#keeper.save({ tape: this.#intake.tape, forgetEvents: true, ...change })
    if (leaving.length > 0) this.taken.left(leaving)
    this.#hooks.onReset()
    this.#hooks.onPending()
    this.#hooks.onChange()
  }

  #select(tape: LocalTape): void {
    this.#prepareFor(tape)
    this.#intake.select(tape)
    this.#fitLink()
    this.#hooks.onChange()
  }

  #prepareFor(tape: LocalTape): void {
    if (isWider(tape, this.#intake.tape)) this.#publisher.begin(seenOn(tape))
  }

  /** Opens another link, if the present one brings something else than is wanted now. */
  #fitLink(): boolean {
    if (this.#filtersOnLink === JSON.stringify(filtersOf(this.#intake.tape))) return false
    this.#link.renew()
    return true
  }

  #narrow(tape: LocalTape, events: readonly TapeEvent[]): void {
    this.#prepareFor(tape)
    const { change, leaving } = this.#intake.narrow(tape)
    void this.#keeper.save({ tape: this.#intake.tape, forgetEvents: true, events, ...change })
    this.#hooks.onReset(true)
    this.#hooks.onEvents(events)
    if (leaving.length > 0) this.taken.left(leaving)
    this.#fitLink()
    this.#hooks.onChange()
  }

  #goOffline(): void {
    this.#wanting.offline()
    this.#publisher.offline()
    this.#intake.offline()
    if (this.#link.problem !== 'superseded') return
    // Somebody publishes under our id: another process on this store, which fences this save, or a copy of the store.
    this.#publisher.superseded()
    void this.#keeper.save({})
  }

  #readAgain(): void {
    this.#intake.readAgain()
    this.#fitLink()
  }

  /** All that a store has to hold of this client, but the tape, which is read again. */
  #everything(): SavedChange {
    this.#readAgain()
    const { client, nextCounter, all } = this.#publisher.outbox
    return { client, nextCounter, tabs: this.taken.counts, tape: this.#intake.tape, forgetEvents: true, put: all }
  }

  #fenced(): void {
    this.#link.stop()
    this.#hooks.onFenced()
  }
}

function filtersOf({ parts }: LocalTape): readonly ObjectFilter[] | undefined {
  return parts?.map(({ filter }) => filter)
}
