import { describe, expect, test } from 'vitest'
import { call, insert, LiveSocket, publish } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { isKnown, rowCounts } from './objects.ts'
import { expectProblem } from './problem.ts'

describe('what the routes answer', () => {
  test('[H1][S4] the state of a stream, which may be empty', async () => {
    const answer = await call('/v1/streams/http-none')
    expect([answer.status, answer.headers.get('Content-Type'), answer.headers.get('Cache-Control')]).toEqual([
      200,
      'application/json',
      'no-store',
    ])
    expect(await answer.json()).toEqual({ stream: 'http-none', epoch: null, latestSeq: -1 })
    expect(await (await call('/v1/streams/http-none/events')).json()).toEqual({ epoch: null, latestSeq: -1, covers: [], events: [] })
    expect(await rowCounts('http-none')).toEqual({})
  })

  test('[P1][P2][H4] a publish, with seqs, duplicates and the state after it', async () => {
    const one = await publish('http-1', { client: 'a', drafts: [insert(1), insert(2)] })
    expect([one.status, one.headers.get('Content-Type'), one.headers.get('Cache-Control')]).toEqual([200, 'application/json', 'no-store'])
    const first = await one.json<{ epoch: string }>()
    expect(first).toEqual({ seqs: [[0, 1]], duplicates: 0, latestSeq: 1, epoch: expect.stringMatching(/^[0-9a-f-]{13}$/) })
    expect(await (await publish('http-1', { client: 'a', drafts: [insert(2), insert(3)] })).json()).toEqual({
      ...first,
      seqs: [[2, 2]],
      duplicates: 1,
      latestSeq: 2,
    })
    expect(await (await publish('http-1', { client: 'a', drafts: [insert(3)] })).json()).toEqual({
      ...first,
      seqs: [],
      duplicates: 1,
      latestSeq: 2,
    })
    expect(await (await publish('http-1', { drafts: [{ type: 'delete', collection: 'tasks', identifier: 'x' }] })).json()).toEqual({
      ...first,
      seqs: [[3, 3]],
      latestSeq: 3,
    })
    expect(await (await call('/v1/streams/http-1')).json()).toEqual({ stream: 'http-1', epoch: first.epoch, latestSeq: 3 })
  })

  test('[N1] a name may be written in any way that means it, and a token for the name is good for each', async () => {
    const token = await testToken({ name: 'http:2' })
    await publish('http:2', { client: 'a', drafts: [insert(1)] }, token)
    for (const name of ['http:2', 'http%3A2', '%68ttp%3a2']) {
      expect(await (await call(`/v1/streams/${name}`, { token })).json()).toMatchObject({ stream: 'http:2', latestSeq: 0 })
      expect(await (await call(`/v1/streams/${name}/events`, { token })).json()).toMatchObject({ covers: [[0, 0]] })
    }
    expect(await (await publish('http%3A2', { client: 'a', drafts: [insert(2)] }, token)).json()).toMatchObject({ seqs: [[1, 1]] })
    expect(await (await call('/v1/streams/http:2/%65vents', { token })).json()).toMatchObject({ covers: [[0, 1]] })
    const socket = await LiveSocket.open('http%3A2', { token })
    expect(await socket.next()).toMatchObject({ type: 'welcome', latestSeq: 1 })
    socket.close()
  })

  test('[P8] publishes that come together are stored in fewer rows, each with its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) =>
        (await publish('http-3', { client: `c${i}`, drafts: [insert(1)] })).json<{ seqs: [number, number][] }>(),
      ),
    )
    const seqs = answers.map((answer) => answer.seqs[0]?.[0]).toSorted((a, b) => (a ?? 0) - (b ?? 0))
    expect(seqs).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect((await rowCounts('http-3')).tape).toBeLessThan(20)
  })
})

describe('what the routes refuse', () => {
  test.each<[method: string, path: string, allow: string]>([
    ...['POST', 'PATCH', 'HEAD', 'OPTIONS'].map((method): [string, string, string] => [method, '', 'GET, PUT, DELETE']),
    ...['PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'].map((method): [string, string, string] => [method, '/events', 'GET, POST']),
    ...['PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS'].map((method): [string, string, string] => [method, '/live', 'GET']),
    ...['PUT', 'GET', 'DELETE', 'HEAD', 'OPTIONS'].map((method): [string, string, string] => [method, '/import', 'POST']),
  ])('[H9] %s …%s, and says that %s is allowed', async (method, path, allow) => {
    const answer = await call(`/v1/streams/http-method${path}`, { method })
    expect(answer.headers.get('Allow')).toBe(allow)
    if (method === 'HEAD') expect(answer.status).toBe(405)
    else await expectProblem(answer, 'method-not-allowed', 405)
    expect(await isKnown('http-method')).toBe(false)
  })

  test('[H9] an address that is none', async () => {
    for (const path of [
      '/v1',
      '/v1/streams',
      '/v1/streams/',
      '/v1/streams/a/',
      '/v1/streams/a/event',
      '/v1/streams/a/events/',
      '/v1/streams/a/events/1',
      '/v2/streams/a',
      '/v1/streams/..',
      '/v1/streams/%2e%2e/events',
      '/V1/streams/a',
      '/favicon.icon',
    ]) {
      await expectProblem(await call(path), 'not-found', 404)
    }
  })

  test.each([
    'a%2Fb',
    'a%20b',
    'a b',
    'ü',
    '%00',
    'a%0A',
    'x'.repeat(201),
    '%',
    '%zz',
    '%FF',
    'a*',
    'a%3Fb',
    '%252e',
    'a+b',
    'a@b',
    '%ED%A0%80',
    "'",
    '😀',
  ])('[N1] the name %s', async (name) => {
    for (const path of ['', '/events', '/live']) await expectProblem(await call(`/v1/streams/${name}${path}`), 'bad-stream-name', 400)
    await expectProblem(await publish(name, { client: 'a', drafts: [insert(1)] }), 'bad-stream-name', 400)
    await expectProblem(await call(`/v1/streams/${name}`, { method: 'DELETE' }), 'bad-stream-name', 400)
  })

  test('[N1] no name of 200 characters', async () => {
    expect((await call(`/v1/streams/${'x'.repeat(200)}`)).status).toBe(200)
  })

  test.each([
    'text/plain',
    '',
    'application/jsonp',
    'text/json',
    'application/json-patch+json',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
  ])('[H9] a publish that says it is %j', async (type) => {
    const body = new TextEncoder().encode(JSON.stringify({ client: 'a', drafts: [insert(1)] }))
    await expectProblem(
      await call('/v1/streams/http-type/events', { method: 'POST', body, headers: { 'Content-Type': type } }),
      'unsupported-media-type',
      415,
    )
    expect(await isKnown('http-type')).toBe(false)
  })

  test.each(['application/json; charset=utf-8', 'Application/JSON', ' application/json ;x=y'])(
    '[H9] no publish that says it is %j',
    async (type) => {
      const body = JSON.stringify({ drafts: [{ type: 'delete', collection: 'a', identifier: 'b' }] })
      expect((await call('/v1/streams/http-type-2/events', { method: 'POST', body, headers: { 'Content-Type': type } })).status).toBe(200)
    },
  )

  test('[H9] a socket’s address without an upgrade, or without its subprotocol', async () => {
    await expectProblem(await call('/v1/streams/http-4/live'), 'upgrade-required', 426)
    for (const protocol of [undefined, 'tapeline.v2', 'tapeline', 'TAPELINE.V1', '']) {
      const headers = { Upgrade: 'websocket', ...(protocol === undefined ? {} : { 'Sec-WebSocket-Protocol': protocol }) }
      await expectProblem(await call('/v1/streams/http-4/live', { headers }), 'bad-subprotocol', 400)
    }
    expect(await isKnown('http-4')).toBe(false)
  })

  test.each(['?after=', '?after=x', '?after=-2', '?after=9007199254740991'])('[H3] a socket that begins %s', async (query) => {
    await expectProblem(
      await call(`/v1/streams/http-5/live${query}`, { headers: { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'tapeline.v1' } }),
      'bad-ranges',
      400,
    )
  })

  test.each(['', 'a%20b', 'a'.repeat(65)])('[L1][N3] a socket of a client that is called %j', async (client) => {
    const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'tapeline.v1' }
    await expectProblem(await call(`/v1/streams/http-7a/live?client=${client}`, { headers }), 'bad-query', 400)
    expect(await isKnown('http-7a')).toBe(false)
  })

  test.each<[method: string, path: string]>([
    ['GET', '?x=1'],
    ['GET', '/live?seq=1'],
    ['GET', '/live?after=1&after=2'],
    ['GET', '/live?client=a&client=a'],
    ['GET', '/events?client=a'],
    ['POST', '/events?seq=1'],
    ['GET', '/events?fold=maybe'],
    ['GET', '?epoch=a'],
  ])('[H3] %s …%s, whose parameters it does not take', async (method, path) => {
    const body = method === 'POST' ? { body: '{}' } : {}
    await expectProblem(await call(`/v1/streams/http-6${path}`, { method, ...body }), 'bad-query', 400)
    expect(await isKnown('http-6')).toBe(false)
  })
})
