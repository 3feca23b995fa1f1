/**
 * One connection through the chaos proxy, and the mishap that it meets. Bytes are never changed, repeated or left out
 * in the middle: whatever a mishap does, each side has received a prefix of what the other sent, as with TCP.
 */
import { Socket } from 'node:net'
import type { CutManner, Direction } from '../support/tcp-proxy.ts'
import type { Mishap } from './chaos-proxy.ts'

/** A connection that hangs is ended by somebody, some day; sooner than this the client should have noticed by itself. */
const hangingMs = 1500
/** So long words may be under way before the connection is lost that they came on, ms. */
const underWayMsMax = 60
const dripBytesMax = 1500
const delayMsMax = 30

export interface ChaosConnectionOptions {
  readonly targetPort: number
  readonly mishap: Mishap | undefined
  readonly onMishap: (mishap: Mishap) => void
  /** The server has answered for the first time. */
  readonly onAnswered: () => void
  readonly onEnd: () => void
}

interface Side {
  readonly from: Socket
  readonly to: Socket
  passed: number
  /** What becomes of a piece: once a mishap has begun, it may be held, swallowed, or passed on in its own time. */
  take: (chunk: Buffer) => void
  /** Pieces on their way, one after the other. */
  way: Promise<void>
}

export class ChaosConnection {
  readonly #client: Socket
  readonly #server = new Socket({ allowHalfOpen: true })
  readonly #options: ChaosConnectionOptions
  readonly #sides: Readonly<Record<Direction, Side>>
  #held: Buffer[] = []
  #isLate = false
  #hasBegun = false
  #hasEnded = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(client: Socket, options: ChaosConnectionOptions) {
    this.#client = client
    this.#options = options
    this.#server.connect(options.targetPort, '127.0.0.1')
    this.#sides = { up: this.#wire(client, this.#server, 'up'), down: this.#wire(this.#server, client, 'down') }
    const { mishap } = options
    if (mishap !== undefined) this.#timer = setTimeout(() => this.#begin(mishap), mishap.afterMs)
  }

  cut(manner: CutManner): void {
    clearTimeout(this.#timer)
    for (const socket of [this.#client, this.#server]) {
      if (manner === 'reset') socket.resetAndDestroy()
      else socket.destroySoon()
    }
    this.#end()
  }

  /** The last words up, if they are still under way, arrive at the server now; then it is over here, too. */
  deliverLate(): void {
    if (!this.#isLate) return
    this.#isLate = false
    if (this.#server.writable) this.#server.write(Buffer.concat(this.#held))
    this.#held = []
    this.#timer = setTimeout(() => this.cut('reset'), hangingMs)
  }

  #wire(from: Socket, to: Socket, direction: Direction): Side {
    const side: Side = { from, to, passed: 0, take: (chunk) => this.#pass(direction, chunk), way: Promise.resolve() }
    from.setNoDelay(true)
    from.on('data', (chunk: Buffer) => side.take(chunk))
    from.on('end', () => {
      if (!this.#hasBegun) to.end()
    })
    from.on('error', () => {})
    from.on('close', () => {
      // Under a mishap each side learns of the other's end when the mishap says so.
      if (this.#hasBegun) return
      to.destroySoon()
      this.#end()
    })
    return side
  }

  #pass(direction: Direction, chunk: Buffer): void {
    const side = this.#sides[direction]
    const { mishap } = this.#options
    if (direction === 'down' && side.passed === 0) this.#options.onAnswered()
    const isDue =
      mishap !== undefined && !this.#hasBegun && mishap.direction === direction && side.passed + chunk.length >= mishap.afterBytes
    const whole = isDue ? Math.max(0, mishap.afterBytes - side.passed) : chunk.length
    side.passed += chunk.length
    write(side.to, chunk.subarray(0, whole))
    if (!isDue) return
    this.#begin(mishap)
    if (whole < chunk.length) side.take(chunk.subarray(whole))
  }

  #begin(mishap: Mishap): void {
    clearTimeout(this.#timer)
    this.#hasBegun = true
    this.#options.onMishap(mishap)
    const { up, down } = this.#sides
    const hang = (...sides: readonly Side[]) => {
      for (const side of sides) side.take = () => {}
      this.#timer = setTimeout(() => this.cut('reset'), hangingMs)
    }
    switch (mishap.manner) {
      case 'reset':
      case 'end': {
        const { manner } = mishap
        for (const side of [up, down]) side.take = () => {}
        // What has passed so far is to arrive.
        setImmediate(() => this.cut(manner))
        return
      }
      case 'stall':
        return hang(up, down)
      case 'half':
        return hang(this.#sides[mishap.direction])
      case 'drip':
        return this.#drip(mishap)
      case 'delay':
        return this.#delay(mishap)
      case 'late':
        return this.#beLate(mishap)
    }
  }

  /** A few bytes at a time, and then no more. */
  #drip({ luck }: Mishap): void {
    let left = Math.ceil(luck * dripBytesMax)
    for (const side of Object.values(this.#sides)) {
      side.take = (chunk) => {
        side.way = side.way.then(async () => {
          for (let at = 0; at < chunk.length && left > 0 && !this.#hasEnded; ) {
            const size = 1 + (left % 7)
            write(side.to, chunk.subarray(at, at + size))
            at += size
            left -= size
            await new Promise((resolve) => setImmediate(resolve))
          }
          if (left <= 0 && !this.#hasEnded) this.cut('reset')
        })
      }
    }
    this.#timer = setTimeout(() => this.cut('end'), hangingMs)
  }

  /** Slow for a while, and then no more. */
  #delay({ luck }: Mishap): void {
    for (const side of Object.values(this.#sides)) {
      // Timers of one length fire in the order in which they were set.
      side.take = (chunk) => void setTimeout(() => write(side.to, chunk), luck * delayMsMax)
    }
    this.#timer = setTimeout(() => this.cut('reset'), delayMsMax * (1 + luck * 10))
  }

  /** Words up are under way when the client loses its connection, and the server does not. */
  #beLate({ luck }: Mishap): void {
    this.#sides.down.take = () => {}
    this.#sides.up.take = (chunk) => this.#held.push(chunk)
    this.#timer = setTimeout(() => {
      this.#client.resetAndDestroy()
      this.#isLate = true
      this.#timer = setTimeout(() => this.cut('reset'), hangingMs)
    }, luck * underWayMsMax)
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearTimeout(this.#timer)
    this.#options.onEnd()
  }
}

function write(socket: Socket, chunk: Buffer): void {
  if (chunk.length > 0 && socket.writable) socket.write(chunk)
}
