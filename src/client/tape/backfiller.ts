/** Fills the holes: asks for what the plan says, remembers what is under way, and asks again for what failed. */
import {
  type Code,
  codeFacts,
  formatSeqs,
  Refusal,
  type RefusedServerFrame,
  type SeqRanges,
  type Slice,
  type SliceFrame,
  subtract,
  union,
} from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { retryDelayMs } from '../link/connection.ts'
import type { ClientParts, TokenKeeper } from '../link/token-keeper.ts'
import type { Transport } from '../link/transport.ts'
import type { LocalTape } from '../storage/store.ts'
import { pageEvents, planBackfill, planColdStart } from './backfill-plan.ts'
import { holesOf } from './local-tape.ts'

export interface BackfillerHooks {
  readonly tape: () => LocalTape
  /** Whether nothing of this client's own is on the tape, nor pending: only then does it make no difference how others' events come. */
  readonly isNewcomer: () => boolean
  /** Sends a frame on the live link. */
  readonly send: (frame: object) => void
  /** A number for a frame, so that its answer is known. */
  readonly newRef: () => number
  readonly onSlice: (slice: Slice) => void
  /** The stream is under another epoch now. */
  readonly onEpoch: () => void
  /** The server will not let this client read. */
  readonly onFatal: (code: Code) => void
  /** Something that was asked for did not come; it is asked for again after a while. */
  readonly onFail: () => void
}

/** Pages under way at once: enough to hide the round trip, few enough to leave the link room. */
const requestsMax = 4

/** A page is a megabyte or two: whoever needs longer for it had better ask again. */
export const readDeadlineMs = 60_000

export class Backfiller {
  readonly #transport: Transport
  readonly #environment: Environment
  readonly #hooks: BackfillerHooks
  readonly #tokens: TokenKeeper
  #isOnline = false
  /** Asked for on the present link, by ref. */
  readonly #asked = new Map<number, SeqRanges>()
  /** HTTP requests under way, each with the timer that ends it. */
  readonly #requests = new Map<number, { readonly ranges: SeqRanges; readonly timer: unknown }>()
  #lastRequest = 0
  /** The first seqs of pages that do not come whole. */
  readonly #cutPages = new Set<number>()
  /** Announced by the server, on its way without being asked for. */
  #announced: SeqRanges = []
  #failures = 0
  #retryTimer: unknown

  constructor(hooks: BackfillerHooks, { transport, environment, tokens }: ClientParts) {
    this.#transport = transport
    this.#environment = environment
    this.#tokens = tokens
    this.#hooks = hooks
  }

  online(announced: SeqRanges): void {
    this.#isOnline = true
    this.#announced = announced
    this.#asked.clear()
    this.fill()
  }

  offline(): void {
    this.#isOnline = false
    this.#announced = []
    this.#asked.clear()
    for (const id of [...this.#requests.keys()]) this.#endRequest(id)
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
    if (ref !== undefined && this.#asked.delete(ref) && covers.length === 0) this.#fail(new Error('The server had nothing of what it has.'))
  }

  /** A frame of the link was refused. If it was a fetch, its holes are asked for again after a while. */
  refuse({ ref, code }: RefusedServerFrame): void {
    if (ref !== undefined && this.#asked.delete(ref)) this.#fail(new Refusal(code))
  }

  /** Asks for every hole that nothing is under way for. */
  fill(): void {
    const tape = this.#hooks.tape()
    if (!this.#isOnline || this.#retryTimer !== undefined || tape.epoch === null) return
    const holes = holesOf(tape)
    if (holes.length === 0) return
    const cold = this.#coldStart(tape)
    if (cold !== undefined) void this.#request(cold, tape.epoch, true)
    const { overSocket, overHttp } = planBackfill(holes, this.#underWay(), { latestSeq: tape.latestSeq, cutPages: this.#cutPages })
    if (overSocket.length > 0) this.#ask(overSocket)
    for (const ranges of overHttp) {
      if (this.#requests.size >= requestsMax) break
      void this.#request(ranges, tape.epoch)
    }
  }

  /** Of a tape of which nothing is here and nothing is asked for. */
  #coldStart({ latestSeq, accounted, unreadable }: LocalTape): SeqRanges | undefined {
    const isBlank = accounted.length === 0 && unreadable === undefined && this.#requests.size === 0 && this.#failures === 0
    return isBlank && this.#hooks.isNewcomer() ? planColdStart(latestSeq) : undefined
  }

  #underWay(): SeqRanges {
    let ranges = this.#announced
    for (const asked of this.#asked.values()) ranges = union(ranges, asked)
    for (const request of this.#requests.values()) ranges = union(ranges, request.ranges)
    return ranges
  }

  #ask(ranges: SeqRanges): void {
    const ref = this.#hooks.newRef()
    this.#asked.set(ref, ranges)
    this.#hooks.send({ type: 'fetch', ref, seq: ranges })
  }

  async #request(ranges: SeqRanges, epoch: string, isFolded = false): Promise<void> {
    const id = ++this.#lastRequest
    const onDeadline = () => this.#endRequest(id) && this.#fail(new Error('A read took too long.'))
    this.#requests.set(id, { ranges, timer: this.#environment.setTimer(onDeadline, readDeadlineMs) })
    try {
      const slice = await this.#transport.read({ token: await this.#tokens.get(), ranges, epoch, ...(isFolded ? { isFolded } : {}) })
      if (slice.covers.length === 0) throw new Error(`The server had nothing of ${formatSeqs(ranges)}.`)
      if (!isFolded && subtract(ranges, slice.covers).length > 0) this.#cutPages.add(pageOf(ranges))
      this.#failures = 0
      this.#endRequest(id)
      // Whoever has begun to write meanwhile needs them one by one, to take its own over them.
      if (!isFolded || this.#hooks.isNewcomer()) this.#hooks.onSlice(slice)
      this.fill()
    } catch (error) {
      // What fails after its time was over has failed already.
      if (this.#endRequest(id)) this.#fail(error)
    }
  }

  /** Whether it was still under way. */
  #endRequest(id: number): boolean {
    this.#environment.clearTimer(this.#requests.get(id)?.timer)
    return this.#requests.delete(id)
  }

  #fail(error: unknown): void {
    this.#hooks.onFail()
    if (error instanceof Refusal) {
      if (error.code === 'wrong-epoch') return this.#hooks.onEpoch()
      const { recovery } = codeFacts(error.code)
      if (recovery === 'renew') this.#tokens.forget()
      if (recovery === 'fatal') return this.#hooks.onFatal(error.code)
    }
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
