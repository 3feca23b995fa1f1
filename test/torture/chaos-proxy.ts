/**
 * A network that is out to get you. Every connection through it meets a mishap after so many bytes, chosen at random:
 * it is reset, ended, stalled, left open in one direction, made to drip, delayed, or its last words up arrive late,
 * when the client is long back on another connection. When it is calmed, it passes everything.
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { Direction } from '../support/tcp-proxy.ts'
import { ChaosConnection } from './chaos-connection.ts'

/** `half` passes nothing more in the mishap's direction, `stall` in neither. */
const allManners = ['reset', 'end', 'stall', 'half', 'drip', 'delay', 'late'] as const
export type Manner = (typeof allManners)[number]

export interface Mishap {
  readonly manner: Manner
  readonly direction: Direction
  /** It happens when so many have passed in that direction … */
  readonly afterBytes: number
  /** … or when the connection has lasted so long. */
  readonly afterMs: number
  /** What else is left to chance: from 0 up to 1. */
  readonly luck: number
}

export interface ChaosProxyOptions {
  readonly random: SeededRandom
  /** Asked for each new connection whether it is to meet a mishap, and told when it has. */
  readonly mayHappen: () => boolean
  readonly onMishap: (mishap: Mishap) => void
  /** No connection carries more, or lasts longer, before its mishap. */
  readonly bytesMax?: number
  readonly msMax?: number
  /** What there is to choose from; everything by default. */
  readonly directions?: readonly Direction[]
  readonly manners?: readonly Manner[]
}

export class ChaosProxy {
  readonly #server: Server
  readonly #targetPort: number
  readonly #options: ChaosProxyOptions
  readonly #connections = new Set<ChaosConnection>()
  #isRefusing = false

  private constructor(targetPort: number, options: ChaosProxyOptions) {
    this.#targetPort = targetPort
    this.#options = options
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#connect(client))
  }

  static async start(targetPort: number, options: ChaosProxyOptions): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(targetPort, options)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.')
    return address.port
  }

  /** From now on, or no longer, there is no network. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing
    if (isRefusing) this.calm()
  }

  /** Ends what is under a mishap or waits for one, so that whoever comes now comes through. */
  calm(): void {
    for (const connection of [...this.#connections]) connection.cut('reset')
  }

  async stop(): Promise<void> {
    this.calm()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connect(client: Socket): void {
    const { mayHappen, onMishap } = this.#options
    if (this.#isRefusing) {
      client.on('error', () => {})
      client.resetAndDestroy()
      return
    }
    const mishap = mayHappen() ? createMishap(this.#options) : undefined
    const connection: ChaosConnection = new ChaosConnection(client, {
      targetPort: this.#targetPort,
      mishap,
      onMishap,
      // Somebody who gets an answer is back: now the last words of those before can arrive.
      onAnswered: () => {
        for (const other of this.#connections) if (other !== connection) other.deliverLate()
      },
      onEnd: () => this.#connections.delete(connection),
    })
    this.#connections.add(connection)
  }
}

function createMishap(options: ChaosProxyOptions): Mishap {
  const { random, bytesMax = 32_768, msMax = 160, directions = ['up', 'down'], manners = allManners } = options
  // Small numbers are as likely as large ones: some are cut in the handshake, some after a thousand events.
  const afterBytes = 1 + Math.floor(bytesMax ** random.next())
  const isHandshake = random.chance(0.15)
  return {
    manner: random.pick(manners),
    direction: random.pick(directions),
    afterBytes: isHandshake ? 1 + random.below(700) : 700 + afterBytes,
    afterMs: 10 + random.below(msMax - 10),
    luck: random.next(),
  }
}
