/**
 * The Durable Object of one stream: a shell that connects the platform to the core. It checks the token again,
 * turns requests and frames into calls, and answers. Every field can be rebuilt; it may be evicted between any two
 * messages, and while it is idle it has no timer and no promise pending, and no alarm unless there is work for one.
 */
import { DurableObject } from 'cloudflare:workers'
import { Refusal } from '../../protocol/codes.ts'
import { subprotocol } from '../../protocol/frames.ts'
import { allows, checkAllowed, type Grant, subprotocolsOf, tokenOf, verifyToken } from '../auth.ts'
import type { Env } from '../env.ts'
import { answerLending, type LendingAnswer, type LendingCall } from '../forks/lending.ts'
import { problemResponse } from '../problem.ts'
import { liveQueryOf } from '../read-query.ts'
import { checkRules, type StreamRules } from '../turn/rules.ts'
import { Live, type Rights } from './live.ts'
import {
  answerConfigure,
  answerDelete,
  answerHash,
  answerImport,
  answerIndexes,
  answerObjects,
  answerPackedChunk,
  answerPublish,
  answerRead,
  answerRedactions,
  answerSealed,
  answerSizes,
  answerState,
} from './object-routes.ts'
import { createParts, type LendingObject, type Parts } from './parts.ts'
import type { Session } from './session.ts'

export class StreamObject extends DurableObject<Env> implements LendingObject {
  readonly #parts: Parts
  #live: Live<Session> | undefined

  /** `rules` come with a class of the deployment's own: see `createStreamObject`. */
  constructor(state: DurableObjectState, env: Env, rules?: StreamRules) {
    super(state, env)
    this.#parts = createParts(state, env, rules)
  }

  override alarm(): Promise<void> {
    return this.#parts.upkeep.run()
  }

  /** What forks ask of the streams that they are made of: only objects of the deployment can call this. */
  lend(call: LendingCall, asked: unknown): Promise<LendingAnswer> {
    return answerLending(this.#parts.parent, call, asked)
  }

  override async fetch(request: Request): Promise<Response> {
    const { core, contents, sessions, lessor, loans, forker, upkeep } = this.#parts
    try {
      const [, , , stream = '', resource, part] = pathOf(request.url)
      const grant = await verifyToken(tokenOf(request), this.env)
      if (resource === 'live') return this.#connect(request, stream, grant)
      if (resource === 'events' && request.method === 'POST') {
        checkAllowed(grant, stream, 'publish')
        return await answerPublish(core, request, grant.sub)
      }
      if (resource === 'import') {
        checkAllowed(grant, stream, 'admin')
        return await answerImport(core, request, forker)
      }
      if (resource === 'indexes') {
        checkAllowed(grant, stream, request.method === 'GET' ? 'read' : 'admin')
        return await answerIndexes(core, request, part)
      }
      if (resource === 'redactions') {
        checkAllowed(grant, stream, 'admin')
        return await answerRedactions(core, request, { sub: grant.sub, upkeep, lessor, loans })
      }
      if (request.method === 'PUT' && resource === undefined) {
        checkAllowed(grant, stream, 'admin')
        return await answerConfigure(core, request, stream, { grant, upkeep })
      }
      if (request.method === 'DELETE') {
        checkAllowed(grant, stream, 'admin')
        return answerDelete(core, sessions, lessor)
      }
      checkAllowed(grant, stream, 'read')
      if (resource === 'events') return await answerRead(core, request)
      if (resource === 'sizes') return answerSizes(core, request)
      if (resource === 'objects') return answerObjects(core, request)
      if (resource === 'hash') return await answerHash(core, request)
      if (resource === 'sealed') return answerSealed(lessor, request)
      if (part !== undefined) return await answerPackedChunk(core, contents, part)
      return answerState(core, stream)
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error)
      return problemResponse(error instanceof Refusal ? error : new Refusal('unavailable'))
    }
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> | void {
    const session = this.#parts.sessions.of(socket)
    return this.#liveOf(session.stream).receive(session, message)
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#parts.sessions.remove(socket)
    // 1005 and 1006 say that no code was sent, and may not be sent themselves. A link that broke (1006) hears nothing.
    if (code !== 1006) this.#answerClose(socket, code === 1005 ? 1000 : code, reason)
  }

  override webSocketError(socket: WebSocket): void {
    this.#parts.sessions.remove(socket)
  }

  #connect(request: Request, stream: string, grant: Grant): Response {
    const { core, sessions } = this.#parts
    const rights = rightsOf(grant, stream)
    const opening = liveQueryOf(request)
    if (request.headers.get('Upgrade')?.toLowerCase() !== 'websocket') throw new Refusal('upgrade-required')
    if (!subprotocolsOf(request).includes(subprotocol)) throw new Refusal('bad-subprotocol')
    core.readState()
    if (opening.filter !== undefined) core.reads.filterOf(opening.filter)

    const { 0: client, 1: server } = new WebSocketPair()
    const session = sessions.accept(server, { stream, filter: opening.filter }, rights)
    this.#liveOf(stream).open(session, opening)
    sessions.add(session)
    return new Response(null, { status: 101, webSocket: client, headers: { 'Sec-WebSocket-Protocol': subprotocol } })
  }

  #liveOf(stream: string): Live<Session> {
    const { core, sessions } = this.#parts
    this.#live ??= new Live({
      core,
      sessions,
      verify: async (token) => rightsOf(await verifyToken(token, this.env), stream),
      now: Date.now,
      report: (error) => console.error(error),
    })
    return this.#live
  }

  #answerClose(socket: WebSocket, code: number, reason: string): void {
    try {
      socket.close(code, reason)
    } catch {
      // Closed by both sides at once.
    }
  }
}

/**
 * The class of a deployment's Durable Objects, with its own rules of what may come on a tape:
 *
 *     export class StreamObject extends createStreamObject({ validate, recent: 100 }) {}
 *
 * Throws a TypeError where the rules are none.
 */
export function createStreamObject(rules?: StreamRules): new (state: DurableObjectState, env: Env) => StreamObject {
  if (rules !== undefined) checkRules(rules)
  return class extends StreamObject {
    constructor(state: DurableObjectState, env: Env) {
      super(state, env, rules)
    }
  }
}

/** The Worker has routed by what the address means, however it is written. Throws `not-found` when it means nothing. */
function pathOf(address: string): string[] {
  try {
    return new URL(address).pathname.split('/').map(decodeURIComponent)
  } catch {
    throw new Refusal('not-found')
  }
}

/** What a grant allows on a live socket of this stream. Throws `forbidden` when that is nothing. */
function rightsOf(grant: Grant, stream: string): Rights {
  checkAllowed(grant, stream, 'read')
  return { sub: grant.sub, mayPublish: allows(grant, stream, 'publish'), expiresAt: grant.expiresAt }
}
