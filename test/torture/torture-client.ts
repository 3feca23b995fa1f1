/**
 * A client of the torture: the real stream over the real network, which tells a recorder all that it does and is
 * told. Its clock may run faster than the world's, so that a dead connection costs it little real time.
 */
import { WebTransport } from '../../src/browser/web-transport.ts'
import {
  type ClientStore,
  type Environment,
  MemoryStore,
  type ModelReconciler,
  type OutboundEventReceiver,
  Stream,
} from '../../src/client/index.ts'
import type { Change, Draft, TapeEvent } from '../../src/protocol/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { testToken } from '../support/tokens.ts'
import { Editor } from './editor.ts'
import type { Entry, Shown } from './history.ts'
import { ShownObjects } from './shown-objects.ts'

export interface TortureClientOptions {
  /** The stream's. */
  readonly address: string
  readonly random: SeededRandom
  readonly record: (entry: Entry) => void
  readonly store?: ClientStore
  /** How many of the client's seconds go by in a real one. */
  readonly timeScale?: number
  /** What its marks begin with, when its name has been used before. */
  readonly life?: string
  /** Opens the stream, when not with such a clock. */
  readonly open?: (address: string, parts: StreamParts) => Stream
}

export interface StreamParts {
  readonly store: ClientStore
  readonly token: () => Promise<string>
  readonly report: (error: unknown) => void
}

/** A model that tells what it was given. */
class RecordingModel implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly objects = new ShownObjects()
  readonly #who: string
  readonly #record: (entry: Entry) => void

  constructor(who: string, record: (entry: Entry) => void) {
    this.#who = who
    this.#record = record
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    if (events.length > 0) this.#record({ type: 'delivered', who: this.#who, events })
    this.objects.apply(events, pending)
  }

  reset(): void {
    this.#record({ type: 'reset', who: this.#who })
    this.objects.reset()
  }
}

export class TortureClient {
  readonly who: string
  readonly stream: Stream
  readonly #model: RecordingModel
  readonly #editor: Editor
  readonly #record: (entry: Entry) => void
  #pending = 0
  #isNewsToKeep = false
  #refusals = 0

  constructor(who: string, options: TortureClientOptions) {
    const { address, random, record, store = new MemoryStore(), timeScale = 1, life = who, open = openWith(timeScale) } = options
    this.who = who
    this.#record = record
    this.#editor = new Editor(who, { random, life })
    this.#model = new RecordingModel(who, record)
    const report = (error: unknown) => record({ type: 'reported', who, what: String(error) })
    this.stream = open(address, { store, token: () => testToken(), report })
    this.stream.attach(this.#model)
    this.stream.subscribe(({ pending, refused }) => {
      if (pending === 0 && this.#pending > 0) record({ type: 'emptied', who })
      this.#pending = pending
      for (const { code } of refused.slice(this.#refusals)) record({ type: 'refused', who, code })
      this.#refusals = refused.length
    })
  }

  get shown(): Shown {
    return this.#model.objects.shown
  }

  /** One edit at random, of any kind. */
  edit(): void {
    this.publish(this.#editor.next())
  }

  publish(change: Change): void {
    this.#isNewsToKeep = true
    this.#record({ type: 'made', who: this.who, change })
    this.stream.publish(change)
  }

  /** Tells when the stream says that what was made so far would outlive this process. */
  noteKept(): void {
    const { isDurable, unsaved } = this.stream.status.storage
    if (!this.#isNewsToKeep || !isDurable || unsaved > 0) return
    this.#isNewsToKeep = false
    this.#record({ type: 'kept', who: this.who })
  }

  /** Whether it has all of the tape, and the tape all of its drafts. */
  isDrained(latestSeq: number): boolean {
    const { pending, holes, connection } = this.stream.status
    return pending === 0 && holes.length === 0 && connection === 'online' && this.stream.latestSeq >= latestSeq
  }

  /** Tries again now, rather than when its patience says. */
  hurry(): void {
    if (this.stream.status.connection === 'offline') this.stream.nudge()
  }

  recordDrained(): void {
    this.#record({ type: 'drained', who: this.who, pending: this.stream.status.pending, shown: this.shown })
  }

  recordStuck(): void {
    this.#record({ type: 'stuck', who: this.who, status: JSON.stringify({ ...this.stream.status, latestSeq: this.stream.latestSeq }) })
  }
}

function openWith(timeScale: number) {
  return (address: string, { store, token, report }: StreamParts) =>
    new Stream({ transport: new WebTransport(new URL(address)), store, environment: createEnvironment(timeScale, report), token })
}

function createEnvironment(timeScale: number, report: (error: unknown) => void): Environment {
  return {
    now: Date.now,
    setTimer: (run, afterMs) => setTimeout(run, Math.min(afterMs / timeScale, 2 ** 31 - 1)),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout> | undefined),
    random: Math.random,
    newId: () => crypto.randomUUID(),
    report,
  }
}
