/**
 * A stream's object as the shell wires it, that can be killed at each of its steps: before and after what a turn has written
 * is there, and before and after a blob is stored, read or removed. What it waits for then never comes; whoever opens the
 * same disk and bucket again finds what was there.
 */
import type { Redaction } from '../../src/protocol/redaction.ts'
import { IndexBuilder } from '../../src/server/filters/index-builder.ts'
import { Upkeep } from '../../src/server/object/upkeep.ts'
import { type Blobs, LayeredBlobs } from '../../src/server/sealed/blobs.ts'
import { type Codec, Contents } from '../../src/server/sealed/contents.ts'
import { Sealer } from '../../src/server/sealed/sealer.ts'
import type { SegmentBounds } from '../../src/server/sealed/segment.ts'
import { type SnapshotBounds, SnapshotBuilder } from '../../src/server/sealed/snapshot-builder.ts'
import { SqliteBlobs } from '../../src/server/sealed/sqlite-blobs.ts'
import { StreamCore } from '../../src/server/stream-core.ts'
import { SqliteTape } from '../../src/server/tape/sqlite-tape.ts'
import type { Submission, Verdict } from '../../src/server/turn/sequencer.ts'
import { instantCodec, type MemoryBlobs } from './memory-blobs.ts'
import { noForks } from './memory-loans.ts'
import type { ObjectDisk } from './object-disk.ts'
import { randomBytes } from './random-bytes.ts'

/** What outlives the object. */
export interface Place {
  readonly disk: ObjectDisk
  /** Without one, blobs are rows. */
  readonly bucket: MemoryBlobs | undefined
  /** The platform's clock, in ms. */
  now: number
}

const bounds: SegmentBounds = { eventsMax: 12, bytesMax: 100_000, keptEvents: 10, keptBytes: 1e9 }
export const chunkBounds: SnapshotBounds = { sinceMin: 1, atOnceMax: 3000, chunkMax: 600, chunkMin: 200, listMax: 1_000_000 }

/** Longer than any of its pauses. */
const soonMs = 10 * 60_000

export class MortalObject {
  readonly core: StreamCore
  readonly contents: Contents
  readonly upkeep: Upkeep
  readonly reports: unknown[] = []
  /** How many steps it has made. */
  steps = 0
  /** Called between two turns, at each step: what else comes in has its turn there. */
  between = () => {}
  readonly #place: Place
  readonly #killAt: number
  readonly #death: Promise<'dead'>
  #die!: (how: 'dead') => void
  #isDead = false
  #turns: (() => void)[] = []

  constructor(place: Place, killAt = Number.POSITIVE_INFINITY) {
    this.#place = place
    this.#killAt = killAt
    this.#death = new Promise((resolve) => {
      this.#die = resolve
    })
    const { disk, bucket } = place
    const now = () => place.now
    const pause = () => this.#endTurn()
    const report = (error: unknown) => void this.reports.push(error)
    const storage = { sql: disk.sql, transactionSync: <T>(work: () => T) => disk.transactionSync(work), sync: pause }
    const rows = new SqliteBlobs(disk.sql)
    const outer = bucket && this.#reached(bucket)
    this.contents = new Contents(outer === undefined ? rows : new LayeredBlobs(outer, rows), this.#codec(), report)
    this.core = new StreamCore({
      storage: new SqliteTape(storage),
      contents: this.contents,
      bounds,
      listeners: new Set(),
      later: (run) => void this.#turns.push(run),
      pause,
      now,
      newEpoch: () => `epoch-${++disk.epochs}`,
      randomBytes,
      onRewritten: () => {},
      onUpkeepDue: () => disk.setAlarm(place.now),
      report,
    })
    this.upkeep = new Upkeep({
      core: this.core,
      contents: this.contents,
      sealer: new Sealer(this.core.sealed, this.contents, pause),
      snapshots: new SnapshotBuilder(this.core.sealed, this.contents, { pause, bounds: chunkBounds }),
      indexes: new IndexBuilder(this.core, pause),
      ...noForks,
      now,
      onExpired: () => {},
      wake: (afterMs) => disk.setAlarm(Math.min(place.now + afterMs, disk.alarm ?? Number.POSITIVE_INFINITY)),
      report,
    })
  }

  /** Does something to its end, or dies on the way. */
  async do<Result>(work: (object: MortalObject) => Promise<Result> | Result): Promise<Result | 'dead'> {
    const done = async () => {
      const result = await work(this)
      await this.#endTurn()
      return result
    }
    return Promise.race([done(), this.#death])
  }

  /** Publishes in one turn. */
  publish(...submissions: readonly Submission[]): Verdict[] {
    const verdicts: Verdict[] = []
    for (const submission of submissions) this.core.committer.submit(submission, (verdict) => verdicts.push(verdict))
    for (const run of this.#turns.splice(0)) run()
    return verdicts
  }

  redact(redaction: Redaction): Promise<number> {
    return this.upkeep.redact(redaction, 'admin')
  }

  /** The alarm rings, if any is set for now or soon, and so on until none is. */
  async settle(work: () => Promise<unknown> = () => this.upkeep.run()): Promise<void> {
    const { disk } = this.#place
    await this.#endTurn()
    for (let rings = 0; disk.alarm !== undefined && disk.alarm <= this.#place.now + soonMs; rings++) {
      if (rings > 100) throw new Error('There is no end to it.', { cause: this.reports.at(-1) })
      this.#place.now = Math.max(this.#place.now, disk.alarm)
      disk.ring()
      await work()
      await this.#endTurn()
      disk.answered()
    }
  }

  /** One more step, if this is not where it ends. */
  #step(): Promise<void> | undefined {
    if (!this.#isDead && ++this.steps !== this.#killAt) return undefined
    if (!this.#isDead) this.#place.disk.kill()
    this.#isDead = true
    this.#die('dead')
    return new Promise(() => {})
  }

  /** What has been written is there from now on. */
  async #endTurn(): Promise<void> {
    const { disk } = this.#place
    if (disk.hasWritten) await this.#step()
    if (!this.#isDead) disk.commit()
    await this.#step()
    this.between()
    if (!this.#isDead) disk.commit()
  }

  #reached(blobs: Blobs): Blobs {
    const reach = async <T>(work: () => Promise<T>): Promise<T> => {
      await this.#endTurn()
      const result = await work()
      await this.#endTurn()
      return result
    }
    return {
      put: (name, body) => reach(() => blobs.put(name, body)),
      get: (name) => reach(() => blobs.get(name)),
      remove: (names) => reach(() => blobs.remove(names)),
      list: (after) => reach(() => blobs.list(after)),
    }
  }

  /** To compress takes time, in which others have their turn. With a bucket, that is so right afterwards anyway. */
  #codec(): Codec {
    const { pack, ...others } = instantCodec
    if (this.#place.bucket !== undefined) return instantCodec
    return {
      ...others,
      pack: async (content) => {
        await this.#endTurn()
        return pack(content)
      },
    }
  }
}
