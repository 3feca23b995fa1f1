/**
 * What of the tape is on its way on the present link, so that nothing is asked for twice: what the server has announced,
 * what is fetched on the socket, and what is read over HTTP. Owns how long a fetch may take. It asks for nothing itself.
 */
import { type SeqRanges, union } from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { readDeadlineMs } from '../link/ask.ts'

/** A read over HTTP. */
export interface Read {
  readonly ranges: SeqRanges
  /** What it is for, where that is a part of the tape. */
  readonly of?: string
  /** Whether it is to shorten a long hole. */
  readonly isLong?: boolean
}

/** What a read is for, where it is not a part of the tape. */
const wholeTape = ''

export class UnderWay {
  readonly #environment: Environment
  readonly #onLate: () => void
  /** By ref, each with the timer that ends it. */
  readonly #fetches = new Map<number, { readonly ranges: SeqRanges; readonly timer: unknown }>()
  readonly #reads = new Set<Read>()
  /** Announced by the server, on its way without being asked for. */
  #announced: SeqRanges = []

  /** `onLate`: a fetch has taken too long, and is not under way any more. */
  constructor(environment: Environment, onLate: () => void) {
    this.#environment = environment
    this.#onLate = onLate
  }

  /** A link begins. */
  begin(announced: SeqRanges): void {
    this.#announced = announced
    this.#endFetches()
  }

  /** The link is down: what comes all the same was not waited for. */
  stop(): void {
    this.#announced = []
    this.#endFetches()
    this.#reads.clear()
  }

  /** The announced slice is the first to come; when another one does, it got lost. */
  endAnnounced(): void {
    this.#announced = []
  }

  /** For all of the tape, or for one part of it. */
  of(part = wholeTape): SeqRanges {
    let ranges = this.#announced
    for (const fetch of this.#fetches.values()) ranges = union(ranges, fetch.ranges)
    for (const read of this.#reads) if ((read.of ?? wholeTape) === part) ranges = union(ranges, read.ranges)
    return ranges
  }

  /** For whatever it is. */
  get all(): SeqRanges {
    return [...this.#reads].reduce((all, { ranges }) => union(all, ranges), this.of())
  }

  /** How much is read over HTTP. */
  get reads(): number {
    return this.#reads.size
  }

  get isReadingLong(): boolean {
    return [...this.#reads].some(({ isLong }) => isLong === true)
  }

  isReading(part: string): boolean {
    return [...this.#reads].some(({ of }) => of === part)
  }

  startFetch(ref: number, ranges: SeqRanges): void {
    const onDeadline = () => this.endFetch(ref) && this.#onLate()
    this.#fetches.set(ref, { ranges, timer: this.#environment.setTimer(onDeadline, readDeadlineMs) })
  }

  /** Whether it was still under way. */
  endFetch(ref: number): boolean {
    this.#environment.clearTimer(this.#fetches.get(ref)?.timer)
    return this.#fetches.delete(ref)
  }

  startRead(read: Read): void {
    this.#reads.add(read)
  }

  /** Whether it was still under way. */
  endRead(read: Read): boolean {
    return this.#reads.delete(read)
  }

  #endFetches(): void {
    for (const ref of [...this.#fetches.keys()]) this.endFetch(ref)
  }
}
