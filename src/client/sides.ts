/**
 * Which side a stream is on, and how it comes to the next one. It owns the sides, and what outlasts each of them: the
 * drafts that no owner has, and the publications.
 *
 *   alone:      ─► owner
 *   with tabs:  ─► follower ⇄ owner     the lock makes it one, being fenced by another process unmakes it
 */
import { type Change, everything, type ObjectFilter } from '../protocol/index.ts'
import type { OutboxView } from './outbox/outbox-view.ts'
import { type Publication, Publications } from './outbox/publications.ts'
import { Owner } from './owner.ts'
import { type Side, type SideHooks, type SideReport, silence } from './side.ts'
import { LostStore } from './storage/lost-store.ts'
import { blankTape, type LocalTape } from './storage/store.ts'
import type { StreamOptions } from './stream-options.ts'
import { Follower } from './tabs/follower.ts'
import { TabHost } from './tabs/tab-host.ts'
import type { Tabs } from './tabs/tabs.ts'
import { Untaken } from './tabs/untaken.ts'

/** Saves take milliseconds. Who waits longer has a store in trouble. */
const savedMsMax = 3_000

export class Sides {
  readonly #options: StreamOptions
  readonly #hooks: SideHooks
  /** Drafts of this tab that no owner has, made before there was one or while another tab is it. */
  readonly #untaken: Untaken
  #wanted: readonly ObjectFilter[]
  #publications: Publications
  #tabs: Tabs | undefined
  #current: Owner | Follower | undefined
  #opening: Owner | undefined
  #host: TabHost | undefined
  /** Gives the lock to another tab. */
  #release: (() => void) | undefined
  #isPaused = false
  #isStopped = false
  #ending: Promise<void> | undefined
  /** Resolves when the first side is there. */
  #isOpen: Promise<void> | undefined

  constructor(options: StreamOptions, hooks: SideHooks) {
    this.#options = options
    this.#hooks = hooks
    this.#tabs = options.tabs
    this.#wanted = options.wanted ?? [everything]
    this.#untaken = new Untaken(options.environment.newId)
    this.#publications = new Publications(options.environment.report)
  }

  /** Undefined until a store has been read, or another tab is there to follow. */
  get current(): Side | undefined {
    return this.#current
  }

  get publications(): Publications {
    return this.#publications
  }

  get tape(): LocalTape {
    return this.#current?.tape ?? blankTape
  }

  get shown(): LocalTape {
    return this.#current?.shown ?? blankTape
  }

  get outbox(): OutboxView {
    return this.#current?.outbox ?? this.#untaken
  }

  get report(): SideReport {
    const { connection, storage, ...report } = (this.#current ?? this.#opening)?.report ?? silence
    // Until there is a side, what is made here is nowhere else.
    const early = this.#current === undefined ? this.#untaken.count : 0
    return {
      ...report,
      connection: this.#isStopped ? 'stopped' : connection,
      storage: early === 0 ? storage : { ...storage, unsaved: storage.unsaved + early },
    }
  }

  start(): void {
    this.#isOpen = this.#begin()
  }

  async #begin(): Promise<void> {
    if (this.#tabs === undefined) return this.#own()
    try {
      const release = await this.#tabs.own({ ifFree: true })
      if (release !== undefined) return await this.#own(release)
      // The lock may come much later.
      void this.#follow()
    } catch (error) {
      // A page that may have no locks gets along by itself.
      return this.#goAlone(error)
    }
  }

  /** `retries`: the place of the refused draft that this one takes. */
  publish(change: Change, publications: readonly Publication[], retries?: number): void {
    const side = this.#current
    if (side instanceof Owner) return side.publish(change, publications, retries)
    const { seen = -1 } = side ?? {}
    const knownPlace = change.deltas !== undefined && side instanceof Follower ? side.outbox.lastPlace : undefined
    this.#untaken.add({ change, seen, epoch: this.tape.epoch, retries, knownPlace }, publications, this.#options.environment.now())
    side?.publish()
  }

  want(filters: readonly ObjectFilter[]): void {
    this.#wanted = filters
    this.#opening?.want(filters)
    this.#current?.want(filters)
    this.#hooks.onChange()
  }

  get wanted(): readonly ObjectFilter[] {
    return this.#wanted
  }

  pause(): void {
    this.#isPaused = true
    this.#opening?.pause()
    this.#current?.pause()
    this.#hooks.onChange()
  }

  resume(): void {
    this.#isPaused = false
    this.#opening?.resume()
    this.#current?.resume()
    this.#hooks.onChange()
  }

  /** Ends for good; another tab may take over. Resolves when what was made here is saved, and the store is let go of. */
  stop(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    this.#isStopped = true
    this.#closeHost()
    if (this.#current instanceof Owner) this.#current.disconnect()
    this.#hooks.onChange()
    // What was made before the store was open is saved once it is.
    if (this.#current === undefined) await this.#isOpen
    await this.#soon(this.#saved())
    this.#current?.stop()
    this.#release?.()
    this.#tabs?.close()
    this.#tabs = undefined
    await this.#options.store.close().catch(this.#options.environment.report)
  }

  /** Waits for what should not take long: when it does, nobody should have to wait for it. */
  #soon(done: Promise<void>): Promise<void> {
    const { setTimer, clearTimer } = this.#options.environment
    return new Promise((resolve) => {
      const timer = setTimer(resolve, savedMsMax)
      done.then(() => {
        clearTimer(timer)
        resolve()
      })
    })
  }

  /** What was made here is saved by the side that is there by then: the lock may come while another tab is waited for. */
  async #saved(): Promise<void> {
    const side = this.#current
    await side?.saved()
    if (side !== this.#current) await this.#saved()
  }

  /** Whether nothing is left to do here: the drafts that no owner has are handed over, or saved, before the end. */
  get #isDone(): boolean {
    return this.#isStopped && this.#untaken.count === 0
  }

  /** Works through another tab, until the lock comes here, or cannot come. */
  #follow(): Promise<void> {
    return this.#followUntilOwner().catch((error) => this.#goAlone(error))
  }

  async #followUntilOwner(): Promise<void> {
    const tabs = this.#tabs
    if (tabs === undefined || this.#isDone) return
    const { store, environment } = this.#options
    const follower = new Follower(
      {
        store,
        channel: tabs.channel,
        untaken: this.#untaken,
        publications: this.#publications,
        environment,
        tape: this.tape,
        seen: this.#current?.seen ?? -1,
        wanted: this.#wanted,
      },
      { ...this.#hooksWhile(() => this.#current === follower), onLost: (error) => void this.#goAlone(error) },
    )
    this.#current = follower
    tabs.onPresence = (isHere) => follower.present(isHere)
    this.#hooks.onChange()
    follower.start()
    if (this.#isPaused) follower.pause()
    const release = await tabs.own()
    if (this.#tabs === tabs && release !== undefined) await this.#own(release)
    else release?.()
  }

  /** What the tabs would share cannot be read here: this one gets along without. */
  async #goAlone(error: unknown): Promise<void> {
    this.#options.environment.report(error)
    this.#current?.stop()
    this.#tabs?.close()
    this.#tabs = undefined
    // Of what an owner has taken from here nobody tells any more.
    this.#publications = new Publications(this.#options.environment.report)
    this.#untaken.lost()
    this.#untaken.leaveRefused()
    await this.#own(undefined, new LostStore(error))
  }

  async #own(release?: () => void, store = this.#options.store): Promise<void> {
    if (this.#isDone) return release?.()
    this.#release = release
    const hooks = this.#hooksWhile(() => this.#current === owner)
    const owner = new Owner({ ...this.#options, store, wanted: this.#wanted }, this.#publications, {
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
    const before = this.#current
    if (this.#isDone) return release?.()
    if (before?.hasHeard === true) this.#isPaused = before.report.connection === 'paused'
    if (this.#isPaused) owner.pause()
    this.#current = owner
    before?.stop()
    if (before?.tape.epoch === owner.tape.epoch) owner.keepSeen(before.seen)
    else if (before !== undefined && before.tape.epoch !== null) this.#hooks.onReset()
    const { tab } = this.#untaken
    this.#untaken.taken(owner.taken.from(tab))
    owner.taken.adopt(this.#untaken.takeAll(), this.#untaken.lost(), this.#tabs === undefined ? undefined : tab)
    if (before !== undefined || events.length > 0 || owner.outbox.pending.length > 0) this.#hooks.onEvents(events)
    else this.#hooks.onContext()
    this.#publications.applied(owner.seen)
    if (this.#tabs !== undefined && !this.#isStopped) this.#host = new TabHost(owner, this.#tabs.channel, this.#options.environment)
    if (this.#isStopped) owner.disconnect()
    else owner.connect()
    this.#hooks.onChange()
  }

  /** Another process has the store now. What this one had not saved is handed over, where that can be done. */
  #fenced(owner: Owner): void {
    this.#closeHost()
    this.#release?.()
    this.#release = undefined
    this.#isPaused = owner.isPaused
    if (this.#tabs === undefined) return this.#hooks.onChange()
    for (const { draft, publications, number } of owner.taken.news.made) {
      this.#untaken.putBack({ draft, publications: this.#publications.takeBack(publications), number }, this.#options.environment.now())
    }
    void this.#follow()
  }

  #closeHost(): void {
    this.#host?.close()
    this.#host = undefined
  }

  /** A side that is not the current one has nothing to tell the models. */
  #hooksWhile(isCurrent: () => boolean): SideHooks {
    const { onEvents, onPending, onContext, onReset } = this.#hooks
    return {
      ...this.#hooks,
      onEvents: (events) => isCurrent() && onEvents(events),
      onPending: () => isCurrent() && onPending(),
      onContext: () => isCurrent() && onContext(),
      onReset: (isNarrowed) => isCurrent() && onReset(isNarrowed),
    }
  }
}
