/**
 * A client of a simulation: the real stream over a store that outlives it. It edits at random, and can be restarted
 * as a process is: at any moment, with nothing but the store left.
 */
import {
  type ClientStore,
  type Environment,
  MemoryStore,
  type ModelReconciler,
  type OutboundEventReceiver,
  Stream,
  type Transport,
} from '../../src/client/index.ts'
import { StampedObjects } from '../../src/models/index.ts'
import { type Change, type Draft, type SeqRanges, subtract, type TapeEvent } from '../../src/protocol/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'

export const collection = 'things'
const identifiers = ['a', 'b', 'c', 'd', 'e']
const fields = ['x', 'y']

/** A model that also knows how much of the tape it was given, for the checker. */
export class SimModel implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly objects = new StampedObjects(collection)
  readonly #stream: Stream
  /** What the stream had accounted for when it gave events last. */
  given: SeqRanges = []
  /** Given since the checker looked last. */
  news: TapeEvent[] = []
  pending: readonly Draft[] = []

  constructor(stream: Stream) {
    this.#stream = stream
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    for (const event of events) this.news.push(event)
    if (events.length > 0) this.given = accountedBy(this.#stream)
    this.pending = pending
    this.objects.apply(events, pending)
  }

  reset(): void {
    this.given = []
    this.objects.reset()
  }
}

export interface SimClientSurroundings {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly transport: Transport
  readonly store?: ClientStore
}

export class SimClient {
  readonly name: string
  /** Every change it made, in order. */
  readonly made: Change[] = []
  stream!: Stream
  model!: SimModel
  readonly #around: SimClientSurroundings
  readonly #store: ClientStore
  #life = 0
  #mark = 0
  #ids = 0

  constructor(name: string, around: SimClientSurroundings) {
    this.name = name
    this.#around = around
    this.#store = around.store ?? new MemoryStore()
    this.start()
  }

  /** Starts anew, with what the store holds. What an earlier life still had in hand is gone. */
  start(): void {
    const life = ++this.#life
    const isAlive = () => life === this.#life
    this.stream = new Stream({
      transport: mortalTransport(this.#around.transport, isAlive),
      store: mortalStore(this.#store, isAlive),
      environment: this.#environment(life, isAlive),
      token: () => 'token',
    })
    this.model = new SimModel(this.stream)
    this.stream.attach(this.model)
  }

  edit(): void {
    const { random } = this.#around
    const identifier = random.pick(identifiers)
    const type = random.pick(['insert', 'update', 'update', 'delete'] as const)
    const mark = `${this.name}${++this.#mark}`
    const values = type === 'delete' ? undefined : { [random.pick(fields)]: mark, mark, ...(type === 'insert' ? { born: this.#mark } : {}) }
    const change: Change = { type, collection, identifier, values }
    this.made.push(change)
    this.stream.publish(change)
  }

  get isDrained(): boolean {
    const { pending, holes, connection } = this.stream.status
    return pending === 0 && holes.length === 0 && connection === 'online'
  }

  #environment(life: number, isAlive: () => boolean): Environment {
    const { time, random } = this.#around
    return {
      now: () => time.now,
      setTimer: (run, afterMs) => time.set(() => isAlive() && run(), afterMs),
      clearTimer: (timer) => time.clear(timer),
      random: () => random.next(),
      newId: () => `${this.name}-${life}-${++this.#ids}`,
      report: (error) => {
        if (!(error instanceof Error && /was lost|had nothing/.test(error.message))) throw error
      },
    }
  }
}

function accountedBy({ latestSeq, status }: Stream): SeqRanges {
  return latestSeq < 0 ? [] : subtract([[0, latestSeq]], status.holes)
}

/** A dead process hears nothing more. */
function mortalTransport(transport: Transport, isAlive: () => boolean): Transport {
  return {
    connect: (request, events) =>
      transport.connect(request, {
        onFrame: (text) => isAlive() && events.onFrame(text),
        onClose: (closing) => isAlive() && events.onClose(closing),
      }),
    read: async (request) => {
      const slice = await transport.read(request)
      return isAlive() ? slice : new Promise(() => {})
    },
  }
}

/** A dead process saves nothing more. */
function mortalStore(store: ClientStore, isAlive: () => boolean): ClientStore {
  const never = new Promise<never>(() => {})
  return {
    isDurable: store.isDurable,
    claim: (owner) => (isAlive() ? store.claim(owner) : never),
    close: () => store.close(),
    load: () => (isAlive() ? store.load() : never),
    save: (change) => (isAlive() ? store.save(change) : never),
    events: () => (isAlive() ? store.events() : never),
  }
}
