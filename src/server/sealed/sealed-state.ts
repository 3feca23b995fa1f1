/**
 * What the object tells the Worker of the sealed part of its tape, so that it can serve that without the object: for as
 * long as it may believe it, a lease. Whatever takes something of the tape back waits until no lease is left.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { toBase64url } from '../../protocol/base64.ts'
import type { StreamCore } from '../stream-core.ts'
import type { SegmentEntry } from '../tape/tape-storage.ts'
import type { Snapshot, Snapshots } from './snapshot.ts'

export interface SealedView {
  readonly epoch: string | null
  readonly latestSeq: number
  /** Of the newest row: see `Marks`. */
  readonly mark?: string | undefined
  readonly segments: readonly SegmentEntry[]
  readonly snapshot: Snapshot | null
  /** Names of chunks of the snapshot before, for whoever is reading it. */
  readonly leaving: readonly string[]
  /** Of the snapshot and of what is leaving: the same for the same. */
  readonly tag: string
}

type SnapshotView = Pick<SealedView, 'snapshot' | 'leaving'>

/** Of the segments, those behind what was known already; of the snapshot nothing where it was. */
export interface SealedState extends Omit<SealedView, keyof SnapshotView>, Partial<SnapshotView> {
  readonly leaseMs: number
}

/** What of it is known already. */
interface KnownSealed {
  readonly epoch: string | null
  readonly through: number
  /** See `SealedView`; null for none. */
  readonly tag: string | null
  /** Marks that somebody has of it. */
  readonly marks: readonly string[]
}

/** By the Worker's clock. Short, as whoever redacts or deletes waits for it; long enough that a thousand clients at once ask a handful of times. */
const leaseMs = 500

export class Lessor {
  /** So long until nobody believes what was true before now, whatever the clocks of both sides have shown meanwhile. */
  readonly settlesInMs = leaseMs
  readonly #core: StreamCore
  #tagged: { readonly snapshots: Snapshots; readonly tag: string } | undefined

  constructor(core: StreamCore) {
    this.#core = core
  }

  /** Throws `stream-deleted`. */
  grant(known: KnownSealed): SealedState {
    this.#core.readState()
    for (const mark of known.marks) this.#core.checkMark(mark)
    const { epoch, latestSeq } = this.#core.state
    const { mark } = this.#core
    const snapshots = this.#core.sealed.snapshots()
    const { current = null, leaving } = snapshots
    const tag = this.#tagOf(snapshots)
    const from = epoch !== null && known.epoch === epoch ? known.through + 1 : 0
    const state = { epoch, latestSeq, mark, leaseMs, segments: [...this.#core.sealed.segmentsFrom(from)], tag }
    return tag === known.tag ? state : { ...state, snapshot: current, leaving }
  }

  #tagOf(snapshots: Snapshots): string {
    if (this.#tagged?.snapshots !== snapshots) {
      const { current = null, leaving } = snapshots
      this.#tagged = { snapshots, tag: toBase64url(sha256(utf8ToBytes(JSON.stringify([current, leaving])))) }
    }
    return this.#tagged.tag
  }
}
