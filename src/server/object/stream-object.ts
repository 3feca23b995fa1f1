/**
 * The Durable Object of one stream: a shell that connects the platform to the core. It checks the token again,
 * turns requests and frames into calls, and answers. Every field can be rebuilt; it may be evicted between any two
 * messages, and while it is idle it has no timer and no promise pending, and no alarm unless there is work for one.
 */
import { DurableObject } from 'cloudflare:workers'
import { closeCodes, Refusal } from '../../protocol/codes.ts'
import { subprotocol } from '../../protocol/frames.ts'
import { allows, checkAllowed, type Grant, subprotocolsOf, tokenOf, verifyToken } from '../auth.ts'
import type { Env } from '../env.ts'
import { IndexBuilder } from '../filters/index-builder.ts'
import { Borrower } from '../forks/borrower.ts'
import { Forker } from '../forks/forker.ts'
import { type AskLender, answerLending, type LendingAnswer, type LendingCall, takeAnswer } from '../forks/lending.ts'
import { LendableBlobs } from '../forks/loans.ts'
import { Parent } from '../forks/parent.ts'
import { SqliteLoans } from '../forks/sqlite-loans.ts'
import { problemResponse } from '../problem.ts'
import { liveQueryOf } from '../read-query.ts'
import { LayeredBlobs } from '../sealed/blobs.ts'
import { BucketBlobs } from '../sealed/bucket-blobs.ts'
import { Contents, gzipCodec } from '../sealed/contents.ts'
import { Lessor } from '../sealed/sealed-state.ts'
import { Sealer } from '../sealed/sealer.ts'
import { SnapshotBuilder } from '../sealed/snapshot-builder.ts'
import { SqliteBlobs } from '../sealed/sqlite-blobs.ts'
import { StreamCore } from '../stream-core.ts'
import { sliceFrame } from '../tape/slice-frames.ts'
import { SqliteSchema } from '../tape/sqlite-schema.ts'
import { SqliteTape } from '../tape/sqlite-tape.ts'
import { TimedBlobs } from '../timed-blobs.ts'
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
import type { Session } from './session.ts'
import { Sessions } from './sessions.ts'
import { Upkeep } from './upkeep.ts'

export class StreamObject extends DurableObject<Env> {
  readonly #sessions: Sessions
  readonly #core: StreamCore
  readonly #contents: Contents
  readonly #lessor: Lessor
  readonly #upkeep: Upkeep
  readonly #loans: SqliteLoans
  readonly #parent: Parent
  readonly #forker: Forker
  #live: Live<Session> | undefined

  /** `rules` come with a class of the deployment's own: see `createStreamObject`. */
  constructor(state: DurableObjectState, env: Env, rules?: StreamRules) {
    super(state, env)
    const id = state.id.toString()
    const schema = new SqliteSchema(state.storage)
    const storage = new SqliteTape(state.storage, schema)
    const loans = new SqliteLoans(state.storage.sql, schema)
    const rows = new SqliteBlobs(state.storage.sql)
    const bucket = env.SEGMENTS && new TimedBlobs(new BucketBlobs(env.SEGMENTS, id))
    const blobs = bucket === undefined ? rows : new LayeredBlobs(bucket, rows)
    const contents = new Contents(new LendableBlobs(blobs, loans), gzipCodec, report)
    const ask = askerOf(env.STREAMS)
    this.#sessions = new Sessions(state)
    const onUpkeepDue = () => void state.storage.setAlarm(Date.now())
    // Whoever is connected forgets what it has, and reads anew. The frame says so to those who hear of closed sockets late.
    const onChanged = () => {
      const { epoch, latestSeq, closed } = this.#core.state
      this.#sessions.closeAll(closeCodes.changed, 'changed', sliceFrame({ epoch, latestSeq, closed, covers: [] }))
    }
    this.#core = new StreamCore({
      storage,
      contents,
      listeners: this.#sessions,
      later: afterThisTurn,
      pause,
      now: Date.now,
      newEpoch,
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      onRewritten: onChanged,
      onUpkeepDue,
      report,
      rules,
    })
    this.#contents = contents
    this.#lessor = new Lessor(this.#core)
    const core = this.#core
    this.#loans = loans
    this.#parent = new Parent({ id, core, storage, contents, loans, inRows: (names) => rows.known(names), onReturned: onUpkeepDue })
    const idOf = (stream: string) => env.STREAMS.idFromName(stream).toString()
    const making = { idOf, newEpoch, now: Date.now, pause, onUpkeepDue, onMade: onChanged }
    this.#forker = new Forker({ core, storage, contents, loans, ask, ...making })
    this.#upkeep = new Upkeep({
      core,
      contents,
      sealer: new Sealer(core.sealed, contents, pause),
      snapshots: new SnapshotBuilder(core.sealed, contents, { pause }),
      indexes: new IndexBuilder(core, pause),
      forker: this.#forker,
      borrower: new Borrower({ tape: core.sealed, loans, ask }),
      loans,
      now: Date.now,
      onExpired: () => this.#sessions.closeAll(closeCodes.deleted, 'stream-deleted'),
      wake: (afterMs) => wakeBy(state.storage, Date.now() + afterMs),
      report,
    })
  }

  override alarm(): Promise<void> {
    return this.#upkeep.run()
  }

  /** What forks ask of the streams that they are made of: only objects of the deployment can call this. */
  lend(call: LendingCall, asked: unknown): Promise<LendingAnswer> {
    return answerLending(this.#parent, call, asked)
  }

  override async fetch(request: Request): Promise<Response> {
    try {
      const [, , , stream = '', resource, part] = partsOf(request.url)
      const grant = await verifyToken(tokenOf(request), this.env)
      if (resource === 'live') return this.#connect(request, stream, grant)
      if (resource === 'events' && request.method === 'POST') {
        checkAllowed(grant, stream, 'publish')
        return await answerPublish(this.#core, request, grant.sub)
      }
      if (resource === 'import') {
        checkAllowed(grant, stream, 'admin')
        return await answerImport(this.#core, request, this.#forker)
      }
      if (resource === 'indexes') {
        checkAllowed(grant, stream, request.method === 'GET' ? 'read' : 'admin')
        return await answerIndexes(this.#core, request, part)
      }
      if (resource === 'redactions') {
        checkAllowed(grant, stream, 'admin')
        const surroundings = { sub: grant.sub, upkeep: this.#upkeep, lessor: this.#lessor, loans: this.#loans }
        return await answerRedactions(this.#core, request, surroundings)
      }
      if (request.method === 'PUT' && resource === undefined) {
        checkAllowed(grant, stream, 'admin')
        return await answerConfigure(this.#core, request, stream, { grant, upkeep: this.#upkeep })
      }
      if (request.method === 'DELETE') {
        checkAllowed(grant, stream, 'admin')
        return answerDelete(this.#core, this.#sessions, this.#lessor)
      }
      checkAllowed(grant, stream, 'read')
      if (resource === 'events') return await answerRead(this.#core, request)
      if (resource === 'sizes') return answerSizes(this.#core, request)
      if (resource === 'objects') return answerObjects(this.#core, request)
      if (resource === 'hash') return await answerHash(this.#core, request)
      if (resource === 'sealed') return answerSealed(this.#lessor, request)
      if (part !== undefined) return await answerPackedChunk(this.#core, this.#contents, part)
      return answerState(this.#core, stream)
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error)
      return problemResponse(error instanceof Refusal ? error : new Refusal('unavailable'))
    }
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> | void {
    const session = this.#sessions.of(socket)
    return this.#liveOf(session.stream).receive(session, message)
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#sessions.remove(socket)
    // 1005 and 1006 say that no code was sent, and may not be sent themselves. A link that broke (1006) hears nothing.
    if (code !== 1006) this.#answerClose(socket, code === 1005 ? 1000 : code, reason)
  }

  override webSocketError(socket: WebSocket): void {
    this.#sessions.remove(socket)
  }

  #connect(request: Request, stream: string, grant: Grant): Response {
    const rights = rightsOf(grant, stream)
    const opening = liveQueryOf(request)
    if (request.headers.get('Upgrade')?.toLowerCase() !== 'websocket') throw new Refusal('upgrade-required')
    if (!subprotocolsOf(request).includes(subprotocol)) throw new Refusal('bad-subprotocol')
    this.#core.readState()
    if (opening.filter !== undefined) this.#core.reads.filterOf(opening.filter)

    const { 0: client, 1: server } = new WebSocketPair()
    const session = this.#sessions.accept(server, { stream, filter: opening.filter }, rights)
    this.#liveOf(stream).open(session, opening)
    this.#sessions.add(session)
    return new Response(null, { status: 101, webSocket: client, headers: { 'Sec-WebSocket-Protocol': subprotocol } })
  }

  #liveOf(stream: string): Live<Session> {
    this.#live ??= new Live({
      core: this.#core,
      sessions: this.#sessions,
      verify: async (token) => rightsOf(await verifyToken(token, this.env), stream),
      now: Date.now,
      report,
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

/**
 * The runtime delivers what has arrived before it reads on from a body, even one that is at hand: whatever came in
 * the same turn waits by then. One publish alone goes at once; a timer, which takes a millisecond, is worth it only
 * where others have come and more will.
 */
function afterThisTurn(run: () => void, isAlone: () => boolean): void {
  const decide = () => (isAlone() ? run() : setTimeout(run, 0))
  new Response(' ').text().then(decide, decide)
}

/** Sets the alarm for then, unless it rings sooner: somebody may have asked for it while the last one was at work. */
async function wakeBy(storage: DurableObjectStorage, at: number): Promise<void> {
  const before = await storage.getAlarm()
  if (before === null || at < before) await storage.setAlarm(at)
}

/** After an exception a stub is no good any more: each question has its own. */
function askerOf(namespace: DurableObjectNamespace): AskLender {
  return async (id, call, asked) => {
    const stub = namespace.get(namespace.idFromString(id)) as unknown as Pick<StreamObject, 'lend'>
    return takeAnswer(await stub.lend(call, asked)) as never
  }
}

function newEpoch(): string {
  return crypto.randomUUID().slice(0, 13)
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

function report(error: unknown): void {
  console.error(error)
}

/** The Worker has routed by what the address means, however it is written. Throws `not-found` when it means nothing. */
function partsOf(address: string): string[] {
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
