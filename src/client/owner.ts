/**
 * The side that holds the socket and the outbox: it ties together one part for each of link, tape, outbox and store.
 *
 *   link ─ slices ─► intake ─ fresh events, folded ─► the stream's models
 *                       │ holes ─► backfiller ─► socket or HTTP ─► slices, back into the intake
 *   models ─ changes ─► publisher ─► link
 *   all of them ─ what must not be lost ─► keeper ─ what was saved ─► other tabs
 */
import type { Change, Json, RefusedServerFrame, ServerFrame, TapeEvent, WelcomeFrame } from '../protocol/index.ts'
import { LiveLink } from './link/live-link.ts'
import { TokenKeeper } from './link/token-keeper.ts'
import type { Leaving } from './outbox/outbox-entry.ts'
import type { OutboxView } from './outbox/outbox-view.ts'
import type { Publication, Publications } from './outbox/publications.ts'
import { Publisher } from './outbox/publisher.ts'
import type { Side, SideHooks, SideReport } from './side.ts'
import type { StreamStatus } from './status.ts'
import { Keeper } from './storage/keeper.ts'
import { blankTape, type LocalTape } from './storage/store.ts'
import type { StreamOptions } from './stream-options.ts'
import { countOf, type TabCounts, withCount } from './tabs/tab-counts.ts'
import type { TabDraft, TabNews } from './tabs/tabs.ts'
import { UnsavedNews } from './tabs/unsaved-news.ts'
import type { MadeDraft, UntakenDraft } from './tabs/untaken.ts'
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
  readonly #publications: Publications
  readonly #keeper: Keeper
  readonly #link: LiveLink
  readonly #intake: Intake
  readonly #publisher: Publisher
  readonly #news = new UnsavedNews()
  #tabs: TabCounts = {}
  #lastHeardAt: number | undefined
  #mayConnect = false
  #isPaused = false
  #isFenced = false

  constructor({ transport, store, environment, token }: StreamOptions, publications: Publications, hooks: OwnerHooks) {
    this.#hooks = hooks
    this.#publications = publications
    this.#keeper = new Keeper(store, environment, {
      onSaving: () => this.#news.seal(),
      onSaved: (change) => {
        hooks.onNews({ change, ...this.#news.take() })
        hooks.onChange()
      },
      onFenced: () => this.#fenced(),
      onShed: () => this.#readAgain(),
      onChange: hooks.onChange,
    })
    let lastRef = 0
    const newRef = () => ++lastRef
    const parts = { transport, environment, tokens: new TokenKeeper(token, environment) }
    const send = (frame: object) => this.#link.send(frame)
    this.#publisher = new Publisher(environment, {
      send,
      newRef,
      save: (change) => this.#keeper.save(change),
      backOff: () => this.#link.backOff(),
      onLeave: (leaving) => this.#leave(leaving),
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
    this.#intake = new Intake(
      {
        send,
        newRef,
        save: (change) => void this.#keeper.save(change),
        confirm: (events) => this.#publisher.confirm(events),
        onLeave: (leaving) => this.#leave(leaving),
        onRun: (events) => {
          hooks.onEvents(events)
          publications.applied(this.#intake.seen)
        },
        onCaughtUp: () => this.#tellPending(() => this.#publisher.caughtUp()),
        onChange: hooks.onChange,
        onEpoch: () => this.#link.backOff(),
        onFatal: (code) => this.#link.stop(code),
      },
      parts,
    )
  }

  get client(): string {
    return this.#publisher.outbox.client
  }

  get tape(): LocalTape {
    return this.#intake.tape
  }

  get outbox(): OutboxView {
    return this.#publisher.outbox
  }

  /** Whether other tabs find in the store what this one saves. */
  get isShared(): boolean {
    return this.#keeper.isShared
  }

  get report(): SideReport {
    return {
      connection: this.#isPaused ? 'paused' : connectionOf(this.#link.state),
      lastHeardAt: this.#lastHeardAt,
      problem: this.#link.problem ?? this.#publisher.problem,
      storage: this.#keeper.storage,
    }
  }

  /** Reads the store, which decides who this client is. Gives what was kept of the tape. Nothing may be published before. */
  async open(): Promise<readonly TapeEvent[]> {
    const { saved, events } = await this.#keeper.open()
    this.#intake.restore(saved?.tape ?? blankTape)
    this.#tabs = saved?.tabs ?? {}
    this.#publisher.restore(saved, events)
    return events
  }

  /** How many drafts of this tab the store has. */
  takenFrom(tab: string): number {
    return countOf(this.#tabs, tab)
  }

  /** From now on, unless it is paused. */
  connect(): void {
    this.#mayConnect = true
    if (!this.#isPaused) this.#link.start()
  }

  publish(change: Change, publications: readonly Publication[]): void {
    // A draft has seen what the models show.
    this.#intake.deliver()
    const { seen, tape } = this.#intake
    this.#news.addMade({ draft: { change, seen, epoch: tape.epoch }, publications })
    const place = this.#publisher.add(change, seen)
    for (const publication of publications) this.#publications.place(publication, place)
    this.#hooks.onChange()
  }

  /** Takes drafts that were made here before this was the owner, and publications of such that an earlier one took. */
  adopt(drafts: readonly UntakenDraft[], lost: readonly Publication[], tab: string | undefined): void {
    this.#publications.found(this.#publisher.outbox.all, lost)
    for (const { draft, publications, number } of drafts) {
      this.#news.addMade({ draft, publications, number })
      const place = this.#addDraft(draft)
      for (const publication of publications) this.#publications.place(publication, place)
    }
    const last = drafts.at(-1)
    if (tab !== undefined && last !== undefined) {
      // Those who are asked for them later, by a message that was long on its way, know that they are taken.
      this.#tabs = withCount(this.#tabs, tab, last.number)
      void this.#keeper.save({ tabs: this.#tabs })
    }
    this.#hooks.onChange()
  }

  /** Drafts of this tab that the store does not have, as they were made. Those of other tabs are still there. */
  get unsaved(): readonly MadeDraft[] {
    return this.#news.made
  }

  /** Takes drafts of another tab that it has not taken yet; gives how many it has taken from that tab by now. */
  takeDrafts(tab: string, first: number, drafts: readonly TabDraft[]): number {
    const taken = this.takenFrom(tab)
    const fresh = first > taken + 1 ? [] : drafts.slice(taken + 1 - first)
    if (fresh.length === 0) return taken
    fresh.forEach((draft, index) => {
      this.#news.addPlaced({ tab, draft: taken + 1 + index, place: this.#addDraft(draft) })
    })
    this.#tabs = withCount(this.#tabs, tab, taken + fresh.length)
    void this.#keeper.save({ tabs: this.#tabs })
    this.#hooks.onPending()
    this.#hooks.onChange()
    return taken + fresh.length
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
    this.#isPaused = true
    this.#link.pause()
    this.#hooks.onChange()
  }

  resume(): void {
    if (!this.#isPaused || this.#isFenced) return
    this.#isPaused = false
    if (this.#mayConnect) this.#link.start()
    this.#hooks.onChange()
  }

  stop(): void {
    this.#link.stop()
  }

  /** Resolves when everything until now has been saved. */
  saved(): Promise<void> {
    return this.#keeper.save({})
  }

  /** Gives models that come late what is known of the tape. */
  async events(): Promise<readonly TapeEvent[]> {
    return this.#keeper.events()
  }

  /** What a draft has seen means something under its own epoch alone. */
  #addDraft({ change, seen, epoch }: TabDraft): number | undefined {
    return this.#publisher.add(change, epoch === this.#intake.tape.epoch ? seen : -1)
  }

  #resume() {
    const { accounted, epoch } = this.#intake.tape
    return { after: accounted.at(-1)?.[1] ?? -1, epoch, client: this.#publisher.publisherOnLink }
  }

  #welcome(frame: WelcomeFrame): void {
    if (this.#intake.isOther(frame.epoch)) this.#beginAnew(frame.epoch)
    this.#publisher.online(frame.counter)
    this.#intake.online(frame)
    this.#hooks.onChange()
  }

  #receive(frame: Exclude<ServerFrame, WelcomeFrame>): void {
    switch (frame.type) {
      case 'slice':
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

  /** Tells the models, if that changes what is pending. */
  #tellPending(change: () => void): void {
    const before = this.outbox.pending
    change()
    if (this.outbox.pending !== before) this.#hooks.onPending()
  }

  /** Under another epoch the tape is another one: everything known of it is forgotten, except what waits to be sent. */
  #beginAnew(epoch: string | null): void {
    this.#intake.begin(epoch)
    void this.#keeper.save({ tape: this.#intake.tape, forgetEvents: true, ...this.#publisher.forgetTape() })
    this.#hooks.onChange()
    this.#hooks.onReset()
  }

  #goOffline(): void {
    this.#publisher.offline()
    this.#intake.offline()
    if (this.#link.problem !== 'superseded') return
    // Somebody publishes under our id: another process on this store, which fences this save, or a copy of the store.
    this.#publisher.superseded()
    void this.#keeper.save({})
  }

  #readAgain(): void {
    this.#hooks.onAlone()
    this.#intake.readAgain()
  }

  #fenced(): void {
    this.#isFenced = true
    this.#link.stop()
    this.#hooks.onFenced()
  }

  #leave(leaving: readonly Leaving[]): void {
    this.#news.addLeaving(leaving)
    this.#publications.left(leaving, this.#intake.seen)
  }
}

function connectionOf(state: LiveLink['state']): StreamStatus['connection'] {
  switch (state) {
    case 'idle':
    case 'connecting':
      return 'connecting'
    case 'waiting':
      return 'offline'
    case 'online':
    case 'stopped':
      return state
  }
}
