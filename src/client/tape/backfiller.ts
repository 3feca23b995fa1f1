/** Fills the holes: asks for what the plan says, remembers what is under way, and asks again for what failed. */
import {
  type Code,
  codeFacts,
  countSeqs,
  formatSeqs,
  holesUpTo,
  intersect,
  pageEvents,
  Refusal,
  type RefusedServerFrame,
  rangesMax,
  type SeqRanges,
  type Slice,
  type SliceFrame,
  subtract,
  union,
} from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { ask, readDeadlineMs } from '../link/ask.ts'
import { retryDelayMs } from '../link/connection.ts'
import { isOfFilters } from '../link/refused-filters.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import type { ReadRequest } from '../link/transport.ts'
import type { LocalTape, TapePart } from '../storage/store.ts'
import { foldedEventsMin, foldedEventsMinOfWriters, planBackfill, planFolded, socketEventsMax } from './backfill-plan.ts'
import { comeOf, holesOf } from './local-tape.ts'
import { selectionOf } from './parts.ts'
import { SnapshotReader } from './snapshot-reader.ts'

export interface BackfillerHooks {
  readonly tape: () => LocalTape
  /** The parts of the tape in the order in which they are wanted, as places in it. */
  readonly order: (parts: readonly TapePart[]) => readonly number[]
  /** Whose events come beside those that are wanted. */
  readonly client: () => string
  /** Whether none of its drafts needs others' events one by one. */
  readonly mayFold: () => boolean
  /** Whether it has ever published. */
  readonly hasSent: () => boolean
  /** Sends a frame on the live link. */
  readonly send: (frame: object) => void
  /** A number for a frame, so that its answer is known. */
  readonly newRef: () => number
  /** What came is the tape's, or that of one part of it. */
  readonly onSlice: (slice: Slice, part?: number) => void
  /** The stream is under another epoch now. */
  readonly onEpoch: () => void
  /** The server will not let this client read. */
  readonly onFatal: (code: Code) => void
  /** Something that was asked for did not come; it is asked for again after a while. */
  readonly onFail: () => void
}

/** Pages under way at once: enough to hide the round trip, few enough to leave the link room. */
const requestsMax = 4

/** After so many failures in a row long holes are read as they are: each page that comes is something. */
const foldingFailuresMax = 2

/** Folded events come at once, not in pages that others share: they are worth it where they are so much less. */
const foldedShareMax = 0.5

/** What a request is for, where it is not a part of the tape. */
const wholeTape = ''

/** A cut makes reads fail once or twice; what goes on failing is told, once. */
const toldAtFailure = 2

/** What a page takes at most: a larger answer is waited for so much longer. */
const pageBytes = 2 ** 21

/** A read over HTTP. */
interface Request {
  readonly ranges: SeqRanges
  /** What it is for, where that is a part of the tape. */
  readonly of?: string
  readonly isLong?: boolean
}

export class Backfiller {
  readonly #parts: ClientParts
  readonly #environment: Environment
  readonly #snapshots: SnapshotReader
  readonly #hooks: BackfillerHooks
  #isOnline = false
  /** Asked for on the present link, by ref, each with the timer that ends it. */
  readonly #asked = new Map<number, { readonly ranges: SeqRanges; readonly timer: unknown }>()
  /** Under way on the present link. */
  readonly #requests = new Set<Request>()
  /** The first seqs of pages that do not come whole. */
  readonly #cutPages = new Set<number>()
  /** Answers from further on the tape than the link has told of. */
  #ahead: { readonly latestSeq: number; readonly resolve: () => void }[] = []
  /** Announced by the server, on its way without being asked for. */
  #announced: SeqRanges = []
  #failures = 0
  /** Why the server gives nothing, the last time it did not. */
  problem: Code | undefined
  /** Long holes of which the folded events take about as much as they do as they are. */
  #plain: SeqRanges = []
  #retryTimer: unknown

  constructor(hooks: BackfillerHooks, parts: ClientParts) {
    this.#parts = parts
    this.#environment = parts.environment
    this.#snapshots = new SnapshotReader(parts)
    this.#hooks = hooks
  }

  online(announced: SeqRanges): void {
    this.#isOnline = true
    this.#plain = []
    this.#announced = announced
    this.#forgetAsked()
    this.fill()
  }

  offline(): void {
    this.#isOnline = false
    this.#announced = []
    this.#forgetAsked()
    this.#requests.clear()
    this.#ahead = []
    this.#snapshots.stop()
    this.problem = undefined
    this.#environment.clearTimer(this.#retryTimer)
    this.#retryTimer = undefined
  }

  /** Whether more is on its way over HTTP. */
  get isReading(): boolean {
    return this.#requests.size > 0
  }

  /** A slice came on the link: with a ref it is the answer to what was asked under it. */
  received({ ref, covers }: SliceFrame): void {
    // The announced slice is the first to come; when another one does, it got lost.
    this.#announced = []
    if (ref !== undefined && this.#endAsked(ref) && covers.length === 0) this.#fail(new Error('The server had nothing of what it has.'))
  }

  /** A frame of the link was refused. If it was a fetch, its holes are asked for again after a while. */
  refuse({ ref, code }: RefusedServerFrame): void {
    if (ref === undefined || !this.#endAsked(ref)) return
    if (codeFacts(code).recovery === 'renew') this.#parts.tokens.forget()
    this.#fail(new Refusal(code))
  }

  /** Asks for every hole that nothing is under way for. */
  fill(): void {
    this.#endAhead()
    const tape = this.#hooks.tape()
    const { epoch } = tape
    if (!this.#isOnline || this.#retryTimer !== undefined || epoch === null) return
    const holes = holesOf(tape)
    if (comeOf(tape).length > 0 && !this.#isReadingLong) this.#snapshots.forget()
    if (holes.length === 0) return
    if (tape.parts !== undefined) return this.#fillParts(tape, tape.parts, epoch)
    this.#readFolded(tape, epoch)
    const { overSocket, overHttp } = planBackfill(holes, this.#underWay(), { latestSeq: tape.latestSeq, cutPages: this.#cutPages })
    if (overSocket.length > 0) this.#ask(overSocket)
    for (const ranges of overHttp) {
      if (this.#requests.size >= requestsMax) break
      void this.#request(
        { ranges },
        () => this.#read({ ranges, epoch }),
        (slice) => {
          if (slice === undefined) return
          if (subtract(ranges, slice.covers).length > 0) this.#cutPages.add(pageOf(ranges))
          this.#hooks.onSlice(slice)
        },
      )
    }
  }

  /** What all parts lack comes on the link, where it is little. The rest is read one part after the other. */
  #fillParts(tape: LocalTape, parts: readonly TapePart[], epoch: string): void {
    const missingOf = ({ accounted }: TapePart) => holesUpTo(comeOf({ ...tape, accounted }), tape.latestSeq)
    const lacked = parts.map(missingOf)
    const reads = [...this.#requests.values()].reduce((all, { ranges }) => union(all, ranges), this.#underWay())
    const common = subtract(
      lacked.reduce((all, some) => intersect(all, some)),
      reads,
    )
    if (common.length > 0 && countSeqs(common) <= socketEventsMax) this.#ask(common.slice(0, rangesMax))
    for (const index of this.#hooks.order(parts)) {
      const selection = selectionOf(parts, index)
      const of = JSON.stringify(selection)
      if ([...this.#requests].some((request) => request.of === of)) return
      const ranges = subtract(lacked[index] ?? [], this.#underWay(of)).slice(0, rangesMax)
      if (ranges.length === 0) continue
      return this.#readPart({ ranges, epoch, selection }, of)
    }
  }

  #readPart(request: Omit<ReadRequest, 'token'>, of: string): void {
    const isFolded = this.#mayFold() && countSeqs(request.ranges) >= this.#foldedMin
    const more = isFolded ? { isFolded } : { own: this.#hooks.client() }
    void this.#request(
      { ranges: request.ranges, of },
      () => this.#readAsKnown({ ...request, ...more }),
      (slice) => {
        const { parts = [] } = this.#hooks.tape()
        const index = parts.findIndex((_, at) => JSON.stringify(selectionOf(parts, at)) === of)
        // What is wanted may be something else meanwhile.
        if (slice !== undefined && index >= 0 && (!isFolded || this.#hooks.mayFold())) this.#hooks.onSlice(slice, index)
      },
    )
  }

  #mayFold(): boolean {
    return this.#failures <= foldingFailuresMax && this.#hooks.mayFold()
  }

  get #foldedMin(): number {
    return this.#hooks.hasSent() ? foldedEventsMinOfWriters : foldedEventsMin
  }

  /** One read at a time of a long hole; of a tape of which nothing is here, the snapshot. */
  #readFolded(tape: LocalTape, epoch: string): void {
    if (this.#isReadingLong || !this.#mayFold()) return
    const isBlank = comeOf(tape).length === 0
    const { latestSeq } = tape
    const range = planFolded(subtract(holesOf(tape), union(this.#underWay(), this.#plain)), latestSeq, this.#foldedMin)
    if (range === undefined) return
    const ranges = [range]
    const read = async () =>
      (isBlank ? await this.#snapshots.read({ epoch, latestSeq }) : undefined) ?? (await this.#readShorter({ ranges, epoch }))
    void this.#request({ ranges, isLong: true }, read, (slice) => {
      // Whoever has begun to write meanwhile may need them one by one, to take its own over them.
      if (slice !== undefined && this.#hooks.mayFold()) this.#hooks.onSlice(slice)
    })
  }

  /** Folded, where that is much less. Otherwise nothing comes: in pages it is as quick, and a cache has them. */
  async #readShorter(request: { readonly ranges: SeqRanges; readonly epoch: string }): Promise<Slice | undefined> {
    const { plain, folded } = await ask(this.#parts, (asking) => this.#parts.transport.readSizes({ ...asking, ...request }))
    if (folded <= plain * foldedShareMax) return this.#read({ ...request, isFolded: true }, folded)
    this.#plain = union(this.#plain, request.ranges)
    return undefined
  }

  #read(request: Omit<ReadRequest, 'token'>, bytes = 0): Promise<Slice> {
    const withinMs = readDeadlineMs * Math.max(1, bytes / pageBytes)
    return ask(this.#parts, (asking) => this.#parts.transport.read({ ...asking, ...request }), withinMs)
  }

  /**
   * A part leaves to those before it what belongs to them as the tape is then: it counts when the link has told of all of
   * that. Else what an object takes to another part with it could be thought to be here.
   */
  async #readAsKnown(request: Omit<ReadRequest, 'token'>): Promise<Slice> {
    const slice = await this.#read(request)
    const { latestSeq } = slice
    if (latestSeq > this.#hooks.tape().latestSeq) await new Promise<void>((resolve) => this.#ahead.push({ latestSeq, resolve }))
    return slice
  }

  #endAhead(): void {
    const known = this.#hooks.tape().latestSeq
    for (const { latestSeq, resolve } of this.#ahead) if (latestSeq <= known) resolve()
    this.#ahead = this.#ahead.filter(({ latestSeq }) => latestSeq > known)
  }

  get #isReadingLong(): boolean {
    return [...this.#requests].some(({ isLong }) => isLong === true)
  }

  /** For all of the tape, or for one part of it. */
  #underWay(of = wholeTape): SeqRanges {
    let ranges = this.#announced
    for (const asked of this.#asked.values()) ranges = union(ranges, asked.ranges)
    for (const request of this.#requests) if ((request.of ?? wholeTape) === of) ranges = union(ranges, request.ranges)
    return ranges
  }

  #ask(ranges: SeqRanges): void {
    const ref = this.#hooks.newRef()
    const onDeadline = () => this.#endAsked(ref) && this.#fail(new Error('A fetch took too long.'))
    this.#asked.set(ref, { ranges, timer: this.#environment.setTimer(onDeadline, readDeadlineMs) })
    this.#hooks.send({ type: 'fetch', ref, seq: ranges })
  }

  /** `onEnd` is given what came, or undefined when it failed. */
  async #request(request: Request, read: () => Promise<Slice | undefined>, onEnd: (slice: Slice | undefined) => void): Promise<void> {
    this.#requests.add(request)
    try {
      const slice = await read()
      if (slice?.covers.length === 0) throw new Error(`The server had nothing of ${formatSeqs(request.ranges)}.`)
      this.#failures = 0
      this.problem = undefined
      this.#requests.delete(request)
      onEnd(slice)
      this.fill()
    } catch (error) {
      // What fails after a cut is asked for again already.
      if (!this.#requests.delete(request)) return
      onEnd(undefined)
      this.#fail(error)
    }
  }

  /** Whether it was still asked for. */
  #endAsked(ref: number): boolean {
    this.#environment.clearTimer(this.#asked.get(ref)?.timer)
    return this.#asked.delete(ref)
  }

  #forgetAsked(): void {
    for (const ref of [...this.#asked.keys()]) this.#endAsked(ref)
  }

  #fail(error: unknown): void {
    this.problem = error instanceof Refusal ? error.code : undefined
    this.#hooks.onFail()
    if (error instanceof Refusal) {
      if (error.code === 'wrong-epoch') return this.#hooks.onEpoch()
      const mayEnd = this.#hooks.tape().parts !== undefined && isOfFilters(error.code)
      if (codeFacts(error.code).recovery === 'fatal' && !mayEnd) return this.#hooks.onFatal(error.code)
    } else if (this.#failures === toldAtFailure) this.#environment.report(error)
    if (this.#retryTimer !== undefined || !this.#isOnline) return
    const afterMs = retryDelayMs(this.#failures++, this.#environment.random())
    this.#retryTimer = this.#environment.setTimer(() => {
      this.#retryTimer = undefined
      this.fill()
    }, afterMs)
  }
}

/** The first seq of the page that these ranges lie in. */
function pageOf([first]: SeqRanges): number {
  const seq = first?.[0] ?? 0
  return seq - (seq % pageEvents)
}
