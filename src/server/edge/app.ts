/**
 * The Worker's routes. Each checks what can be checked without the stream (configuration, origin, name, method,
 * token, query, size), forwards to the object, and does nothing else. No object is addressed before its token is good.
 */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import { Refusal } from '../../protocol/codes.ts'
import { subprotocol } from '../../protocol/frames.ts'
import { batchBytesMax } from '../../protocol/limits.ts'
import { settlesHeader } from '../answers.ts'
import { type Action, checkAllowed, checkConfigured, checkStreamName, subprotocolsOf, tokenOf, verifyToken } from '../auth.ts'
import type { Env } from '../env.ts'
import { problemResponse } from '../problem.ts'
import { checkedParameters, checkNoToken, hashQueryOf, liveQueryOf, objectsQueryOf, readQueryOf, sizesQueryOf } from '../read-query.ts'
import { demoToken } from './demo-token.ts'
import { Leases } from './leases.ts'
import { answerLongPoll } from './long-poll.ts'
import { answerChunk, answerImmutableRead, type Sealed } from './sealed-answers.ts'
import { answerServerSentEvents } from './server-sent-events.ts'
import { answerSnapshot } from './snapshot-answers.ts'

interface Types {
  readonly Bindings: Env
}

export const app = new Hono<Types>()

app.onError((error) => {
  if (error instanceof Refusal) return problemResponse(error)
  console.error(error)
  return problemResponse(new Refusal('unavailable'))
})
app.notFound(() => problemResponse(new Refusal('not-found')))

app.use('*', checkOrigin())
app.use('*', async (c, next) => {
  checkConfigured(c.env)
  await next()
})

app.post('/demo/token', (c) => demoToken(c.req.raw, c.env))
app.all('/demo/token', (c) => (c.env.DEMO === 'on' ? notAllowed('POST') : c.notFound()))

const stream = '/v1/streams/:stream'

app.get(stream, refuseHead('GET, PUT, DELETE'), authorize('read'), (c) => {
  checkedParameters(c.req.raw, [])
  return forward(c)
})
app.delete(stream, authorize('admin'), async (c) => {
  checkedParameters(c.req.raw, [])
  return settled(await forward(c))
})
app.put(stream, authorize('admin'), limitBody(), forwardJson)
app.all(stream, () => notAllowed('GET, PUT, DELETE'))

app.get(`${stream}/events`, refuseHead('GET, POST'), authorize('read'), async (c) => {
  const query = readQueryOf(c.req.raw)
  if (query.as === 'sse') return answerServerSentEvents(c.req.raw, query, streamOf(c))
  if (query.waitSeconds > 0) return answerLongPoll(c.req.raw, query, streamOf(c))
  if (query.immutableKey !== undefined) return answerImmutableRead(await sealedOf(c), query)
  return forward(c)
})
app.post(`${stream}/events`, authorize('publish'), limitBody(), forwardJson)
app.all(`${stream}/events`, () => notAllowed('GET, POST'))

app.post(`${stream}/import`, authorize('admin'), limitBody(), forwardJson)
app.all(`${stream}/import`, () => notAllowed('POST'))

app.get(`${stream}/snapshot`, refuseHead('GET'), authorize('read'), async (c) => {
  checkedParameters(c.req.raw, [])
  return answerSnapshot((await sealedOf(c)).view)
})
app.all(`${stream}/snapshot`, () => notAllowed('GET'))

app.get(`${stream}/snapshot/:chunk`, refuseHead('GET'), authorize('read'), async (c) => {
  checkedParameters(c.req.raw, [])
  return answerChunk(await sealedOf(c), c.req.param('chunk'))
})
app.all(`${stream}/snapshot/:chunk`, () => notAllowed('GET'))

app.post(`${stream}/redactions`, authorize('admin'), limitBody(), async (c) => settled(await forwardJson(c)))
app.get(`${stream}/redactions`, refuseHead('GET, POST'), authorize('admin'), (c) => {
  checkedParameters(c.req.raw, [])
  return forward(c)
})
app.all(`${stream}/redactions`, () => notAllowed('GET, POST'))

app.get(`${stream}/indexes`, refuseHead('GET'), authorize('read'), (c) => {
  checkedParameters(c.req.raw, [])
  return forward(c)
})
app.all(`${stream}/indexes`, () => notAllowed('GET'))
app.put(`${stream}/indexes/:name`, authorize('admin'), limitBody(), forwardJson)
app.all(`${stream}/indexes/:name`, () => notAllowed('PUT'))

app.get(`${stream}/objects`, refuseHead('GET'), authorize('read'), (c) => {
  objectsQueryOf(c.req.raw)
  return forward(c)
})
app.all(`${stream}/objects`, () => notAllowed('GET'))

app.get(`${stream}/sizes`, refuseHead('GET'), authorize('read'), (c) => {
  sizesQueryOf(c.req.raw)
  return forward(c)
})
app.all(`${stream}/sizes`, () => notAllowed('GET'))

app.get(`${stream}/hash`, refuseHead('GET'), authorize('read'), (c) => {
  hashQueryOf(c.req.raw)
  return forward(c)
})
app.all(`${stream}/hash`, () => notAllowed('GET'))

app.get(`${stream}/live`, refuseHead('GET'), authorize('read'), (c) => {
  liveQueryOf(c.req.raw)
  if (c.req.header('Upgrade')?.toLowerCase() !== 'websocket') throw new Refusal('upgrade-required')
  if (!subprotocolsOf(c.req.raw).includes(subprotocol)) throw new Refusal('bad-subprotocol')
  return forward(c)
})
app.all(`${stream}/live`, () => notAllowed('GET'))

function limitBody(): MiddlewareHandler<Types> {
  return bodyLimit({
    maxSize: batchBytesMax,
    onError: () => problemResponse(new Refusal('too-large', { detail: `A body has at most ${batchBytesMax} bytes.` })),
  })
}

function forwardJson(c: Context<Types>): Promise<Response> {
  checkedParameters(c.req.raw, [])
  if (c.req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    throw new Refusal('unsupported-media-type')
  }
  return forward(c)
}

function authorize(action: Action): MiddlewareHandler<Types> {
  return async (c, next) => {
    const name = checkStreamName(c.req.param('stream') ?? '')
    checkNoToken(c.req.raw)
    checkAllowed(await verifyToken(tokenOf(c.req.raw), c.env), name, action)
    await next()
  }
}

function streamOf(c: Context<Types>): DurableObjectStub {
  const { STREAMS } = c.env
  return STREAMS.get(STREAMS.idFromName(checkStreamName(c.req.param('stream') ?? '')))
}

const leases = new Leases()

/** What is known of the stream's sealed part, for somebody who may read it. */
async function sealedOf(c: Context<Types>): Promise<Sealed> {
  const stub = streamOf(c)
  const objectId = stub.id.toString()
  const viewNow = () => leases.of(c.req.raw, objectId, stub)
  const isKnown = (mark: string) => leases.knows(mark, c.req.raw, { name: objectId, stream: stub })
  const view = await viewNow()
  return { request: c.req.raw, view, viewNow, objectId, env: c.env, context: c.executionCtx, isKnown, forward: () => forward(c) }
}

/** Waits until nothing of before is answered any more: see `Lessor`. */
async function settled(answer: Response): Promise<Response> {
  const ms = Number(answer.headers.get(settlesHeader) ?? 0)
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
  const { [settlesHeader.toLowerCase()]: _, ...headers } = Object.fromEntries(answer.headers)
  return new Response(answer.body, { status: answer.status, headers })
}

function forward(c: Context<Types>): Promise<Response> {
  return streamOf(c).fetch(c.req.raw)
}

/** Hono answers HEAD by way of GET, which here may open a socket or go on for ever. */
function refuseHead(allow: string): MiddlewareHandler<Types> {
  return (c, next) => (c.req.method === 'HEAD' ? Promise.resolve(notAllowed(allow)) : next())
}

function notAllowed(allow: string): Response {
  return problemResponse(new Refusal('method-not-allowed'), { Allow: allow })
}

/** Pages of other origins must be on the list, for sockets too, which browsers do not hold to CORS. */
function checkOrigin(): MiddlewareHandler<Types> {
  const allowCrossOrigin = cors({
    origin: (origin) => origin,
    allowHeaders: ['Authorization', 'Content-Type', 'Last-Event-ID'],
    allowMethods: ['GET', 'POST', 'PUT', 'DELETE'],
    exposeHeaders: ['ETag'],
    maxAge: 86_400,
  })
  return async (c, next) => {
    const origin = c.req.header('Origin')
    if (origin === undefined || origin === new URL(c.req.url).origin) return next()
    const allowed = (c.env.TAPELINE_ORIGINS ?? '').split(',').map((entry) => entry.trim())
    if (!allowed.includes(origin)) throw new Refusal('origin-forbidden', { detail: `Origin ${origin.slice(0, 200)}.` })
    // An upgraded connection has no headers to add to.
    return c.req.header('Upgrade') === undefined ? allowCrossOrigin(c, next) : next()
  }
}
