/**
 * Sealing in the real object, with a bucket and without: what is read is the same as before, whatever dies on the way,
 * and what was damaged is found and never served.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { decodeSlice, foldEvents, objectHashes, type Slice, stateHash, type TapeEvent } from '../../../src/protocol/index.ts'
import { call, LiveSocket, publish, textOf } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { rowCounts, stubOf, untilSealed, untilSnapshot } from './objects.ts'

/** What was published, in batches of 500 todo events, each as the server answers them. */
const published = new Map<string, readonly TapeEvent[]>()

async function fill(stream: string, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    const drafts = Array.from({ length: 500 }, (_, i) => {
      const counter = batch * 500 + i + 1
      const values = { title: `Task ${counter % 300} is done at ${counter}`, done: counter % 2 === 0 }
      return { counter, seen: batch * 500 - 1, type: 'update', collection: 'tasks', identifier: `task-${counter % 300}`, values }
    })
    expect(await (await publish(stream, { client: 'writer', drafts })).json()).toHaveProperty('seqs')
  }
  published.set(stream, (await slice(stream, '')).events)
}

async function slice(stream: string, query: string): Promise<Slice> {
  const events: TapeEvent[] = []
  let covers: Slice['covers'] = []
  // Pages, until nothing is missing.
  for (let after = -1; ; ) {
    const answer = await call(`/v1/streams/${stream}/events?after=${after}${query}`)
    expect(answer.status).toBe(200)
    const page = decodeSlice(await answer.text())
    events.push(...page.events)
    covers = [...covers, ...page.covers]
    after = page.covers.at(-1)?.[1] ?? after
    if (after >= page.latestSeq) return { ...page, covers, events }
  }
}

async function problemOf(path: string): Promise<unknown> {
  return (await call(path)).json()
}

interface SnapshotAnswer {
  readonly covers: Slice['covers']
  readonly chunks: readonly { readonly hash: string; readonly bytes: number; readonly events: number }[]
}

const objectId = (stream: string) => env.BUCKETED.idFromName(stream).toString()

async function keysOf(stream: string): Promise<readonly string[]> {
  return (await env.SEGMENTS.list({ prefix: objectId(stream) })).objects.map(({ key }) => key)
}

type SegmentRow = { first: number; last: number; plain: string; folded: string | null; places: string | null }

function segmentsOf(stream: string): Promise<readonly SegmentRow[]> {
  return runInDurableObject(stubOf(stream), (_, { storage }) =>
    storage.sql.exec<SegmentRow>('SELECT * FROM segment ORDER BY last').toArray(),
  )
}

describe.each(['rows-sealed', 'bucketed-sealed'])('a sealed tape: %s', (stream) => {
  beforeAll(async () => {
    await fill(stream, 20)
    await untilSealed(stream, 6000)
  })

  test('[T5] leaves its rows, and is read as before, in any ranges and forms', async () => {
    const events = published.get(stream) ?? []
    const segments = await segmentsOf(stream)
    expect(segments.every(({ last, first }) => last - first < 4000 && last < 9000)).toBe(true)
    expect((await rowCounts(stream)).tape).toBeLessThanOrEqual(6)
    expect((await slice(stream, '')).events).toEqual(events)
    for (const [first, last] of [
      [0, 0],
      [17, 2600],
      [3999, 4000],
      [7900, 8600],
      [9990, 9999],
    ] as const) {
      const part = await call(`/v1/streams/${stream}/events?seq=${first}-${last}`)
      expect(decodeSlice(await part.text())).toMatchObject({ covers: [[first, last]], events: events.slice(first, last + 1) })
    }
    const lines = await textOf(await call(`/v1/streams/${stream}/events?seq=0-`, { headers: { Accept: 'application/x-ndjson' } }))
    expect(
      lines
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(events)
    const folded = await call(`/v1/streams/${stream}/events?seq=0-9800&fold=true`)
    expect(decodeSlice(await folded.text(), true).events).toEqual(foldEvents(events.slice(0, 9801), [[0, 9800]]))
  })

  test('[T5][L4] is fetched on the socket, too, whatever else is asked for', async () => {
    const events = published.get(stream) ?? []
    const socket = await LiveSocket.open(stream)
    await socket.next()
    socket.send({
      type: 'fetch',
      ref: 1,
      seq: [
        [5, 6],
        [9000, 9001],
      ],
    })
    socket.send({ type: 'fetch', ref: 2, seq: [[9500, 9500]] })
    const answers = [await socket.next(), await socket.next()].sort(
      (a, b) => ('ref' in a ? (a.ref ?? 0) : 0) - ('ref' in b ? (b.ref ?? 0) : 0),
    )
    const at = (...seqs: number[]) => seqs.map((seq) => events[seq])
    expect(answers).toMatchObject([
      {
        ref: 1,
        covers: [
          [5, 6],
          [9000, 9001],
        ],
        events: at(5, 6, 9000, 9001),
      },
      { ref: 2, covers: [[9500, 9500]], events: at(9500) },
    ])
    socket.close()
  })

  test('[T5][P2] knows after a sleep what it had taken from whom', async () => {
    await evictDurableObject(stubOf(stream))
    const again = { counter: 300, seen: 5, type: 'update', collection: 'tasks', identifier: 'task-0', values: {} }
    expect(await (await publish(stream, { client: 'writer', drafts: [again] })).json()).toMatchObject({ duplicates: 1, latestSeq: 9999 })
    expect(await (await publish(stream, { client: 'writer', drafts: [{ ...again, counter: 10_002 }] })).json()).toMatchObject({
      code: 'counter-skipped',
      expected: 10_001,
    })
  })

  test('[T7][H13] has a snapshot, whose chunks hold what all before it has made', async () => {
    await untilSnapshot(stream)
    const snapshot = await (await call(`/v1/streams/${stream}/snapshot`)).json<SnapshotAnswer>()
    const through = snapshot.covers[0]?.[1] ?? -1
    expect(snapshot).toMatchObject({ latestSeq: 9999, covers: [[0, (await segmentsOf(stream)).at(-1)?.last]] })
    const chunks = await Promise.all(snapshot.chunks.map(({ hash }) => call(`/v1/streams/${stream}/snapshot/${hash}`)))
    expect(chunks.map((chunk) => chunk.headers.get('ETag'))).toEqual(snapshot.chunks.map(({ hash }) => `"${hash}"`))
    const texts = await Promise.all(chunks.map((chunk) => chunk.text()))
    expect(texts.map((text) => text.length)).toEqual(snapshot.chunks.map(({ bytes }) => bytes))
    const events = texts.flatMap((text) => JSON.parse(text) as TapeEvent[])
    const replay = (published.get(stream) ?? []).slice(0, through + 1)
    expect(events).toHaveLength(300)
    expect(stateHash(objectHashes(events, through))).toBe(stateHash(objectHashes(replay, through)))
  })

  test('[H15] tells what reads would take, without reading', async () => {
    const sizes = async (query: string) => (await call(`/v1/streams/${stream}/sizes${query}`)).json<Record<string, number>>()
    const bytesOf = async (query: string) => {
      const text = await (await call(`/v1/streams/${stream}/events${query}`)).text()
      return JSON.stringify((JSON.parse(text) as Slice).events).length
    }
    const { plain, folded, snapshot, latestSeq } = await sizes('')
    expect(latestSeq).toBe(9999)
    const whole = (published.get(stream) ?? []).reduce((sum, event) => sum + JSON.stringify(event).length + 1, 0)
    expect(Math.abs((plain ?? 0) / whole - 1)).toBeLessThan(0.01)
    expect((folded ?? 0) * 2).toBeLessThan(plain ?? 0)
    const { chunks } = await (await call(`/v1/streams/${stream}/snapshot`)).json<SnapshotAnswer>()
    expect(snapshot).toBeGreaterThan(0)
    expect(snapshot).toBeLessThan(chunks.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(Math.abs(((await sizes('?seq=100-1099')).plain ?? 0) / (await bytesOf('?seq=100-1099')) - 1)).toBeLessThan(0.05)
    expect(await sizes('?seq=20000-30000')).toMatchObject({ plain: 0, folded: 0 })
    expect(await sizes('?seq=7-5')).toMatchObject({ code: 'bad-ranges' })
    expect(await sizes('?seq=5&epoch=other')).toMatchObject({ code: 'wrong-epoch' })
    expect(await sizes('?fold=true')).toMatchObject({ code: 'bad-query' })
  })

  test('[H14] tells the hash of any of its states, and what it cannot', async () => {
    const events = published.get(stream) ?? []
    const hash = async (query: string) => (await call(`/v1/streams/${stream}/hash${query}`)).json<Record<string, unknown>>()
    const at = (seq: number) => {
      const objects = objectHashes(events.slice(0, seq + 1), seq)
      return { seq, hash: stateHash(objects), objects: objects.length }
    }
    for (const seq of [-1, 0, 299, 4000, 8999, 9999]) expect(await hash(`?seq=${seq}`), `${seq}`).toMatchObject(at(seq))
    for (const query of ['', '?seq=999999']) expect(await hash(query)).toMatchObject(at(9999))
    expect(await hash('?seq=5&epoch=other')).toMatchObject({ code: 'wrong-epoch' })
    expect(await hash('?seq=x')).toMatchObject({ code: 'bad-ranges', at: 'seq' })
    expect(await hash('?seq=1&fold=true')).toMatchObject({ code: 'bad-query' })
  })

  test('[H13] of a chunk that is not there nothing is told but that', async () => {
    const [segment] = await segmentsOf(stream)
    const [hash] = JSON.parse(segment?.plain ?? '[]') as [string]
    for (const name of ['x', hash, '..%2F..%2Fx', 'a'.repeat(500)]) {
      expect(await problemOf(`/v1/streams/${stream}/snapshot/${name}`)).toMatchObject({ code: 'not-found' })
    }
  })

  test('[T6] is a quarter of its JSON or less', async () => {
    for (const { plain } of await segmentsOf(stream)) {
      const [, bytes, stored] = JSON.parse(plain) as [string, number, number]
      expect(stored / bytes).toBeLessThan(0.25)
    }
  })
})

test('[H5][T6] with a bucket the Worker reads what is sealed without the object', async () => {
  const stream = 'bucketed-sealed'
  const { epoch } = await slice(stream, '')
  const etag = `"${epoch}/100-199"`
  // So that the lease does not run out, however long the machine takes.
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  await call(`/v1/streams/${stream}/events?seq=100-109&epoch=${epoch}`)
  await evictDurableObject(stubOf(stream))
  const answer = await call(`/v1/streams/${stream}/events?seq=100-199&epoch=${epoch}`)
  expect([answer.status, answer.headers.get('ETag'), answer.headers.get('Tapeline-Cache')]).toEqual([200, etag, null])
  expect(decodeSlice(await answer.text()).events).toEqual(published.get(stream)?.slice(100, 200))
  // Evicting what does not run is refused: so nothing of this has woken the object.
  await expect(evictDurableObject(stubOf(stream))).rejects.toThrow()
})

test('[T5] [T6] without a bucket segments are rows of the object, with one they are in it alone', async () => {
  const segments = await segmentsOf('bucketed-sealed')
  const names = segments.flatMap(({ plain, folded, places }) => [plain, folded, places]).filter((entry) => entry !== null)
  const { chunks } = await (await call('/v1/streams/bucketed-sealed/snapshot')).json<SnapshotAnswer>()
  const hashes = [...names.map((entry) => (JSON.parse(entry) as [string])[0]), ...chunks.map(({ hash }) => hash)]
  const keys = hashes.map((hash) => `${objectId('bucketed-sealed')}/${hash}`)
  expect((await keysOf('bucketed-sealed')).toSorted()).toEqual(keys.toSorted())
  expect(await rowCounts('bucketed-sealed')).toMatchObject({ segment: segments.length, blob: 0 })
  for (const row of segments) expect(JSON.stringify(row).length).toBeLessThan(400)
  expect((await rowCounts('rows-sealed')).blob).toBe((await segmentsOf('rows-sealed')).length * 3 + chunks.length)
})

describe('a segment in the bucket', () => {
  const stream = 'bucketed-damaged'
  beforeAll(async () => {
    await fill(stream, 22)
    await untilSealed(stream, 6000)
  })

  test.each([
    ['missing', 'is missing', (key: string) => env.SEGMENTS.delete(key)],
    ['cut', 'cannot be unpacked', async (key: string, bytes: ArrayBuffer) => env.SEGMENTS.put(key, bytes.slice(0, bytes.byteLength / 2))],
    [
      'flipped',
      '',
      async (key: string, bytes: ArrayBuffer) => {
        const flipped = new Uint8Array(bytes.slice(0))
        flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1
        await env.SEGMENTS.put(key, flipped)
      },
    ],
    [
      'swapped',
      'holds something else',
      async (key: string, _: ArrayBuffer, other: ArrayBuffer) => {
        await env.SEGMENTS.put(key, other)
      },
    ],
  ])('[T6] that is %s is found and never served; the rest of the tape is', async (_, how, damage) => {
    const [first, second] = await segmentsOf(stream)
    const keyOf = (entry: string | undefined) => `${objectId(stream)}/${(JSON.parse(entry ?? '') as [string])[0]}`
    const bytesOf = async (entry: string | undefined) => (await env.SEGMENTS.get(keyOf(entry)))?.arrayBuffer() ?? new ArrayBuffer(0)
    const [bytes, other] = [await bytesOf(first?.plain), await bytesOf(second?.plain)]
    await evictDurableObject(stubOf(stream))
    await damage(keyOf(first?.plain), bytes, other)
    const last = first?.last ?? 0
    expect(await problemOf(`/v1/streams/${stream}/events?seq=0-9`)).toMatchObject({ code: 'damaged', detail: expect.stringContaining(how) })
    const around = await call(`/v1/streams/${stream}/events?seq=${last - 5}-${last + 5}`)
    expect([around.status, around.headers.get('ETag')]).toEqual([200, null])
    expect(decodeSlice(await around.text())).toMatchObject({ covers: [[last + 1, last + 5]] })
    expect(await (await publish(stream, { drafts: [{ type: 'delete', collection: 'c', identifier: 'i' }] })).json()).toHaveProperty('seqs')
    await env.SEGMENTS.put(keyOf(first?.plain), bytes)
    expect((await slice(stream, '')).events.slice(0, 11_000)).toEqual(published.get(stream))
  })
})

test('[H11] what a deleted stream had in the bucket goes, too', async () => {
  const stream = 'bucketed-deleted'
  await fill(stream, 12)
  await untilSealed(stream, 2000)
  expect((await keysOf(stream)).length).toBeGreaterThan(0)
  expect((await call(`/v1/streams/${stream}`, { method: 'DELETE', token: await testToken({ may: ['admin'] }) })).status).toBe(204)
  await runDurableObjectAlarm(stubOf(stream))
  expect(await keysOf(stream)).toEqual([])
  expect(await problemOf(`/v1/streams/${stream}/events`)).toMatchObject({ code: 'stream-deleted' })
})
