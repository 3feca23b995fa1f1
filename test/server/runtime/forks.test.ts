/** Forks at the real objects' doors, with a bucket and without: what they have, what is refused, and how they are made. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { objectHashes, stateHash, type TapeEvent } from '../../../src/protocol/index.ts'
import { call, LiveSocket, textOf } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { admin, draft, fill, linesOf, put, redact, remove, rest, said, send, stateOf } from './forking.ts'
import { letBefall } from './mishaps.ts'
import { isKnown, rowCounts, stubOf, untilSealed, untilSnapshot } from './objects.ts'

afterEach(() => letBefall())

describe.each(['rows-fork', 'bucketed-fork'])('a fork: %s', (parent) => {
  let lines: readonly string[] = []
  beforeAll(async () => {
    await fill(parent, 24)
    await put(`${parent}`, { expires: { idleSeconds: 1_000_000 } })
    await said(call(`/v1/streams/${parent}/indexes/project`, { method: 'PUT', token: admin, body: '{"pointer":"/project"}' }))
    await untilSealed(parent, 6000)
    await untilSnapshot(parent)
    lines = await linesOf(parent)
  }, 60_000)

  test.each([
    ['whole', undefined],
    ['end', 11_999],
    ['rows', 11_400],
    ['boundary', 3999],
    ['segment', 5123],
    ['start', 0],
  ])('[V3] has the events of its parent up to there, and no more: %s', async (name, through) => {
    const fork = `${parent}-${name}`
    const end = through ?? 11_999
    const answer = await put(fork, { forkOf: parent, through })
    expect(answer).toEqual({ stream: fork, epoch: expect.any(String), latestSeq: end, forkOf: parent, through: end })
    expect(answer.epoch).not.toBe((await stateOf(parent)).epoch)
    expect(await linesOf(fork)).toEqual(lines.slice(0, end + 1))
    await evictDurableObject(stubOf(fork))
    await rest(fork)
    expect(await linesOf(fork)).toEqual(lines.slice(0, end + 1))
    expect(await put(fork, { forkOf: parent, through })).toEqual(answer)
    const hash = (stream: string) => said(call(`/v1/streams/${stream}/hash?seq=${end}`))
    expect((await hash(fork)).hash).toBe((await hash(parent)).hash)
  })

  test('[V3] goes on by itself: clients with their next counters, the parent without it', async () => {
    const fork = `${parent}-goes-on`
    await put(fork, { forkOf: parent, through: 10_249 })
    // 10,000 … 10,499 are anna's.
    for (const [client, last] of [
      ['anna', 5250],
      ['ben', 5000],
    ] as const) {
      await evictDurableObject(stubOf(fork))
      expect(await send(fork, client, [draft(last)])).toMatchObject({ duplicates: 1 })
      expect(await send(fork, client, [draft(last + 2)])).toMatchObject({ code: 'counter-skipped', expected: last + 1 })
      expect(await send(fork, client, [draft(last + 1)], 'somebody')).toMatchObject({ code: 'client-taken' })
      expect(await send(fork, client, [draft(last + 1)])).toMatchObject({ duplicates: 0 })
    }
    expect(await send(fork, 'cleo', [draft(1)])).toMatchObject({ seqs: [[10_252, 10_252]] })
    const unchanged = { ...draft(2), seen: 9_300, expect: { unchanged: true } }
    expect(await send(fork, 'cleo', [unchanged])).toMatchObject({ code: 'expect-failed' })
    expect(await put(fork, { forkOf: parent, through: 10_249 })).toMatchObject({ latestSeq: 10_252, forkOf: parent, through: 10_249 })
    expect(await stateOf(parent)).toMatchObject({ latestSeq: 11_999, expires: { idleSeconds: 1_000_000 } })
    expect(await send(parent, 'anna', [draft(6000)])).toMatchObject({ duplicates: 1 })
  })

  test('[V3] looks for its attributes anew, and has its own settings', async () => {
    const fork = `${parent}-indexed`
    await put(fork, { expires: { idleSeconds: 77 } })
    expect(await put(fork, { forkOf: parent, through: 9000 })).toMatchObject({ expires: { idleSeconds: 77 } })
    await rest(fork)
    const gardens = async (stream: string) => textOf(await call(`/v1/streams/${stream}/events?seq=8000-9000&project=garden`))
    const events = async (stream: string) => (JSON.parse(await gardens(stream)) as { events: unknown[] }).events
    expect(await events(fork)).toEqual(await events(parent))
    expect((await events(fork)).length).toBeGreaterThan(100)
    expect(await put(fork, { closed: true })).toMatchObject({ closed: true })
  })

  test('[V3][T7] has a snapshot: that of its parent where it goes so far, or its own', async () => {
    for (const name of ['whole', 'segment']) {
      const fork = `${parent}-${name}`
      await untilSnapshot(fork)
      const { covers, chunks } = await (await call(`/v1/streams/${fork}/snapshot`)).json<{
        covers: [number, number][]
        chunks: { hash: string }[]
      }>()
      const through = covers[0]?.[1] ?? -1
      const texts = await Promise.all(chunks.map(async ({ hash }) => (await call(`/v1/streams/${fork}/snapshot/${hash}`)).text()))
      const events = texts.flatMap((text) => JSON.parse(text) as TapeEvent[])
      const replayed = lines.slice(0, through + 1).map((line) => JSON.parse(line) as TapeEvent)
      expect(through).toBeGreaterThan(1000)
      expect(stateHash(objectHashes(events, through))).toBe(stateHash(objectHashes(replayed, through)))
    }
  })
})

const importable = [{ seq: 0, client: 'a', counter: 1, seen: -1, type: 'delete', collection: 'c', identifier: 'i' }]

describe('what cannot become a fork', () => {
  test('[V4] is not empty, is itself, or asks for what is not there; nothing is made of it', async () => {
    const parent = 'fork-doors'
    await send(parent, 'anna', [draft(1), draft(2), draft(3)])
    await send('fork-taken', 'anna', [draft(1)])
    await (await remove('fork-dead')).text()
    await put('fork-bare', { expires: { idleSeconds: 100 } })
    await put('fork-shut', { closed: true })
    await said(call('/v1/streams/fork-importing/import', { method: 'POST', token: admin, body: JSON.stringify({ events: importable }) }))
    const latestSeq = 2
    for (const [stream, wanted, problem] of [
      ['fork-taken', { forkOf: parent }, { code: 'not-empty', latestSeq: 0 }],
      ['fork-importing', { forkOf: parent }, { code: 'not-empty' }],
      ['fork-dead', { forkOf: parent }, { code: 'stream-deleted' }],
      ['fork-shut', { forkOf: parent }, { code: 'stream-closed' }],
      ['fork-none', { forkOf: 'fork-none' }, { code: 'invalid', at: 'forkOf' }],
      ['fork-none', { forkOf: 'fork-nowhere' }, { code: 'not-found', at: 'forkOf' }],
      ['fork-none', { forkOf: 'fork-bare' }, { code: 'invalid', at: 'forkOf' }],
      ['fork-none', { forkOf: 'fork-dead' }, { code: 'stream-deleted', at: 'forkOf' }],
      ['fork-none', { forkOf: 'fork-importing' }, { code: 'importing', at: 'forkOf' }],
      ['fork-none', { forkOf: parent, through: 3 }, { code: 'invalid', at: 'through', latestSeq }],
      ['fork-none', { forkOf: parent, through: -1 }, { code: 'invalid', at: 'through' }],
      ['fork-none', { forkOf: parent, through: 0.5 }, { code: 'invalid', at: 'through' }],
      ['fork-none', { forkOf: parent, through: null }, { code: 'invalid', at: 'through' }],
      ['fork-none', { forkOf: parent, closed: true }, { code: 'invalid' }],
      ['fork-none', { forkOf: 'not a name' }, { code: 'bad-stream-name' }],
      ['fork-none', { forkOf: 7 }, { code: 'invalid', at: 'forkOf' }],
      ['fork-none', { through: 1 }, { code: 'invalid' }],
    ] as const) {
      expect(await put(stream, wanted), JSON.stringify([stream, wanted])).toMatchObject(problem)
    }
    expect(await isKnown('fork-none')).toBe(true)
    expect(await rowCounts('fork-none')).toEqual({})
    expect(await rowCounts('fork-nowhere')).toEqual({})
  })

  test('[V4] is asked for by somebody who may read the parent, and own the fork', async () => {
    await send('fork-private', 'anna', [draft(1)])
    const token = (name: string, may: readonly ['read' | 'admin', ...('read' | 'admin')[]]) => testToken({ name, may: [...may] })
    for (const who of [await token('fork-mine', ['read', 'admin']), await token('fork-*', ['read'])]) {
      expect(await put('fork-mine', { forkOf: 'fork-private' }, who)).toMatchObject({ code: 'forbidden' })
    }
    expect(await rowCounts('fork-mine')).toEqual({})
  })

  test('[V4] is a fork already: the same again gives the same, anything else is refused', async () => {
    await send('fork-once', 'anna', [draft(1), draft(2), draft(3)])
    await put('fork-once', { closed: true })
    const whole = await put('fork-whole', { forkOf: 'fork-once' })
    const part = await put('fork-part', { forkOf: 'fork-once', through: 2 })
    expect([whole, part]).toMatchObject([
      { latestSeq: 2, through: 2 },
      { latestSeq: 2, through: 2 },
    ])
    expect(whole).not.toHaveProperty('closed')
    expect(await put('fork-whole', { forkOf: 'fork-once', through: 2 })).toEqual(whole)
    expect(await put('fork-whole', { forkOf: 'fork-once' })).toEqual(whole)
    expect(await put('fork-part', { forkOf: 'fork-once' })).toMatchObject({ code: 'not-empty' })
    expect(await put('fork-part', { forkOf: 'fork-once', through: 1 })).toMatchObject({ code: 'not-empty' })
    expect(await put('fork-part', { forkOf: 'fork-whole', through: 2 })).toMatchObject({ code: 'not-empty' })
    await (await remove('fork-once')).text()
    expect(await put('fork-part', { forkOf: 'fork-once', through: 2 })).toEqual(part)
  })
})

describe('a fork that is being made', () => {
  test('[V5] can be read, takes nothing, and is made by whoever asks again, whoever dies meanwhile', async () => {
    const parent = 'bucketed-dying'
    await fill(parent, 14)
    await untilSealed(parent, 3000)
    const lines = await linesOf(parent)
    const calls = ['plan', 'note', 'segments', 'snapshot', 'events', 'clients']
    for (const [index, [deadly, when]] of calls
      .flatMap(
        (one) =>
          [
            [one, 'before'],
            [one, 'after'],
          ] as const,
      )
      .entries()) {
      const fork = `${parent}-${index}`
      letBefall((one, at, abort) => {
        if (one !== deadly || at !== when) return
        letBefall()
        abort()
        throw new Error('The object has been killed.')
      })
      const answer = await put(fork, { forkOf: parent, through: 5300 })
      expect(answer, `${deadly} ${when}`).toMatchObject({ code: 'unavailable' })
      if (deadly !== 'plan') {
        expect(await stateOf(fork)).toMatchObject({ epoch: expect.any(String) })
        await evictDurableObject(stubOf(fork))
      }
      // Half of them are gone on with by their alarm.
      if (index % 2 === 0 && deadly !== 'plan') await rest(fork)
      expect(await put(fork, { forkOf: parent, through: 5300 })).toMatchObject({ latestSeq: 5300, through: 5300 })
      expect(await linesOf(fork)).toEqual(lines.slice(0, 5301))
    }
  }, 60_000)

  test('[V5] says so, takes nothing, and tells who listens when it is made', async () => {
    const [parent, fork] = ['fork-slow', 'fork-slow-made']
    await fill(parent, 1)
    const listener = await LiveSocket.open(fork)
    expect(await listener.next()).toMatchObject({ type: 'welcome', epoch: null })
    letBefall((one) => {
      if (one === 'clients') throw new Error('Not now.')
    })
    expect(await put(fork, { forkOf: parent })).toMatchObject({ code: 'unavailable' })
    expect(await stateOf(fork)).toMatchObject({ importing: true, latestSeq: 499 })
    expect(await send(fork, 'cleo', [draft(1)])).toMatchObject({ code: 'importing' })
    expect(await redact(fork, [[0, 0]])).toMatchObject({ code: 'importing' })
    const batch = { method: 'POST', token: admin, body: JSON.stringify({ finish: true, latestSeq: 499 }) }
    expect(await said(call(`/v1/streams/${fork}/import`, batch))).toMatchObject({ code: 'not-empty' })
    expect(await put('fork-slower', { forkOf: fork })).toMatchObject({ code: 'importing', at: 'forkOf' })
    expect(await put(fork, { forkOf: parent, through: 3 })).toMatchObject({ code: 'not-empty' })
    letBefall()
    expect(await put(fork, { forkOf: parent })).not.toHaveProperty('importing')
    expect(await listener.closed).toMatchObject({ code: 4412 })
    expect(await send(fork, 'cleo', [draft(1)])).toMatchObject({ seqs: [[500, 500]] })
  })
})
