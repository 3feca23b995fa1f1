/**
 * The network between a client and a server, as TCP sees it: it can be cut in either way, stalled so that both sides
 * believe in a connection that carries nothing, slowed down, and closed to newcomers. It keeps what went through.
 */
import { createServer, type Server, Socket } from 'node:net'

/** `up` goes to the server. */
export type Direction = 'up' | 'down'

/** `reset` loses what is under way, `end` is a tidy farewell. */
export type CutManner = 'reset' | 'end'

/** All that one connection carried so far. */
export interface Conversation {
  readonly up: Buffer
  readonly down: Buffer
}

export class TcpProxy {
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  #finished: Conversation[] = []
  #isRefusing = false
  #isStalled = false
  #allowance: Allowance | undefined
  /** For each piece, in each direction. */
  delayMs = 0
  /** Besides, for each piece that comes down: what the server has done is known to the client so much later. */
  downDelayMs = 0

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#connect(client, targetPort))
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get origin(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.')
    return `http://127.0.0.1:${address.port}`
  }

  /** Every connection since the last `forget`, in the order in which they began. */
  get conversations(): readonly Conversation[] {
    return [...this.#finished, ...[...this.#connections].map((connection) => connection.conversation)]
  }

  /** Starts counting and recording anew. */
  forget(): void {
    this.#finished = []
    for (const connection of this.#connections) connection.forget()
  }

  bytes(direction: Direction): number {
    return this.conversations.reduce((sum, conversation) => sum + conversation[direction].length, 0)
  }

  /** Ends every connection. */
  cut(manner: CutManner = 'reset'): void {
    this.#allowance = undefined
    for (const connection of [...this.#connections]) connection.cut(manner)
  }

  /** Cuts everything as soon as so many more bytes have gone in a direction; resolves when that has happened. */
  cutAfter(bytes: number, { direction, manner = 'reset' }: { direction: Direction; manner?: CutManner }): Promise<void> {
    return new Promise((resolve) => {
      this.#allowance = { direction, bytes, manner, resolve }
    })
  }

  /** From now on, or no longer, newcomers are turned away. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing
  }

  /** From now on, or no longer, nothing passes and nobody is told. What comes meanwhile is lost, with its connection. */
  stall(isStalled: boolean): void {
    this.#isStalled = isStalled
    if (!isStalled) for (const connection of this.#connections) if (connection.hasLost) connection.cut('reset')
  }

  async stop(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connect(client: Socket, targetPort: number): void {
    if (this.#isRefusing) {
      client.on('error', () => {})
      client.resetAndDestroy()
      return
    }
    const connection = new Connection(client, targetPort, {
      pass: (direction, chunk) => this.#pass(direction, chunk),
      delayMs: (direction) => this.delayMs + (direction === 'down' ? this.downDelayMs : 0),
      onEnd: () => {
        if (this.#connections.delete(connection)) this.#finished.push(connection.conversation)
      },
    })
    this.#connections.add(connection)
  }

  /** As much of a piece as gets through; undefined when nobody is to know that it did not. */
  #pass(direction: Direction, chunk: Buffer): Passage {
    if (this.#isStalled) return { chunk: undefined, afterwards: () => {} }
    const allowance = this.#allowance
    if (allowance === undefined || allowance.direction !== direction) return { chunk, afterwards: () => {} }
    if (chunk.length < allowance.bytes) {
      allowance.bytes -= chunk.length
      return { chunk, afterwards: () => {} }
    }
    this.#allowance = undefined
    return {
      chunk: chunk.subarray(0, allowance.bytes),
      afterwards: () => {
        this.cut(allowance.manner)
        allowance.resolve()
      },
    }
  }
}

interface Allowance {
  readonly direction: Direction
  bytes: number
  readonly manner: CutManner
  readonly resolve: () => void
}

interface Passage {
  readonly chunk: Buffer | undefined
  readonly afterwards: () => void
}

interface ConnectionHooks {
  readonly pass: (direction: Direction, chunk: Buffer) => Passage
  readonly delayMs: (direction: Direction) => number
  readonly onEnd: () => void
}

class Connection {
  readonly #client: Socket
  readonly #server = new Socket()
  readonly #hooks: ConnectionHooks
  #up: Buffer[] = []
  #down: Buffer[] = []
  /** Something was swallowed: what follows would make no sense to either side. */
  hasLost = false

  constructor(client: Socket, targetPort: number, hooks: ConnectionHooks) {
    this.#client = client
    this.#hooks = hooks
    this.#server.connect(targetPort, '127.0.0.1')
    this.#wire(client, this.#server, 'up')
    this.#wire(this.#server, client, 'down')
  }

  get conversation(): Conversation {
    return { up: Buffer.concat(this.#up), down: Buffer.concat(this.#down) }
  }

  forget(): void {
    this.#up = []
    this.#down = []
  }

  cut(manner: CutManner): void {
    for (const socket of [this.#client, this.#server]) {
      if (manner === 'reset') socket.resetAndDestroy()
      else socket.destroySoon()
    }
    this.#hooks.onEnd()
  }

  #wire(from: Socket, to: Socket, direction: Direction): void {
    from.setNoDelay(true)
    from.on('data', (chunk: Buffer) => {
      const delayMs = this.#hooks.delayMs(direction)
      if (delayMs === 0) this.#forward(to, direction, chunk)
      // Timers of one length fire in the order in which they were set.
      else setTimeout(() => this.#forward(to, direction, chunk), delayMs)
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => {
      to.destroySoon()
      this.#hooks.onEnd()
    })
  }

  #forward(to: Socket, direction: Direction, whole: Buffer): void {
    const { chunk, afterwards } = this.#hooks.pass(direction, whole)
    if (chunk === undefined || this.hasLost) {
      this.hasLost = true
      return
    }
    ;(direction === 'up' ? this.#up : this.#down).push(chunk)
    if (!to.writable) return afterwards()
    to.write(chunk, afterwards)
  }
}
