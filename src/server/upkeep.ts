/**
 * What a stream's alarm does: seals what is due, makes snapshots of that, and removes from the bucket what a deleted stream left there. What
 * cannot be done now, because the bucket is not reached, is tried again after a while; publishing goes on meanwhile.
 */
import { Refusal } from '../protocol/codes.ts'
import type { Blobs } from './sealed/blobs.ts'
import type { Sealer } from './sealed/sealer.ts'
import type { SnapshotBuilder } from './sealed/snapshot.ts'

export interface UpkeepOptions {
  readonly sealer: Pick<Sealer, 'run'>
  readonly snapshots: Pick<SnapshotBuilder, 'run'>
  /** What outlives the object's own storage; absent without a bucket. */
  readonly bucket: Blobs | undefined
  /** Runs this again after so many ms. */
  readonly wake: (afterMs: number) => void
  readonly report: (error: unknown) => void
}

const retryMsMin = 5_000
const retryMsMax = 5 * 60_000

export class Upkeep {
  readonly #options: UpkeepOptions
  #failures = 0

  constructor(options: UpkeepOptions) {
    this.#options = options
  }

  /** Never rejects: what fails is reported, and done later. */
  async run(): Promise<void> {
    const { sealer, snapshots, wake, report } = this.#options
    try {
      const hasMore = [await sealer.run(), await snapshots.run()]
      if (hasMore.includes(true)) wake(0)
      this.#failures = 0
    } catch (error) {
      if (error instanceof Refusal && error.code === 'stream-deleted') return this.#empty()
      report(error)
      this.#retry()
    }
  }

  async #empty(): Promise<void> {
    const { bucket, report } = this.#options
    if (bucket === undefined) return
    try {
      for (let names = await bucket.list(); names.length > 0; names = await bucket.list()) await bucket.remove(names)
    } catch (error) {
      report(error)
      this.#retry()
    }
  }

  #retry(): void {
    this.#options.wake(Math.min(retryMsMax, retryMsMin * 2 ** this.#failures++))
  }
}
