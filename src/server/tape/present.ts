/**
 * Where a tape stands at present, as memory has it: read from storage whenever that is asked and missing. Whoever changes
 * what is stored says here what has come of it, or has all of it forgotten; what else memory has of the tape goes with it.
 *
 * It owns nothing that storage does not have, and stores nothing itself.
 */
import type { StreamCoreOptions } from '../stream-core-options.ts'
import { type LoadedHead, loadHead } from './loaded-head.ts'

/** What is remembered of a tape, and is read or worked out anew when it has been forgotten. */
export interface Memory {
  forget(): void
}

export type PresentOptions = Pick<StreamCoreOptions, 'storage' | 'randomBytes' | 'newEpoch' | 'onUpkeepDue' | 'onRewritten'>

export class Present {
  readonly #options: PresentOptions
  readonly #memories: readonly Memory[]
  #head: LoadedHead | 'none' | undefined

  /** `memories` are forgotten together with it. */
  constructor(options: PresentOptions, memories: readonly Memory[]) {
    this.#options = options
    this.#memories = memories
  }

  /** Undefined while there is no stream. Throws `stream-deleted`. */
  head(): LoadedHead | undefined {
    const { storage, randomBytes } = this.#options
    this.#head ??= loadHead(storage, randomBytes) ?? 'none'
    return this.#head === 'none' ? undefined : this.#head
  }

  /** Storage has come so far. */
  advance(head: LoadedHead): void {
    this.#head = head
  }

  /** Compares itself with storage: an object that is no longer the current one fails here rather than answer from memory. */
  check(): void {
    const known = this.#head
    if (known === undefined) return
    const stored = this.#options.storage.head()
    const isCurrent =
      typeof stored === 'object' && typeof known === 'object' && stored.epoch === known.epoch && stored.latestSeq === known.latestSeq
    if (!isCurrent) this.forget()
  }

  /** Memory may be ahead of storage, or is about to be behind it. */
  forget(): void {
    this.#head = undefined
    for (const memory of this.#memories) memory.forget()
  }

  /** Puts the stream under another epoch, by a change to storage: nothing that is known of it is true any more, here or elsewhere. */
  renew(change: (epoch: string) => void): void {
    const { newEpoch, onUpkeepDue, onRewritten } = this.#options
    this.forget()
    change(newEpoch())
    onUpkeepDue()
    onRewritten()
  }
}
