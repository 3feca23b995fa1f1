/**
 * The live sockets of one stream. Iterating gives those to broadcast to; on the way, sockets whose token has
 * expired are closed, so that no timer is needed for it and a sleeping object stays asleep.
 */
import { closeCodes } from '../../protocol/codes.ts'
import type { Selection } from '../../protocol/filter.ts'
import { pingText, pongText } from '../../protocol/frames.ts'
import type { Rights } from './live.ts'
import { Session } from './session.ts'

/** A socket that used to ping and has not for so long is a ghost: its client pings four times as often. */
const silenceMsMax = 3 * 60 * 1000

export class Sessions implements Iterable<Session> {
  readonly #state: DurableObjectState
  readonly #bySocket: Map<WebSocket, Session>
  /** Nothing expires before this; a bound, not always the exact time. */
  #earliestExpiry = Number.POSITIVE_INFINITY
  #reapedAt = 0
  #lastOrder = 0

  constructor(state: DurableObjectState) {
    this.#state = state
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(pingText, pongText))
    this.#bySocket = new Map(state.getWebSockets().map((socket) => [socket, Session.wake(socket, this.#expectExpiry)]))
    for (const { order } of this.#bySocket.values()) this.#lastOrder = Math.max(this.#lastOrder, order)
  }

  /** Takes a socket in as the one that was opened last. Nothing is broadcast to it before `add`. Throws like `Session.accept`. */
  accept(socket: WebSocket, opening: { readonly stream: string; readonly filter?: Selection | undefined }, rights: Rights): Session {
    this.#reap()
    const session = Session.accept(socket, { ...rights, ...opening, order: ++this.#lastOrder }, this.#expectExpiry)
    this.#state.acceptWebSocket(socket)
    return session
  }

  add(session: Session): void {
    this.#bySocket.set(session.socket, session)
  }

  of(socket: WebSocket): Session {
    const known = this.#bySocket.get(socket)
    if (known !== undefined) return known
    const session = Session.wake(socket, this.#expectExpiry)
    this.#bySocket.set(socket, session)
    return session
  }

  remove(socket: WebSocket): void {
    this.#bySocket.delete(socket)
  }

  readonly #expectExpiry = (expiresAt: number): void => {
    this.#earliestExpiry = Math.min(this.#earliestExpiry, expiresAt)
  };

  [Symbol.iterator](): Iterator<Session> {
    const now = Date.now()
    if (now >= this.#earliestExpiry) this.#closeExpired(now)
    return this.#bySocket.values()
  }

  closeAll(code: number, reason: string, lastFrame?: string): void {
    for (const session of this) {
      if (lastFrame !== undefined) session.send(lastFrame)
      this.#drop(session, code, reason)
    }
  }

  #closeExpired(now: number): void {
    this.#earliestExpiry = Number.POSITIVE_INFINITY
    for (const session of this.#bySocket.values()) {
      if (session.expiresAt <= now) this.#drop(session, closeCodes.tokenExpired, 'token-expired')
      else this.#expectExpiry(session.expiresAt)
    }
  }

  /** Closes ghosts, at most once a minute, when somebody connects. */
  #reap(): void {
    const now = Date.now()
    if (now - this.#reapedAt < 60_000) return
    this.#reapedAt = now
    for (const session of this.#bySocket.values()) {
      const lastPing = this.#state.getWebSocketAutoResponseTimestamp(session.socket)?.getTime() ?? now
      if (now - lastPing > silenceMsMax) this.#drop(session, closeCodes.silent, 'silent')
    }
  }

  #drop(session: Session, code: number, reason: string): void {
    this.#bySocket.delete(session.socket)
    session.end(code, reason)
  }
}
