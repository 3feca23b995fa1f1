/** Exports and imports at the real object's door: whatever dies between two batches, and whatever comes that does not fit. */
import { evictDurableObject } from 'cloudflare:test'
import { beforeAll, describe, expect, test } from 'vitest'
import type { TapeEvent } from '../../../src/protocol/index.ts'
import { seqMax } from '../../../src/protocol/limits.ts'
import { call, insert, LiveSocket, publish, textOf } from '../../support/live.ts'
import { hashOf, lineOf, pieceMax, piecesOf, randomTape } from '../../support/random-tape.ts'
import { testToken } from '../../support/tokens.ts'
import { isKnown, rowCounts, stubOf, tapeOf, untilSealed, untilSnapshot } from './objects.ts'
import { expectProblem } from './problem.ts'

let admin = ''
beforeAll(async () => {
  admin = await testToken({ sub: 'admin', may: ['read', 'admin'] })
})

function post(stream: string, body: unknown, token = admin): Promise<Response> {
  return call(`/v1/streams/${stream}/import`, { method: 'POST', token, body: typeof body === 'string' ? body : JSON.stringify(body) })
}

const said = async (answer: Response | Promise<Response>) => (await answer).json<Record<string, unknown>>()
const send = (stream: string, events: readonly unknown[], more: object = {}) => said(post(stream, { events, ...more }))
const finish = (stream: string, latestSeq: number, hash?: string) => said(post(stream, { finish: true, latestSeq, hash }))
const stateOf = (stream: string) => said(call(`/v1/streams/${stream}`))

/** The events as an export has them. */
async function linesOf(stream: string): Promise<string[]> {
  const text = await textOf(await call(`/v1/streams/${stream}/events`, { headers: { Accept: 'application/x-ndjson' } }))
  return text.split('\n').slice(0, -1)
}

/** Publishes a tape as its makers did, each with a token of its own. */
async function publishTape(stream: string, events: readonly TapeEvent[]): Promise<void> {
  const tokens = { anna: await testToken({ sub: 'of anna' }), ben: await testToken({ sub: 'of ben' }) }
  for (const piece of piecesOf(events, pieceMax)) {
    for (let from = 0; from < piece.length; ) {
      const { client } = piece[from] as TapeEvent
      const end = piece.findIndex((event, index) => index > from && event.client !== client)
      const drafts = piece.slice(from, end < 0 ? undefined : end).map(({ seq: _, client: __, ...draft }) => draft)
      const token = tokens[client as keyof typeof tokens]
      expect(await said(publish(stream, client === undefined ? { drafts } : { client, drafts }, token))).toHaveProperty('seqs')
      from += drafts.length
    }
  }
}

describe('a round trip', () => {
  test.each([1, 2, 3])('[I1][I2][I8] keeps seqs, clients, counters and what was seen, byte for byte (seed %i)', async (seed) => {
    const [from, to] = [`round-${seed}`, `round-${seed}-copy`]
    const events = randomTape(seed, 150)
    await publishTape(from, events)
    const lines = await linesOf(from)
    expect(lines).toEqual(events.map(lineOf))
    for (const piece of piecesOf(lines, 40)) expect((await post(to, `{"events":[${piece.join(',')}]}`)).status).toBe(200)
    expect(await finish(to, 149, hashOf(events))).toEqual({ epoch: expect.any(String), latestSeq: 149 })
    expect(await linesOf(to)).toEqual(lines)
    const folded = async (stream: string) => (await said(call(`/v1/streams/${stream}/events?seq=0-149&fold=true`))).events
    expect(await folded(to)).toEqual(await folded(from))
    expect((await stateOf(to)).epoch).not.toBe((await stateOf(from)).epoch)

    const anna = events.filter(({ client }) => client === 'anna').length
    const token = await testToken({ sub: 'of anna' })
    const next = [insert(anna), insert(anna + 1)]
    for (const stream of [from, to]) {
      expect(await said(publish(stream, { client: 'anna', drafts: next }, token))).toMatchObject({ seqs: [[150, 150]], duplicates: 1 })
      expect(await said(publish(stream, { client: 'anna', drafts: [insert(anna + 3)] }, token))).toMatchObject({ expected: anna + 2 })
      expect(await said(publish(stream, { client: 'anna', drafts: [insert(anna + 2)] }))).toMatchObject({ code: 'client-taken' })
    }
  })

  test('[I2][I4][I8] survives an eviction between any two batches, and each of them coming twice', async () => {
    const events = randomTape(4, 60)
    const stream = 'import-evicted'
    for (const piece of piecesOf(events, 7)) {
      for (let time = 0; time < 2; time++) {
        const latestSeq = piece.at(-1)?.seq
        expect(await send(stream, piece)).toEqual({ epoch: expect.any(String), latestSeq, importing: true })
        await evictDurableObject(stubOf(stream))
        expect(await stateOf(stream)).toMatchObject({ latestSeq, importing: true })
      }
    }
    const rows = (await rowCounts(stream)).tape
    expect(rows).toBe(Math.ceil(60 / 7))
    await evictDurableObject(stubOf(stream))
    for (let time = 0; time < 2; time++) {
      expect(await finish(stream, 59, hashOf(events))).toEqual({ epoch: expect.any(String), latestSeq: 59 })
      await evictDurableObject(stubOf(stream))
    }
    expect(await stateOf(stream)).not.toHaveProperty('importing')
    expect(await linesOf(stream)).toEqual(events.map(lineOf))
  })

  test('[I4][I8][T5] is sealed while it goes on, and compared and hashed all the same', async () => {
    const stream = 'bucketed-import'
    const events = randomTape(5, 8000)
    for (const piece of piecesOf(events.slice(0, 6000), 1000)) expect(await send(stream, piece)).toMatchObject({ importing: true })
    await untilSealed(stream, 3000)
    expect(await send(stream, events.slice(0, 1000))).toMatchObject({ latestSeq: 5999 })
    const other = events.slice(2500, 3500).map((event) => (event.seq === 2999 ? { ...event, version: 77 } : event))
    expect(await send(stream, other)).toMatchObject({ code: 'import-mismatch', at: 'events[499]' })
    for (const piece of piecesOf(events.slice(5500), 1000)) await send(stream, piece)
    await untilSealed(stream, 5000)
    await evictDurableObject(stubOf(stream))
    expect(await finish(stream, 7999, hashOf(events))).toEqual({ epoch: expect.any(String), latestSeq: 7999 })
    await untilSnapshot(stream)
    expect(await linesOf(stream)).toEqual(events.map(lineOf))
    const anna = events.filter(({ client }) => client === 'anna').length
    const drafts = [insert(anna), insert(anna + 1)]
    expect(await said(publish(stream, { client: 'anna', drafts }))).toMatchObject({ seqs: [[8000, 8000]], duplicates: 1 })
  })
})

describe('while an import goes on', () => {
  const stream = 'import-meanwhile'
  const events = randomTape(6, 30)

  test('[I7] it is read and heard, and nobody publishes, at either door', async () => {
    const socket = await LiveSocket.open(stream)
    await socket.next()
    await send(stream, events.slice(0, 20))
    expect(await socket.next()).toMatchObject({
      type: 'slice',
      covers: [[0, 19]],
      events: JSON.parse(`[${events.slice(0, 20).map(lineOf)}]`),
    })
    await expectProblem(await publish(stream, { client: 'new', drafts: [insert(1)] }), 'importing', 503)
    socket.send({ type: 'publish', ref: 1, client: 'new', drafts: [insert(1)] })
    expect(await socket.next()).toMatchObject({ type: 'refused', ref: 1, code: 'importing' })
    expect(await said(call(`/v1/streams/${stream}/events?after=9`))).toMatchObject({ covers: [[10, 19]] })
    await send(stream, events.slice(20))
    expect(await socket.next()).toMatchObject({ type: 'slice', covers: [[20, 29]] })
    await finish(stream, 29)
    socket.send({ type: 'publish', ref: 2, client: 'new', drafts: [insert(1)] })
    expect(await socket.next()).toMatchObject({ type: 'slice', covers: [[30, 30]] })
    socket.close()
  })

  test('[I2][I4] two that import the same at once do not harm each other', async () => {
    const twice = piecesOf(events, 10).flatMap((piece) => [piece, piece])
    for (const piece of twice) await Promise.all([send('import-twice', piece), send('import-twice', piece)])
    expect(await finish('import-twice', 29, hashOf(events))).toMatchObject({ latestSeq: 29 })
    expect(await linesOf('import-twice')).toEqual(events.map(lineOf))
  })

  test('[I7][H11] it can be deleted', async () => {
    await send('import-deleted', events)
    expect((await call('/v1/streams/import-deleted', { method: 'DELETE', token: admin })).status).toBe(204)
    expect(await send('import-deleted', events)).toMatchObject({ code: 'stream-deleted' })
    expect(await finish('import-deleted', 29)).toMatchObject({ code: 'stream-deleted' })
  })
})

describe('what the door refuses', () => {
  const events = randomTape(7, 30)
  const begun = 'import-begun'
  const used = 'import-used'

  beforeAll(async () => {
    await send(begun, events.slice(0, 20))
    await publish(used, { client: 'a', drafts: [insert(1)] })
  })

  /** Says what was refused, and that it has changed nothing. */
  async function refused(stream: string, body: unknown, token?: string): Promise<Record<string, unknown>> {
    const before = await tapeOf(stream)
    const answer = await post(stream, body, token)
    expect([answer.ok, answer.headers.get('Content-Type')]).toEqual([false, 'application/problem+json'])
    const problem = await answer.json<Record<string, unknown>>()
    expect(await tapeOf(stream)).toBe(before)
    return problem
  }

  test('[I2][A4] who may not: nothing is made', async () => {
    for (const may of [['read'], ['publish'], ['read', 'publish']] as const) {
      await expectProblem(await post('import-forbidden', { events }, await testToken({ may })), 'forbidden', 403)
    }
    await expectProblem(await post('import-forbidden', { events }, ''), 'token-missing', 401)
    expect(await isKnown('import-forbidden')).toBe(false)
  })

  test('[I2] a stream that has events of its own, or was imported before', async () => {
    expect(await refused(used, { events })).toMatchObject({ code: 'not-empty', latestSeq: 0 })
    expect(await refused(used, { finish: true, latestSeq: 0 })).toMatchObject({ code: 'not-empty' })
    await send('import-again', events)
    await finish('import-again', 29)
    expect(await refused('import-again', { events })).toMatchObject({ code: 'not-empty', latestSeq: 29 })
  })

  test('[I2][N5] what is no request, too large or too many', async () => {
    const path = `/v1/streams/${begun}/import`
    await expectProblem(
      await call(path, { method: 'POST', token: admin, body: '{}', headers: { 'Content-Type': 'text/plain' } }),
      'unsupported-media-type',
      415,
    )
    await expectProblem(await call(`${path}?x=1`, { method: 'POST', token: admin, body: '{}' }), 'bad-query', 400)
    for (const [body, code] of [
      ['{"events":', 'malformed-json'],
      ['[]', 'invalid'],
      ['{}', 'invalid'],
      [`{"events":[${' '.repeat(1024 * 1024)}]}`, 'too-large'],
      [{ events: Array.from({ length: 1001 }, (_, seq) => ({ ...events[0], seq })) }, 'too-many'],
      [{ events: [{ ...events[0], values: { t: 'x'.repeat(256 * 1024) } }] }, 'too-large'],
      [{ finish: true, latestSeq: 19, more: 1 }, 'invalid'],
    ] as const) {
      expect(await refused(begun, body)).toMatchObject({ code })
    }
  })

  test('[I3] gaps, and beginnings elsewhere', async () => {
    expect(await refused(begun, { events: events.slice(21) })).toMatchObject({ code: 'import-gap', expected: 20, latestSeq: 19 })
    expect(await refused(begun, { events: [events[20], events[22]] })).toMatchObject({
      code: 'import-gap',
      at: 'events[1].seq',
      expected: 21,
    })
    expect(await refused('import-fresh', { events: events.slice(1) })).toMatchObject({ code: 'import-gap', expected: 0 })
    expect(await rowCounts('import-fresh')).toEqual({})
  })

  test('[I4] another tape’s events', async () => {
    expect(await refused(begun, { events: randomTape(8, 30) })).toMatchObject({ code: 'import-mismatch' })
    expect(await refused(begun, { events: [events[20], events[20]] })).toMatchObject({ code: 'import-gap' })
  })

  test('[I5] events that no tape has: repeats, counters, folded ones, what they cannot have seen', async () => {
    const [next] = events.slice(20).filter(({ client }) => client !== undefined) as [TapeEvent]
    const upTo = events.slice(20, next.seq)
    const counter = next.counter ?? 0
    for (const [change, code] of [
      [{ counter: counter - 1 }, 'counter-order'],
      [{ counter: counter + 1 }, 'counter-order'],
      [{ client: 'stranger', counter: 2 }, 'counter-order'],
      [{ stamps: { title: 25 } }, 'invalid'],
      [{ unknown: 1 }, 'invalid'],
      [{ seen: next.seq }, 'seen-ahead'],
      [{ seen: seqMax }, 'seen-ahead'],
      [{ type: 'insert', values: { t: '\ud800' } }, 'lone-surrogate'],
    ] as const) {
      const event = { ...next, values: undefined, deltas: undefined, type: 'delete', ...change }
      expect(await refused(begun, { events: [...upTo, event] }), JSON.stringify(change)).toMatchObject({
        code,
        at: expect.stringMatching(`^events\\[${next.seq - 20}\\]`),
      })
    }
  })

  test('[I8] an end that is none: too early, too late, of something else', async () => {
    for (const latestSeq of [18, 20])
      expect(await refused(begun, { finish: true, latestSeq })).toMatchObject({ code: 'import-mismatch', latestSeq: 19 })
    expect(await refused(begun, { finish: true, latestSeq: 19, hash: hashOf(events) })).toMatchObject({
      code: 'import-mismatch',
      at: 'hash',
    })
    expect(await refused('import-none', { finish: true, latestSeq: 0 })).toMatchObject({ code: 'import-mismatch' })
    expect(await stateOf(begun)).toMatchObject({ latestSeq: 19, importing: true })
  })

  test('[I6] a client of whom two things are said', async () => {
    await send('import-subs', events.slice(0, 20), { subs: { anna: 'of anna' } })
    expect(await refused('import-subs', { events: events.slice(20), subs: { anna: 'of ben' } })).toMatchObject({ code: 'import-mismatch' })
    await send('import-subs', events.slice(20))
    await finish('import-subs', 29)
    const drafts = [insert(events.filter(({ client }) => client === 'anna').length + 1)]
    expect(await said(publish('import-subs', { client: 'anna', drafts }))).toMatchObject({ code: 'client-taken' })
    expect(await said(publish('import-subs', { client: 'anna', drafts }, await testToken({ sub: 'of anna' })))).toHaveProperty('seqs')
  })
})
