/**
 * Fills the holes: asks for what the plan says, as far as it is not under way, hands on what comes, and asks again after a
 * while for what does not. It does not account for what it hands on: whoever does calls `fill`, and the next is asked for.
 */
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
import { retryDelayMs } from '../link/connection.ts'
import { isOfFilters } from '../link/refused-filters.ts'
import type { ClientParts, TokenKeeper } from '../link/token-keeper.ts'
import { ReadFailure } from '../link/transport.ts'
import type { LocalTape, TapePart } from '../storage/store.ts'
import { foldedEventsMin, foldedEventsMinOfWriters, planBackfill, planFolded, socketEventsMax } from './backfill-plan.ts'
import { HoleReader, type HoleRequest } from './hole-reader.ts'
import { comeOf, holesOf } from './local-tape.ts'
import { selectionOf } from './parts.ts'
import { type Read, UnderWay } from './under-way.ts'

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

export class Backfiller {
  readonly #tokens: TokenKeeper
  readonly #environment: Environment
  readonly #hooks: BackfillerHooks
  readonly #underWay: UnderWay
  readonly #reader: HoleReader
  /** The first seqs of pages that do not come whole. */
  readonly #cutPages = new Set<number>()
  #isOnline = false
  #failures = 0
  #hasTold = false
  /** Why the server gives nothing, the last time it did not. */
  problem: Code | undefined
  #retryTimer: unknown

  constructor(hooks: BackfillerHooks, parts: ClientParts) {
    this.#tokens = parts.tokens
    this.#environment = parts.environment
    this.#hooks = hooks
    this.#underWay = new UnderWay(parts.environment, () => this.#fail(new ReadFailure('A fetch took too long.')))
    this.#reader = new HoleReader(parts, () => hooks.tape().latestSeq)
  }

  online(announced: SeqRanges): void {
    this.#isOnline = true
    this.#reader.begin()
    this.#underWay.begin(announced)
    this.fill()
  }

  offline(): void {
    this.#isOnline = false
    this.#underWay.stop()
    this.#reader.stop()
    this.problem = undefined
    this.#environment.clearTimer(this.#retryTimer)
    this.#retryTimer = undefined
  }

  /** Whether more is on its way over HTTP. */
  get isReading(): boolean {
    return this.#underWay.reads > 0
  }

  /** A slice came on the link: with a ref it is the answer to what was asked under it. */
  received({ ref, covers }: SliceFrame): void {
    this.#underWay.endAnnounced()
    const isAnswer = ref !== undefined && this.#underWay.endFetch(ref)
    if (isAnswer && covers.length === 0) this.#fail(new ReadFailure('The server had nothing of what it has.'))
  }

  /** A frame of the link was refused. If it was a fetch, its holes are asked for again after a while. */
  refuse({ ref, code }: RefusedServerFrame): void {
    if (ref === undefined || !this.#underWay.endFetch(ref)) return
    if (codeFacts(code).recovery === 'renew') this.#tokens.forget()
    this.#fail(new Refusal(code))
  }

  /** Asks for every hole that nothing is under way for. */
  fill(): void {
    this.#reader.heard()
    const tape = this.#hooks.tape()
    const { epoch } = tape
    if (!this.#isOnline || this.#retryTimer !== undefined || epoch === null) return
    const holes = holesOf(tape)
    if (comeOf(tape).length > 0 && !this.#underWay.isReadingLong) this.#reader.forgetSnapshot()
    if (holes.length === 0) return
    if (tape.parts !== undefined) return this.#fillParts(tape, tape.parts, epoch)
    this.#shorten(tape, epoch)
    const { overSocket, overHttp } = planBackfill(holes, this.#underWay.of(), { latestSeq: tape.latestSeq, cutPages: this.#cutPages })
    if (overSocket.length > 0) this.#fetch(overSocket)
    for (const ranges of overHttp) {
      if (this.#underWay.reads >= requestsMax) break
      this.#readPage({ ranges, epoch })
    }
  }

  /** What all parts lack comes on the link, where it is little. The rest is read one part after the other. */
  #fillParts(tape: LocalTape, parts: readonly TapePart[], epoch: string): void {
    const missingOf = ({ accounted }: TapePart) => holesUpTo(comeOf({ ...tape, accounted }), tape.latestSeq)
    const lacked = parts.map(missingOf)
    const common = subtract(
      lacked.reduce((all, some) => intersect(all, some)),
      this.#underWay.all,
    )
    if (common.length > 0 && countSeqs(common) <= socketEventsMax) this.#fetch(common.slice(0, rangesMax))
    for (const index of this.#hooks.order(parts)) {
      const selection = selectionOf(parts, index)
      const of = JSON.stringify(selection)
      if (this.#underWay.isReading(of)) return
      const ranges = subtract(lacked[index] ?? [], this.#underWay.of(of)).slice(0, rangesMax)
      if (ranges.length === 0) continue
      return this.#readPart({ ranges, epoch, selection }, of)
    }
  }

  #readPage(request: HoleRequest): void {
    const { ranges } = request
    const take = (slice: Slice) => {
      if (subtract(ranges, slice.covers).length > 0) this.#cutPages.add(pageOf(ranges))
      this.#hooks.onSlice(slice)
    }
    void this.#read({ ranges }, () => this.#reader.read(request), take)
  }

  #readPart(request: HoleRequest, of: string): void {
    const { ranges } = request
    const isFolded = this.#mayFold() && countSeqs(ranges) >= this.#foldedMin
    const more = isFolded ? { isFolded } : { own: this.#hooks.client() }
    const take = (slice: Slice) => {
      const { parts = [] } = this.#hooks.tape()
      const index = parts.findIndex((_, at) => JSON.stringify(selectionOf(parts, at)) === of)
      // What is wanted may be something else meanwhile.
      if (index >= 0 && (!isFolded || this.#hooks.mayFold())) this.#hooks.onSlice(slice, index)
    }
    void this.#read({ ranges, of }, () => this.#reader.readPart({ ...request, ...more }), take)
  }

  /** One read at a time of a long hole; of a tape of which nothing is here, the snapshot. */
  #shorten(tape: LocalTape, epoch: string): void {
    if (this.#underWay.isReadingLong || !this.#mayFold()) return
    const missing = subtract(holesOf(tape), union(this.#underWay.of(), this.#reader.plain))
    const range = planFolded(missing, tape.latestSeq, this.#foldedMin)
    if (range === undefined) return
    const request = { ranges: [range], epoch }
    const isBlank = comeOf(tape).length === 0
    const start = () => (isBlank ? this.#reader.readBlank(request) : this.#reader.readShorter(request))
    void this.#read({ ranges: request.ranges, isLong: true }, start, (slice) => {
      // Whoever has begun to write meanwhile may need them one by one, to take its own over them.
      if (this.#hooks.mayFold()) this.#hooks.onSlice(slice)
    })
  }

  #mayFold(): boolean {
    return this.#failures <= foldingFailuresMax && this.#hooks.mayFold()
  }

  get #foldedMin(): number {
    return this.#hooks.hasSent() ? foldedEventsMinOfWriters : foldedEventsMin
  }

  #fetch(ranges: SeqRanges): void {
    const ref = this.#hooks.newRef()
    this.#underWay.startFetch(ref, ranges)
    this.#hooks.send({ type: 'fetch', ref, seq: ranges })
  }

  /** `take` is given what came, if anything did. */
  async #read(read: Read, start: () => Promise<Slice | undefined>, take: (slice: Slice) => void): Promise<void> {
    this.#underWay.startRead(read)
    let slice: Slice | undefined
    try {
      slice = await start()
      if (slice?.covers.length === 0) throw new ReadFailure(`The server had nothing of ${formatSeqs(read.ranges)}.`)
    } catch (error) {
      // What fails after a cut is asked for again already.
      if (this.#underWay.endRead(read)) this.#fail(error)
      return
    }
    this.#failures = 0
    this.#hasTold = false
    this.problem = undefined
    this.#underWay.endRead(read)
    try {
      if (slice !== undefined) take(slice)
      this.fill()
    } catch (error) {
      // Nobody waits for a read.
      this.#environment.report(error)
    }
  }

  /** Once, until something comes again. */
  #tell(mistake: unknown): void {
    if (!this.#hasTold) this.#environment.report(mistake)
    this.#hasTold = true
  }

  #fail(error: unknown): void {
    this.problem = error instanceof Refusal ? error.code : undefined
    this.#hooks.onFail()
    if (error instanceof Refusal) {
      if (error.code === 'wrong-epoch') return this.#hooks.onEpoch()
      const mayEnd = this.#hooks.tape().parts !== undefined && isOfFilters(error.code)
      if (codeFacts(error.code).recovery === 'fatal' && !mayEnd) return this.#hooks.onFatal(error.code)
    } else if (!(error instanceof ReadFailure)) this.#tell(error)
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
