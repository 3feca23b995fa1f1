/**
 * Keeps one live link open: carries out what the connection machine decides, decodes frames, and shows the server
 * a fresh token before the old one expires. It knows frames, not what they mean for tape or outbox.
 */
import {
  type Code,
  closeCodes,
  codeFacts,
  decodeServerFrame,
  pingText,
  pongText,
  type ServerFrame,
  type WelcomeFrame,
} from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { type Connection, type ConnectionInput, initialConnection, stepConnection } from './connection.ts'
import { isOfFilters } from './refused-filters.ts'
import type { ClientParts, TokenKeeper } from './token-keeper.ts'
import type { Closing, Link, LinkRequest, Transport } from './transport.ts'

export interface LiveLinkHooks {
  /** Where to resume. */
  readonly resume: () => Omit<LinkRequest, 'token'>
  readonly onWelcome: (frame: WelcomeFrame) => void
  readonly onFrame: (frame: Exclude<ServerFrame, WelcomeFrame>) => void
  /** Anything came: a frame or a pong. */
  readonly onHeard: () => void
  /** The link that was welcomed is gone, and perhaps why. */
  readonly onDown: (problem: Code | undefined) => void
  /** The connection's state, or what is known of its trouble, has changed. */
  readonly onChange: () => void
}

/** How the connection stands, as a status says it. */
export type LinkState = 'connecting' | 'online' | 'offline' | 'stopped'

export class LiveLink {
  readonly #transport: Transport
  readonly #environment: Environment
  readonly #hooks: LiveLinkHooks
  readonly #tokens: TokenKeeper
  #connection: Connection = initialConnection
  #link: Link | undefined
  #timer: unknown
  /** Counts openings, so that what an old one brings late is known as such. */
  #opening = 0
  #hasFilters = false
  /** Why the server did not let us in, the last time it did not. */
  problem: Code | undefined

  constructor(hooks: LiveLinkHooks, { transport, environment, tokens }: ClientParts) {
    this.#transport = transport
    this.#environment = environment
    this.#tokens = tokens
    this.#hooks = hooks
  }

  get state(): LinkState {
    return stateOf(this.#connection)
  }

  start(): void {
    this.#step({ type: 'start' })
  }

  /** Now may be a better time than the one planned: the network is back, the page is seen again. */
  nudge(): void {
    this.#step({ type: 'nudge' })
  }

  /** Closes the link until `start`. */
  pause(): void {
    this.#step({ type: 'pause' })
  }

  stop(problem?: Code): void {
    if (this.#connection.type === 'stopped') return
    this.problem = problem ?? this.problem
    this.#step({ type: 'stop' })
  }

  /** Opens another link in place of this one, as `resume` says it now. */
  renew(): void {
    this.#step({ type: 'renew' })
  }

  /** Gives up this link and opens another one after a while. */
  backOff(): void {
    this.#link?.close()
    this.#lose({})
  }

  send(frame: object): void {
    this.#link?.send(JSON.stringify(frame))
  }

  #step(input: ConnectionInput): void {
    const before = this.#connection
    const [after, effects] = stepConnection(before, input)
    this.#connection = after
    if (before.type === 'online' && after.type !== 'online') this.#hooks.onDown(this.problem)
    if (after.type === 'stopped') this.#tokens.stop()
    for (const effect of effects) {
      switch (effect.type) {
        case 'open':
          void this.#open()
          break
        case 'close':
          this.#opening++
          this.#link?.close()
          this.#link = undefined
          break
        case 'ping':
          this.#link?.send(pingText)
          break
        case 'timer':
          this.#environment.clearTimer(this.#timer)
          if (effect.afterMs !== undefined) {
            const onTimer = () => this.#step({ type: 'timer', random: this.#environment.random() })
            this.#timer = this.#environment.setTimer(onTimer, effect.afterMs)
          }
      }
    }
    if (before.type !== after.type) this.#hooks.onChange()
  }

  async #open(): Promise<void> {
    const opening = ++this.#opening
    try {
      const token = await this.#tokens.get()
      if (opening !== this.#opening) return
      const request = { token, ...this.#hooks.resume() }
      this.#hasFilters = request.filters !== undefined
      this.#link = this.#transport.connect(request, {
        onFrame: (text) => {
          if (opening === this.#opening) this.#receive(text)
        },
        onClose: (closing) => {
          if (opening === this.#opening) this.#lose(closing)
        },
      })
    } catch (error) {
      this.#environment.report(error)
      if (opening === this.#opening) this.#lose({})
    }
  }

  #receive(text: string): void {
    this.#hooks.onHeard()
    if (text === pongText) return this.#step({ type: 'answered' })
    let frame: ServerFrame
    try {
      frame = decodeServerFrame(text)
    } catch (error) {
      this.#environment.report(error)
      return this.backOff()
    }
    this.#step({ type: 'heard' })
    if (frame.type === 'welcome') {
      this.problem = undefined
      this.#renewBefore(frame.expiresInMs)
      this.#step({ type: 'welcomed' })
      // Whoever was told of the change may have stopped it.
      if (this.state === 'online') this.#hooks.onWelcome(frame)
    } else {
      if (frame.type === 'token') this.#renewBefore(frame.expiresInMs)
      this.#hooks.onFrame(frame)
    }
  }

  #lose({ closeCode, refusal }: Closing): void {
    if (this.#connection.type === 'stopped') return
    this.#opening++
    this.#link = undefined
    const problem = refusal ?? problemOfCloseCode(closeCode)
    const recovery = problem === undefined ? undefined : codeFacts(problem).recovery
    if (problem !== undefined && recovery === 'fatal' && !(this.#hasFilters && isOfFilters(problem))) return this.stop(problem)
    if (recovery === 'renew') this.#tokens.forget()
    this.problem = problem
    this.#step({ type: 'lost', random: this.#environment.random() })
  }

  #renewBefore(expiresInMs: number): void {
    this.#tokens.expect(expiresInMs, () => void this.#renew())
  }

  /** Shows the server a fresh token, if it is there to see it. */
  async #renew(): Promise<void> {
    const opening = this.#opening
    if (this.#connection.type !== 'online') return
    try {
      const token = await this.#tokens.get()
      if (opening === this.#opening) this.send({ type: 'token', token })
    } catch (error) {
      // The old token holds for a while; when it ends, the server closes and the next opening asks again.
      this.#environment.report(error)
    }
  }
}

function stateOf({ type }: Connection): LinkState {
  switch (type) {
    case 'idle':
    case 'connecting':
      return 'connecting'
    case 'waiting':
      return 'offline'
    case 'online':
    case 'stopped':
      return type
  }
}

function problemOfCloseCode(closeCode: number | undefined): Code | undefined {
  switch (closeCode) {
    case closeCodes.tokenExpired:
      return 'token-expired'
    case closeCodes.superseded:
      return 'superseded'
    case closeCodes.deleted:
      return 'stream-deleted'
    default:
      return undefined
  }
}
