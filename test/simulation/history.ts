/** One history: some clients, one server, a bad network, so many random steps, then peace, and a last look. */

import type { ClientStore } from '../../src/client/index.ts'
import { MemoryTape } from '../../src/server/memory-tape.ts'
import type { TapeStorage } from '../../src/server/tape-storage.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { Checker, Violation } from './checker.ts'
import { SimClient } from './sim-client.ts'
import { SimNetwork } from './sim-network.ts'
import { SimServer } from './sim-server.ts'

export interface HistoryOptions {
  readonly seed: number
  readonly steps: number
  /** Told of each step, to follow a history. */
  readonly log?: (line: string) => void
  readonly createTape?: () => TapeStorage & { onKill?(random: SeededRandom): void }
  readonly createStore?: () => ClientStore
}

/** What happened, so that a test can see that something did. */
export interface HistoryReport {
  readonly events: number
  readonly clients: number
  readonly actions: Readonly<Record<string, number>>
}

/** Runs one history; rejects with a `Violation` that names the seed. */
export async function runHistory(options: HistoryOptions): Promise<HistoryReport> {
  const history = new History(options)
  try {
    return await history.run()
  } catch (error) {
    const reason = error instanceof Violation ? error.message : String(error instanceof Error ? error.stack : error)
    throw new Violation(`Seed ${options.seed}, step ${history.step} of ${options.steps}: ${reason}`)
  }
}

class History {
  step = 0
  readonly #options: HistoryOptions
  readonly #random: SeededRandom
  readonly #time = new VirtualTime()
  readonly #tape: TapeStorage & { onKill?(random: SeededRandom): void }
  readonly #server: SimServer
  readonly #network: SimNetwork
  readonly #clients: SimClient[] = []
  readonly #checker: Checker
  readonly #actions: Record<string, number> = {}

  constructor(options: HistoryOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.#tape = options.createTape?.() ?? new MemoryTape()
    this.#server = new SimServer(this.#time, this.#tape)
    const temper = {
      loss: this.#random.pick([0, 0.05, 0.2]),
      failure: this.#random.pick([0, 0.2]),
      delayMsMax: this.#random.pick([5, 50, 400]),
    }
    this.#network = new SimNetwork(this.#server, { time: this.#time, random: this.#random, temper })
    const count = 2 + this.#random.below(4)
    for (let i = 0; i < count; i++) {
      const store = options.createStore?.()
      const around = {
        time: this.#time,
        random: this.#random,
        transport: this.#network.transport(),
        ...(store === undefined ? {} : { store }),
      }
      this.#clients.push(new SimClient(String.fromCharCode(65 + i), around))
    }
    this.#checker = new Checker(this.#tape, this.#clients)
  }

  async run(): Promise<HistoryReport> {
    for (this.step = 1; this.step <= this.#options.steps; this.step++) {
      this.#act()
      const pause = this.#random.chance(0.05) ? 5000 : this.#random.chance(0.3) ? 0 : 60
      await this.#time.advance(this.#random.next() * pause)
      this.#checker.checkStep()
      if (this.step % 20 === 0) this.#checker.checkModels()
    }
    await this.#comeToRest()
    this.#checker.checkEnd(this.#random)
    return { events: this.#checker.events.length, clients: this.#clients.length, actions: this.#actions }
  }

  #act(): void {
    const dice = this.#random.next()
    const client = this.#random.pick(this.#clients)
    if (dice < 0.7) this.#did(`${client.name} edits`, 'edit', () => client.edit())
    else if (dice < 0.8) this.#did('a link is cut', 'cut', () => this.#network.cutOne())
    else if (dice < 0.87) this.#did('the object sleeps', 'sleep', () => this.#server.sleep())
    else if (dice < 0.9) this.#did('the object is killed', 'kill', () => this.#kill())
    else if (dice < 0.94) this.#did(`${client.name} restarts`, 'restart', () => client.start())
    else if (dice < 0.97) this.#did(`${client.name} is nudged`, 'nudge', () => client.stream.nudge())
    else this.#did('everyone edits', 'burst', () => this.#burst())
  }

  #burst(): void {
    for (const client of this.#clients) for (let i = this.#random.below(6); i > 0; i--) client.edit()
  }

  #kill(): void {
    this.#tape.onKill?.(this.#random)
    this.#server.kill()
    this.#network.cutAll()
  }

  #did(line: string, action: string, act: () => void): void {
    this.#options.log?.(`${Math.round(this.#time.now)} ms, step ${this.step}: ${line}`)
    this.#actions[action] = (this.#actions[action] ?? 0) + 1
    act()
  }

  /** The network heals, every link is made anew, and everyone gets the time they need. */
  async #comeToRest(): Promise<void> {
    this.#network.temper.loss = 0
    this.#network.temper.failure = 0
    this.#network.cutAll()
    for (let minutes = 0; minutes < 10; minutes++) {
      await this.#time.advance(60_000)
      if (this.#clients.every((client) => client.isDrained)) return
    }
  }
}
