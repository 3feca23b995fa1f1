/**
 * One stream, without the platform: decides groups of publishes, appends them and tells every listener. What is read of
 * it are its `reads`, what is kept of its past is `sealed`; what its alarm does is done through it.
 *
 *   submit ─► waiting ─► (turn ends) ─► commit: sequence ─ append ─ broadcast ─ answer, with no await in between
 *
 * It owns no state that storage does not have: `#present` is rebuilt whenever it is missing, and forgotten when storage
 * throws. It never sees a token, a request or a socket, only listeners that have been let in.
 */
import { Refusal } from '../protocol/codes.ts'
import type { TapeEvent } from '../protocol/event.ts'
import { expiresAt, type Settings } from '../protocol/settings.ts'
import { Broadcast } from './broadcast.ts'
import type { Indexed } from './filters/index-builder.ts'
import { checkDeclaration, Indexes, type IndexStorage } from './filters/indexes.ts'
import { SealedPast } from './sealed/sealed-past.ts'
import { SealingDemand } from './sealed/sealing-demand.ts'
import { segmentBounds } from './sealed/segment.ts'
import type { StreamCoreOptions, StreamState } from './stream-core-options.ts'
import { emptyHead, newHead } from './tape/loaded-head.ts'
import { newSecret } from './tape/marks.ts'
import { Present } from './tape/present.ts'
import { cutRows } from './tape/row-cutter.ts'
import { sliceFrame } from './tape/slice-frames.ts'
import { joinSlice, type Page } from './tape/slice-reader.ts'
import { type ReadTape, TapeReads } from './tape/tape-reads.ts'
import type { LedgerEntry, TapeStorage } from './tape/tape-storage.ts'
import { isOwner } from './turn/owners.ts'
import { RecentKeeper } from './turn/recent-keeper.ts'
import { Rules } from './turn/rules.ts'
import { type Group, type Submission, sequence, type TapeState, type Verdict } from './turn/sequencer.ts'

/** A group is one row's ledger and one run: what is more waits for the next turn. */
const groupMax = 500

interface Waiting {
  readonly submission: Submission
  readonly answer: (verdict: Verdict) => void
}

export class StreamCore implements ReadTape, Indexed {
  readonly #options: StreamCoreOptions
  readonly #storage: TapeStorage
  #waiting: Waiting[] = []
  readonly #rules: Rules | undefined
  readonly #recent: RecentKeeper
  readonly #demand: SealingDemand
  readonly #present: Present
  readonly #broadcast: Broadcast
  readonly indexes: Indexes
  readonly reads: TapeReads
  readonly sealed: SealedPast

  constructor(options: StreamCoreOptions) {
    const { storage, bounds = segmentBounds, onUpkeepDue, report } = options
    this.#options = options
    this.#storage = storage
    this.#rules = options.rules && new Rules(options.rules, report)
    this.#recent = new RecentKeeper(storage, this.#rules?.recent ?? 0)
    this.#demand = new SealingDemand(bounds, onUpkeepDue)
    this.indexes = new Indexes(storage)
    this.#present = new Present(options, [this.indexes, this.#recent, this.#demand])
    this.reads = new TapeReads(this, options)
    this.#broadcast = new Broadcast(options.listeners, (selection) => this.reads.filterOf(selection))
    this.sealed = new SealedPast(this.#present, { ...options, bounds, demand: this.#demand })
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

  /** Queues a publish for the group that is committed when this turn ends; `answer` is called then, once. */
  submit(submission: Submission, answer: (verdict: Verdict) => void): void {
    this.#waiting.push({ submission, answer })
    if (this.#waiting.length === 1) this.#commitLater()
  }

  #commitLater(): void {
    this.#options.later(
      () => this.#commit(),
      () => this.#waiting.length === 1,
    )
  }

  /**
   * The last counter that the tape has taken from a client, 0 for none; undefined when the client is another sub's.
   *
   * What waits of that client is decided first, with all that came before it. So of whatever had been submitted by
   * now, nothing is taken behind this answer: it is on the tape and counted, or has been refused for good. The end of
   * the turn then finds the less to decide, or nothing.
   */
  takenFrom(client: string, sub: string): number | undefined {
    while (this.#waiting.some(({ submission }) => submission.publish.client === client)) this.#commit()
    const entry = this.lookup(client)
    if (entry === undefined) return 0
    return isOwner(sub, entry) ? entry.counter : undefined
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
  import(group: Omit<Group, 'verdicts'>): void {
    try {
      this.#append(group, true)
      this.#recent.forget()
    } catch (error) {
      this.forget()
      this.#options.report(error)
      throw new Refusal('unavailable')
    }
  }

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

  #commit(): void {
    const waiting = this.#waiting.slice(0, groupMax)
    this.#waiting = this.#waiting.slice(groupMax)
    if (this.#waiting.length > 0) this.#commitLater()
    const verdicts = this.#decide(waiting.map(({ submission }) => submission))
    for (const [index, { answer }] of waiting.entries()) answer(verdicts[index] as Verdict)
  }

  /** One verdict for each submission; what is taken has been appended and broadcast. */
  #decide(submissions: readonly Submission[]): readonly Verdict[] {
    try {
      if (this.isImporting) return refuseAll(submissions, new Refusal('importing'))
      const group = sequence(this.#tapeState(), submissions)
      if (group.lines.length > 0) this.#append(group)
      this.#recent.settle(this.state.latestSeq)
      return group.verdicts
    } catch (error) {
      // Nothing of the group is stored, and memory may be ahead of storage: read it again before the next group.
      this.forget()
      if (!(error instanceof Refusal)) this.#options.report(error)
      return refuseAll(submissions, error instanceof Refusal ? error : new Refusal('unavailable'))
    }
  }

  #tapeState(): TapeState {
    const head = this.#present.head()
    return {
      epoch: head?.epoch,
      latestSeq: head?.latestSeq ?? -1,
      isClosed: head?.isClosed === true,
      lookup: (client) => head?.ledger.lookup(client),
      recent: this.#recent,
      rules: this.#rules,
    }
  }

  #append({ lines, clients }: Omit<Group, 'verdicts'>, isImport = false): void {
    const before = this.#present.head()
    const head = before ?? newHead(this.#options.newEpoch(), this.#storage, this.#options.randomBytes)
    const beginsImport = isImport && head.latestSeq < 0
    const rows = cutRows(head.latestSeq + 1, lines)
    const latestSeq = head.latestSeq + lines.length
    const record = head.ledger.record(clients)
    const checkpoint = record.isCheckpoint || head.checkpoint < 0 ? latestSeq : head.checkpoint
    const committedAt = this.#options.now()
    let { bytes } = head
    // Events are read from what was encoded of them only where somebody asks for some objects alone.
    const isIndexed = before !== undefined && this.indexes.all.length > 0
    const events = isIndexed || this.#broadcast.hasFilters ? lines.map((line) => JSON.parse(line) as TapeEvent) : []
    this.#storage.append({
      rows: rows.map(({ first, last, body }) => {
        const start = bytes
        bytes += body.length
        const { writer } = head.marks
        return { first, last, committedAt, checkpoint, ledger: last === latestSeq ? record.text : '[]', body, start, writer }
      }),
      retired: record.retired,
      newEpoch: before === undefined ? head.epoch : undefined,
      ...(isIndexed ? { members: this.indexes.membersOf(events) } : {}),
      beginsImport,
      secret: head.marks.unsavedSecret,
    })
    const after = { ...head, latestSeq, checkpoint, bytes, touchedAt: committedAt, ...(beginsImport ? { isImporting: true as const } : {}) }
    this.#present.advance(after)
    this.#demand.consider(after)
    const { epoch } = head
    for (const { first, last, text } of rows) {
      const mark = head.marks.ofWritten(last)
      const ofRow = events.slice(first - head.latestSeq - 1, last - head.latestSeq)
      this.#broadcast.send(
        sliceFrame({ epoch, latestSeq: last, mark, covers: [[first, last]] }, text),
        events.length === 0 ? undefined : { epoch, mark, range: [first, last], events: ofRow },
      )
    }
  }
}

function refuseAll(submissions: readonly Submission[], refusal: Refusal): readonly Verdict[] {
  return submissions.map(() => ({ type: 'refused', refusal }))
}
