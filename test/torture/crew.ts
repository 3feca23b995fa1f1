/**
 * The clients of one round on one stream: publishers, who edit until they are told to stop, and subscribers, who only
 * listen. At the end they come to rest, and the tape is read and held against all that was recorded.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../support/seeded-random.ts'
import { check, type Violation } from './checker.ts'
import { sharedObjects } from './editor.ts'
import type { Entry } from './history.ts'
import { Recorder } from './recorder.ts'
import { TortureClient } from './torture-client.ts'
import type { WorkerdServer } from './workerd-server.ts'

export interface CrewOptions {
  readonly server: WorkerdServer
  readonly stream: string
  readonly publishers: number
  readonly subscribers: number
  readonly seed: number
  readonly timeScale: number
  /** Through which port a client reaches the server; the server's own by default. */
  readonly portOf?: (index: number) => number
}

export interface Finding {
  readonly events: number
  readonly violations: readonly Violation[]
}

/** Who has so many drafts waiting does not make more. */
const pendingMax = 200
/** Everyone comes to rest within this, or never does. */
const restMsMax = 30_000

export class Crew {
  readonly clients: readonly TortureClient[]
  readonly #publishers: readonly TortureClient[]
  readonly #options: CrewOptions
  readonly #recorder = new Recorder()
  readonly #random: SeededRandom
  #isEditing = true
  #editing: Promise<unknown> = Promise.resolve()

  private constructor(options: CrewOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    const { server, stream, publishers, subscribers, timeScale, portOf } = options
    this.clients = Array.from({ length: publishers + subscribers }, (_, index) => {
      const who = index < publishers ? `p${index}` : `l${index}`
      const random = new SeededRandom(this.#random.below(2 ** 32))
      return new TortureClient(who, { address: server.streamAddress(stream, portOf?.(index)), random, record: this.record, timeScale })
    })
    this.#publishers = this.clients.slice(0, publishers)
  }

  /** The server must be up. */
  static async start(options: CrewOptions): Promise<Crew> {
    await prepareStream(options.server, options.stream)
    return new Crew(options)
  }

  readonly record = (entry: Entry): void => this.#recorder.record(entry)

  startEditing(): void {
    this.#editing = Promise.all(this.#publishers.map((publisher) => this.#keepEditing(publisher)))
  }

  /** Everyone stops editing, and gets the time and the network they need; then all is checked. */
  async finish(): Promise<Finding> {
    const { server, stream } = this.#options
    this.#isEditing = false
    await this.#editing
    await this.#untilRest(-1, this.#publishers)
    const latestSeq = await server.latestSeq(stream)
    await this.#untilRest(latestSeq, this.clients)
    for (const client of this.clients) {
      if (client.isDrained(latestSeq)) client.recordDrained()
      else client.recordStuck()
    }
    const tape = await server.tape(stream)
    for (const client of this.clients) await client.stream.close()
    return { events: tape.length, violations: check(this.#recorder.history, tape) }
  }

  /** Whoever is offline tries again now. */
  hurry(): void {
    for (const client of this.clients) client.hurry()
  }

  async #keepEditing(publisher: TortureClient): Promise<void> {
    const random = new SeededRandom(this.#random.below(2 ** 32))
    while (this.#isEditing) {
      const burst = random.chance(0.05) ? 30 : 1 + random.below(3)
      if (publisher.stream.status.pending < pendingMax) for (let i = 0; i < burst; i++) publisher.edit()
      await sleep(5 + random.below(50))
    }
  }

  async #untilRest(latestSeq: number, clients: readonly TortureClient[]): Promise<void> {
    const deadline = Date.now() + restMsMax
    while (!clients.every((client) => client.isDrained(latestSeq)) && Date.now() < deadline) {
      this.hurry()
      await sleep(5)
    }
  }
}

/** The objects that everyone writes are there before anybody does. */
export async function prepareStream(server: WorkerdServer, stream: string): Promise<void> {
  const inserts = sharedObjects.map((identifier) => ({ type: 'insert', collection: 'shared', identifier, values: {} }))
  const answer = await server.publish(stream, inserts)
  if (!answer.ok) throw new Error(`The stream could not be prepared: ${await answer.text()}`)
  await answer.arrayBuffer()
}
