/**
 * The server of a simulation: the real core, ledger, sequencer and conversation over a tape in memory.
 * It can be put to sleep (memory gone, sockets and tape stay) or killed (sockets and unanswered publishes gone, too).
 */
import type { LinkRequest } from '../../src/client/index.ts'
import { closeCodes, Refusal } from '../../src/protocol/codes.ts'
import type { TapeEvent } from '../../src/protocol/event.ts'
import type { Selection } from '../../src/protocol/filter.ts'
import type { Redaction } from '../../src/protocol/redaction.ts'
import { IndexBuilder } from '../../src/server/filters/index-builder.ts'
import { Live, type LiveSession, type Rights } from '../../src/server/object/live.ts'
import { Upkeep } from '../../src/server/object/upkeep.ts'
import type { Blobs } from '../../src/server/sealed/blobs.ts'
import type { Contents } from '../../src/server/sealed/contents.ts'
import { readChunk } from '../../src/server/sealed/lost-snapshot.ts'
import { Sealer } from '../../src/server/sealed/sealer.ts'
import type { SegmentBounds } from '../../src/server/sealed/segment.ts'
import { findChunk, parseChunk } from '../../src/server/sealed/snapshot.ts'
import { type SnapshotBounds, SnapshotBuilder } from '../../src/server/sealed/snapshot-builder.ts'
import { StreamCore } from '../../src/server/stream-core.ts'
import type { SegmentEntry, TapeRow, TapeStorage } from '../../src/server/tape/tape-storage.ts'
import type { Validate } from '../../src/server/turn/rules.ts'
import type { Submission } from '../../src/server/turn/sequencer.ts'
import { MemoryBlobs, memoryContents } from '../support/memory-blobs.ts'
import { noForks } from '../support/memory-loans.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'
import type { Extras } from './extras.ts'
import { ServerRecord } from './server-record.ts'
import { RuleError, recentMax, rejectionOf } from './sim-rules.ts'
import { Violation } from './violation.ts'

const rights: Rights = { sub: 'someone', mayPublish: true, expiresAt: Number.MAX_SAFE_INTEGER }

/** A socket as the server has it. What it holds would be in the socket's attachment. */
export class SimSession implements LiveSession {
  readonly sub = rights.sub
  readonly mayPublish = true
  readonly expiresAt = rights.expiresAt
  order = 0
  client: string | undefined
  filter: Selection | undefined
  hasEnded = false
  readonly #deliver: (frame: string) => void
  readonly #close: (code: number) => void

  constructor(deliver: (frame: string) => void, close: (code: number) => void) {
    this.#deliver = deliver
    this.#close = close
  }

  send(frame: string): void {
    if (!this.hasEnded) this.#deliver(frame)
  }

  end(code: number): void {
    if (this.hasEnded) return
    this.hasEnded = true
    this.#close(code)
  }

  publishAs(client: string): void {
    this.client = client
  }

  renew(): void {}

  countWhisper(): boolean {
    return true
  }
}

/** How the server seals its tape, and what goes wrong with that. */
export interface Sealing {
  readonly random: SeededRandom
  readonly bounds: SegmentBounds
  readonly chunks: SnapshotBounds
  /** Until a blob is stored or read. */
  readonly delayMsMax: number
  /** Chance that storing or reading a blob fails. */
  failure: number
}

export interface ServerOptions {
  readonly sealing?: Sealing | undefined
  /** Told right before events say no more what they said, and right after. */
  readonly onRedacting?: () => void
  readonly onRedacted?: (redaction: Redaction) => void
  /** Told of events that are not on the tape any more, and reach a client only now. */
  readonly onLate?: (events: readonly TapeEvent[]) => void
  readonly tape?: TapeStorage
  /** Whether it has rules, how often they fail, and how long its turns last. */
  readonly extras?: Extras
  readonly count?: (what: string) => void
}

export class SimServer {
  readonly sessions = new Set<SimSession>()
  tape: TapeStorage
  readonly record = new ServerRecord()
  readonly #time: VirtualTime
  readonly #options: ServerOptions
  readonly #random = new SeededRandom(1)
  readonly #blobs = new MemoryBlobs()
  #contents!: Contents
  #core!: StreamCore
  #upkeep!: Upkeep
  #live!: Live<SimSession>
  /** What an earlier life of the object had planned is not carried out any more. */
  #life = 0
  #opened = 0
  #hasWaiting = false
  #epochs = 0
  readonly #copies: MemoryTape[] = []
  /** How often storage has been set back. */
  setBacks = 0
  /** Alarms whose work is not done. */
  #alarms = 0
  /** Blobs that are waited for. */
  #reaching = 0
  #redaction: Redaction | undefined
  /** Whether it refuses drafts with `bad` values. */
  isStrict = true

  constructor(time: VirtualTime, options: ServerOptions = {}) {
    this.#options = options
    this.#time = time
    this.tape = options.tape ?? new MemoryTape()
    this.#overhearRewrites()
    this.#wake()
  }

  #overhearRewrites(): void {
    const rewrite = this.tape.rewrite.bind(this.tape)
    this.tape.rewrite = (change) => {
      this.#options.onRedacting?.()
      rewrite(change)
    }
  }

  /** As the platform keeps storage, to be set back to. */
  keepCopy(): void {
    if (this.tape instanceof MemoryTape) this.#copies.push(this.tape.copy())
  }

  /** Sets storage back to a copy, and not the bucket; the process dies. False when there is no copy of before. */
  setBack(random: SeededRandom): boolean {
    if (this.#copies.length === 0) return false
    // What was kept after it is of a tape that is no more.
    if (random.chance(0.5)) this.#copies.length = 1 + random.below(this.#copies.length)
    this.tape = (this.#copies.at(-1) as MemoryTape).copy()
    this.#overhearRewrites()
    this.setBacks++
    this.kill()
    return true
  }

  get core(): StreamCore {
    return this.#core
  }

  open(session: SimSession, { after, epoch, client, mark, filters }: Omit<LinkRequest, 'token'>): void {
    session.order = ++this.#opened
    session.filter = filters === undefined ? undefined : { any: filters, except: [] }
    this.#live.open(session, { after, epoch: epoch ?? undefined, client, mark })
    this.sessions.add(session)
  }

  receive(session: SimSession, message: string): void {
    void this.#live.receive(session, message)
  }

  /** An administrator asks for it, and again when it fails, one at a time. */
  async redact(redaction: Redaction): Promise<void> {
    if (this.#redaction !== undefined) return
    this.#redaction = redaction
    const life = this.#life
    const before = this.orphans
    try {
      if ((await this.#upkeep.redact(redaction, 'admin')) === 0) return
      this.#options.count?.('redacted')
      const orphan = this.orphans.find((name) => before.includes(name))
      if (orphan !== undefined) throw new Violation(`After a redaction there is still ${orphan}, which nothing speaks of.`)
    } catch (error) {
      if (error instanceof Violation) throw error
      report(error)
    } finally {
      if (life === this.#life) this.#redaction = undefined
    }
  }

  get isRedacting(): boolean {
    return this.#redaction !== undefined
  }

  /** Hibernation: possible only while nothing waits, as a pending timer, request or answer of the bucket keeps an object in memory. */
  sleep(): void {
    if (!this.#hasWaiting && this.#redaction === undefined && this.#reaching === 0) this.#wake()
  }

  /** The process dies. Gives the sessions that were open, for the network to cut. */
  kill(): readonly SimSession[] {
    const cut = [...this.sessions]
    this.sessions.clear()
    this.#wake()
    return cut
  }

  async #runAlarm(): Promise<void> {
    const life = this.#life
    this.#alarms++
    await this.#upkeep.run()
    if (life === this.#life) this.#alarms--
  }

  /** Notes what is decided. */
  #overhear(core: StreamCore): void {
    const submit = core.committer.submit.bind(core.committer)
    core.committer.submit = (submission, answer) => {
      const noted: typeof answer = (verdict) => {
        this.record.note(submission, verdict, this.#time.now)
        if (verdict.type === 'refused' && verdict.refusal.code === 'expect-failed') this.#options.count?.('expect failed')
        answer(verdict)
      }
      const refusal = this.isStrict ? refusalOfBad(submission, core) : undefined
      if (refusal === undefined) submit(submission, noted)
      else noted({ type: 'refused', refusal })
    }
  }

  readonly #validate: Validate = (event, _, recent) => {
    const { extras, count } = this.#options
    if (extras?.random.chance(extras.ruleFailure) === true) {
      count?.('rule failed')
      throw new RuleError('The rule has a bad moment.')
    }
    const rejection = rejectionOf(event, recent)
    if (rejection !== undefined) count?.(`rejected: ${rejection.reason}`)
    return rejection
  }

  #wake(): void {
    const { ruled, turnMs } = this.#options.extras ?? { ruled: 0, turnMs: 0 }
    const life = ++this.#life
    // Who asked for it gets no answer any more.
    this.#redaction = undefined
    this.#reaching = 0
    this.#hasWaiting = false
    const { sealing } = this.#options
    const contents = memoryContents(this.#blobsOf(life))
    this.#contents = contents
    // Alarms outlive the object, and come again when it has died over their work.
    const wake = (afterMs: number) => void this.#time.set(() => void this.#runAlarm(), afterMs)
    if (this.#alarms > 0) wake(0)
    this.#alarms = 0
    const pause = () => this.#pass(life, 0)
    this.#core = new StreamCore({
      storage: this.tape,
      contents,
      bounds: sealing?.bounds,
      pause,
      onRewritten: () => {
        if (this.#redaction !== undefined) this.#options.onRedacted?.(this.#redaction)
        for (const session of this.sessions) session.end(closeCodes.changed)
        this.sessions.clear()
      },
      onUpkeepDue: () => wake((sealing?.delayMsMax ?? 0) * (sealing?.random.next() ?? 0)),
      listeners: this.sessions,
      later: (run) => {
        this.#hasWaiting = true
        this.#time.set(() => {
          if (life !== this.#life) return
          this.#hasWaiting = false
          run()
        }, turnMs)
      },
      now: () => this.#time.now,
      newEpoch: () => `epoch-${++this.#epochs}`,
      randomBytes: (count) => Uint8Array.from({ length: count }, () => this.#random.below(256)),
      report: (error) => this.#reported(error),
      ...(ruled > 0 ? { rules: { validate: this.#validate, recent: recentMax } } : {}),
    })
    const count = this.#options.count
    const core = this.#core
    const tape = {
      nextSegment: () => core.sealed.nextSegment(),
      seal: (segment: SegmentEntry, epoch: string) => {
        count?.(segment.folded === undefined ? 'sealed' : 'sealed and folded')
        return core.sealed.seal(segment, epoch)
      },
    }
    this.#upkeep = new Upkeep({
      core,
      contents,
      now: () => this.#time.now,
      onExpired: () => {},
      sealer: new Sealer(tape, contents, pause),
      indexes: new IndexBuilder(core, pause),
      snapshots: new SnapshotBuilder(core.sealed, contents, { pause, bounds: sealing?.chunks }),
      ...noForks,
      wake,
      report: (error) => {
        report(error)
        count?.('sealing failed')
      },
    })
    this.#overhear(this.#core)
    this.#live = new Live({
      core: this.#core,
      sessions: this.sessions,
      verify: async () => rights,
      now: () => this.#time.now,
      report,
    })
  }

  /** The text of a chunk of the snapshot. */
  async readChunk(hash: string): Promise<string> {
    const { current, leaving } = this.#core.sealed.snapshots()
    const chunk = findChunk({ snapshot: current ?? null, leaving }, hash)
    return new TextDecoder().decode(await readChunk(this.#core.sealed, hash, this.#contents.get(chunk)))
  }

  /** Of set back storage the core may say so, once for each epoch. */
  #reported(error: unknown): void {
    const [, seq] = /set back.* (\d+)\.\S+ is not there/.exec(error instanceof Error ? error.message : '') ?? []
    if (seq === undefined || this.setBacks === 0) return report(error)
    const { latestSeq } = this.#core.state
    this.#options.count?.(Number(seq) > latestSeq ? 'set back seen' : 'set back seen, grown again')
  }

  get lookBack(): number | undefined {
    return this.#options.sealing?.bounds.keptEvents
  }

  /** A client is given events that were read when storage had been set back so often. */
  delivered(events: readonly TapeEvent[], setBacks: number): void {
    if (setBacks < this.setBacks) this.#options.onLate?.(events)
  }

  /** All rows, the sealed ones as their segments have them: a segment is a row. */
  *rowsFrom(from: number): Generator<TapeRow> {
    let next = from
    for (const { first, last, plain } of iterate(this.tape.segmentsFrom(from))) {
      const packed = this.#blobs.blobs.get(plain.hash)
      if (packed === undefined) throw new Violation(`The segment of ${first} … ${last} is gone.`)
      yield { first, last, body: packed.slice(1) }
      next = last + 1
    }
    yield* iterate(this.tape.rowsFrom(next))
  }

  /** The snapshot as its chunks have it; undefined while there is none. */
  get snapshot(): { readonly through: number; readonly events: readonly TapeEvent[] } | undefined {
    const { current } = this.tape.snapshots()
    if (current === undefined) return undefined
    // Nobody may have asked for a chunk that was lost: then it has not been made anew.
    if (this.setBacks > 0 && current.chunks.some(({ hash }) => !this.#blobs.blobs.has(hash))) return undefined
    const events = current.chunks.flatMap(({ hash }) => {
      const packed = this.#blobs.blobs.get(hash)
      if (packed === undefined) throw new Violation(`A chunk of the snapshot of 0 … ${current.through} is gone.`)
      return parseChunk(packed.slice(1))
    })
    return { through: current.through, events }
  }

  /** Names of everything that is kept and that nothing speaks of. */
  get orphans(): readonly string[] {
    const { current, draft, leaving, garbage } = this.tape.snapshots()
    const segments = [...iterate(this.tape.segmentsFrom(0))].flatMap(({ plain, folded, places }) => [plain, folded, places])
    const entries = [...segments, ...(current?.chunks ?? []), ...(draft?.chunks ?? [])].map((entry) => entry?.hash)
    const known = new Set([...entries, ...leaving, ...garbage])
    return [...this.#blobs.blobs.keys()].filter((name) => !known.has(name))
  }

  /** Time that passes for one life of the object alone: what it waited for does not come after its end. */
  #pass(life: number, ms: number): Promise<void> {
    return new Promise((resolve) => this.#time.set(() => life === this.#life && resolve(), ms))
  }

  /** The blobs as that life reaches them. */
  #blobsOf(life: number): Blobs {
    const { sealing } = this.#options
    if (sealing === undefined) return this.#blobs
    const { random, delayMsMax } = sealing
    const reach = async <T>(work: () => Promise<T>): Promise<T> => {
      this.#reaching++
      try {
        await this.#pass(life, random.next() * delayMsMax)
        if (random.chance(sealing.failure)) throw new BucketError('The bucket is not reached.')
        const result = await work()
        await this.#pass(life, random.next() * delayMsMax)
        return result
      } finally {
        this.#reaching--
      }
    }
    return {
      put: (name, body) => reach(() => this.#blobs.put(name, body)),
      get: (name) => reach(() => this.#blobs.get(name)),
      remove: (names) => reach(() => this.#blobs.remove(names)),
      list: (after) => reach(() => this.#blobs.list(after)),
    }
  }
}

/** What the tape has not taken yet and is bad spoils its batch, and is named: a mistake that no client may make. */
function refusalOfBad({ publish: { client, drafts }, sub }: Submission, core: StreamCore): Refusal | undefined {
  if (client === undefined || drafts.every(({ values }) => values?.bad !== true)) return undefined
  const taken = core.committer.takenFrom(client, sub) ?? 0
  const fresh = drafts.filter(({ counter = 0 }) => counter > taken)
  const { counter } = fresh.find(({ values }) => values?.bad === true) ?? {}
  return counter === undefined || fresh[0]?.counter !== taken + 1 ? undefined : new Refusal('invalid', { counter })
}

class BucketError extends Error {}

function report(error: unknown): void {
  const isBucket = error instanceof BucketError || (error instanceof Refusal && error.code === 'unavailable')
  if (!isBucket && !(error instanceof RuleError)) throw error
}

function iterate<T>(iterator: Iterator<T>): Iterable<T> {
  return { [Symbol.iterator]: () => iterator }
}
