/** A client's process on a store of its own, which can be killed and started again: a real stream over the simulated network. */
import { type Environment, MemoryStore, StoreFailure, Stream } from '../../src/client/index.ts'
import type { ObjectFilter } from '../../src/protocol/index.ts'
import { mortalTransport } from '../support/mortal-transport.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'
import type { SimNetwork } from './sim-network.ts'

export interface SimParts {
  readonly time: VirtualTime
  readonly network: SimNetwork
  readonly random: SeededRandom
}

export class SimProcess {
  readonly #name: string
  readonly #parts: SimParts
  readonly #store = new MemoryStore()
  readonly #onSent: (text: string) => void
  #life = 0
  #cut = () => {}
  #ids = 0

  constructor(name: string, parts: SimParts, onSent: (text: string) => void = () => {}) {
    this.#name = name
    this.#parts = parts
    this.#onSent = onSent
  }

  /** Starts the process; one that ran before is killed. */
  open(wanted?: readonly ObjectFilter[]): Stream {
    const { time, network, random } = this.#parts
    const life = ++this.#life
    this.#cut()
    const transport = network.transport()
    this.#cut = () => transport.cut()
    const isAlive = () => life === this.#life
    const environment: Environment = {
      now: () => time.now,
      setTimer: (run, afterMs) => time.set(() => isAlive() && run(), afterMs),
      clearTimer: (timer) => time.clear(timer),
      random: () => random.next(),
      newId: () => `${this.#name}${++this.#ids}`,
      report: (error) => {
        // The store changes hands.
        if (!(error instanceof StoreFailure)) throw error
      },
    }
    return new Stream({
      store: new MemoryStore(this.#store),
      environment,
      token: () => 'token',
      wanted,
      transport: mortalTransport(transport, isAlive, (text) => this.#onSent(text)),
    })
  }
}

export function isDrained(stream: Stream): boolean {
  const { pending, holes, connection } = stream.status
  return pending === 0 && holes.length === 0 && connection === 'online'
}

/** Makes all good, and waits until nothing is under way any more: false when that does not end. */
export async function comeToRest(
  streams: () => readonly Stream[],
  { time, network, isAtRest }: Omit<SimParts, 'random'> & { readonly isAtRest: () => boolean },
): Promise<boolean> {
  // Every link is made anew, so that everybody hears how far the tape goes.
  network.cutAll()
  await time.advance(5000)
  for (let waited = 0; waited < 120; waited++) {
    const ends = new Set(streams().map(({ latestSeq }) => latestSeq))
    if (ends.size === 1 && streams().every(isDrained) && isAtRest()) return true
    for (const stream of streams()) {
      stream.resume()
      stream.nudge()
    }
    await time.advance(2000)
  }
  return false
}
