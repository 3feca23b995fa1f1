/** Deployments: who may talk to them from where, what they need to be set up, and how streams end. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { app } from '../../../src/server/edge/app.ts'
import { call, insert, LiveSocket, origin, publish } from '../../support/live.ts'
import { testOrigin } from '../../support/secrets.ts'
import { testToken } from '../../support/tokens.ts'
import { isKnown, rowCounts, tapeOf } from './objects.ts'
import { expectProblem } from './problem.ts'

describe('deleting', () => {
  test('[H11] removes every event, closes every socket, and is for ever', async () => {
    const admin = await testToken({ may: ['admin'] })
    await publish('http-7', { client: 'a', drafts: [insert(1)] })
    const socket = await LiveSocket.open('http-7')
    await socket.next()
    const answer = await call('/v1/streams/http-7', { method: 'DELETE', token: admin })
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(await socket.closed).toEqual({ code: 4410, reason: 'stream-deleted' })
    expect(Object.entries(await rowCounts('http-7')).filter(([, count]) => count > 0)).toEqual([['stream', 1]])
    await expectProblem(await call('/v1/streams/http-7'), 'stream-deleted', 410)
    for (const accept of ['*/*', 'application/x-ndjson', 'text/event-stream']) {
      await expectProblem(await call('/v1/streams/http-7/events', { headers: { Accept: accept } }), 'stream-deleted', 410)
    }
    await expectProblem(await call('/v1/streams/http-7/events?wait=9'), 'stream-deleted', 410)
    await expectProblem(await publish('http-7', { client: 'a', drafts: [insert(1)] }), 'stream-deleted', 410)
    await expectProblem(
      await call('/v1/streams/http-7/live', { headers: { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'tapeline.v1' } }),
      'stream-deleted',
      410,
    )
    expect((await call('/v1/streams/http-7', { method: 'DELETE', token: admin })).status).toBe(204)
    expect(await tapeOf('http-7')).toMatch(/^\[\[{"id":0,"version":\d,"epoch":null,"deleted":1,.*}\],\[\],\[\]\]$/)
  })

  test('[H11] also before anything was published', async () => {
    const admin = await testToken({ may: ['admin'] })
    expect((await call('/v1/streams/http-8', { method: 'DELETE', token: admin })).status).toBe(204)
    await expectProblem(await publish('http-8', { client: 'a', drafts: [insert(1)] }), 'stream-deleted', 410)
  })

  test('[A1][H11] takes an admin’s token', async () => {
    await publish('http-9', { client: 'a', drafts: [insert(1)] })
    await expectProblem(await call('/v1/streams/http-9', { method: 'DELETE' }), 'forbidden', 403)
    await expectProblem(
      await call('/v1/streams/http-9', { method: 'DELETE', token: await testToken({ name: 'http-90', may: ['admin'] }) }),
      'forbidden',
      403,
    )
    expect(await (await call('/v1/streams/http-9')).json()).toMatchObject({ latestSeq: 0 })
  })
})

describe('origins', () => {
  const from = (originOf: string, path = '/v1/streams/http-10', init: RequestInit & { token?: string } = {}) =>
    call(path, { ...init, headers: { ...init.headers, Origin: originOf } })

  test('[A5] its own and those on the list may', async () => {
    expect((await from(origin)).headers.get('Access-Control-Allow-Origin')).toBeNull()
    const answer = await from(testOrigin)
    expect([answer.status, answer.headers.get('Access-Control-Allow-Origin'), answer.headers.get('Vary')]).toEqual([
      200,
      testOrigin,
      'Origin',
    ])
    const refused = await from(testOrigin, '/v1/streams/http-10', { token: 'x' })
    expect(refused.headers.get('Access-Control-Allow-Origin')).toBe(testOrigin)
    await expectProblem(refused, 'token-invalid', 401)
    const before = await from(testOrigin, '/v1/streams/http-10/events', { method: 'OPTIONS' })
    expect([before.status, before.headers.get('Access-Control-Allow-Methods'), before.headers.get('Access-Control-Allow-Headers')]).toEqual(
      [204, 'GET,POST,PUT,DELETE', 'Authorization,Content-Type,Last-Event-ID'],
    )
    const live = await from(testOrigin, '/v1/streams/http-10/live', {
      headers: { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'tapeline.v1' },
    })
    expect(live.status).toBe(101)
    live.webSocket?.accept()
    live.webSocket?.close()
  })

  test.each([
    'https://foe.example',
    'null',
    `${testOrigin}.foe.example`,
    `${testOrigin}:8443`,
    'http://friend.example',
    'https://FRIEND.example',
    `${testOrigin}/`,
    '*',
  ])('[A5] %j may not, on any route', async (foe) => {
    for (const init of [{}, { method: 'OPTIONS' }, { headers: { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'tapeline.v1' } }]) {
      const answer = await from(foe, '/v1/streams/http-11/live', init)
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull()
      await expectProblem(answer, 'origin-forbidden', 403)
    }
    await expectProblem(
      await from(foe, '/v1/streams/http-11/events', { method: 'POST', body: JSON.stringify({ client: 'a', drafts: [insert(1)] }) }),
      'origin-forbidden',
      403,
    )
    expect(await isKnown('http-11')).toBe(false)
  })
})

describe('a deployment', () => {
  const ask = (path: string, more: object, init: RequestInit = {}) =>
    app.fetch(new Request(origin + path, init), { ...env, ...more }, createExecutionContext())

  test('[A6] without a key answers nobody and says what to set', async () => {
    const headers = { Authorization: `Bearer ${await testToken()}` }
    for (const more of [{ TAPELINE_SECRET: undefined }, { TAPELINE_SECRET: '' }, { TAPELINE_SECRET: 'x'.repeat(31) }]) {
      for (const path of ['/v1/streams/a', '/v1/streams/a/events', '/v1/streams/a/live', '/demo/token', '/', '/elsewhere']) {
        const answer = await ask(path, more, { headers })
        expect(answer.headers.get('Retry-After')).toBe('1')
        expect((await expectProblem(answer, 'not-configured', 503)).hint).toContain('TAPELINE_SECRET')
      }
    }
  })

  test('[A7] gives tokens for demos only where DEMO is on', async () => {
    const body = JSON.stringify({ guest: '0123456789abcdef' })
    for (const DEMO of [undefined, '', 'off', 'true', 'ON']) {
      for (const method of ['POST', 'GET'])
        await expectProblem(await ask('/demo/token', { DEMO }, method === 'GET' ? {} : { method, body }), 'not-found', 404)
    }
    const answer = await ask('/demo/token', { DEMO: 'on' }, { method: 'POST', body })
    expect([answer.status, answer.headers.get('Cache-Control')]).toEqual([200, 'no-store'])
    const { token } = await answer.json<{ token: string }>()
    expect((await call('/v1/streams/demo.todo', { token })).status).toBe(200)
    expect((await publish('demo.todo', { client: 'a', drafts: [insert(1)] }, token)).status).toBe(200)
    await expectProblem(await call('/v1/streams/demo', { token }), 'forbidden', 403)
    await expectProblem(await call('/v1/streams/todo', { token }), 'forbidden', 403)
    await expectProblem(await call('/v1/streams/demo.todo', { method: 'DELETE', token }), 'forbidden', 403)
    await expectProblem(await ask('/demo/token', { DEMO: 'on' }), 'method-not-allowed', 405)
  })

  test.each([
    '',
    '{',
    '[]',
    '{}',
    '{"guest":7}',
    '{"guest":"short"}',
    '{"guest":"0123456789ABCDEF"}',
    `{"guest":"${'a'.repeat(65)}"}`,
    '{"guest":"0123456789abcdef","sub":"admin"}',
  ])('[A7] gives none to %j', async (body) => {
    const answer = await ask('/demo/token', { DEMO: 'on' }, { method: 'POST', body })
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ code: expect.stringMatching(/^(malformed-json|invalid)$/) }),
    ])
  })
})
