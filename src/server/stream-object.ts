/**
 * The Durable Object of one stream: a shell that connects the platform to the core. It checks the token again,
 * turns requests and frames into calls, and answers. Every field can be rebuilt; it may be evicted between any two
 * messages, and while it is idle it has no timer, no alarm and no promise pending.
 */
import { DurableObject } from 'cloudflare:workers'
import { closeCodes, Refusal } from '../protocol/codes.ts'
import { type ClientFrame, decodeClientFrame, RefusedFrame, subprotocol, type WelcomeFrame } from '../protocol/frames.ts'
import { seqMax } from '../protocol/limits.ts'
import { countSeqs } from '../protocol/seq-ranges.ts'
import { allows, checkAllowed, type Grant, subprotocolsOf, tokenOf, verifyToken } from './auth.ts'
import type { Env } from './env.ts'
import { answerDelete, answerPublish, answerRead, answerState } from './object-routes.ts'
import { problemResponse, refusedFrame } from './problem.ts'
import { afterOf, checkedParameters } from './read-query.ts'
import { rowBytesMax } from './row-cutter.ts'
import type { Session } from './session.ts'
import { Sessions } from './sessions.ts'
import type { Page } from './slice-reader.ts'
import { SqliteTape } from './sqlite-tape.ts'
import { StreamCore } from './stream-core.ts'

/** A client that is further behind than this asks for what it lacks itself, in pages that a cache can serve. */
const firstSliceEventsMax = 1000
const firstSliceBytesMax = 256 * 1024

export class StreamObject extends DurableObject<Env> {
  readonly #sessions: Sessions
  readonly #core: StreamCore

  constructor(state: DurableObjectState, env: Env) {
    super(state, env)
    this.#sessions = new Sessions(state)
    this.#core = new StreamCore({
      storage: new SqliteTape(state.storage),
      listeners: this.#sessions,
      later: (run) => void setTimeout(run, 0),
      now: Date.now,
      newEpoch: () => crypto.randomUUID().slice(0, 13),
      report: (error) => console.error(error),
    })
  }

  override async fetch(request: Request): Promise<Response> {
    try {
      const [, , , stream = '', resource] = new URL(request.url).pathname.split('/')
      const grant = await verifyToken(tokenOf(request), this.env)
      if (resource === 'live') return this.#connect(request, stream, grant)
      if (resource === 'events' && request.method === 'POST') {
        checkAllowed(grant, stream, 'publish')
        return await answerPublish(this.#core, request, grant.sub)
      }
      if (request.method === 'DELETE') {
        checkAllowed(grant, stream, 'admin')
        return answerDelete(this.#core, this.#sessions)
      }
      checkAllowed(grant, stream, 'read')
      return resource === 'events' ? answerRead(this.#core, request) : answerState(this.#core, stream)
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error)
      return problemResponse(error instanceof Refusal ? error : new Refusal('unavailable'))
    }
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const session = this.#sessions.of(socket)
    if (session.hasEnded) return
    try {
      const frame = decodeClientFrame(message)
      if (frame.type !== 'token' && session.expiresAt <= Date.now()) {
        session.end(closeCodes.tokenExpired, 'token-expired')
      } else {
        this.#receive(session, frame)
      }
    } catch (error) {
      if (error instanceof RefusedFrame) return session.send(refusedFrame(error.refusal, error.ref))
      if (!(error instanceof Refusal)) console.error(error)
      session.send(refusedFrame(error instanceof Refusal ? error : new Refusal('unavailable'), undefined))
    }
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#sessions.remove(socket)
    // 1005 and 1006 say that no code was sent; they may not be sent themselves.
    if (code !== 1005 && code !== 1006) this.#answerClose(socket, code, reason)
  }

  override webSocketError(socket: WebSocket): void {
    this.#sessions.remove(socket)
  }

  #connect(request: Request, stream: string, grant: Grant): Response {
    checkAllowed(grant, stream, 'read')
    const query = checkedParameters(request, ['after', 'epoch'])
    if (request.headers.get('Upgrade')?.toLowerCase() !== 'websocket') throw new Refusal('upgrade-required')
    if (!subprotocolsOf(request).includes(subprotocol)) throw new Refusal('bad-subprotocol')
    const after = query.get('after')
    const first = after === undefined ? undefined : this.#firstSlice(afterOf(after), query.get('epoch'))
    const { epoch, latestSeq } = this.#core.readState()

    const { 0: client, 1: server } = new WebSocketPair()
    const rights = { sub: grant.sub, mayPublish: allows(grant, stream, 'publish'), expiresAt: grant.expiresAt }
    const session = this.#sessions.accept(server, { ...rights, stream })
    const expiresInMs = grant.expiresAt - Date.now()
    const follows = first === undefined ? {} : { follows: first.covers }
    session.send(JSON.stringify({ type: 'welcome', epoch, latestSeq, expiresInMs, ...follows } satisfies WelcomeFrame))
    if (first !== undefined) session.send(decoder.decode(this.#core.encodePage(first, { type: 'slice' })))
    return new Response(null, { status: 101, webSocket: client, headers: { 'Sec-WebSocket-Protocol': subprotocol } })
  }

  /** Everything after a seq, where that fits one small frame and the client's epoch is the stream's. */
  #firstSlice(after: number, underEpoch: string | undefined): Page | undefined {
    const { epoch, latestSeq } = this.#core.state
    const missing = latestSeq - after
    if (missing <= 0 || missing > firstSliceEventsMax || (underEpoch !== undefined && underEpoch !== epoch)) return undefined
    const page = this.#core.read([[after + 1, seqMax]], { bytesMax: firstSliceBytesMax })
    return countSeqs(page.covers) === missing ? page : undefined
  }

  #receive(session: Session, frame: ClientFrame): void {
    switch (frame.type) {
      case 'publish':
        return this.#publish(session, frame)
      case 'fetch': {
        const page = this.#core.read(frame.seq, { bytesMax: rowBytesMax })
        return session.send(decoder.decode(this.#core.encodePage(page, { type: 'slice', ref: frame.ref })))
      }
      case 'token':
        this.ctx.waitUntil(this.#renew(session, frame.token))
        return
      case 'whisper':
        return this.#whisper(session, JSON.stringify(frame))
    }
  }

  #publish(session: Session, { ref, publish }: ClientFrame & { type: 'publish' }): void {
    if (!session.mayPublish) return session.send(refusedFrame(new Refusal('forbidden'), ref))
    if (publish.client !== undefined && publish.client !== session.client) this.#sessions.supersede(publish.client, session)
    this.#core.submit({ publish, sub: session.sub }, (verdict) => {
      if (verdict.type === 'refused') return session.send(refusedFrame(verdict.refusal, ref))
      // What is taken shows on the tape. Duplicates alone show nothing, so latestSeq tells where to look for them.
      if (verdict.seqs.length > 0) return
      session.send(decoder.decode(this.#core.encodePage({ covers: [], pieces: [] }, { type: 'slice', ref })))
    })
  }

  #whisper(session: Session, frame: string): void {
    if (!session.mayPublish) return session.send(refusedFrame(new Refusal('forbidden'), undefined))
    if (!session.countWhisper(Date.now())) return session.send(refusedFrame(new Refusal('too-often'), undefined))
    for (const other of this.#sessions) if (other !== session) other.send(frame)
  }

  /** A fresh token on an open socket keeps it open; a bad one is refused, and the old one goes on until it expires. */
  async #renew(session: Session, token: string): Promise<void> {
    try {
      const grant = await verifyToken(token, this.env)
      if (grant.sub !== session.sub) throw new Refusal('forbidden', { detail: 'The token is of another sub than the one that opened the socket.' })
      checkAllowed(grant, session.stream, 'read')
      session.renew({ mayPublish: allows(grant, session.stream, 'publish'), expiresAt: grant.expiresAt })
      this.#sessions.expectExpiry(grant.expiresAt)
      session.send(JSON.stringify({ type: 'token', expiresInMs: grant.expiresAt - Date.now() }))
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error)
      session.send(refusedFrame(error instanceof Refusal ? error : new Refusal('unavailable'), undefined))
    }
  }

  #answerClose(socket: WebSocket, code: number, reason: string): void {
    try {
      socket.close(code, reason)
    } catch {
      // Closed by both sides at once.
    }
  }
}

const decoder = new TextDecoder()
