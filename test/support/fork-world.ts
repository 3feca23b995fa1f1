/** Streams that are forks of each other, over one bucket, in memory. All of them can be killed before or after any call, and wake again. */
import { checkPublish } from '../../src/protocol/publish.ts'
import type { Redaction } from '../../src/protocol/redaction.ts'
import type { WantedFork } from '../../src/protocol/settings.ts'
import { IndexBuilder } from '../../src/server/filters/index-builder.ts'
import { Borrower } from '../../src/server/forks/borrower.ts'
import { Forker } from '../../src/server/forks/forker.ts'
import { type AskLender, answerLending, takeAnswer } from '../../src/server/forks/lending.ts'
import { LendableBlobs } from '../../src/server/forks/loans.ts'
import { Parent } from '../../src/server/forks/parent.ts'
import { Upkeep } from '../../src/server/object/upkeep.ts'
import { type Blobs, LayeredBlobs } from '../../src/server/sealed/blobs.ts'
import { Contents, isBorrowed } from '../../src/server/sealed/contents.ts'
import { Sealer } from '../../src/server/sealed/sealer.ts'
import { SnapshotBuilder } from '../../src/server/sealed/snapshot-builder.ts'
import { StreamCore } from '../../src/server/stream-core.ts'
import { toNdjson } from '../../src/server/tape/slice-reader.ts'
import type { Verdict } from '../../src/server/turn/sequencer.ts'
import { instantCodec, MemoryBlobs } from './memory-blobs.ts'
import { MemoryLoans } from './memory-loans.ts'
import { MemoryTape } from './memory-tape.ts'
import { randomBytes } from './random-bytes.ts'

/** Small, so that a short tape has many parts. */
const bounds = { eventsMax: 8, bytesMax: 100_000, keptEvents: 6, keptBytes: 1_000_000 }
const pages = { segments: 3, copies: 2, bytes: 700 }
const chunks = { sinceMin: 100, atOnceMax: 1_000_000, chunkMax: 700, chunkMin: 150, listMax: 1_000_000 }

export class Killed extends Error {}

export class ForkWorld {
  /** What is in the bucket, by the whole key. Absent where there is none; one that is set is bound at the next restart. */
  bucket: Map<string, Uint8Array<ArrayBuffer>> | undefined
  readonly #streams = new Map<string, ForkStream>()
  readonly stepsAtOnce: number | undefined
  steps = 0
  /** Everything dies at this step. */
  killAt = Number.POSITIVE_INFINITY
  /** What whoever asks another gets while it is set. */
  unreachable: Error | undefined
  /** Called between two steps: what else comes in has its turn there. */
  between = () => {}
  #life = 0
  #isDead = false

  constructor({ hasBucket, stepsAtOnce }: { readonly hasBucket: boolean; readonly stepsAtOnce?: number }) {
    this.stepsAtOnce = stepsAtOnce
    this.bucket = hasBucket ? new Map() : undefined
  }

  stream(name: string): ForkStream {
    const known = this.#streams.get(name) ?? new ForkStream(name, this)
    this.#streams.set(name, known)
    return known
  }

  /** Whatever runs ends here, and all that is left is what is stored. */
  restart(): void {
    this.#life++
    this.#isDead = false
    this.killAt = Number.POSITIVE_INFINITY
    for (const stream of this.#streams.values()) stream.wake()
  }

  /** Passes between two steps of a life; from its end on none passes. */
  gate(): () => void {
    const life = this.#life
    return () => {
      if (life === this.#life && this.steps++ === this.killAt) this.#isDead = true
      if (this.#isDead || life !== this.#life) throw new Killed('The process was killed.')
      this.between()
    }
  }

  /** Runs every alarm that is set, until none is. */
  async rest(): Promise<void> {
    for (let round = 0; round < 100; round++) {
      if (this.#isDead) throw new Killed('The process was killed.')
      const due = [...this.#streams.values()].filter(({ isAlarmSet }) => isAlarmSet)
      if (due.length === 0) return
      for (const stream of due) await stream.runAlarm()
    }
    throw new Error('There is always something to do.')
  }

  /** Keys of parts, of all streams or those of one. */
  keys(of = ''): readonly string[] {
    return [...(this.bucket?.keys() ?? [])].filter((key) => key.startsWith(of))
  }
}

/** A stream's part of the bucket. */
class BucketPart implements Blobs {
  readonly #bucket: Map<string, Uint8Array<ArrayBuffer>>
  readonly #prefix: string

  constructor(bucket: Map<string, Uint8Array<ArrayBuffer>>, id: string) {
    this.#bucket = bucket
    this.#prefix = `${id}/`
  }

  async put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#bucket.set(this.#prefix + name, body)
  }

  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#bucket.get(isBorrowed(name) ? name : this.#prefix + name)
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) this.#bucket.delete(this.#prefix + name)
  }

  async list(after = ''): Promise<readonly string[]> {
    const own = [...this.#bucket.keys()].filter((key) => key.startsWith(this.#prefix))
    return own
      .map((key) => key.slice(this.#prefix.length))
      .filter((name) => name > after)
      .sort()
  }
}

/** Blobs before and after each use of which the process may be killed. */
class GatedBlobs implements Blobs {
  readonly #blobs: Blobs
  readonly #gate: () => void

  constructor(blobs: Blobs, gate: () => void) {
    this.#blobs = blobs
    this.#gate = gate
  }

  put = (name: string, body: Uint8Array<ArrayBuffer>) => this.#between(() => this.#blobs.put(name, body))
  get = (name: string) => this.#between(() => this.#blobs.get(name))
  remove = (names: readonly string[]) => this.#between(() => this.#blobs.remove(names))
  list = (after?: string) => this.#between(() => this.#blobs.list(after))

  async #between<T>(use: () => Promise<T>): Promise<T> {
    this.#gate()
    const result = await use()
    this.#gate()
    return result
  }
}

export class ForkStream {
  readonly name: string
  readonly tape = new MemoryTape()
  readonly loans = new MemoryLoans()
  readonly rows = new MemoryBlobs()
  readonly #world: ForkWorld
  #epochs = 0
  isAlarmSet = false
  core: StreamCore
  upkeep: Upkeep
  parent: Parent

  constructor(name: string, world: ForkWorld) {
    this.name = name
    this.#world = world
    const life = this.#live()
    this.core = life.core
    this.upkeep = life.upkeep
    this.parent = life.parent
  }

  wake(): void {
    const { core, upkeep, parent } = this.#live()
    this.core = core
    this.upkeep = upkeep
    this.parent = parent
  }

  async runAlarm(): Promise<void> {
    this.isAlarmSet = false
    await this.upkeep.run()
  }

  /** Seals, makes snapshots and indexes, as far as that goes. */
  async settle(): Promise<void> {
    this.wake()
    this.isAlarmSet = true
    await this.#world.rest()
  }

  fork(wanted: WantedFork): Promise<unknown> {
    return this.upkeep.fork(this.name, wanted)
  }

  redact(redaction: Redaction): Promise<number> {
    return this.upkeep.redact(redaction, 'admin')
  }

  publish(client: string, drafts: readonly object[], sub = `of ${client}`): Verdict {
    let verdict: Verdict | undefined
    this.core.committer.submit({ publish: checkPublish({ client, drafts }), sub }, (answer) => {
      verdict = answer
    })
    if (verdict === undefined) throw new Error('Nothing was decided.')
    return verdict
  }

  async lines(): Promise<readonly string[]> {
    const { latestSeq } = this.core.state
    const page = await this.core.reads.read([[0, latestSeq]], { bytesMax: Number.POSITIVE_INFINITY })
    return new TextDecoder().decode(toNdjson(page.pieces)).split('\n').slice(0, -1)
  }

  #live(): Pick<ForkStream, 'core' | 'upkeep' | 'parent'> {
    const { tape: storage, loans, rows, name: id } = this
    const gate = this.#world.gate()
    const { bucket, stepsAtOnce } = this.#world
    const blobs = bucket === undefined ? rows : new LayeredBlobs(new BucketPart(bucket, id), rows)
    const contents = new Contents(new LendableBlobs(new GatedBlobs(blobs, gate), loans), instantCodec, () => {})
    const onUpkeepDue = () => {
      this.isAlarmSet = true
    }
    const shared = { now: () => 1000, newEpoch: () => `${id}-${++this.#epochs}`, pause: async () => gate(), onUpkeepDue }
    const core = new StreamCore({
      ...shared,
      storage,
      contents,
      listeners: [],
      later: (run) => run(),
      randomBytes,
      onRewritten: () => {},
      report: () => {},
      bounds,
    })
    const ask: AskLender = async (other, call, asked) => {
      gate()
      if (this.#world.unreachable !== undefined) throw this.#world.unreachable
      const answer = await answerLending(this.#world.stream(other).parent, call, structuredClone(asked))
      gate()
      return takeAnswer(structuredClone(answer)) as never
    }
    const inRows = (names: readonly string[]) => new Set(names.filter((name) => rows.blobs.has(name)))
    const forker = new Forker({ ...shared, core, storage, contents, loans, ask, idOf: (stream) => stream, onMade: () => {}, stepsAtOnce })
    const upkeep = new Upkeep({
      ...shared,
      core,
      contents,
      sealer: new Sealer(core.sealed, contents, shared.pause),
      snapshots: new SnapshotBuilder(core.sealed, contents, { pause: shared.pause, bounds: chunks }),
      indexes: new IndexBuilder(core, shared.pause),
      forker,
      borrower: new Borrower({ tape: core.sealed, loans, ask }),
      loans,
      onExpired: () => {},
      wake: onUpkeepDue,
      report: () => {},
    })
    return { core, upkeep, parent: new Parent({ id, core, storage, contents, loans, inRows, onReturned: onUpkeepDue, bounds, pages }) }
  }
}
