/**
 * What the object tells the Worker of the sealed part of its tape, so that it can serve that without the object: for as
 * long as it may believe it, a lease. Whatever takes something of the tape back waits until no lease is left.
 */
import type { StreamCore } from '../stream-core.ts'
import type { SegmentEntry } from '../tape/tape-storage.ts'
import type { Snapshot } from './snapshot.ts'

export interface SealedView {
  readonly epoch: string | null
  readonly latestSeq: number
  /** Of the newest row: see `Marks`. */
  readonly mark?: string | undefined
  readonly segments: readonly SegmentEntry[]
  readonly snapshot: Snapshot | null
  /** Names of chunks of the snapshot before, for whoever is reading it. */
  readonly leaving: readonly string[]
}

/** Of the segments, those behind what was known already. */
export interface SealedState extends SealedView {
  readonly leaseMs: number
}

/** What of it is known already. */
interface KnownSealed {
  readonly epoch: string | null
  readonly through: number
  /** Marks that somebody has of it. */
  readonly marks: readonly string[]
}

/** By the Worker's clock. Short, as whoever redacts or deletes waits for it; long enough that a thousand clients at once ask a handful of times. */
const leaseMs = 500

export class Lessor {
  /** So long until nobody believes what was true before now, whatever the clocks of both sides have shown meanwhile. */
  readonly settlesInMs = leaseMs
  readonly #core: StreamCore

  constructor(core: StreamCore) {
    this.#core = core
  }

  /** Throws `stream-deleted`. */
  grant(known: KnownSealed): SealedState {
    this.#core.readState()
    for (const mark of known.marks) this.#core.checkMark(mark)
    const { epoch, latestSeq } = this.#core.state
    const { mark } = this.#core
    const { current, leaving } = this.#core.snapshots()
    const from = epoch !== null && known.epoch === epoch ? known.through + 1 : 0
    return { epoch, latestSeq, mark, leaseMs, segments: [...this.#core.segmentsFrom(from)], snapshot: current ?? null, leaving }
  }
}
