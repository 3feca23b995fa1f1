/**
 * The side that holds the socket and the outbox. It owns the local tape and hands everything else to one part each:
 * the live link, the backfiller, the publisher, and the keeper of it all.
 *
 *   link ─ frames ─► local tape ─ fresh events, folded ─► the stream's models
 *                       │ holes ─► backfiller ─► socket or HTTP ─► slices, back into the tape
 *   models ─ changes ─► publisher ─► link
 */
import {
  type Change,
  type Draft,
  foldEvents,
  holesUpTo,
  type Json,
  type RefusedServerFrame,
  type ServerFrame,
  type Slice,
  seenOf,
  type TapeEvent,
  type WelcomeFrame,
} from '../protocol/index.ts'
import { Backfiller } from './backfiller.ts'
import { Keeper } from './keeper.ts'
import { LiveLink } from './live-link.ts'
import { account, holesOf } from './local-tape.ts'
import { type Amount, itemOf, type Leaving, refusedOf } from './outbox-entry.ts'
import type { Publication, Publications } from './publications.ts'
import { Publisher } from './publisher.ts'
import type { Side, SideHooks, SideReport } from './side.ts'
import type { OutboxItem, RefusedDraft, StreamStatus } from './status.ts'
import { blankTape, type LocalTape, type SavedChange } from './store.ts'
import type { StreamOptions } from './stream-options.ts'
import type { Placed, TabDraft, TabNews } from './tabs.ts'
import { TokenKeeper } from './token-keeper.ts'
import type { MadeDraft, UntakenDraft } from './untaken.ts'

export interface OwnerHooks extends SideHooks {
  /** What other tabs are told: this was saved, and this much happened until then. */
  readonly onNews: (news: TabNews) => void
  /** Another process has claimed the store: this one may save and send nothing more. */
  readonly onFenced: () => void
  /** Other tabs do not find in the store what they need any more. */
  readonly onAlone: () => void
}

/** A draft as it was made, and who asks what became of it. */

/** A run of this many events is applied though more of it is on its way. */
const runEventsMax = 20_000

export class Owner implements Side {
  readonly #hooks: OwnerHooks
  readonly #publications: Publications
  readonly #keeper: Keeper
  readonly #link: LiveLink
  readonly #backfiller: Backfiller
  readonly #publisher: Publisher
  #tape: LocalTape = blankTape
  /** Fresh events that the models have not been given yet, while more of a catch-up is under way. */
  #run: TapeEvent[] = []
  /** Where the tape ended when the present link was opened, until everything up to there is known. */
  #catchUpTo: number | undefined
  /** How many drafts were taken from each other tab. */
  #tabs: Readonly<Record<string, number>> = {}
  /** What is to be told with the change that is gathered now, and with the one that is being saved. */
  #news = noNews()
  #newsUnderWay = noNews()
  /** What was made here since then. */
  #made: MadeDraft[] = []
  #madeUnderWay: MadeDraft[] = []
  #lastHeardAt: number | undefined
  #mayConnect = false
  #isPaused = false
  #isFenced = false
  #outbox: readonly OutboxItem[] | undefined

  constructor({ transport, store, environment, token }: StreamOptions, publications: Publications, hooks: OwnerHooks) {
    this.#hooks = hooks
    this.#publications = publications
    this.#keeper = new Keeper(store, environment, {
      onSaving: () => this.#sealNews(),
      onSaved: (change) => this.#tell(change),
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
      onSent: (places) => this.#sent(places),
      onChange: () => this.#outboxChanged(),
    })
    this.#link = new LiveLink(
      {
        resume: () => ({ after: this.#tape.accounted.at(-1)?.[1] ?? -1, epoch: this.#tape.epoch, client: this.#publisher.publisherOnLink }),
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
    this.#backfiller = new Backfiller(
      {
        tape: () => this.#tape,
        send,
        newRef,
        // A page that was under way when the epoch changed tells of a tape that is no more.
        onSlice: (slice) => slice.epoch === this.#tape.epoch && this.#take(slice, 'page'),
        onEpoch: () => this.#link.backOff(),
        onFatal: (code) => this.#link.stop(code),
        onFail: () => this.#deliver(),
      },
      parts,
    )
  }

  get client(): string {
    return this.#publisher.outbox.client
  }

  get tape(): LocalTape {
    return this.#tape
  }

  get pending(): readonly Draft[] {
    return this.#publisher.outbox.pending
  }

  /** Whether other tabs find in the store what this one saves. */
  get isShared(): boolean {
    return this.#keeper.isShared
  }

  get outbox(): readonly OutboxItem[] {
    this.#outbox ??= Array.from(this.#publisher.outbox.entries, itemOf)
    return this.#outbox
  }

  get amount(): Amount & { readonly made: Amount } {
    return this.#publisher.outbox.amount
  }

  get oldestAt(): number | undefined {
    return this.#publisher.outbox.oldestAt
  }

  get refused(): readonly RefusedDraft[] {
    return Array.from(this.#publisher.outbox.refused, refusedOf)
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
    this.#tape = saved?.tape ?? blankTape
    this.#tabs = saved?.tabs ?? {}
    this.#publisher.restore(saved, events)
    return events
  }

  /** How many drafts of this tab the store has. */
  takenFrom(tab: string): number {
    return Object.hasOwn(this.#tabs, tab) ? (this.#tabs[tab] ?? 0) : 0
  }

  /** From now on, unless it is paused. */
  connect(): void {
    this.#mayConnect = true
    if (!this.#isPaused) this.#link.start()
  }

  publish(change: Change, publications: readonly Publication[]): void {
    // A draft has seen what the models show.
    this.#deliver()
    const seen = seenOf(this.#tape.accounted)
    this.#made.push({ draft: { change, seen, epoch: this.#tape.epoch }, publications })
    const place = this.#publisher.add(change, seen)
    for (const publication of publications) this.#publications.place(publication, place)
    this.#outboxChanged()
  }

  /** Takes drafts that were made here before this was the owner, and publications of such that an earlier one took. */
  adopt(drafts: readonly UntakenDraft[], lost: readonly Publication[], tab: string | undefined): void {
    const { entries, refused } = this.#publisher.outbox
    this.#publications.found([...entries, ...refused], lost)
    for (const { draft, publications, number } of drafts) {
      this.#made.push({ draft, publications, number })
      const place = this.#publisher.add(draft.change, draft.epoch === this.#tape.epoch ? draft.seen : -1)
      for (const publication of publications) this.#publications.place(publication, place)
    }
    const last = drafts.at(-1)
    if (tab !== undefined && last !== undefined) {
      // Those who are asked for them later, by a message that was long on its way, know that they are taken.
      this.#tabs = withTab(this.#tabs, tab, last.number)
      void this.#keeper.save({ tabs: this.#tabs })
    }
    this.#outboxChanged()
  }

  /** Drafts of this tab that the store does not have, as they were made. Those of other tabs are still there. */
  get unsaved(): readonly MadeDraft[] {
    return [...this.#madeUnderWay, ...this.#made]
  }

  /** Takes drafts of another tab that it has not taken yet; gives how many it has taken from that tab by now. */
  takeDrafts(tab: string, first: number, drafts: readonly TabDraft[]): number {
    const taken = this.takenFrom(tab)
    const fresh = first > taken + 1 ? [] : drafts.slice(taken + 1 - first)
    if (fresh.length === 0) return taken
    fresh.forEach(({ change, seen, epoch }, index) => {
      const place = this.#publisher.add(change, epoch === this.#tape.epoch ? seen : -1)
      this.#news.placed.push({ tab, draft: taken + 1 + index, place })
    })
    this.#tabs = withTab(this.#tabs, tab, taken + fresh.length)
    void this.#keeper.save({ tabs: this.#tabs })
    this.#hooks.onPending()
    this.#outboxChanged()
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

  #welcome({ epoch, latestSeq, counter, follows }: WelcomeFrame): void {
    this.#enterEpoch(epoch)
    this.#tape = { ...this.#tape, epoch, latestSeq: Math.max(this.#tape.latestSeq, latestSeq) }
    this.#catchUpTo = this.#tape.latestSeq
    this.#publisher.online(counter)
    this.#backfiller.online(follows ?? [])
    this.#checkCaughtUp()
    this.#hooks.onChange()
  }

  #receive(frame: Exclude<ServerFrame, WelcomeFrame>): void {
    switch (frame.type) {
      case 'slice':
        this.#backfiller.received(frame)
        if (this.#tape.epoch !== null && frame.epoch !== this.#tape.epoch) return this.#link.backOff()
        return this.#take(frame, 'link')
      case 'refused':
        return this.#refuse(frame)
      case 'token':
        return this.#publisher.renewed()
      case 'whisper':
        return this.#hooks.onWhisper({ client: frame.client, data: frame.data })
    }
  }

  #take(slice: Slice, from: 'link' | 'page'): void {
    const { tape, fresh } = account(this.#tape, slice)
    this.#tape = tape
    const { change, leaving } = this.#publisher.confirm(fresh)
    void this.#keeper.save({ tape, events: fresh, ...change })
    for (const event of fresh) this.#run.push(event)
    this.#backfiller.fill()
    // What happens now shows now; and when a draft is gone from what is pending, its event must show in the same moment.
    const isWholeRun = !this.#backfiller.isReading || holesOf(tape).length === 0
    if (isWholeRun || from === 'link' || leaving.length > 0 || this.#run.length >= runEventsMax) this.#deliver()
    if (leaving.length > 0) this.#leave(leaving)
    this.#checkCaughtUp()
    this.#hooks.onChange()
  }

  /** Gives the models what has come, folded: each object is touched once. */
  #deliver(): void {
    if (this.#run.length === 0) return
    const run = foldEvents(this.#run)
    this.#run = []
    this.#hooks.onEvents(run)
    this.#publications.applied(seenOf(this.#tape.accounted))
  }

  #checkCaughtUp(): void {
    if (this.#catchUpTo === undefined || holesUpTo(this.#tape.accounted, this.#catchUpTo).length > 0) return
    this.#catchUpTo = undefined
    this.#tellPending(() => this.#publisher.caughtUp())
  }

  #refuse(frame: RefusedServerFrame): void {
    this.#tellPending(() => this.#publisher.refuse(frame))
    this.#backfiller.refuse(frame)
  }

  /** Tells the models, if that changes what is pending. */
  #tellPending(change: () => void): void {
    const before = this.pending
    change()
    if (this.pending !== before) this.#hooks.onPending()
  }

  /** Under another epoch the tape is another one: everything known of it is forgotten, except what waits to be sent. */
  #enterEpoch(epoch: string | null): void {
    if (this.#tape.epoch === null || this.#tape.epoch === epoch) return
    this.#tape = { ...blankTape, epoch }
    this.#run = []
    void this.#keeper.save({ tape: this.#tape, forgetEvents: true, ...this.#publisher.forgetTape() })
    this.#outboxChanged()
    this.#hooks.onReset()
  }

  #goOffline(): void {
    this.#publisher.offline()
    this.#backfiller.offline()
    this.#catchUpTo = undefined
    this.#deliver()
    if (this.#link.problem !== 'superseded') return
    // Somebody publishes under our id: another process on this store, which fences this save, or a copy of the store.
    this.#publisher.superseded()
    void this.#keeper.save({})
  }

  /** What was kept of the tape is gone from the store. The models have it; those that come later need it, too. */
  #readAgain(): void {
    this.#tape = { ...blankTape, epoch: this.#tape.epoch, latestSeq: this.#tape.latestSeq }
    this.#hooks.onAlone()
    this.#backfiller.fill()
  }

  #fenced(): void {
    this.#isFenced = true
    this.#link.stop()
    this.#hooks.onFenced()
  }

  #leave(leaving: readonly Leaving[]): void {
    this.#outbox = undefined
    this.#news.leaving.push(...leaving)
    this.#publications.left(leaving, seenOf(this.#tape.accounted))
  }

  #sent(places: readonly number[]): void {
    this.#publications.sent(places)
    this.#outboxChanged()
  }

  #outboxChanged(): void {
    this.#outbox = undefined
    this.#hooks.onChange()
  }

  #sealNews(): void {
    const { placed, leaving } = this.#news
    this.#news = noNews()
    this.#newsUnderWay.placed.push(...placed)
    this.#newsUnderWay.leaving.push(...leaving)
    this.#madeUnderWay.push(...this.#made)
    this.#made = []
  }

  #tell(change: SavedChange): void {
    const news = this.#newsUnderWay
    this.#newsUnderWay = noNews()
    this.#madeUnderWay = []
    this.#hooks.onNews({ change, ...news })
    this.#hooks.onChange()
  }
}

function noNews(): { placed: Placed[]; leaving: Leaving[] } {
  return { placed: [], leaving: [] }
}

/** Tabs come and go. A tab that is told nothing for as long as so many others publish is not there any more. */
const tabsMax = 64

function withTab(tabs: Readonly<Record<string, number>>, tab: string, drafts: number): Readonly<Record<string, number>> {
  const { [tab]: _, ...others } = tabs
  return Object.fromEntries([...Object.entries(others).slice(1 - tabsMax), [tab, drafts]])
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
