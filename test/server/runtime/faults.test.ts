/**
 * Long tapes on the real object while something goes wrong: the bucket is down or silent, the object is evicted between any
 * two alarms, events are redacted and streams deleted in the middle of other work, and clocks jump.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { decodeSlice, objectHashes, type Slice, stateHash, type TapeEvent } from '../../../src/protocol/index.ts'
import { call, LiveSocket, publish } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { moods } from './moody-bucket.ts'
import { rowCounts, stubOf, untilSealed, untilSnapshot } from './objects.ts'

const marker = 'Mallory lives at 7 Elm Street'
const batch = 500

/** So many events from here on, 500 in a row. */
async function fill(stream: string, from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += batch)
    expect(await publishRow(stream, first)).toMatchObject({ seqs: [[first, first + batch - 1]] })
}

async function publishRow(stream: string, first: number): Promise<unknown> {
  const drafts = Array.from({ length: batch }, (_, i) => {
    const seq = first + i
    const values = { title: seq % 100 === 0 ? `${marker} ${seq}` : `Task ${seq}`, project: `p${seq % 7}` }
    return { counter: seq + 1, seen: first - 1, type: 'update', collection: 'tasks', identifier: `task-${seq % 300}`, values }
  })
  return (await publish(stream, { client: 'writer', drafts })).json()
}

async function read(stream: string, query: string): Promise<Slice> {
  return decodeSlice(await (await call(`/v1/streams/${stream}/events?${query}`)).text())
}

async function problem(stream: string, rest: string): Promise<unknown> {
  return (await call(`/v1/streams/${stream}${rest}`)).json()
}

async function all(stream: string): Promise<readonly TapeEvent[]> {
  const events: TapeEvent[] = []
  for (let latestSeq = 0; events.length <= latestSeq; ) {
    const page = await read(stream, `after=${events.length - 1}`)
    latestSeq = page.latestSeq
    events.push(...page.events)
  }
  return events
}

async function asAdmin(stream: string, method: string, rest = '', body?: unknown): Promise<Response> {
  const token = await testToken({ may: ['read', 'admin'] })
  return call(`/v1/streams/${stream}${rest}`, { method, token, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
}

const redaction = {
  seq: [
    [0, 0],
    [100, 100],
    [3900, 3900],
  ],
  reason: 'A complaint.',
}

async function keysOf(stream: string): Promise<readonly string[]> {
  const prefix = env.BUCKETED.idFromName(stream).toString()
  return (await env.SEGMENTS.list({ prefix })).objects.map(({ key }) => key)
}

/** All that is in rows and in the bucket, as one text. */
async function everythingStored(stream: string): Promise<string> {
  const rows = await runInDurableObject(stubOf(stream), (_, { storage: { sql } }) =>
    JSON.stringify(sql.exec('SELECT CAST(body AS TEXT) AS body FROM tape').toArray()),
  )
  const bodies = await Promise.all((await keysOf(stream)).map(async (key) => (await env.SEGMENTS.get(key))?.arrayBuffer()))
  const texts = bodies.map((body) => new Response(new Blob([body ?? '']).stream().pipeThrough(new DecompressionStream('gzip'))).text())
  return rows + (await Promise.all(texts)).join('\n')
}

/** From now on the bucket is like this, and well again after the test. */
function feel(mood: Parameters<typeof moods.set>[0]): void {
  moods.set(mood)
  onTestFinished(() => moods.set('well'))
}

/** Settles when something waits for the bucket. */
async function untilHeld(): Promise<void> {
  while (moods.held === 0) await new Promise((resolve) => setTimeout(resolve, 0))
}

/** Clocks that the test sets, and waits of a second and more that are over at once: gives how long they would have been. */
function virtualTime(): { waitedMs: number } {
  const time = { waitedMs: 0 }
  const real = globalThis.setTimeout
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.stubGlobal('setTimeout', (run: () => void, ms = 0) => {
    if (ms < 1000) return real(run, ms)
    return real(() => {
      time.waitedMs += ms
      vi.setSystemTime(Date.now() + ms)
      run()
    }, 0)
  })
  onTestFinished(() => {
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })
  return time
}

describe.each(['down', 'silent'] as const)('a bucket that is %s for ten minutes', (mood) => {
  test('[T5][T6][P7] holds up nobody who publishes or reads what is new; sealed reads say so; then sealing catches up', async () => {
    const stream = `bucketed-${mood}`
    await fill(stream, 0, 6000)
    await untilSealed(stream, 2000)
    await untilSnapshot(stream)
    const { epoch } = await read(stream, 'seq=0-0')
    const { chunks } = await (await call(`/v1/streams/${stream}/snapshot`)).json<{ chunks: { hash: string }[] }>()
    const sealedTo = (await keysOf(stream)).length
    await evictDurableObject(stubOf(stream))

    const time = virtualTime()
    const since = Date.now()
    feel(mood)
    let seq = 6000
    for (; Date.now() - since < 10 * 60_000; seq += batch) {
      expect(await publishRow(stream, seq)).toEqual({ seqs: [[seq, seq + batch - 1]], duplicates: 0, latestSeq: seq + batch - 1, epoch })
      expect((await read(stream, `after=${seq - 1}`)).events).toHaveLength(batch)
      const alarm = await runInDurableObject(stubOf(stream), (_, { storage }) => storage.getAlarm())
      if (alarm !== null) vi.setSystemTime(Math.max(Date.now(), alarm))
      await runDurableObjectAlarm(stubOf(stream))
    }
    expect((await keysOf(stream)).length).toBe(sealedTo)
    const asked = [`/events?seq=0-99`, `/events?seq=0-99&epoch=${epoch}`, '/events?fold=true', '/hash', `/snapshot/${chunks[0]?.hash}`]
    for (const rest of [...asked, '/events?seq=0-99&collection=tasks']) {
      time.waitedMs = 0
      expect(await problem(stream, rest), rest).toMatchObject({ code: 'unavailable', status: 503 })
      expect(time.waitedMs, rest).toBeLessThan(60_000)
    }
    // What is not sealed comes, whatever else was asked for.
    time.waitedMs = 0
    expect((await read(stream, '')).covers).toEqual([[expect.any(Number), seq - 1]])
    expect(time.waitedMs).toBeLessThan(60_000)
    const socket = await LiveSocket.open(stream)
    await socket.next()
    socket.send({ type: 'fetch', ref: 1, seq: [[5, 6]] })
    expect(await socket.next()).toMatchObject({ type: 'refused', ref: 1, code: 'unavailable' })
    socket.close()

    moods.set('well')
    await untilSealed(stream, seq - 6000)
    await untilSnapshot(stream)
    const events = await all(stream)
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: seq }, (_, at) => at))
    expect(await problem(stream, '/hash')).toMatchObject({ hash: stateHash(objectHashes(events, seq - 1)) })
    expect((await rowCounts(stream)).blob).toBe(0)
  })
})

describe('redaction', () => {
  test('[R1][R3] while the tape is being sealed waits for that, and takes what it has sealed, too', async () => {
    const stream = 'bucketed-sealing-redacted'
    await fill(stream, 0, 6000)
    feel('held')
    const alarm = runDurableObjectAlarm(stubOf(stream))
    await untilHeld()
    const redacted = asAdmin(stream, 'POST', '/redactions', redaction)
    expect(await publishRow(stream, 6000)).toMatchObject({ latestSeq: 6499 })
    moods.set('well')
    await alarm
    expect(await (await redacted).json()).toMatchObject({ redacted: 3 })
    const stored = await everythingStored(stream)
    for (const seq of [0, 100, 3900]) expect(stored).not.toContain(`${marker} ${seq}"`)
    expect(stored).toContain(`${marker} 200"`)
    await untilSealed(stream, 2000)
    expect(await all(stream)).toHaveLength(6500)
  })

  test('[R1][S4] while a client catches up: its next page, and one that was being read, get wrong-epoch', async () => {
    const stream = 'bucketed-catching-up'
    await fill(stream, 0, 6000)
    await untilSealed(stream, 2000)
    const { epoch } = await read(stream, 'seq=0-9')
    const page = (first: number) => `/events?seq=${first}-${first + 499}&epoch=${epoch}`
    await (await call(`/v1/streams/${stream}${page(0)}`)).text()
    await evictDurableObject(stubOf(stream))
    feel('held')
    // One by the Worker, of the bucket alone, and one by the object.
    const reads = [problem(stream, page(500)), problem(stream, `/events?after=999&epoch=${epoch}`)]
    while (moods.held < 2) await new Promise((resolve) => setTimeout(resolve, 0))
    const goOn = moods.keep()
    moods.set('well')
    expect(await (await asAdmin(stream, 'POST', '/redactions', redaction)).json()).toMatchObject({ redacted: 3 })
    goOn()
    for (const answer of await Promise.all(reads)) expect(answer).toMatchObject({ code: 'wrong-epoch' })
    for (const first of [500, 1000, 5500]) expect(await problem(stream, page(first))).toMatchObject({ code: 'wrong-epoch' })
  })
})

describe('the end of a stream', () => {
  test('[H11] while the alarm is at work and sockets are live: they are closed, and nothing is left in the bucket', async () => {
    const stream = 'bucketed-busy-deleted'
    await fill(stream, 0, 6000)
    const sockets = await Promise.all(Array.from({ length: 20 }, () => LiveSocket.open(stream)))
    feel('held')
    const alarm = runDurableObjectAlarm(stubOf(stream))
    await untilHeld()
    const deleted = await asAdmin(stream, 'DELETE')
    expect(deleted.status).toBe(204)
    for (const socket of sockets) expect(await socket.closed).toMatchObject({ code: 4410 })
    moods.set('well')
    await alarm
    await runDurableObjectAlarm(stubOf(stream))
    expect(await keysOf(stream)).toEqual([])
    expect(Object.entries(await rowCounts(stream)).filter(([, rows]) => rows > 0)).toEqual([['stream', 1]])
  })

  test('[V2][G4] is not what the alarm waits for while it has been asked for something else', async () => {
    const stream = 'bucketed-patient'
    await fill(stream, 0, 6000)
    await (await asAdmin(stream, 'PUT', '', { expires: { idleSeconds: 1_000_000 } })).text()
    feel('held')
    const alarm = runDurableObjectAlarm(stubOf(stream))
    await untilHeld()
    const at = () => runInDurableObject(stubOf(stream), (_, { storage }) => storage.getAlarm())
    await (await asAdmin(stream, 'PUT', '', { expires: { idleSeconds: 2_000_000 } })).text()
    const asked = (await at()) ?? Number.POSITIVE_INFINITY
    moods.set('well')
    await alarm
    // It has rung again by itself perhaps; until it has, it is set for no later.
    expect((await at()) ?? 0).toBeLessThan(asked + 1_900_000_000)
    await untilSealed(stream, 2000)
  })
})

test('[L9][T5][T7][R1][H11] an object that is evicted between any two alarms seals, snapshots, redacts and deletes all the same', async () => {
  const stream = 'bucketed-evicted'
  const alarms = async (isDone: () => Promise<boolean>) => {
    for (let turn = 0; turn < 500 && !(await isDone()); turn++) {
      await runDurableObjectAlarm(stubOf(stream))
      await evictDurableObject(stubOf(stream))
    }
    expect(await isDone()).toBe(true)
  }
  const throughOf = async () =>
    (await (await call(`/v1/streams/${stream}/snapshot`)).json<{ covers: [number, number][] }>()).covers[0]?.[1] ?? -1
  await fill(stream, 0, 8000)
  await evictDurableObject(stubOf(stream))
  await alarms(async () => (await throughOf()) > 3000)
  const before = await all(stream)
  await (await asAdmin(stream, 'POST', '/redactions', redaction)).text()
  await evictDurableObject(stubOf(stream))
  await alarms(async () => (await throughOf()) > 3000)
  expect(await all(stream)).toEqual(
    before.map((event) => (redaction.seq.some(([seq]) => seq === event.seq) ? { ...event, values: {}, redacted: true } : event)),
  )
  expect(await everythingStored(stream)).not.toContain(`${marker} 3900"`)
  await asAdmin(stream, 'DELETE')
  await evictDurableObject(stubOf(stream))
  await alarms(async () => (await keysOf(stream)).length === 0)
  expect(await problem(stream, '/events')).toMatchObject({ code: 'stream-deleted' })
})

describe('a lease', () => {
  const dayMs = 24 * 3_600_000

  test('[H5][H11] is over when the clock of the Worker is put back', async () => {
    const stream = 'bucketed-lease'
    await fill(stream, 0, 6000)
    await untilSealed(stream, 2000)
    const { epoch } = await read(stream, 'seq=0-9')
    const page = `/events?seq=0-99&epoch=${epoch}`
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const now = Date.now()
    for (let i = 0; i < 2; i++) expect(await problem(stream, page)).toMatchObject({ covers: [[0, 99]] })
    vi.setSystemTime(now - dayMs)
    expect((await asAdmin(stream, 'DELETE')).status).toBe(204)
    for (const at of [now - dayMs, now - 2 * dayMs, now + 1000]) {
      vi.setSystemTime(at)
      expect(await problem(stream, page)).toMatchObject({ code: 'stream-deleted' })
    }
  })

  test('[H11][R1] is waited for whole by whoever deletes or redacts, whatever the clock of the object has shown meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const now = Date.now()
    for (const [index, ms] of [0, -dayMs, 3650 * dayMs].entries()) {
      vi.setSystemTime(now)
      const stream = `bucketed-lessor-${index}`
      await publishRow(stream, 0)
      await (await call(`/v1/streams/${stream}/snapshot`)).text()
      vi.setSystemTime(now + ms)
      const headers = { Authorization: `Bearer ${await testToken({ may: ['admin'] })}` }
      const answer = await stubOf(stream).fetch(new Request(`https://x/v1/streams/${stream}`, { method: 'DELETE', headers }))
      expect([answer.status, answer.headers.get('Tapeline-Settles-In')], `${ms}`).toEqual([204, '500'])
    }
  })
})
