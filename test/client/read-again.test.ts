/** Pending deltas of a client that reads its tape a second time: what they lie on already is not taken beneath them again. */
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/client/index.ts'
import { narrowAfterMs } from '../../src/client/tape/wanting.ts'
import { Text } from '../../src/models/index.ts'
import type { Deltas, TapeEvent } from '../../src/protocol/index.ts'
import { TestStore } from '../support/test-store.ts'
import { epoch, TestStream, testEvent } from '../support/test-stream.ts'

const note = { collection: 'notes', identifier: 'n' } as const
const at = (offset: number, values: string): Deltas => [{ type: 'insert', offset, values }]
const typed = (offset: number, values: string) => ({ type: 'update', ...note, deltas: { body: at(offset, values) } }) as const
const wrote = (seq: number, offset: number, values: string, more: Partial<TapeEvent> = {}) =>
  testEvent(seq, { seen: seq - 1, ...typed(offset, values), values: undefined, ...more })
const of = (...names: string[]) => ({ project: names })

/** 'Oh hello', in two events. */
const story = Array.from({ length: 10 }, (_, seq) => {
  if (seq === 0) return wrote(0, 0, 'hello')
  return seq === 5 ? wrote(5, 0, 'Oh ') : testEvent(seq)
})
const whole = { type: 'slice', epoch, latestSeq: 9, covers: [[0, 9]], events: story }

function withText(client: TestStream): Text {
  const text = new Text('notes', { identifier: 'n', field: 'body' })
  client.stream.attach(text)
  return text
}

function published(client: TestStream): unknown[] {
  return client.link.sent.filter(({ type }) => type === 'publish').map(({ drafts }) => drafts)
}

describe('a tape that is read again after a restart', () => {
  /** Has a pending draft at the end of 'Oh hello', and a store with nothing of the tape. */
  async function afterRestart(lose: (store: TestStore) => void): Promise<TestStream> {
    const store = new TestStore()
    const before = new TestStream({ store })
    await before.welcome(9, { counter: 0 })
    lose(store)
    await before.frame(whole)
    before.stream.pause()
    before.stream.publish(typed(8, '!'))
    await before.settle()
    const client = new TestStream({ store: new TestStore(store) })
    await client.welcome(9, { counter: 0 })
    return client
  }

  test('[D8][C13] leaves deltas where they were meant to be, when the store had no room for it', async () => {
    const client = await afterRestart((store) => {
      store.isFull = true
    })
    const text = withText(client)
    expect(published(client)).toEqual([[{ counter: 1, seen: 9, ...typed(8, '!') }]])
    await client.frame(whole)
    expect(client.model.pending).toEqual([{ seen: 9, ...typed(8, '!') }])
    expect(text.value).toBe('Oh hello!')
    await client.frame({
      ...whole,
      latestSeq: 10,
      covers: [[10, 10]],
      events: [wrote(10, 8, '!', { client: 'me', counter: 1 })],
    })
    expect(client.stream.status).toMatchObject({ pending: 0, refused: [], connection: 'online' })
    expect([client.stream.client, text.value]).toEqual(['me', 'Oh hello!'])
  })

  test('[D8] what is new above it is taken over as ever', async () => {
    const client = await afterRestart((store) => {
      store.isFull = true
    })
    await client.frame({ ...whole, latestSeq: 10, covers: [[0, 10]], events: [...story, wrote(10, 0, '>>')] })
    expect(client.model.pending).toEqual([{ seen: 10, ...typed(10, '!') }])
  })
})

test('[X1][C13] what had been seen stands in no precondition’s way when it comes again', async () => {
  const store = new TestStore()
  const before = new TestStream({ store })
  await before.welcome(9, { counter: 0 })
  store.isFull = true
  await before.frame(whole)
  before.stream.pause()
  before.stream.publish({ type: 'update', ...note, values: { title: 'x' }, expect: { unchanged: true } })
  await before.settle()
  const client = new TestStream({ store: new TestStore(store) })
  await client.welcome(10, { counter: 0 })
  const { ref } = client.link.sent.find(({ type }) => type === 'publish') ?? {}
  await client.frame({ ...whole, latestSeq: 10, covers: [[0, 10]], events: [...story, testEvent(10)] })
  await client.frame({ type: 'refused', ref, code: 'catch-up-first', counter: 1, latestSeq: 10 })
  expect(client.stream.status.refused).toEqual([])
  expect(published(client).at(-1)).toMatchObject([{ counter: 1, seen: 10 }])
})

test('[D8][C21] to want more takes pending deltas over nothing a second time, after a restart, too', async () => {
  const store = new MemoryStore()
  const before = new TestStream({ store, wanted: [of('p1')] })
  await before.welcome(9, { counter: 0 })
  await before.frame({ ...whole, events: [testEvent(0, { ...note, values: { body: 'hello' } }), wrote(5, 0, 'Oh ')] })
  before.stream.pause()
  before.stream.publish(typed(8, '!'))
  before.stream.want([of('p1'), of('p2')])
  await before.settle()
  const client = new TestStream({ store: new MemoryStore(store), wanted: [of('p1'), of('p2')] })
  await client.welcome(9, { counter: 0 })
  client.transport.reads[0]?.answer({ epoch, latestSeq: 9, covers: [[0, 9]], events: [] })
  await client.settle()
  expect(client.model.pending).toEqual([{ seen: 9, ...typed(8, '!') }])
  expect(client.stream.status.refused).toEqual([])
})

test('[D8][S2] what waits above a hole and comes again is taken over once', async () => {
  const client = new TestStream({ wanted: [of('p1'), of('p2')] })
  await client.welcome(9, { counter: 0 })
  await client.frame({ ...whole, events: [wrote(3, 0, 'hello')] })
  client.stream.publish(typed(5, '!'))
  client.stream.want([of('p1')])
  await client.settle(narrowAfterMs)
  await client.frame({ ...whole, latestSeq: 12, covers: [[12, 12]], events: [wrote(12, 0, 'ab')] })
  client.transport.lists[0]?.answer({ epoch, latestSeq: 9, objects: [['notes', 'n']] })
  await client.welcome(12, { counter: 0 })
  const { ref, seq } = client.link.sent.find(({ type }) => type === 'fetch') ?? {}
  expect(seq).toEqual([[10, 12]])
  await client.frame({ ...whole, ref, latestSeq: 12, covers: [[10, 12]], events: [wrote(12, 0, 'ab')] })
  expect(client.model.pending).toEqual([{ seen: 12, ...typed(7, '!') }])
})

test('[C21] what is read of one part is not asked for of all, whatever order they are wanted in', async () => {
  const client = new TestStream({ wanted: [of('p1'), of('p2')] })
  await client.welcome(1999, { counter: 0 })
  client.stream.want([of('p2'), of('p1')])
  await client.slice([[2000, 2000]])
  const [, second] = client.transport.reads
  expect(second).toMatchObject({ ranges: [[0, 1999]], selection: { any: [of('p2')] } })
  second?.answer({ epoch, latestSeq: 2000, covers: [[0, 1500]], events: [] })
  await client.settle()
  expect(client.link.sent.filter(({ type }) => type === 'fetch')).toEqual([])
})
