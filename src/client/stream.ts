/**
 * A stream as an application sees it: attach models, publish, watch the status. It owns the local tape and hands
 * everything else to one part each: the live link, the backfiller, the publisher, the store.
 *
 *   link ─ frames ─► local tape ─ fresh events ─► models
 *                       │ holes ─► backfiller ─► socket or HTTP ─► slices, back into the tape
 *   models ─ changes ─► publisher ─► link
 */
import {
  type Change,
  checkedCopy,
  countSeqs,
  type Draft,
  type Json,
  type RefusedServerFrame,
  type SeqRanges,
  type ServerFrame,
  type Slice,
  seenOf,
  type TapeEvent,
  type WelcomeFrame,
} from '../protocol/index.ts'
import { Backfiller, type BackfillerHooks } from './backfiller.ts'
import { retryDelayMs } from './connection.ts'
import type { Environment } from './environment.ts'
import { LiveLink, type LiveLinkHooks } from './live-link.ts'
import { account, holesOf } from './local-tape.ts'
import { Publisher } from './publisher.ts'
import type { ModelReconciler, OutboundEventReceiver } from './reconciler.ts'
import type { StreamStatus } from './status.ts'
import { blankTape, type ClientStore, type LocalTape } from './store.ts'
import { TokenKeeper } from './token-keeper.ts'
import type { Transport } from './transport.ts'

export interface StreamOptions {
  readonly transport: Transport
  readonly store: ClientStore
  readonly environment: Environment
  /** Gives a fresh token; called for the first connection, before a token expires, and when one is refused. May reject. */
  readonly token: () => string | Promise<string>
}

export type Unsubscribe = () => void

/** What one client whispers to those who listen now. */
export interface Whisper {
  readonly client: string
  readonly data: Json
}

export class Stream implements OutboundEventReceiver {
  readonly #environment: Environment
  readonly #store: ClientStore
  readonly #link: LiveLink
  readonly #backfiller: Backfiller
  readonly #publisher: Publisher
  readonly #models = new Set<ModelReconciler>()
  readonly #statusListeners = new Set<(status: StreamStatus) => void>()
  readonly #whisperListeners = new Set<(whisper: Whisper) => void>()
  #tape: LocalTape = blankTape
  #status: StreamStatus | undefined
  #lastHeardAt: number | undefined

  constructor({ transport, store, environment, token }: StreamOptions) {
    this.#environment = environment
    this.#store = store
    let lastRef = 0
    const newRef = () => ++lastRef
    const parts = { transport, environment, tokens: new TokenKeeper(token, environment) }
    const link: LiveLinkHooks = {
      resume: () => ({ after: this.#tape.accounted.at(-1)?.[1] ?? -1, epoch: this.#tape.epoch }),
      onWelcome: (frame) => this.#welcome(frame),
      onFrame: (frame) => this.#receive(frame),
      onHeard: () => {
        this.#lastHeardAt = environment.now()
        this.#status = undefined
      },
      onDown: () => this.#goOffline(),
      onChange: () => this.#changed(),
    }
    const backfill: BackfillerHooks = {
      tape: () => this.#tape,
      send: (frame) => this.#link.send(frame),
      newRef,
      // A page that was under way when the epoch changed tells of a tape that is no more.
      onSlice: (slice) => slice.epoch === this.#tape.epoch && this.#take(slice),
      onEpoch: () => this.#link.backOff(),
      onFatal: (code) => this.#link.stop(code),
    }
    this.#link = new LiveLink(link, parts)
    this.#backfiller = new Backfiller(backfill, parts)
    this.#publisher = new Publisher(store, environment, {
      send: (frame) => this.#link.send(frame),
      newRef,
      backOff: () => this.#link.backOff(),
      onChange: () => this.#changed(),
    })
    void this.#start()
  }

  /** The id under which this client publishes. */
  get client(): string {
    return this.#publisher.client
  }

  /** The last seq that is known to be on the tape; −1 while none is. */
  get latestSeq(): number {
    return this.#tape.latestSeq
  }

  get status(): StreamStatus {
    this.#status ??= this.#snapshot()
    return this.#status
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
    if (this.#tape.accounted.length > 0) this.#replay(model).catch(this.#environment.report)
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
   * Publishes a change: it shows in every attached model before this returns, and is sent when there is a network.
   * Throws a `Refusal` for a change that no tape would take (`invalid`, `too-large`, `too-deep`, `lone-surrogate`,
   * `forbidden-key`, `number-range`); then nothing has happened.
   */
  publish(change: Change): void {
    this.#publisher.add(checkedCopy(change), seenOf(this.#tape.accounted))
    this.#apply(this.#models, [])
  }

  /** Tells those who listen now, and nobody later: a cursor, "is typing". Lost while there is no connection. */
  whisper(data: Json): void {
    this.#link.send({ type: 'whisper', client: this.client, data })
  }

  onWhisper(listener: (whisper: Whisper) => void): Unsubscribe {
    this.#whisperListeners.add(listener)
    return () => void this.#whisperListeners.delete(listener)
  }

  /** Takes the refused drafts off the status, once the application has dealt with them. */
  dismissRefused(): void {
    this.#publisher.dismissRefused()
  }

  /** Says that now may be a good time to connect, or to look whether the connection still lives. */
  nudge(): void {
    this.#link.nudge()
  }

  /** Ends the connection for good. Drafts that are not on the tape stay in the store. */
  close(): void {
    this.#link.stop()
  }

  /** Reads the store, which decides who this client is: without it nothing may be saved or sent, so it is tried again. */
  async #start(attempt = 0): Promise<void> {
    try {
      await this.#store.claim(this.#environment.newId())
      const saved = await this.#store.load()
      const events = saved === undefined ? [] : await this.#store.events()
      this.#tape = saved?.tape ?? blankTape
      this.#publisher.restore(saved)
      if (saved !== undefined) this.#apply(this.#models, events)
      this.#link.start()
      this.#changed()
    } catch (error) {
      this.#environment.report(error)
      this.#environment.setTimer(() => void this.#start(attempt + 1), retryDelayMs(attempt, this.#environment.random()))
    }
  }

  /** Gives a model that came late what is known of the tape, unless another tape has begun meanwhile. */
  async #replay(model: ModelReconciler): Promise<void> {
    const { epoch } = this.#tape
    const events = await this.#store.events()
    if (this.#models.has(model) && epoch === this.#tape.epoch) this.#apply([model], events)
  }

  #welcome({ epoch, latestSeq, follows }: WelcomeFrame): void {
    this.#enterEpoch(epoch)
    this.#tape = { ...this.#tape, epoch, latestSeq: Math.max(this.#tape.latestSeq, latestSeq) }
    this.#publisher.online()
    this.#backfiller.online(follows ?? [])
    this.#changed()
  }

  #receive(frame: Exclude<ServerFrame, WelcomeFrame>): void {
    switch (frame.type) {
      case 'slice':
        this.#backfiller.received(frame)
        if (this.#tape.epoch !== null && frame.epoch !== this.#tape.epoch) return this.#link.backOff()
        return this.#take(frame)
      case 'refused':
        return this.#refuse(frame)
      case 'token':
        return this.#publisher.renewed()
      case 'whisper':
        for (const listener of this.#whisperListeners) this.#guard(() => listener({ client: frame.client, data: frame.data }))
    }
  }

  #take(slice: Slice): void {
    const { tape, fresh } = account(this.#tape, slice)
    this.#tape = tape
    const remove = this.#publisher.confirm(fresh)
    this.#store.save({ tape, events: fresh, remove }).catch(this.#environment.report)
    if (fresh.length > 0) this.#apply(this.#models, fresh)
    this.#backfiller.fill()
    this.#changed()
  }

  #refuse(frame: RefusedServerFrame): void {
    const before = this.#publisher.pending
    this.#publisher.refuse(frame)
    this.#backfiller.refuse(frame)
    if (this.#publisher.pending !== before) this.#apply(this.#models, [])
  }

  /** Under another epoch the tape is another one: everything known of it is forgotten, except what waits to be sent. */
  #enterEpoch(epoch: string | null): void {
    if (this.#tape.epoch === null || this.#tape.epoch === epoch) return
    this.#tape = { ...blankTape, epoch }
    this.#publisher.forgetSeen()
    this.#store.save({ tape: this.#tape, forgetEvents: true }).catch(this.#environment.report)
    for (const model of this.#models) this.#guard(() => model.reset())
    this.#apply(this.#models, [])
  }

  #goOffline(): void {
    this.#publisher.offline()
    this.#backfiller.offline()
  }

  #apply(models: Iterable<ModelReconciler>, events: readonly TapeEvent[]): void {
    const pending: readonly Draft[] = this.#publisher.pending
    for (const model of models) this.#guard(() => model.apply(events, pending))
  }

  /** A listener or a model that throws is its own trouble, not the stream's. */
  #guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#environment.report(error)
    }
  }

  #changed(): void {
    this.#status = undefined
    for (const listener of this.#statusListeners) this.#guard(() => listener(this.status))
  }

  #snapshot(): StreamStatus {
    const { latestSeq } = this.#tape
    const holes: SeqRanges = holesOf(this.#tape)
    return {
      connection: connectionOf(this.#link.state),
      holes,
      progress: { have: latestSeq + 1 - countSeqs(holes), total: latestSeq + 1 },
      pending: this.#publisher.pending.length,
      lastHeardAt: this.#lastHeardAt,
      refused: this.#publisher.refused,
      problem: this.#link.problem ?? this.#publisher.problem,
    }
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
