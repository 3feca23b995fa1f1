/**
 * What a stream's alarm does: ends a stream whose time is over, removes what redactions and deletions have left, seals what
 * is due, makes snapshots of that, and indexes the past. What cannot be done now, because the bucket is not reached, is
 * tried again after a while; publishing goes on meanwhile.
 */
import { Refusal } from '../protocol/codes.ts'
import type { Redaction } from '../protocol/redaction.ts'
import type { IndexBuilder } from './filters/index-builder.ts'
import type { Contents } from './sealed/contents.ts'
import { type Redactable, redact } from './sealed/redactor.ts'
import type { Sealer } from './sealed/sealer.ts'
import type { SnapshotBuilder, Snapshotted } from './sealed/snapshot.ts'

export interface UpkeepOptions {
  readonly core: Keepable
  readonly contents: Contents
  readonly sealer: Pick<Sealer, 'run'>
  readonly snapshots: Pick<SnapshotBuilder, 'run'>
  readonly indexes: Pick<IndexBuilder, 'run'>
  readonly now: () => number
  /** Whoever listens is to be told that there is no stream any more. */
  readonly onExpired: () => void
  /** Runs this again after so many ms, or sooner where that has been asked for. */
  readonly wake: (afterMs: number) => Promise<void> | void
  readonly report: (error: unknown) => void
}

/** What is kept up: see `StreamCore`. */
export interface Keepable extends Redactable, Snapshotted {
  readonly expiresAt: number | undefined
  erase(): void
  scrub(): Promise<void>
}

/** Alarms are set by dates that a clock can say. */
const waitMsMax = 365 * 24 * 3600 * 1000

const retryMsMin = 5_000
const retryMsMax = 5 * 60_000

export class Upkeep {
  readonly #options: UpkeepOptions
  #failures = 0
  /** What is being done: one thing at a time, so that none finds what another is about to remove. */
  #working: Promise<unknown> = Promise.resolve()

  constructor(options: UpkeepOptions) {
    this.#options = options
  }

  /** The alarm's work. Never rejects: what fails is reported, and done later. */
  run(): Promise<void> {
    return this.#alone(() => this.#work())
  }

  /** Gives how many events say less than before, once nothing is left of what they said. Rejects like `redact`. */
  redact(redaction: Redaction, sub: string): Promise<number> {
    return this.#alone(async () => {
      const { core, contents } = this.#options
      const count = await redact(core, contents, redaction, { sub, beforeStoring: () => this.#soil() })
      await this.#clean()
      return count
    })
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#working.then(work)
    this.#working = result.catch(() => {})
    return result
  }

  async #work(): Promise<void> {
    const { sealer, snapshots, indexes, wake, report } = this.#options
    try {
      if (this.#expire()) return await this.#empty()
      await this.#clean()
      const hasMore = [await sealer.run(), await snapshots.run(), await indexes.run()]
      this.#failures = 0
      if (hasMore.includes(true)) await wake(0)
      else await this.#wakeToExpire()
    } catch (error) {
      if (error instanceof Refusal && error.code === 'stream-deleted') return this.#empty()
      report(error)
      await this.#retry()
    }
  }

  /** Whether the stream has come to its end by itself, now. */
  #expire(): boolean {
    const { core, now, onExpired } = this.#options
    if ((core.expiresAt ?? Number.POSITIVE_INFINITY) > now()) return false
    core.erase()
    onExpired()
    return true
  }

  async #wakeToExpire(): Promise<void> {
    const { core, now, wake } = this.#options
    const { expiresAt = Number.POSITIVE_INFINITY } = core
    // Whoever publishes puts it off; then this finds so, and waits again.
    if (expiresAt < Number.POSITIVE_INFINITY) await wake(Math.min(expiresAt - now(), waitMsMax))
  }

  /** Something is about to be stored that nothing speaks of yet: if that stays so, the alarm removes it. */
  async #soil(): Promise<void> {
    const { core, wake } = this.#options
    await wake(0)
    const { epoch } = core
    if (epoch !== undefined) core.keepSnapshots({ ...core.snapshots(), isUnclean: true }, epoch)
  }

  /** Removes what is left of what was redacted: whatever nothing speaks of. */
  async #clean(): Promise<void> {
    const { core, contents } = this.#options
    const { epoch } = core
    if (epoch === undefined || core.snapshots().isUnclean !== true) return
    await contents.removeAllBut(new Set(namesOf(core)))
    await core.scrub()
    core.keepSnapshots({ ...core.snapshots(), isUnclean: undefined }, epoch)
  }

  /** What was being stored when the stream was deleted, too. */
  async #empty(): Promise<void> {
    const { contents, report } = this.#options
    try {
      await contents.removeAllBut(new Set())
    } catch (error) {
      report(error)
      await this.#retry()
    }
  }

  async #retry(): Promise<void> {
    await this.#options.wake(Math.min(retryMsMax, retryMsMin * 2 ** this.#failures++))
  }
}

/** The names of all contents that the stream speaks of. */
export function namesOf(tape: Pick<Snapshotted, 'segmentsFrom' | 'snapshots'>): readonly string[] {
  const { current, draft, leaving } = tape.snapshots()
  const segments = Array.from(tape.segmentsFrom(0), ({ plain, folded }) => (folded === undefined ? [plain] : [plain, folded]))
  const entries = [...segments.flat(), ...(current?.chunks ?? []), ...(draft?.chunks ?? [])]
  return [...entries.map(({ hash }) => hash), ...leaving]
}
