/** Fills the holes: asks for what the plan says, remembers what is under way, and asks again for what failed. */
import {
  type Code,
  codeFacts,
  countSeqs,
  formatSeqs,
  Refusal,
  type RefusedServerFrame,
  type SeqRanges,
  type Slice,
  union,
} from '../protocol/index.ts'
import { planBackfill } from './backfill-plan.ts'
import { retryDelayMs } from './connection.ts'
import type { Environment } from './environment.ts'
import { holesOf } from './local-tape.ts'
import type { LocalTape } from './store.ts'
import type { ClientParts, TokenKeeper } from './token-keeper.ts'
import type { Transport } from './transport.ts'

export interface BackfillerHooks {
  readonly tape: () => LocalTape
  /** Sends a frame on the live link. */
  readonly send: (frame: object) => void
  /** A number for a frame, so that its answer is known. */
  readonly newRef: () => number
  readonly onSlice: (slice: Slice) => void
  /** The stream is under another epoch now. */
  readonly onEpoch: () => void
  /** The server will not let this client read. */
  readonly onFatal: (code: Code) => void
}

/** Pages under way at once: enough to hide the round trip, few enough to leave the link room. */
const requestsMax = 4

export class Backfiller {
  readonly #transport: Transport
  readonly #environment: Environment
  readonly #hooks: BackfillerHooks
  readonly #tokens: TokenKeeper
  #isOnline = false
  /** Asked for on the present link, by ref. */
  readonly #asked = new Map<number, SeqRanges>()
  /** HTTP requests under way, by their ranges as text. */
  readonly #requests = new Map<string, SeqRanges>()
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
    this.#environment.clearTimer(this.#retryTimer)
    this.#retryTimer = undefined
  }

  /** A slice came on the link: with a ref it is the answer to what was asked under it. */
  received(ref: number | undefined): void {
    if (ref !== undefined) this.#asked.delete(ref)
    // The announced slice is the first to come; when another one does, it got lost.
    this.#announced = []
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
    const { overSocket, overHttp } = planBackfill(holes, this.#underWay(), tape.latestSeq)
    if (overSocket.length > 0) this.#ask(overSocket)
    for (const ranges of overHttp) {
      if (this.#requests.size >= requestsMax) break
      void this.#request(ranges, tape.epoch)
    }
  }

  #underWay(): SeqRanges {
    let ranges = this.#announced
    for (const asked of this.#asked.values()) ranges = union(ranges, asked)
    for (const requested of this.#requests.values()) ranges = union(ranges, requested)
    return ranges
  }

  #ask(ranges: SeqRanges): void {
    const ref = this.#hooks.newRef()
    this.#asked.set(ref, ranges)
    this.#hooks.send({ type: 'fetch', ref, seq: ranges })
  }

  async #request(ranges: SeqRanges, epoch: string): Promise<void> {
    const key = formatSeqs(ranges)
    this.#requests.set(key, ranges)
    try {
      const slice = await this.#transport.read({ token: await this.#tokens.get(), ranges, epoch })
      if (countSeqs(slice.covers) === 0) throw new Error(`The server had nothing of ${key}.`)
      this.#failures = 0
      this.#requests.delete(key)
      this.#hooks.onSlice(slice)
    } catch (error) {
      this.#requests.delete(key)
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
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
