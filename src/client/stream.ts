/**
 * A stream as an application sees it: attach models, publish, watch the status. It owns the models and the listeners;
 * what it shows and where its drafts go is the work of the side that it is on, which may change at any moment.
 */
import {
  type Change,
  checkedCopy,
  checkedFilters,
  type FilterLike,
  type Json,
  type ObjectFilter,
  seqMax,
  type TapeEvent,
} from '../protocol/index.ts'
import { AttachedModels } from './attached-models.ts'
import { CurrentStatus } from './current-status.ts'
import { LateModels } from './late-models.ts'
import { TokenKeeper } from './link/token-keeper.ts'
import { Listeners, type Unsubscribe } from './listeners.ts'
import { Publication } from './outbox/publications.ts'
import type { ModelReconciler, OutboundEventReceiver } from './reconciler.ts'
import { Settling } from './settling.ts'
import type { Whisper } from './side.ts'
import { Sides } from './sides.ts'
import type { OutboxItem, StreamStatus } from './status.ts'
import type { StreamOptions } from './stream-options.ts'
import { TapeReader, type Wanted } from './tape/tape-reader.ts'
import { type Verification, verify } from './tape/verifier.ts'

export class Stream implements OutboundEventReceiver {
  readonly #sides: Sides
  readonly #models: AttachedModels
  readonly #lateModels: LateModels
  readonly #status: CurrentStatus
  readonly #settling: Settling
  readonly #reader: TapeReader
  readonly #whisperListeners = new Listeners<Whisper>()
  #isClosed = false

  constructor(options: StreamOptions) {
    const { transport, environment, token } = options
    const { report } = environment
    this.#reader = new TapeReader({ transport, environment, tokens: new TokenKeeper(token, environment) }, () => this.#whyNoReading())
    this.#models = new AttachedModels({
      client: () => this.client,
      pending: () => this.#sides.outbox.pending,
      tape: () => this.#sides.tape,
      shown: () => this.#sides.shown,
      report,
    })
    this.#sides = new Sides(options, {
      onEvents: (events) => this.#tell(() => this.#models.tell(events)),
      onPending: () => this.#tell(() => this.#models.tell([])),
      onContext: () => this.#tell(() => this.#models.tellContext()),
      onReset: (isNarrowed) => this.#tell(() => this.#models.reset(isNarrowed)),
      onWhisper: (whisper) => this.#whisperListeners.tell(() => whisper, report),
      onChange: () => this.#changed(),
    })
    this.#lateModels = new LateModels({
      sides: this.#sides,
      models: this.#models,
      environment,
      onKept: (attachment, events) => this.#tell(() => this.#models.catchUp(attachment, events)),
    })
    this.#status = new CurrentStatus(this.#sides, report)
    this.#settling = new Settling(this.#sides)
    this.#sides.start()
  }

  /** The id under which this client publishes; empty until the store has been read. */
  get client(): string {
    return this.#sides.current?.client ?? ''
  }

  /** The last seq that is known to be on the tape; −1 while none is. */
  get latestSeq(): number {
    return this.#sides.tape.latestSeq
  }

  get status(): StreamStatus {
    return this.#status.value
  }

  /** The drafts that are not on the tape yet, oldest first: the same array until something in it changes. */
  get outbox(): readonly OutboxItem[] {
    return this.#sides.outbox.items
  }

  /** Calls `listener` after each change of the status, until the function that it gives is called. */
  subscribe(listener: (status: StreamStatus) => void): Unsubscribe {
    return this.#status.subscribe(listener)
  }

  /** What this tab wants of the tape, as it was said last. */
  get wanted(): readonly ObjectFilter[] {
    return this.#sides.wanted
  }

  /**
   * Says what of the tape is wanted here from now on: objects that match any of the filters. The first is read first, then
   * the others; an empty filter is everything, so `[{ project: 'p1' }, {}]` reads what is on screen and then the rest. Each
   * name is `collection`, `identifier` or an attribute that the stream declares, its values alone or in a list. What is held
   * already is not read again; what no tab wants any more is let go of a while later, and the models begin anew without it.
   * Throws a `Refusal` (`invalid`, `too-many`, `too-large`, `bad-query`) for what is no filter, or too much.
   */
  want(filters: readonly FilterLike[]): void {
    this.#sides.want(checkedFilters(filters))
  }

  /**
   * Connects a model in both directions, until the function that it gives is called. What is pending is applied to it at
   * once, what is known of the tape when it has been read. To attach it again changes nothing.
   */
  attach(model: ModelReconciler): Unsubscribe {
    const attachment = this.#models.attach(model, this, this.#sides.current !== undefined)
    if (attachment.isBehind) void this.#lateModels.catchUp(attachment)
    return () => {
      if (this.#models.has(attachment)) this.detach(model)
    }
  }

  detach(model: ModelReconciler): void {
    this.#models.detach(model, this)
  }

  didCreateDraft(change: Change): void {
    this.publish(change)
  }

  /** All or none: what one of them lacks is said before any is published. Models are told once. */
  didCreateDrafts(changes: readonly Change[]): void {
    this.#checkOpen()
    for (const change of changes.map(checkedCopy)) this.#sides.publish(change, [])
    this.#tellPublished()
  }

  /**
   * Publishes a change: it shows in every attached model before this returns, is saved, and is sent when there is a
   * network. What it gives says what becomes of it. Throws a `Refusal` for a change that no tape would take (`invalid`,
   * `too-large`, `too-deep`, `lone-surrogate`, `forbidden-key`, `number-range`), and an Error once the stream has been
   * closed; then nothing has happened.
   */
  publish(change: Change): Publication {
    this.#checkOpen()
    const publication = new Publication()
    this.#publish(checkedCopy(change), [publication])
    return publication
  }

  /**
   * Publishes a refused draft again, as it was or changed, having seen what the models show now, and gives what says what
   * becomes of it. Its `expect` and `version` stay unless `change` has others. Of several tabs that do it at once, one
   * does. Throws a `Refusal` like `publish`, and a RangeError when no refused draft is at this place.
   */
  retry(place: number, change?: Change): Publication {
    this.#checkOpen()
    const refused = this.#sides.outbox.refused.find((each) => each.place === place)
    if (refused === undefined) throw new RangeError(`No refused draft is at place ${place}.`)
    const { seen: _, ...draft } = refused.draft
    const { expect, version } = draft
    const again = change === undefined ? draft : checkedCopy({ expect, version, ...change })
    const publication = new Publication()
    this.#publish(again, [...this.#sides.publications.take(place), publication], place)
    return publication
  }

  /** Gives up a refused draft. */
  discard(place: number): void {
    this.#sides.current?.discard(place)
  }

  /**
   * Reads plain events off the tape, in order of seq: those of `ranges`, or all after a seq; everything by default. Nothing
   * of it is applied or kept, and what cannot be read here is left out. Rejects with a `Refusal` (`bad-ranges` and
   * what the server says), and with an Error when the server is not reached or not to be asked.
   */
  async read(ranges: Wanted = [[0, seqMax]]): Promise<readonly TapeEvent[]> {
    return this.#reader.read(ranges, this.#sides.tape)
  }

  /**
   * Compares what is kept here of the tape with what the server has made of the same seqs, and says which objects differ:
   * none should. Rejects with an Error while there are holes, and like `read`.
   */
  async verify(): Promise<Verification> {
    return verify(this.#sides, this.#reader)
  }

  /**
   * Resolves when nothing waits any more: every draft is on the tape, or was refused. Rejects when the stream stops before,
   * as what waits will not go from here. Until then it waits, for a network or for a token that allows it.
   */
  settled(): Promise<void> {
    return this.#settling.settled()
  }

  /** Tells those who listen now, and nobody later: a cursor, "is typing". Lost while there is no connection. */
  whisper(data: Json): void {
    this.#sides.current?.whisper(data)
  }

  onWhisper(listener: (whisper: Whisper) => void): Unsubscribe {
    return this.#whisperListeners.add(listener)
  }

  /** Says that now may be a good time to connect, or to look whether the connection still lives. */
  nudge(): void {
    this.#sides.current?.nudge()
  }

  /** Works offline on purpose, with all tabs of the stream, until `resume`. */
  pause(): void {
    this.#sides.pause()
  }

  resume(): void {
    this.#sides.resume()
  }

  /**
   * Ends the stream here for good; another tab may take over. Drafts that are not on the tape stay in the store. Resolves
   * when everything is saved and the store is let go of, or after a few seconds if it cannot be saved.
   */
  close(): Promise<void> {
    this.#isClosed = true
    this.#lateModels.stop()
    return this.#sides.stop()
  }

  #publish(change: Change, publications: readonly Publication[], retries?: number): void {
    this.#sides.publish(change, publications, retries)
    this.#tellPublished()
  }

  #tellPublished(): void {
    this.#tell(() => this.#models.tell([]))
    this.#changed()
  }

  #tell(tell: () => void): void {
    // A model may look at the status, and is to see what it is given.
    this.#status.outdate()
    tell()
  }

  #whyNoReading(): string | undefined {
    if (this.#isClosed) return 'The stream has been closed: open it again to read.'
    return this.status.connection === 'paused' ? 'The stream works offline on purpose: resume it to read.' : undefined
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error('The stream has been closed: open it again to publish.')
  }

  #changed(): void {
    this.#status.changed()
    this.#settling.check()
  }
}
