/** What a client makes while parts of its tape have come further than others: no draft says that it has seen more than it has. */
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/client/index.ts'
import { narrowAfterMs } from '../../src/client/tape/wanting.ts'
import { Text } from '../../src/models/index.ts'
import type { ObjectFilter, TapeEvent } from '../../src/protocol/index.ts'
import { epoch, TestStream, testEvent } from '../support/test-stream.ts'
import { TestBrowser } from '../support/test-tabs.ts'

const of = (...names: string[]): ObjectFilter => ({ project: names })
/** More than is asked for on the link, which brings all parts at once. */
const latestSeq = 1999

const inserted = (offset: number, values: string) =>
  ({ type: 'update', collection: 'notes', identifier: 'n', deltas: { body: [{ type: 'insert', offset, values }] } }) as const
const wrote = (seq: number, offset: number, values: string): TapeEvent =>
  testEvent(seq, { seen: seq - 1, ...inserted(offset, values), values: undefined })

/** The read that was asked for last brings this, of all that is known of the tape. */
async function answer(client: TestStream, events: readonly TapeEvent[], last = latestSeq): Promise<void> {
  const read = client.transport.reads.at(-1)
  read?.answer({ epoch, latestSeq, covers: [[read.ranges[0]?.[0] ?? 0, last]], events })
  await client.settle()
}

function withText(client: TestStream): Text {
  const text = new Text('notes', { identifier: 'n', field: 'body' })
  client.stream.attach(text)
  return text
}

/** Holds all of p1, and is about to read p2. */
async function widened(isRestarted: boolean, events: readonly TapeEvent[] = []): Promise<TestStream> {
  const store = new MemoryStore()
  let client = new TestStream({ store, wanted: [of('p1')] })
  await client.welcome(latestSeq, { counter: 0 })
  await answer(client, events)
  if (isRestarted) {
    client = new TestStream({ store: new MemoryStore(store), wanted: [of('p1')] })
    await client.welcome(latestSeq, { counter: 0 })
  }
  client.stream.want([of('p1'), of('p2')])
  await client.welcome(latestSeq, { counter: 0 })
  return client
}

describe.each([{ isRestarted: false }, { isRestarted: true }])('who wants more, restarted before: $isRestarted', ({ isRestarted }) => {
  test('[C21][C13] says of its drafts what all parts have', async () => {
    const client = await widened(isRestarted)
    client.stream.publish({ type: 'update', collection: 'x', identifier: 'a', values: { n: 1 }, expect: { unchanged: true } })
    expect(client.model.pending).toMatchObject([{ seen: -1 }])
    await answer(client, [], 999)
    client.stream.publish({ type: 'update', collection: 'x', identifier: 'b', values: { n: 1 } })
    expect(client.model.pending).toMatchObject([{}, { seen: 999 }])
    await answer(client, [])
    client.stream.publish({ type: 'update', collection: 'x', identifier: 'c', values: { n: 1 } })
    expect(client.model.pending).toMatchObject([{}, {}, { seen: latestSeq }])
  })

  test('[C21][D8] edits no text before all that it may be of has come, and takes deltas over what comes', async () => {
    const client = await widened(isRestarted)
    const text = withText(client)
    await client.settle()
    await answer(client, [wrote(10, 0, 'hello')], 999)
    expect(text.isReady).toBe(false)
    client.stream.publish(inserted(5, '!'))
    await answer(client, [wrote(1500, 0, 'Oh ')])
    expect(client.model.pending).toEqual([{ seen: 1500, ...inserted(8, '!') }])
    expect(text).toMatchObject({ isReady: true, value: 'Oh hello!' })
  })

  test('[C21][D8] keeps what was pending of what it held where it is', async () => {
    const client = await widened(isRestarted, [wrote(0, 0, 'hello')])
    await answer(client, [])
    client.stream.publish(inserted(5, '!'))
    client.stream.want([of('p1'), of('p2'), of('p3')])
    await client.welcome(latestSeq, { counter: 0 })
    await answer(client, [])
    expect(client.model.pending).toEqual([{ seen: latestSeq, ...inserted(5, '!') }])
  })
})

/** Holds p1, has put something into its text, and wants p2, too; others put something before it while p2 has not come. */
async function overtaken(store: MemoryStore, by: 'a few' | 'many'): Promise<TestStream> {
  const client = new TestStream({ store, wanted: [of('p1')] })
  await client.welcome(latestSeq, { counter: 0 })
  await answer(client, [wrote(0, 0, 'hel'), wrote(latestSeq, 3, 'lo')])
  client.stream.publish(inserted(5, '!'))
  client.stream.want([of('p1'), of('p2')])
  const events = [wrote(latestSeq + 1, 0, 'Oh '), wrote(latestSeq + 2, 0, '» ')]
  const end = latestSeq + (by === 'a few' ? 2 : 2000)
  await client.welcome(end, { counter: 0 })
  if (by === 'many') await answer(client, events, end)
  else await client.slice([[latestSeq + 1, end]], { events })
  expect(client.model.pending).toMatchObject([{ seen: latestSeq, ...inserted(5, '!') }])
  return client
}

function expectTakenOver(client: TestStream, text: Text): void {
  expect(client.stream.status.refused).toEqual([])
  expect(client.model.pending).toMatchObject([{ seen: latestSeq + 2, ...inserted(10, '!') }])
  expect(text).toMatchObject({ isReady: true, value: '» Oh hello!' })
}

describe('what is pending of one part, while another has not come', () => {
  test('[C21][D8] is taken over what others did to it once that has come, after a restart, too', async () => {
    const store = new MemoryStore()
    await overtaken(store, 'a few')
    const client = new TestStream({ store: new MemoryStore(store), wanted: [of('p1'), of('p2')] })
    const text = withText(client)
    await client.welcome(latestSeq + 2, { counter: 0 })
    await answer(client, [])
    expectTakenOver(client, text)
  })

  test.each(['at once', 'after a restart'])('[C21][D8] is taken over it when that is wanted no more: %s', async (when) => {
    const store = new MemoryStore()
    let client = await overtaken(store, 'many')
    if (when === 'at once') client.stream.want([of('p1')])
    else client = new TestStream({ store: new MemoryStore(store), wanted: [of('p1')] })
    const text = withText(client)
    await client.settle()
    expectTakenOver(client, text)
  })

  test('[C21][D8] is taken over it when what has come of that is let go of, and what is kept is so, too', async () => {
    const store = new MemoryStore()
    const client = await overtaken(store, 'a few')
    client.stream.want([of('p1')])
    await client.settle(narrowAfterMs)
    client.transport.lists[0]?.answer({ epoch, latestSeq: latestSeq + 2, objects: [['notes', 'n']] })
    const text = withText(client)
    await client.settle()
    expectTakenOver(client, text)
    const restarted = new TestStream({ store: new MemoryStore(store), wanted: [of('p1')] })
    const again = withText(restarted)
    await restarted.settle()
    expectTakenOver(restarted, again)
  })

  test('[C21][D8] keeps its part wanted until it is on the tape', async () => {
    const client = await overtaken(new MemoryStore(), 'a few')
    await answer(client, [])
    client.stream.want([of('p2')])
    const letGo = async (latest: number) => {
      await client.settle(narrowAfterMs)
      client.transport.lists.at(-1)?.answer({ epoch, latestSeq: latest, objects: [] })
      await client.settle()
    }
    await letGo(latestSeq + 2)
    expect(client.link.filters).toEqual([of('p1'), of('p2')])
    await client.slice([[latestSeq + 3, latestSeq + 3]], { events: [wrote(latestSeq + 3, 0, '— ')] })
    expect(client.model.pending).toMatchObject([{ seen: latestSeq + 3, ...inserted(12, '!') }])
    const [own] = client.model.pending
    const event = testEvent(latestSeq + 4, { values: undefined, ...own, client: 'me', counter: 1 })
    await client.slice([[latestSeq + 4, latestSeq + 4]], { events: [event] })
    expect(client.model.pending).toEqual([])
    await letGo(latestSeq + 4)
    expect(client.link.filters).toEqual([of('p2')])
  })
})

test('[C21] what is urgent shows when it has come, and its texts wait for the rest', async () => {
  const client = new TestStream({ wanted: [of('p1'), {}] })
  const text = withText(client)
  await client.welcome(4999, { counter: 0 })
  client.transport.reads[0]?.answer({ epoch, latestSeq: 4999, covers: [[0, 4999]], events: [testEvent(3), wrote(100, 0, 'hello')] })
  await client.settle()
  expect(client.model.seqs).toEqual([3, 100])
  expect(text.isReady).toBe(false)
  client.transport.reads[1]?.answer({ epoch, latestSeq: 4999, covers: [[0, 4999]], events: [testEvent(50)] })
  await client.settle()
  expect(text).toMatchObject({ isReady: true, value: 'hello' })
})

test('[C14][C21] in all tabs, when one of them wants more', async () => {
  const browser = new TestBrowser()
  const owner = await browser.open('a', undefined, [of('p1')])
  await owner.welcome(latestSeq, { counter: 0 })
  await answer(owner, [])
  const follower = await browser.open('b', undefined, [of('p1')])
  const made = (identifier: string) => follower.stream.publish({ type: 'update', collection: 'x', identifier, values: { n: 1 } })
  made('before')
  follower.stream.want([of('p1'), of('p2')])
  await browser.settle()
  made('meanwhile')
  await owner.welcome(latestSeq, { counter: 0 })
  await answer(owner, [])
  made('then')
  expect(follower.model.pending).toMatchObject([{ seen: latestSeq }, { seen: -1 }, { seen: latestSeq }])
})
