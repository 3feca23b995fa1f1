/**
 * What a stream's alarm does: ends a stream whose time is over, goes on with a fork that is half made, removes or gives back
 * what redactions and deletions have left, seals what is due, makes snapshots of that, and indexes the past. What cannot be
 * done now, because the bucket or a lender is not reached, is tried again after a while; all else, and publishing, goes on
 * meanwhile.
 */
import { codeFacts, Refusal } from '../../protocol/codes.ts'
import type { Redaction } from '../../protocol/redaction.ts'
import type { WantedFork } from '../../protocol/settings.ts'
import type { IndexBuilder } from '../filters/index-builder.ts'
import type { Borrower } from '../forks/borrower.ts'
import type { Fork } from '../forks/fork.ts'
import type { Forker } from '../forks/forker.ts'
import type { Loans } from '../forks/loans.ts'
import { type Contents, isBorrowed } from '../sealed/contents.ts'
import { namesOf } from '../sealed/known-names.ts'
import { type Redactable, redact } from '../sealed/redactor.ts'
import type { Sealer } from '../sealed/sealer.ts'
import type { Snapshotted } from '../sealed/snapshot.ts'
import type { SnapshotBuilder } from '../sealed/snapshot-builder.ts'

export interface UpkeepOptions {
  readonly core: Keepable
  readonly contents: Contents
  readonly sealer: Pick<Sealer, 'run'>
  readonly snapshots: Pick<SnapshotBuilder, 'run'>
  readonly indexes: Pick<IndexBuilder, 'run'>
  readonly forker: Pick<Forker, 'begin' | 'run' | 'isUnfinished'>
  readonly borrower: Pick<Borrower, 'isDue' | 'owe' | 'giveBack' | 'leave'>
  readonly loans: Pick<Loans, 'lentOf'>
  readonly now: () => number
  /** Whoever listens is to be told that there is no stream any more. */
  readonly onExpired: () => void
  /** Runs this again after so many ms, or sooner where that has been asked for. */
  readonly wake: (afterMs: number) => Promise<void> | void
  readonly report: (error: unknown) => void
}

/** What is kept up: see `StreamCore`. */
export interface Keepable {
  readonly expiresAt: number | undefined
  readonly sealed: KeepablePast
  /** Throws `stream-deleted`. */
  readState(): unknown
  erase(): void
}

interface KeepablePast extends Redactable, Snapshotted {
  scrub(): Promise<void>
}

/** Alarms are set by dates that a clock can say. */
const waitMsMax = 365 * 24 * 3600 * 1000

const retryMsMin = 5_000
const retryMsMax = 5 * 60_000

/** One of the things to be done. Resolves to whether there is more of it. */
type Chore = () => Promise<boolean>

export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #chores: readonly Chore[]
  /** What cannot be done now: it is left out while there is more of the others. */
  readonly #failed = new Set<Chore>()
  #failures = 0
  /** What is being done: one thing at a time, so that none finds what another is about to remove. */
  #working: Promise<unknown> = Promise.resolve()

  constructor(options: UpkeepOptions) {
    this.#options = options
    const { sealer, snapshots, indexes } = options
    this.#chores = [
      () => this.#clean().then(() => false),
      () => this.#giveBack().then(() => false),
      () => sealer.run(),
      () => snapshots.run(),
      () => indexes.run(),
    ]
  }

  /** The alarm's work. Never rejects: what fails is reported, and done later. */
  run(): Promise<void> {
    return this.#alone(() => this.#work())
  }

  /** Gives how many events say less than before, once nothing is left of what they said. Rejects like `redact`. */
  redact(redaction: Redaction, sub: string): Promise<number> {
    return this.#alone(async () => {
      const { core, contents, forker } = this.#options
      // What is copied later would say it again.
      if (forker.isUnfinished) throw new Refusal('importing')
      const count = await redact(core.sealed, contents, redaction, { sub, beforeStoring: () => this.#soil() })
      await this.#clean()
      // Where a lender is not reached, the alarm tells it.
      await this.#giveBack().catch(this.#options.report)
      return count
    })
  }

  /** Makes the empty stream a fork, or begins to, when that takes long. Rejects like `Forker`. */
  fork(stream: string, wanted: WantedFork): Promise<Fork> {
    return this.#alone(async () => {
      const fork = await this.#options.forker.begin(stream, wanted)
      await this.#options.forker.run()
      return fork
    })
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#working.then(work)
    this.#working = result.catch(() => {})
    return result
  }

  async #work(): Promise<void> {
    const { forker, report } = this.#options
    try {
      if (this.#isDeleted() || this.#expire()) await this.#empty()
      else if (forker.isUnfinished) await this.#goOnForking()
      else await this.#doChores()
    } catch (error) {
      report(error)
      await this.#retry()
    }
  }

  /** Each by itself: what fails keeps nothing from the others. */
  async #doChores(): Promise<void> {
    const { wake, report } = this.#options
    let hasMore = false
    for (const chore of this.#chores) {
      if (this.#failed.has(chore)) continue
      try {
        hasMore = (await chore()) || hasMore
      } catch (error) {
        if (this.#isDeleted()) return this.#empty()
        report(error)
        this.#failed.add(chore)
      }
    }
    if (hasMore) return wake(0)
    if (this.#failed.size > 0) {
      this.#failed.clear()
      return this.#retry()
    }
    this.#failures = 0
    await this.#wakeToExpire()
  }

  /** Whether it is this stream that has been deleted: others whom it asks may have been, too. */
  #isDeleted(): boolean {
    try {
      this.#options.core.readState()
      return false
    } catch (error) {
      if (error instanceof Refusal && error.code === 'stream-deleted') return true
      throw error
    }
  }

  /** A fork that is half made is nothing else yet. What the parent refuses for good is left to whoever asks again, or deletes it. */
  async #goOnForking(): Promise<void> {
    const { forker, report, wake } = this.#options
    try {
      await forker.run()
      await wake(0)
    } catch (error) {
      if (this.#isDeleted()) return this.#empty()
      report(error)
      if (error instanceof Refusal && codeFacts(error.code).recovery !== 'retry') await this.#wakeToExpire()
      else await this.#retry()
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
    const { sealed } = core
    if (sealed.epoch !== undefined) sealed.keepSnapshots({ ...sealed.snapshots(), isUnclean: true }, sealed.epoch)
  }

  /** Removes what nothing speaks of any more, and leaves nothing of what was redacted. What was borrowed of it is due to go back. */
  async #clean(): Promise<void> {
    const { core, contents, borrower, loans } = this.#options
    const { sealed } = core
    const { epoch } = sealed
    if (epoch === undefined) return
    const { garbage, isUnclean } = sealed.snapshots()
    if (garbage.length === 0 && isUnclean !== true) return
    const known = new Set(namesOf(sealed))
    const lent = loans.lentOf(garbage)
    const removed = garbage.filter((name) => !known.has(name) && !lent.has(name))
    await contents.remove(removed)
    if (isUnclean === true) {
      await contents.removeAllBut(known)
      await sealed.scrub()
    }
    if (isUnclean === true || garbage.some(isBorrowed)) borrower.owe()
    // What is still lent is noted again when it comes back; what came back meanwhile is not removed yet.
    const noted = sealed.snapshots().garbage
    const settled = new Set([...removed, ...namesOf(sealed), ...loans.lentOf(noted)])
    const left = noted.filter((name) => !settled.has(name))
    sealed.keepSnapshots({ ...sealed.snapshots(), garbage: left, isUnclean: undefined }, epoch)
  }

  /** What was borrowed and is not spoken of any more. */
  async #giveBack(): Promise<void> {
    const { borrower } = this.#options
    if (borrower.isDue) await borrower.giveBack()
  }

  /** Nothing is left of a stream that has been deleted, nor of what was being stored then, but what it has lent. */
  async #empty(): Promise<void> {
    const { contents, borrower, report } = this.#options
    try {
      await contents.removeAllBut(new Set())
      await borrower.leave()
    } catch (error) {
      report(error)
      await this.#retry()
    }
  }

  async #retry(): Promise<void> {
    await this.#options.wake(Math.min(retryMsMax, retryMsMin * 2 ** this.#failures++))
  }
}
