/**
 * One stream, without the platform: what it says of itself, and what happens to it as a whole. All else is the work of its
 * parts, which it puts together:
 *
 *   committer ─► appender ─► broadcast     what is published is decided, laid on the tape, and told to every listener
 *   reads                                  what is on the tape is read
 *   sealed                                 what has become of its past is kept
 *   present                                where the tape stands, for all of them
 *
 * But for what waits to be committed it owns no state that storage does not have: `present` is rebuilt whenever it is
 * missing, and forgotten when storage throws. It never sees a token, a request or a socket, only listeners that have been
 * let in.
 */
import { Refusal } from '../protocol/codes.ts'
import { expiresAt, type Settings } from '../protocol/settings.ts'
import { Broadcast } from './broadcast.ts'
import type { Indexed } from './filters/index-builder.ts'
import { checkDeclaration, Indexes, type IndexStorage } from './filters/indexes.ts'
import { SealedPast } from './sealed/sealed-past.ts'
import { SealingDemand } from './sealed/sealing-demand.ts'
import { segmentBounds } from './sealed/segment.ts'
import type { StreamCoreOptions, StreamState } from './stream-core-options.ts'
import { Appender, type Laying } from './tape/appender.ts'
import { emptyHead } from './tape/loaded-head.ts'
import { newSecret } from './tape/marks.ts'
import { Present } from './tape/present.ts'
import { sliceFrame } from './tape/slice-frames.ts'
import { joinSlice, type Page } from './tape/slice-reader.ts'
import { type ReadTape, TapeReads } from './tape/tape-reads.ts'
import type { LedgerEntry, TapeStorage } from './tape/tape-storage.ts'
import { Committer } from './turn/committer.ts'
import { RecentKeeper } from './turn/recent-keeper.ts'
import { Rules } from './turn/rules.ts'

export class StreamCore implements ReadTape, Indexed {
  readonly #options: StreamCoreOptions
  readonly #storage: TapeStorage
  readonly #present: Present
  readonly #broadcast: Broadcast
  readonly #appender: Appender
  readonly #recent: RecentKeeper
  readonly indexes: Indexes
  readonly reads: TapeReads
  readonly sealed: SealedPast
  readonly committer: Committer

  constructor(options: StreamCoreOptions) {
    const { storage, bounds = segmentBounds, onUpkeepDue, report } = options
    this.#options = options
    this.#storage = storage
    const rules = options.rules && new Rules(options.rules, report)
    const demand = new SealingDemand(bounds, onUpkeepDue)
    const recent = new RecentKeeper(storage, rules?.recent ?? 0)
    const indexes = new Indexes(storage)
    const present = new Present(options, [indexes, recent, demand])
    const broadcast = new Broadcast(options.listeners, (selection) => this.reads.filterOf(selection))
    const appender = new Appender(present, { ...options, indexes, broadcast, demand })
    this.#present = present
    this.#broadcast = broadcast
    this.#appender = appender
    this.#recent = recent
    this.indexes = indexes
    this.reads = new TapeReads(this, options)
    this.sealed = new SealedPast(present, { ...options, bounds, demand })
    this.committer = new Committer(present, { ...options, appender, recent, rules })
  }

  /** The epoch (null while nothing has been published) and the last seq. Throws `stream-deleted`. */
  get state(): StreamState {
    const head = this.#present.head()
    if (head === undefined) return { epoch: null, latestSeq: -1 }
    const { epoch, latestSeq, isClosed, expires } = head
    return { epoch, latestSeq, ...(isClosed ? { closed: true } : {}), ...(expires === undefined ? {} : { expires }) }
  }

  /** The state as storage has it: an object that is no longer the current one fails here rather than answer from memory. */
  readState(): StreamState {
    this.#present.check()
    return this.state
  }

  get epoch(): string | undefined {
    return this.#present.head()?.epoch
  }

  get end(): { readonly latestSeq: number; readonly hotFirst: number } {
    const head = this.#present.head() ?? emptyHead
    return { latestSeq: head.latestSeq, hotFirst: head.hot.first }
  }

  /** Whether an import has begun and is not finished. Until then nobody publishes. */
  get isImporting(): boolean {
    return this.#present.head()?.isImporting === true
  }

  /** When the stream ends by itself, in ms since 1970; undefined for never. */
  get expiresAt(): number | undefined {
    const head = this.#present.head()
    return head && expiresAt(head.expires, head.touchedAt)
  }

  /** What the tape has taken from a client, and whose it is. */
  lookup(client: string): LedgerEntry | undefined {
    return this.#present.head()?.ledger.lookup(client)
  }

  /** Whose a client id is, if it is anybody's. */
  ownerOf(client: string): string | undefined {
    return this.lookup(client)?.sub || undefined
  }

  /** Throws `wrong-epoch` when an epoch is given that is not the stream's. */
  checkEpoch(asked: string | undefined): void {
    const { epoch, latestSeq } = this.state
    if (asked !== undefined && asked !== epoch) throw new Refusal('wrong-epoch', { epoch, latestSeq })
  }

  /** See `Marks`: of the newest row, where that has one. */
  get mark(): string | undefined {
    return this.#present.head()?.marks.newest
  }

  /** Puts the stream under a new epoch when this mark is of a row that it has not: its storage has been set back. */
  checkMark(mark: string | undefined): void {
    const head = this.#present.head()
    if (mark === undefined || head === undefined || !head.marks.isLost(mark, head.latestSeq, this.#storage)) return
    this.#options.report(
      new Error(`The storage under the epoch ${head.epoch} was set back, perhaps to ${head.latestSeq}: ${mark} is not there.`),
    )
    this.#present.renew((epoch) => this.#storage.renew(epoch))
  }

  /** A page as the JSON of a slice. `members` come before the slice's own (a frame's type and ref). */
  encodePage(page: Page, members: Record<string, unknown> = {}, immutableAt?: number): Uint8Array<ArrayBuffer> {
    const { epoch, latestSeq, closed } = this.state
    const end = immutableAt === undefined ? { latestSeq, closed } : { latestSeq: immutableAt }
    const head = JSON.stringify({ ...members, epoch, ...end, covers: page.covers, own: page.own })
    return joinSlice(head.slice(0, -1), page.pieces)
  }

  /** Makes the stream where there is none. Whoever listens is told when it is closed. */
  configure({ closed, expires }: Settings): void {
    const head = this.#present.head()
    const before = head ?? emptyHead
    const { now, newEpoch, randomBytes, onUpkeepDue } = this.#options
    this.forget()
    this.#storage.configure({
      isClosed: before.isClosed || closed === true,
      expires: expires === undefined ? head?.expires : (expires ?? undefined),
      at: now(),
      ...(head === undefined ? { newEpoch: newEpoch(), secret: newSecret(randomBytes) } : { newEpoch: undefined }),
    })
    onUpkeepDue()
    const { epoch, latestSeq } = this.state
    if (closed === true) this.#broadcast.send(sliceFrame({ epoch, latestSeq, mark: this.mark, closed, covers: [] }))
  }

  /** Makes the stream where there is none. Throws what `checkDeclaration` and `Indexes.declare` do. */
  declareIndex(name: string, pointer: string): void {
    checkDeclaration(name, pointer)
    if (this.epoch === undefined) this.configure({})
    if (this.indexes.declare(name, pointer, this.state.latestSeq)) this.#options.onUpkeepDue()
  }

  noteMembers: IndexStorage['noteMembers'] = (members, built) => {
    this.#storage.noteMembers(members, built)
    this.indexes.forget()
  }

  /** Lays a group of imported events on the tape, and tells every listener. Throws `unavailable` when nothing of it is stored. */
  import(group: Omit<Laying, 'isImport'>): void {
    try {
      this.#appender.append({ ...group, isImport: true })
      this.#recent.forget()
    } catch (error) {
      this.forget()
      this.#options.report(error)
      throw new Refusal('unavailable')
    }
  }

  /** All is there that was to be imported: from now on whoever may publishes. */
  endImport(): void {
    this.#storage.endImport()
    this.forget()
  }

  /** Removes the stream for ever. */
  erase(): void {
    this.forget()
    this.#storage.erase()
    this.#options.onUpkeepDue()
  }

  /** Storage has been changed, or been found to be other than what memory has of it. */
  forget(): void {
    this.#present.forget()
  }
}
