/**
 * A stream as an application sees it: attach models, publish, watch the status. It owns the models and the listeners;
 * what it shows and where its drafts go is the work of the side that it is on, which may change at any moment.
 *
 *   alone:      ─► owner
 *   with tabs:  ─► follower ⇄ owner     the lock makes it one, being fenced by another process unmakes it
 */
import { type Change, checkedCopy, countSeqs, type Json, seenOf, type TapeEvent } from '../protocol/index.ts'
import { retryDelayMs } from './link/connection.ts'
import type { OutboxView } from './outbox/outbox-view.ts'
import { Publication, Publications } from './outbox/publications.ts'
import { Owner } from './owner.ts'
import type { ModelReconciler, OutboundEventReceiver } from './reconciler.ts'
import { type Side, type SideHooks, silence, type Whisper } from './side.ts'
import type { OutboxItem, StreamStatus } from './status.ts'
import { LostStore } from './storage/lost-store.ts'
import { blankTape } from './storage/store.ts'
import type { StreamOptions } from './stream-options.ts'
import { Follower } from './tabs/follower.ts'
import { TabHost } from './tabs/tab-host.ts'
import type { Tabs } from './tabs/tabs.ts'
import { Untaken } from './tabs/untaken.ts'
import { holesOf } from './tape/local-tape.ts'

export type Unsubscribe = () => void

export class Stream implements OutboundEventReceiver {
  readonly #options: StreamOptions
  readonly #models = new Set<ModelReconciler>()
  readonly #statusListeners = new Set<(status: StreamStatus) => void>()
  readonly #whisperListeners = new Set<(whisper: Whisper) => void>()
  #publications: Publications
  /** Drafts of this tab that no owner has, made before there was one or while another tab is it. */
  readonly #untaken: Untaken
  #tabs: Tabs | undefined
  #side: Owner | Follower | undefined
  #opening: Owner | undefined
  #host: TabHost | undefined
  #release: (() => void) | undefined
  #isStopped = false
  #isPaused = false
  #status: StreamStatus | undefined
  #settling: (() => void)[] = []

  constructor(options: StreamOptions) {
    this.#options = options
    this.#tabs = options.tabs
    this.#untaken = new Untaken(options.environment.newId)
    this.#publications = new Publications(options.environment.report)
    void this.#start()
  }

  /** The id under which this client publishes; empty until the store has been read. */
  get client(): string {
    return this.#side?.client ?? ''
  }

  /** The last seq that is known to be on the tape; −1 while none is. */
  get latestSeq(): number {
    return this.#side?.tape.latestSeq ?? -1
  }

  get status(): StreamStatus {
    this.#status ??= this.#snapshot()
    return this.#status
  }

  /** The drafts that are not on the tape yet, oldest first: the same array until something in it changes. */
  get outbox(): readonly OutboxItem[] {
    return this.#outbox.items
  }

  /** Calls `listener` after each change of the status, until the function that it gives is called. */
  subscribe(listener: (status: StreamStatus) => void): Unsubscribe {
    this.#statusListeners.add(listener)
    return () => void this.#statusListeners.delete(listener)
  }

  /** Connects a model in both directions. What is known of the tape, and what is pending, is applied to it. */
  attach(model: ModelReconciler): Unsubscribe {
    this.#models.add(model)
    model.receiver = this
    this.#apply([model], [])
    if (this.#side !== undefined) void this.#replay(model, this.#side)
    return () => this.detach(model)
  }

  detach(model: ModelReconciler): void {
    this.#models.delete(model)
    if (model.receiver === this) model.receiver = undefined
  }

  didCreateDraft(change: Change): void {
    this.publish(change)
  }

  /**
   * Publishes a change: it shows in every attached model before this returns, is saved, and is sent when there is a
   * network. What it gives says what becomes of it. Throws a `Refusal` for a change that no tape would take (`invalid`,
   * `too-large`, `too-deep`, `lone-surrogate`, `forbidden-key`, `number-range`); then nothing has happened.
   */
  publish(change: Change): Publication {
    const publication = new Publication()
    this.#publish(checkedCopy(change), [publication])
    return publication
  }

  /**
   * Publishes a refused draft again, as it was or changed. Throws a `Refusal` like `publish`, and a RangeError when no
   * refused draft is at this place.
   */
  retry(place: number, change?: Change): void {
    const refused = this.#side?.outbox.refused.find((each) => each.place === place)
    if (refused === undefined) throw new RangeError(`No refused draft is at place ${place}.`)
    const { type, collection, identifier, values } = change === undefined ? refused.draft : checkedCopy(change)
    this.#publish({ type, collection, identifier, values }, this.#publications.take(place))
    this.#side?.discard(place)
  }

  /** Gives up a refused draft. */
  discard(place: number): void {
    this.#side?.discard(place)
  }

  /** Resolves when nothing waits any more: every draft is on the tape, or was refused. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settling.push(resolve)
      this.#settle()
    })
  }

  /** Tells those who listen now, and nobody later: a cursor, "is typing". Lost while there is no connection. */
  whisper(data: Json): void {
    this.#side?.whisper(data)
  }

  onWhisper(listener: (whisper: Whisper) => void): Unsubscribe {
    this.#whisperListeners.add(listener)
    return () => void this.#whisperListeners.delete(listener)
  }

  /** Says that now may be a good time to connect, or to look whether the connection still lives. */
  nudge(): void {
    this.#side?.nudge()
  }

  /** Works offline on purpose, with all tabs of the stream, until `resume`. */
  pause(): void {
    this.#isPaused = true
    this.#opening?.pause()
    this.#side?.pause()
    this.#changed()
  }

  resume(): void {
    this.#isPaused = false
    this.#opening?.resume()
    this.#side?.resume()
    this.#changed()
  }

  /** Ends the stream here for good; another tab may take over. Drafts that are not on the tape stay in the store. */
  close(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#closeHost()
    const side = this.#side
    side?.stop()
    this.#letGo(side).catch(this.#options.environment.report)
    this.#tabs?.channel.close()
    this.#changed()
  }

  /** What was made here is saved before another tab claims the store. (An owner that is still opening sees to it itself.) */
  async #letGo(side: Side | undefined): Promise<void> {
    if (side instanceof Owner) {
      await side.saved()
      this.#release?.()
    }
    if (side !== undefined) await this.#options.store.close()
  }

  async #start(): Promise<void> {
    if (this.#tabs === undefined) return this.#own()
    try {
      const release = await this.#tabs.own({ ifFree: true })
      return await (release === undefined ? this.#follow() : this.#own(release))
    } catch (error) {
      // A page that may have no locks gets along by itself.
      return this.#goAlone(error)
    }
  }

  /** Works through another tab, until the lock comes here. */
  async #follow(): Promise<void> {
    const tabs = this.#tabs
    if (tabs === undefined || this.#isStopped) return
    const { store, environment } = this.#options
    const follower = new Follower(
      {
        store,
        channel: tabs.channel,
        untaken: this.#untaken,
        publications: this.#publications,
        environment,
        tape: this.#side?.tape ?? blankTape,
      },
      { ...this.#hooks(() => this.#side === follower), onLost: (error) => void this.#goAlone(error) },
    )
    this.#side = follower
    this.#changed()
    follower.start()
    const release = await tabs.own()
    if (this.#tabs === tabs) await this.#own(release)
    else release?.()
  }

  /** What the tabs would share cannot be read here: this one gets along without. */
  async #goAlone(error: unknown): Promise<void> {
    this.#options.environment.report(error)
    this.#tabs?.channel.close()
    this.#tabs = undefined
    // Of what an owner has taken from here nobody tells any more.
    this.#publications = new Publications(this.#options.environment.report)
    this.#untaken.lost()
    await this.#own(undefined, new LostStore(error))
  }

  async #own(release?: () => void, store = this.#options.store): Promise<void> {
    if (this.#isStopped) return release?.()
    this.#release = release
    const hooks = this.#hooks(() => this.#side === owner)
    const owner = new Owner({ ...this.#options, store }, this.#publications, {
      ...hooks,
      onChange: () => {
        hooks.onChange()
        void this.#host?.report()
      },
      onWhisper: (whisper) => {
        hooks.onWhisper(whisper)
        this.#host?.hear(whisper)
      },
      onNews: (news) => this.#host?.tell(news),
      onFenced: () => this.#fenced(owner),
      onAlone: () => this.#host?.announce(),
    })
    this.#opening = owner
    const events = await owner.open()
    this.#opening = undefined
    if (this.#isStopped) return release?.()
    const before = this.#side
    if (before?.report.connection === 'paused' || (before === undefined && this.#isPaused)) owner.pause()
    this.#side = owner
    before?.stop()
    if (before !== undefined && before.tape.epoch !== null && before.tape.epoch !== owner.tape.epoch) hooks.onReset()
    const { tab } = this.#untaken
    this.#untaken.taken(owner.takenFrom(tab))
    owner.adopt(this.#untaken.takeAll(), this.#untaken.lost(), this.#tabs === undefined ? undefined : tab)
    if (before !== undefined || events.length > 0 || owner.outbox.pending.length > 0) this.#apply(this.#models, events)
    if (this.#tabs !== undefined) this.#host = new TabHost(owner, this.#tabs.channel, this.#options.environment)
    owner.connect()
    this.#changed()
  }

  /** Another process has the store now. What this one had not saved is handed over, where that can be done. */
  #fenced(owner: Owner): void {
    this.#closeHost()
    this.#release?.()
    this.#release = undefined
    if (this.#tabs === undefined || this.#isStopped) return this.#changed()
    for (const { draft, publications, number } of owner.unsaved) {
      this.#untaken.putBack({ draft, publications: this.#publications.takeBack(publications), number }, this.#options.environment.now())
    }
    void this.#follow()
  }

  #closeHost(): void {
    this.#host?.close()
    this.#host = undefined
  }

  #publish(change: Change, publications: readonly Publication[]): void {
    const side = this.#side
    if (side instanceof Owner) side.publish(change, publications)
    else {
      const { accounted, epoch } = side?.tape ?? blankTape
      this.#untaken.add({ change, seen: seenOf(accounted), epoch }, publications, this.#options.environment.now())
      side?.publish()
    }
    this.#apply(this.#models, [])
    this.#changed()
  }

  #hooks(isCurrent: () => boolean): SideHooks {
    return {
      onEvents: (events) => {
        // A model may look at the status, and is to see what it is given.
        this.#status = undefined
        if (isCurrent()) this.#apply(this.#models, events)
      },
      onPending: () => isCurrent() && this.#apply(this.#models, []),
      onReset: () => {
        if (!isCurrent()) return
        for (const model of this.#models) this.#guard(() => model.reset())
        this.#apply(this.#models, [])
      },
      onWhisper: (whisper) => {
        for (const listener of this.#whisperListeners) this.#guard(() => listener(whisper))
      },
      onChange: () => this.#changed(),
    }
  }

  /** Gives a model that came late what is known of the tape, unless another tape has begun meanwhile. */
  async #replay(model: ModelReconciler, side: Side, attempt = 0): Promise<void> {
    const { epoch } = side.tape
    const isMeant = () => this.#models.has(model) && side === this.#side && epoch === side.tape.epoch
    try {
      const events = await side.events()
      if (isMeant()) this.#apply([model], events)
    } catch (error) {
      const { report, random, setTimer } = this.#options.environment
      if (attempt === 0) report(error)
      setTimer(() => isMeant() && void this.#replay(model, side, attempt + 1), retryDelayMs(attempt, random()))
    }
  }

  #apply(models: Iterable<ModelReconciler>, events: readonly TapeEvent[]): void {
    const { pending } = this.#outbox
    for (const model of models) this.#guard(() => model.apply(events, pending))
  }

  get #outbox(): OutboxView {
    return this.#side?.outbox ?? this.#untaken
  }

  /** A listener or a model that throws is its own trouble, not the stream's. */
  #guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#options.environment.report(error)
    }
  }

  #changed(): void {
    this.#status = undefined
    for (const listener of this.#statusListeners) this.#guard(() => listener(this.status))
    this.#settle()
  }

  #settle(): void {
    if (this.#settling.length === 0 || this.#side === undefined || this.#outbox.pending.length > 0) return
    for (const resolve of this.#settling.splice(0)) resolve()
  }

  #snapshot(): StreamStatus {
    const tape = this.#side?.tape ?? blankTape
    const holes = holesOf(tape)
    const { pending, amount, oldestAt, refused } = this.#outbox
    const { connection, storage, ...report } = (this.#side ?? this.#opening)?.report ?? silence
    // Until there is a side, what is made here is nowhere else.
    const early = this.#side === undefined ? this.#untaken.drafts.length : 0
    const total = tape.latestSeq + 1
    return {
      ...report,
      storage: early === 0 ? storage : { ...storage, unsaved: storage.unsaved + early },
      connection: this.#isStopped ? 'stopped' : connection,
      holes,
      progress: { have: total - countSeqs(holes), total },
      pending: pending.length,
      outbox: amount,
      oldestPendingAt: oldestAt,
      refused,
    }
  }
}
