/**
 * One stream, without the platform: decides groups of publishes, appends them and tells every listener. What is read of
 * it are its `reads`; what its alarm does is done through it.
 *
 *   submit ─► waiting ─► (turn ends) ─► commit: sequence ─ append ─ broadcast ─ answer, with no await in between
 *
 * It owns no state that storage does not have: `#head` and `#recent` are rebuilt whenever they are missing, and dropped
 * when an append throws. It never sees a token, a request or a socket, only listeners that have been let in.
 */
import { Refusal } from '../protocol/codes.ts'
import type { TapeEvent } from '../protocol/event.ts'
import { expiresAt, type Settings } from '../protocol/settings.ts'
import { Broadcast } from './broadcast.ts'
import type { Indexed } from './filters/index-builder.ts'
import { checkDeclaration, Indexes, type IndexStorage } from './filters/indexes.ts'
import { withoutSnapshot } from './sealed/lost-snapshot.ts'
import { type Redactable, type RedactionBy, type Rewriting, rewriteRows } from './sealed/redactor.ts'
import type { Sealable } from './sealed/sealer.ts'
import { cutSegment, mayBeDue, type SegmentBounds, segmentBounds } from './sealed/segment.ts'
import { noSnapshots, type Snapshots, type Snapshotted } from './sealed/snapshot.ts'
import type { StreamCoreOptions, StreamState } from './stream-core-options.ts'
import { emptyHead, type LoadedHead, loadHead, newHead } from './tape/loaded-head.ts'
import { newSecret } from './tape/marks.ts'
import { cutRows } from './tape/row-cutter.ts'
import { sliceFrame } from './tape/slice-frames.ts'
import { joinSlice, type Page } from './tape/slice-reader.ts'
import { type ReadTape, TapeReads } from './tape/tape-reads.ts'
import type { LedgerEntry, RedactionNote, SegmentEntry, TapeHead, TapeRow, TapeStorage } from './tape/tape-storage.ts'
import { isOwner } from './turn/owners.ts'
import { RecentKeeper } from './turn/recent-keeper.ts'
import { Rules } from './turn/rules.ts'
import { type Group, type Submission, sequence, type TapeState, type Verdict } from './turn/sequencer.ts'

/** When sealing found nothing to seal, the tape grows by so many before it is asked again. */
const sealStep = 500

/** A group is one row's ledger and one run: what is more waits for the next turn. */
const groupMax = 500

interface Waiting {
  readonly submission: Submission
  readonly answer: (verdict: Verdict) => void
}

export class StreamCore implements ReadTape, Sealable, Snapshotted, Redactable, Indexed {
  readonly #options: StreamCoreOptions
  readonly #storage: TapeStorage
  #waiting: Waiting[] = []
  #head: LoadedHead | 'none' | undefined
  readonly #rules: Rules | undefined
  readonly #recent: RecentKeeper
  readonly indexes: Indexes
  readonly reads: TapeReads
  readonly #broadcast: Broadcast
  readonly #bounds: SegmentBounds
  /** Whether sealing has been asked for; when it found nothing, not before the tape has grown to this. */
  #isSealing = false
  #sealFrom = 0

  constructor(options: StreamCoreOptions) {
    this.#options = options
    this.#storage = options.storage
    this.#bounds = options.bounds ?? segmentBounds
    this.#rules = options.rules && new Rules(options.rules, options.report)
    this.indexes = new Indexes(options.storage)
    this.reads = new TapeReads(this, options)
    this.#broadcast = new Broadcast(options.listeners, (selection) => this.reads.filterOf(selection))
    this.#recent = new RecentKeeper(options.storage, this.#rules?.recent ?? 0)
  }

  /** The epoch (null while nothing has been published) and the last seq. Throws `stream-deleted`. */
  get state(): StreamState {
    const head = this.#load()
    if (head === 'none') return { epoch: null, latestSeq: -1 }
    const { epoch, latestSeq, isClosed, expires } = head
    return { epoch, latestSeq, ...(isClosed ? { closed: true } : {}), ...(expires === undefined ? {} : { expires }) }
  }

  /** See `Marks`: of the newest row, where that has one. */
  get mark(): string | undefined {
    const head = this.#load()
    return head === 'none' ? undefined : head.marks.newest
  }

  /** Puts the stream under a new epoch when this mark is of a row that it has not: its storage has been set back. */
  checkMark(mark: string | undefined): void {
    const head = this.#load()
    if (mark === undefined || head === 'none' || !head.marks.isLost(mark, head.latestSeq, this.#storage)) return
    this.#options.report(
      new Error(`The storage under the epoch ${head.epoch} was set back, perhaps to ${head.latestSeq}: ${mark} is not there.`),
    )
    this.#renew(() => this.#storage.renew(this.#options.newEpoch()))
  }

  get end(): { readonly latestSeq: number; readonly hotFirst: number } {
    const head = this.#load()
    return head === 'none' ? { latestSeq: -1, hotFirst: 0 } : { latestSeq: head.latestSeq, hotFirst: head.hot.first }
  }

  /** The state as storage has it: an object that is no longer the current one fails here rather than answer from memory. */
  readState(): StreamState {
    if (this.#head === undefined) return this.state
    const head = this.#storage.head()
    const known = this.#head
    const isCurrent =
      typeof head === 'object' && typeof known === 'object' && head.epoch === known.epoch && head.latestSeq === known.latestSeq
    if (!isCurrent) this.forget()
    return this.state
  }

  /** Whether an import has begun and is not finished. Until then nobody publishes. */
  get isImporting(): boolean {
    const head = this.#load()
    return head !== 'none' && head.isImporting === true
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

  /** Makes the stream where there is none. Throws what `checkDeclaration` and `Indexes.declare` do. */
  declareIndex(name: string, pointer: string): void {
    checkDeclaration(name, pointer)
    if (this.#load() === 'none') this.configure({})
    if (this.indexes.declare(name, pointer, this.state.latestSeq)) this.#options.onUpkeepDue()
  }

  noteMembers: IndexStorage['noteMembers'] = (members, built) => {
    this.#storage.noteMembers(members, built)
    this.indexes.forget()
  }

  get epoch(): string | undefined {
    return this.state.epoch ?? undefined
  }

  snapshots(): Snapshots {
    this.#load()
    return this.#storage.snapshots()
  }

  keepSnapshots(snapshots: Snapshots, epoch: string): boolean {
    if (epoch !== this.epoch) return false
    this.#storage.keepSnapshots(snapshots)
    return true
  }

  forgetSnapshots(): void {
    this.keepSnapshots(withoutSnapshot(this.snapshots()), this.epoch ?? '')
    this.#options.onUpkeepDue()
  }

  redactions(): readonly RedactionNote[] {
    this.#load()
    return this.#storage.redactions()
  }

  scrub(): Promise<void> {
    return this.#storage.scrub()
  }

  segmentsFrom(from: number): Iterable<SegmentEntry> {
    return { [Symbol.iterator]: () => this.#storage.segmentsFrom(from) }
  }

  /** Makes the stream where there is none. Whoever listens is told when it is closed. */
  configure({ closed, expires }: Settings): void {
    const head = this.#load()
    const before = head === 'none' ? emptyHead : head
    this.forget()
    this.#storage.configure({
      isClosed: before.isClosed || closed === true,
      expires: expires === undefined ? ('expires' in before ? before.expires : undefined) : (expires ?? undefined),
      at: this.#options.now(),
      ...(head === 'none' ? { newEpoch: this.#options.newEpoch(), secret: newSecret(this.#options.randomBytes) } : { newEpoch: undefined }),
    })
    this.#options.onUpkeepDue()
    const { epoch, latestSeq } = this.state
    if (closed === true) this.#broadcast.send(sliceFrame({ epoch, latestSeq, mark: this.mark, closed, covers: [] }))
  }

  /** When the stream ends by itself, in ms since 1970; undefined for never. */
  get expiresAt(): number | undefined {
    const head = this.#load()
    return head === 'none' ? undefined : expiresAt(head.expires, head.touchedAt)
  }

  rewrite(segments: readonly SegmentEntry[], rewriting: Rewriting, by: RedactionBy): number {
    const head = this.#load()
    if (head === 'none') return 0
    const { rows, count } = rewriteRows(this.#storage, head.hot.first, rewriting)
    const redacted = count + by.sealed
    if (redacted === 0) return 0
    const note = { at: this.#options.now(), sub: by.sub, reason: by.reason, redacted }
    const snapshots = { ...noSnapshots, isUnclean: true }
    this.#renew(() => this.#storage.rewrite({ epoch: this.#options.newEpoch(), rows, segments, snapshots, note }))
    return redacted
  }

  #renew(change: () => void): void {
    this.forget()
    change()
    this.#options.onUpkeepDue()
    this.#options.onRewritten()
  }

  nextSegment(): { readonly row: TapeRow; readonly epoch: string } | undefined {
    const head = this.#load()
    const row = head === 'none' ? undefined : cutSegment(this.#storage, head, this.#bounds)
    if (head === 'none' || row === undefined) {
      this.#isSealing = false
      this.#sealFrom = this.state.latestSeq + sealStep
      return undefined
    }
    return { row, epoch: head.epoch }
  }

  seal(segment: SegmentEntry, epoch: string): boolean {
    const head = this.#load()
    if (head === 'none' || head.epoch !== epoch || head.hot.first !== segment.first) return false
    try {
      const record = head.checkpoint <= segment.last ? head.ledger.checkpoint() : undefined
      const hot = this.#storage.seal({ segment, ledger: record?.text, retired: record?.retired ?? [] })
      this.#head = { ...head, hot }
      return true
    } catch (error) {
      this.forget()
      throw error
    }
  }

  /** Throws `wrong-epoch` when an epoch is given that is not the stream's. */
  checkEpoch(asked: string | undefined): void {
    const { epoch, latestSeq } = this.state
    if (asked !== undefined && asked !== epoch) throw new Refusal('wrong-epoch', { epoch, latestSeq })
  }

  /** A page as the JSON of a slice. `members` come before the slice's own (a frame's type and ref). */
  encodePage(page: Page, members: Record<string, unknown> = {}, immutableAt?: number): Uint8Array<ArrayBuffer> {
    const { epoch, latestSeq, closed } = this.state
    const end = immutableAt === undefined ? { latestSeq, closed } : { latestSeq: immutableAt }
    const head = JSON.stringify({ ...members, epoch, ...end, covers: page.covers, own: page.own })
    return joinSlice(head.slice(0, -1), page.pieces)
  }

  /** Whose a client id is, if it is anybody's. */
  ownerOf(client: string): string | undefined {
    return this.lookup(client)?.sub || undefined
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

  /** What the tape has taken from a client, and whose it is. */
  lookup(client: string): LedgerEntry | undefined {
    const head = this.#load()
    return head === 'none' ? undefined : head.ledger.lookup(client)
  }

  /** Removes the stream for ever. */
  erase(): void {
    this.forget()
    this.#storage.erase()
    this.#options.onUpkeepDue()
  }

  forget(): void {
    this.#head = undefined
    this.#isSealing = false
    this.indexes.forget()
    this.#recent.forget()
  }

  #load(): LoadedHead | 'none' {
    if (this.#head !== undefined) return this.#head
    const head = loadHead(this.#storage, this.#options.randomBytes)
    if (head === 'deleted') throw new Refusal('stream-deleted')
    this.#head = head
    return this.#head
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
    const head = this.#load()
    const more = { recent: this.#recent, rules: this.#rules }
    if (head === 'none') return { epoch: undefined, latestSeq: -1, lookup: () => undefined, ...more }
    return {
      epoch: head.epoch,
      latestSeq: head.latestSeq,
      isClosed: head.isClosed,
      lookup: (client) => head.ledger.lookup(client),
      ...more,
    }
  }

  #append({ lines, clients }: Omit<Group, 'verdicts'>, isImport = false): void {
    const before = this.#load()
    const isNew = before === 'none'
    const head = isNew ? newHead(this.#options.newEpoch(), this.#storage, this.#options.randomBytes) : before
    const beginsImport = isImport && head.latestSeq < 0
    const rows = cutRows(head.latestSeq + 1, lines)
    const latestSeq = head.latestSeq + lines.length
    const record = head.ledger.record(clients)
    const checkpoint = record.isCheckpoint || head.checkpoint < 0 ? latestSeq : head.checkpoint
    const committedAt = this.#options.now()
    let { bytes } = head
    // Events are read from what was encoded of them only where somebody asks for some objects alone.
    const isIndexed = !isNew && this.indexes.all.length > 0
    const events = isIndexed || this.#broadcast.hasFilters ? lines.map((line) => JSON.parse(line) as TapeEvent) : []
    this.#storage.append({
      rows: rows.map(({ first, last, body }) => {
        const start = bytes
        bytes += body.length
        const { writer } = head.marks
        return { first, last, committedAt, checkpoint, ledger: last === latestSeq ? record.text : '[]', body, start, writer }
      }),
      retired: record.retired,
      newEpoch: isNew ? head.epoch : undefined,
      ...(isIndexed ? { members: this.indexes.membersOf(events) } : {}),
      beginsImport,
      secret: head.marks.unsavedSecret,
    })
    this.#head = { ...head, latestSeq, checkpoint, bytes, touchedAt: committedAt, ...(beginsImport ? { isImporting: true } : {}) }
    this.#askForSealing(this.#head)
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

  #askForSealing(head: TapeHead): void {
    if (this.#isSealing || head.latestSeq < this.#sealFrom || !mayBeDue(head, this.#bounds)) return
    this.#isSealing = true
    this.#options.onUpkeepDue()
  }
}

function refuseAll(submissions: readonly Submission[], refusal: Refusal): readonly Verdict[] {
  return submissions.map(() => ({ type: 'refused', refusal }))
}
