/** Closing a stream, and streams that end by themselves, on the real object. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { call, insert, LiveSocket, publish, textOf } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { stubOf } from './objects.ts'

async function put(stream: string, settings: unknown, may: 'admin' | 'publish' = 'admin'): Promise<Record<string, unknown>> {
  const answer = await call(`/v1/streams/${stream}`, {
    method: 'PUT',
    body: typeof settings === 'string' ? settings : JSON.stringify(settings),
    token: await testToken({ may: ['read', may] }),
  })
  return answer.json()
}

const stateOf = async (stream: string) => (await call(`/v1/streams/${stream}`)).json<Record<string, unknown>>()

describe('a stream that is closed', () => {
  test('[V1] takes nothing more, tells everyone, and is read as before', async () => {
    const stream = 'life-closed'
    await (await publish(stream, { client: 'a', drafts: [insert(1), insert(2)] })).text()
    const listener = await LiveSocket.open(stream)
    await listener.next()
    const state = await put(stream, { closed: true })
    expect(state).toMatchObject({ stream, latestSeq: 1, closed: true })
    expect(await listener.next()).toMatchObject({ type: 'slice', covers: [], events: [], latestSeq: 1, closed: true })
    for (let round = 0; round < 2; round++) {
      expect(await (await publish(stream, { client: 'a', drafts: [insert(3)] })).json()).toMatchObject({
        code: 'stream-closed',
        status: 409,
      })
      expect(await (await publish(stream, { drafts: [{ type: 'delete', collection: 'c', identifier: 'i' }] })).json()).toMatchObject({
        code: 'stream-closed',
      })
      expect(await (await publish(stream, { client: 'a', drafts: [insert(2)] })).json()).toMatchObject({ duplicates: 1, latestSeq: 1 })
      expect(await (await call(`/v1/streams/${stream}/events`)).json()).toMatchObject({ covers: [[0, 1]], closed: true })
      const socket = await LiveSocket.open(stream)
      expect(await socket.next()).toMatchObject({ type: 'welcome', closed: true })
      socket.close()
      expect(await stateOf(stream)).toEqual(state)
      await evictDurableObject(stubOf(stream))
    }
    const immutable = await call(`/v1/streams/${stream}/events?seq=0-1&epoch=${state.epoch}`)
    expect(await immutable.json()).not.toHaveProperty('closed')
    expect(await put(stream, { expires: null })).toMatchObject({ closed: true })
  })

  test('[V1][R1] says so in the last frame before its epoch ends, too', async () => {
    const stream = 'life-closed-redacted'
    await (await publish(stream, { client: 'a', drafts: [insert(1)] })).text()
    await put(stream, { closed: true })
    const listener = await LiveSocket.open(stream)
    await listener.next()
    const token = await testToken({ may: ['admin'] })
    const body = JSON.stringify({ seq: [[0, 0]], reason: 'A complaint.' })
    const { epoch } = await (await call(`/v1/streams/${stream}/redactions`, { method: 'POST', body, token })).json<{ epoch: string }>()
    expect(await listener.next()).toEqual({ type: 'slice', epoch, latestSeq: 0, closed: true, covers: [], events: [] })
  })

  test('[V1] may never have been published to', async () => {
    expect(await put('life-new', { closed: true })).toMatchObject({ latestSeq: -1, closed: true, epoch: expect.any(String) })
    expect(await (await publish('life-new', { client: 'a', drafts: [insert(1)] })).json()).toMatchObject({ code: 'stream-closed' })
    expect(await put('life-open', { expires: { idleSeconds: 1000 } })).toMatchObject({ latestSeq: -1, expires: { idleSeconds: 1000 } })
    expect(await (await publish('life-open', { client: 'a', drafts: [insert(1)] })).json()).toMatchObject({ seqs: [[0, 0]] })
  })
})

describe('a stream that expires', () => {
  /** As if so many seconds had passed since its newest event. */
  const age = (stream: string, seconds: number) =>
    runInDurableObject(stubOf(stream), (_, { storage: { sql } }) => {
      sql.exec('UPDATE tape SET committed_at = committed_at - ?', seconds * 1000)
    })

  test('[V2] ends as if it were deleted when nothing has been published for so long, and not before', async () => {
    const stream = 'life-idle'
    await (await publish(stream, { client: 'a', drafts: [insert(1)] })).text()
    expect(await put(stream, { expires: { idleSeconds: 100 } })).toMatchObject({ expires: { idleSeconds: 100 } })
    const listener = await LiveSocket.open(stream)
    await listener.next()
    await age(stream, 99)
    await evictDurableObject(stubOf(stream))
    await runDurableObjectAlarm(stubOf(stream))
    expect(await stateOf(stream)).toMatchObject({ latestSeq: 0 })
    await (await publish(stream, { client: 'a', drafts: [insert(2)] })).text()
    await age(stream, 50)
    await evictDurableObject(stubOf(stream))
    await runDurableObjectAlarm(stubOf(stream))
    expect(await stateOf(stream)).toMatchObject({ latestSeq: 1 })
    await age(stream, 50)
    await evictDurableObject(stubOf(stream))
    expect(await runDurableObjectAlarm(stubOf(stream))).toBe(true)
    expect(await stateOf(stream)).toMatchObject({ code: 'stream-deleted' })
    expect(await listener.closed).toMatchObject({ code: 4410 })
  })

  test('[V2] waits for its time in the alarm, whatever else that does', async () => {
    const stream = 'life-until'
    const at = Date.now() + 3_600_000
    await put(stream, { expires: { at } })
    await runDurableObjectAlarm(stubOf(stream))
    const alarm = () => runInDurableObject(stubOf(stream), (_, { storage }) => storage.getAlarm())
    // An alarm that runs already has its turn.
    while ((await alarm()) === null) await new Promise((resolve) => setTimeout(resolve, 0))
    expect(Math.abs(((await alarm()) ?? 0) - at)).toBeLessThan(10_000)
    expect(await put(stream, { expires: null })).not.toHaveProperty('expires')
    expect(await stateOf(stream)).toMatchObject({ latestSeq: -1 })
  })

  test('[V2] is refused what is no such time, and by whom it may not be said', async () => {
    const stream = 'life-doors'
    for (const [settings, code] of [
      [{}, 'invalid'],
      [{ closed: false }, 'invalid'],
      [{ expires: {} }, 'invalid'],
      [{ expires: { at: Date.now() - 1 } }, 'invalid'],
      [{ expires: { at: '2030-01-01' } }, 'invalid'],
      [{ expires: { at: 1e99 } }, 'invalid'],
      [{ expires: { idleSeconds: 0 } }, 'invalid'],
      [{ expires: { idleSeconds: 1.5 } }, 'invalid'],
      [{ expires: 7 }, 'invalid'],
      [{ closed: true, open: true }, 'invalid'],
      ['{', 'malformed-json'],
      ['[]', 'invalid'],
    ] as const) {
      expect(await put(stream, settings), JSON.stringify(settings)).toMatchObject({ code })
    }
    expect(await put(stream, { closed: true }, 'publish')).toMatchObject({ code: 'forbidden' })
    const plain = await call(`/v1/streams/${stream}`, {
      method: 'PUT',
      body: '{}',
      headers: { 'Content-Type': 'text/plain' },
      token: await testToken({ may: ['admin'] }),
    })
    expect(await plain.json()).toMatchObject({ code: 'unsupported-media-type' })
    expect(await textOf(await call(`/v1/streams/${stream}`))).toContain('"epoch":null')
  })
})
