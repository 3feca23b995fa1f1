/**
 * Redaction in the real object, with a bucket and without: what events said is gone from everything that can be read or
 * is stored; their seqs, makers and counters stay; everyone is told, and everything goes on.
 */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, test } from 'vitest'
import { decodeSlice, objectHashes, type Slice, stateHash, type TapeEvent } from '../../../src/protocol/index.ts'
import { call, LiveSocket, publish } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { stubOf, untilSealed, untilSnapshot } from './objects.ts'

const marker = 'Mallory lives at 7 Elm Street'
const count = 6000

/** Every tenth event says something that is to go; task-7 is somebody's whole record. */
async function fill(stream: string): Promise<void> {
  for (let first = 0; first < count; first += 500) {
    const drafts = Array.from({ length: 500 }, (_, i) => {
      const seq = first + i
      const values = { title: seq % 10 === 0 ? `${marker} ${seq}` : `Task ${seq}`, done: seq % 2 === 0 }
      return {
        counter: seq + 1,
        seen: first - 1,
        type: seq < 300 ? 'insert' : 'update',
        collection: 'tasks',
        identifier: `task-${seq % 300}`,
        values,
      }
    })
    expect(await (await publish(stream, { client: 'writer', drafts })).json()).toHaveProperty('seqs')
  }
  await untilSealed(stream, 2000)
  await untilSnapshot(stream)
}

async function redact(stream: string, body: unknown, may: 'admin' | 'publish' = 'admin'): Promise<Record<string, unknown>> {
  const token = await testToken({ may: ['read', may] })
  const answer = await call(`/v1/streams/${stream}/redactions`, { method: 'POST', body: JSON.stringify(body), token })
  return answer.json()
}

async function read(stream: string, query: string): Promise<Slice> {
  const answer = await call(`/v1/streams/${stream}/events${query}`)
  return decodeSlice(await answer.text(), query.includes('fold'))
}

/** All pages. */
async function all(stream: string): Promise<readonly TapeEvent[]> {
  const events: TapeEvent[] = []
  while (events.length < count) events.push(...(await read(stream, `?after=${events.length - 1}`)).events)
  return events
}

/** All that the object stores, and the bucket, unpacked: as one text. */
async function everythingStored(stream: string): Promise<string> {
  const { texts, blobs } = await runInDurableObject(stubOf(stream), (_, { storage: { sql } }) => ({
    texts: sql.exec('SELECT CAST(body AS TEXT) AS body, ledger FROM tape').toArray(),
    blobs: sql.exec<{ body: ArrayBuffer }>('SELECT body FROM blob').toArray(),
  }))
  const prefix = `${env.BUCKETED.idFromName(stream).toString()}/`
  const keys = (await env.SEGMENTS.list({ prefix })).objects.map(({ key }) => key)
  const packed = [
    ...blobs.map(({ body }) => body),
    ...(await Promise.all(keys.map(async (key) => (await env.SEGMENTS.get(key))?.arrayBuffer()))),
  ]
  const unpack = (body: ArrayBuffer | undefined) =>
    new Response(new Blob([body ?? '']).stream().pipeThrough(new DecompressionStream('gzip'))).text()
  return JSON.stringify(texts) + (await Promise.all(packed.map(unpack))).join('\n')
}

describe.each(['rows-redacted', 'bucketed-redacted'])('redaction: %s', (stream) => {
  let before: readonly TapeEvent[] = []
  let epoch: string | null = null
  beforeAll(async () => {
    await fill(stream)
    before = await all(stream)
    epoch = (await read(stream, '?seq=0')).epoch
  }, 30_000)

  test('[R1] of single events leaves their objects without what they said, under a new epoch, and tells everyone', async () => {
    const listener = await LiveSocket.open(stream)
    await listener.next()
    const cached = `/v1/streams/${stream}/events?seq=0-9&epoch=${epoch}`
    for (let i = 0; i < 2; i++) expect(await (await call(cached)).text()).toContain(marker)
    const { chunks } = await (await call(`/v1/streams/${stream}/snapshot`)).json<{ chunks: { hash: string }[] }>()
    const tens = before.filter(({ seq }) => seq % 10 === 0)
    const ranges = tens.map(({ seq }) => [seq, seq])
    const outcome = await redact(stream, { seq: ranges, reason: 'A complaint.' })
    expect(outcome).toMatchObject({ redacted: 600, epoch: expect.not.stringMatching(epoch ?? '-') })
    expect(await listener.next()).toMatchObject({ type: 'slice', epoch: outcome.epoch, covers: [], events: [] })
    expect(await listener.closed).toMatchObject({ code: 4412 })

    expect(await (await call(cached)).json()).toMatchObject({ code: 'wrong-epoch' })
    for (const { hash } of chunks) {
      expect(await (await call(`/v1/streams/${stream}/snapshot/${hash}`)).json()).toMatchObject({ code: 'not-found' })
    }
    const after = await all(stream)
    const expected = before.map(({ values, ...event }) =>
      event.seq % 10 === 0 ? { ...event, values: {}, redacted: true } : { ...event, values },
    )
    expect(after).toEqual(expected)
    expect(await everythingStored(stream)).not.toContain('Mallory')
    expect(await (await call(`/v1/streams/${stream}/events?seq=0-5999&fold=true`)).text()).not.toContain('Mallory')
  })

  test('[R1][T7] the snapshot and the fold go on, with what is left', async () => {
    await untilSnapshot(stream)
    const after = await all(stream)
    const ask = async () =>
      (await call(`/v1/streams/${stream}/snapshot`)).json<{ covers: [number, number][]; chunks: { hash: string }[] }>()
    let index = await ask()
    // What the Worker knows of it is half a second old at most.
    for (; index.covers.length === 0; index = await ask()) await new Promise((resolve) => setTimeout(resolve, 0))
    const texts = await Promise.all(index.chunks.map(async ({ hash }) => (await call(`/v1/streams/${stream}/snapshot/${hash}`)).text()))
    const through = index.covers[0]?.[1] ?? -1
    expect(through).toBeGreaterThan(2000)
    const events = texts.flatMap((text) => JSON.parse(text) as TapeEvent[])
    expect(stateHash(objectHashes(events, through))).toBe(stateHash(objectHashes(after.slice(0, through + 1), through)))
  })

  test('[R2] of an object leaves nothing of it, not even its name', async () => {
    const mine = before.filter(({ identifier }) => identifier === 'task-7').length
    expect(await redact(stream, { collection: 'tasks', identifier: 'task-7', reason: 'They asked for it.' })).toMatchObject({
      redacted: mine,
    })
    const stored = await everythingStored(stream)
    expect(stored).not.toContain('"task-7"')
    expect(stored).toContain('"task-77"')
    const after = await all(stream)
    expect(after.map(({ seq, client, counter }) => [seq, client, counter])).toEqual(
      before.map(({ seq, client, counter }) => [seq, client, counter]),
    )
    const stub = after.filter(({ identifier }) => identifier === 'redacted')
    expect(stub).toHaveLength(mine)
    expect(stub.every(({ type, values, redacted }) => type === 'update' && redacted && Object.keys(values ?? {}).length === 0)).toBe(true)
  })

  test('[R3] again changes nothing, and what was is remembered with its reason', async () => {
    const { epoch: now } = await read(stream, '?seq=0')
    for (const body of [
      { seq: [[0, 0]], reason: 'Again.' },
      { collection: 'tasks', identifier: 'task-7', reason: 'Again.' },
      { collection: 'tasks', identifier: 'nobody', reason: 'Again.' },
      { seq: [[9000, 9100]], reason: 'Beyond the end.' },
    ]) {
      expect(await redact(stream, body)).toEqual({ redacted: 0, epoch: now })
    }
    const token = await testToken({ may: ['admin'] })
    const { redactions } = await (await call(`/v1/streams/${stream}/redactions`, { token })).json<{ redactions: unknown[] }>()
    expect(redactions).toMatchObject([
      { sub: 'user-1', reason: 'A complaint.', redacted: 600 },
      { sub: 'user-1', reason: 'They asked for it.', redacted: 20 },
    ])
  })

  test('[R1][P2] what follows on the tape follows as before, after a sleep, too', async () => {
    await evictDurableObject(stubOf(stream))
    const drafts = [{ counter: count + 1, seen: 5, type: 'insert', collection: 'tasks', identifier: 'new', values: {} }]
    expect(await (await publish(stream, { client: 'writer', drafts })).json()).toMatchObject({ seqs: [[count, count]] })
  })
})

test('[R3] needs admin, and says what is wrong with what it cannot do', async () => {
  const stream = 'redaction-doors'
  await publish(stream, { client: 'a', drafts: [{ counter: 1, seen: -1, type: 'insert', collection: 'c', identifier: 'i', values: {} }] })
  expect(await redact(stream, { seq: [[0, 0]], reason: 'x' }, 'publish')).toMatchObject({ code: 'forbidden' })
  for (const [body, code] of [
    [{}, 'invalid'],
    [{ seq: [[0, 0]] }, 'invalid'],
    [{ seq: [], reason: 'x' }, 'invalid'],
    [{ seq: [[0, 0]], reason: '' }, 'invalid'],
    [{ seq: [[0, 0]], reason: 'x'.repeat(201) }, 'invalid'],
    [{ seq: [[0, 0]], reason: '\ud800' }, 'lone-surrogate'],
    [{ seq: [[1, 0]], reason: 'x' }, 'bad-ranges'],
    [{ seq: [[-1, 0]], reason: 'x' }, 'bad-ranges'],
    [{ seq: [[0, 0.5]], reason: 'x' }, 'bad-ranges'],
    [{ seq: Array.from({ length: 1001 }, (_, i) => [i, i]), reason: 'x' }, 'invalid'],
    [{ collection: 'c', reason: 'x' }, 'invalid'],
    [{ collection: 'c', identifier: 'i', seq: [[0, 0]], reason: 'x' }, 'invalid'],
    [{ collection: 'c', identifier: 'x'.repeat(201), reason: 'x' }, 'invalid'],
    [[1], 'invalid'],
    ['x'.repeat(1_100_000), 'too-large'],
  ] as const) {
    expect(await redact(stream, body), JSON.stringify(body).slice(0, 80)).toMatchObject({ code })
  }
  expect(await redact('redaction-nothing', { seq: [[0, 0]], reason: 'x' })).toEqual({ redacted: 0, epoch: null })
  expect(await redact(stream, { seq: [[0, 0]], reason: 'Now.' })).toMatchObject({ redacted: 1 })
})
