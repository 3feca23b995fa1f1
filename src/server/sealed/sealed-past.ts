/**
 * The past of a tape, as it is kept: rows become segments, segments snapshots, and redactions rewrite all of them. It tells
 * what is there, and changes it where the tape is still what it was when the change was prepared.
 *
 * It cuts segments and notes what was made of them; it makes and stores no contents, and never waits for any.
 */
import type { StreamCoreOptions } from '../stream-core-options.ts'
import type { Present } from '../tape/present.ts'
import type { RedactionNote, SegmentEntry, TapeRow } from '../tape/tape-storage.ts'
import { withoutSnapshot } from './lost-snapshot.ts'
import { type Redactable, type RedactionBy, type Rewriting, rewriteRows } from './redactor.ts'
import type { Sealable } from './sealer.ts'
import type { SealingDemand } from './sealing-demand.ts'
import { cutSegment, type SegmentBounds } from './segment.ts'
import { noSnapshots, type Snapshots, type Snapshotted } from './snapshot.ts'

export interface SealedPastOptions extends Pick<StreamCoreOptions, 'storage' | 'now' | 'onUpkeepDue'> {
  readonly bounds: SegmentBounds
  readonly demand: Pick<SealingDemand, 'settle'>
}

export class SealedPast implements Sealable, Snapshotted, Redactable {
  readonly #present: Present
  readonly #options: SealedPastOptions

  constructor(present: Present, options: SealedPastOptions) {
    this.#present = present
    this.#options = options
  }

  get epoch(): string | undefined {
    return this.#present.head()?.epoch
  }

  segmentsFrom(from: number): Iterable<SegmentEntry> {
    return { [Symbol.iterator]: () => this.#options.storage.segmentsFrom(from) }
  }

  nextSegment(): { readonly row: TapeRow; readonly epoch: string } | undefined {
    const { storage, bounds, demand } = this.#options
    const head = this.#present.head()
    const row = head && cutSegment(storage, head, bounds)
    if (head !== undefined && row !== undefined) return { row, epoch: head.epoch }
    demand.settle(head?.latestSeq ?? -1)
    return undefined
  }

  seal(segment: SegmentEntry, epoch: string): boolean {
    const head = this.#present.head()
    if (head?.epoch !== epoch || head.hot.first !== segment.first) return false
    try {
      const record = head.checkpoint <= segment.last ? head.ledger.checkpoint() : undefined
      const hot = this.#options.storage.seal({ segment, ledger: record?.text, retired: record?.retired ?? [] })
      this.#present.advance({ ...head, hot })
      return true
    } catch (error) {
      this.#present.forget()
      throw error
    }
  }

  /** Throws `stream-deleted`. */
  snapshots(): Snapshots {
    this.#present.head()
    return this.#options.storage.snapshots()
  }

  keepSnapshots(snapshots: Snapshots, epoch: string): boolean {
    if (epoch !== this.epoch) return false
    this.#options.storage.keepSnapshots(snapshots)
    return true
  }

  forgetSnapshots(): void {
    this.keepSnapshots(withoutSnapshot(this.snapshots()), this.epoch ?? '')
    this.#options.onUpkeepDue()
  }

  rewrite(segments: readonly SegmentEntry[], rewriting: Rewriting, by: RedactionBy): number {
    const { storage, now } = this.#options
    const head = this.#present.head()
    if (head === undefined) return 0
    const { rows, count } = rewriteRows(storage, head.hot.first, rewriting)
    const redacted = count + by.sealed
    if (redacted === 0) return 0
    const note = { at: now(), sub: by.sub, reason: by.reason, redacted }
    const snapshots = { ...noSnapshots, isUnclean: true }
    this.#present.renew((epoch) => storage.rewrite({ epoch, rows, segments, snapshots, note }))
    return redacted
  }

  /** All that have been, oldest first. Throws `stream-deleted`. */
  redactions(): readonly RedactionNote[] {
    this.#present.head()
    return this.#options.storage.redactions()
  }

  /** Leaves nothing of what was rewritten or removed: see `TapeStorage`. */
  scrub(): Promise<void> {
    return this.#options.storage.scrub()
  }
}
