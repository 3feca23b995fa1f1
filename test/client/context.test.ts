/** What models are told beside events and drafts: who this client is, and what it lacks. */
import { describe, expect, test } from 'vitest'
import type { ApplyContext, OutboundEventReceiver } from '../../src/client/index.ts'
import type { Draft, SeqRanges, TapeEvent } from '../../src/protocol/index.ts'
import { TestStore } from '../support/test-store.ts'
import { change, plainSlice, TestStream, usedStore } from '../support/test-stream.ts'
import { named, TestBrowser, twoTabs } from '../support/test-tabs.ts'

interface Told {
  readonly seqs: readonly number[]
  readonly pending: number
  readonly context: ApplyContext
}

/** Notes each time it is told something. */
class ToldModel {
  receiver: OutboundEventReceiver | undefined
  readonly told: Told[] = []

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext): void {
    this.told.push({ seqs: events.map(({ seq }) => seq), pending: pending.length, context })
  }

  reset(): void {
    this.told.push({ seqs: [-1], pending: 0, context: { client: 'reset', holes: [] } })
  }

  /** Since it was last asked for. */
  get news(): (readonly [seqs: readonly number[], client: string, holes: SeqRanges])[] {
    return this.told.splice(0).map(({ seqs, context }) => [seqs, context.client, context.holes])
  }
}

function withModel<T extends TestStream>(client: T): T & { told: ToldModel } {
  const told = new ToldModel()
  client.stream.attach(told)
  return Object.assign(client, { told })
}

describe('the context', () => {
  test('[C17] says the client’s id once it is known, without events, and nothing twice', async () => {
    const client = withModel(new TestStream())
    expect(client.told.news).toEqual([[[], '', []]])
    await client.settle()
    expect(client.told.news).toEqual([[[], 'me', []]])
    await client.welcome(-1)
    expect(client.told.news).toEqual([])
  })

  test('[C17] comes with events where there are any: what is given with them is no hole', async () => {
    const client = withModel(new TestStream())
    await client.welcome(-1)
    client.told.news
    await client.slice([[0, 3]])
    await client.slice([[6, 7]])
    await client.slice([[4, 5]], { latestSeq: 7 })
    expect(client.told.news).toEqual([
      [[0, 1, 2, 3], 'me', []],
      [[6, 7], 'me', [[4, 5]]],
      [[4, 5], 'me', []],
    ])
  })

  test('[C17] tells of a hole that is filled without events, and of one that appears, once each', async () => {
    const client = withModel(new TestStream())
    await client.welcome(-1)
    await client.slice([[0, 3]])
    client.told.news
    await client.slice([], { latestSeq: 5 })
    await client.slice([], { latestSeq: 5 })
    await client.frame({ type: 'slice', ...plainSlice([[4, 5]]), events: [] })
    await client.frame({ type: 'slice', ...plainSlice([[4, 5]]), events: [] })
    expect(client.told.news).toEqual([
      [[], 'me', [[4, 5]]],
      [[], 'me', []],
    ])
  })

  test('[C17] what a welcome announces right behind it is no hole; what it does not, is', async () => {
    const client = withModel(new TestStream())
    await client.settle()
    client.told.news
    await client.welcome(1, { follows: [[0, 1]] })
    await client.slice([[0, 1]])
    expect(client.told.news).toEqual([[[0, 1], 'me', []]])
    client.link.events.onClose({})
    await client.settle(1000)
    await client.welcome(3)
    expect(client.told.news).toEqual([[[], 'me', [[2, 3]]]])
  })

  test('[C17] is the same object while nothing in it changes, frozen, and without holes to be worked out for each draft', async () => {
    const client = withModel(new TestStream())
    await client.welcome(-1)
    await client.slice([
      [0, 0],
      [2, 2],
    ])
    for (let i = 0; i < 3; i++) client.stream.publish({ ...change, identifier: `${i}` })
    await client.slice([[3, 3]])
    const contexts = client.told.told.slice(-5).map(({ context }) => context)
    expect(contexts[0]).toEqual({ client: 'me', holes: [[1, 1]] })
    expect(new Set(contexts).size).toBe(1)
    expect(Object.isFrozen(contexts[0])).toBe(true)
    expect(client.stream.status.holes).toEqual(contexts[0]?.holes)
  })

  test('[C17] [C15] is told once for a catch-up, however many pages it has, and never names less than the models lack', async () => {
    const client = withModel(new TestStream({ store: await usedStore() }))
    await client.settle()
    client.told.news
    await client.welcome(12_287)
    expect(client.told.news).toEqual([[[], 'me', [[0, 12_287]]]])
    const answer = async (index: number) => {
      const { ranges = [], answer } = client.transport.reads[index] ?? {}
      answer?.({ ...plainSlice(ranges), latestSeq: 12_287 })
      await client.settle()
    }
    await answer(1)
    await answer(0)
    expect(client.told.told).toEqual([])
    expect(client.stream.status.progress.have).toBe(8192)
    client.stream.discard(99)
    client.stream.publish(change)
    const [run, draft] = client.told.news
    expect([run?.[0].length, run?.[2], draft?.[0], draft?.[2]]).toEqual([8192, [[8192, 12_287]], [], [[8192, 12_287]]])
    await answer(2)
    expect(client.told.news.map(([seqs, , holes]) => [seqs.length, holes])).toEqual([[4096, []]])
  })

  test('[C17] names another id after a copy', async () => {
    const client = withModel(new TestStream({ ids: ['tab', 'first', 'claim', 'second'] }))
    await client.settle()
    const before = client.stream.client
    expect(client.told.news.at(-1)?.[1]).toBe(before)
    // The tape has taken more under this id than we ever sent.
    await client.welcome(-1, { counter: 5 })
    expect(client.stream.client).not.toBe(before)
    expect(client.told.news).toEqual([[[], client.stream.client, []]])
  })

  test('[C17] [C10] events that end the link, as somebody else’s under this id do, are given all the same', async () => {
    const client = withModel(new TestStream())
    await client.welcome(-1)
    await client.frame({ type: 'slice', ...plainSlice([[0, 1]], () => ({ client: 'me', counter: 1 })) })
    expect(client.link.isClosed).toBe(true)
    expect(client.told.news.at(-1)).toEqual([[0, 1], 'me', []])
  })

  test('[C17] [C8] after a reset it is about the new tape', async () => {
    const client = withModel(new TestStream())
    await client.welcome(-1)
    await client.slice([[0, 9]])
    client.told.news
    client.link.events.onClose({})
    await client.settle(1000)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 2, expiresInMs: 1000 })
    expect(client.told.news).toEqual([
      [[-1], 'reset', []],
      [[], 'me', [[0, 2]]],
    ])
  })
})

describe('a model that comes late', () => {
  test('[C17] lacks everything until it is given what the others have', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.slice([[0, 2]])
    const { told } = withModel(client)
    expect(told.news).toEqual([[[], 'me', [[0, 2]]]])
    await client.settle()
    expect(told.news).toEqual([[[0, 1, 2], 'me', []]])
  })

  test('[C17] [C13] lacks what is read again for want of room; those that have it do not', async () => {
    const store = new TestStore()
    const client = withModel(new TestStream({ store }))
    await client.welcome(-1)
    await client.slice([[0, 1]])
    store.isFull = true
    await client.slice([[2, 2]])
    expect(client.stream.status.holes).toEqual([[0, 2]])
    client.told.news
    client.stream.publish(change)
    expect(client.told.news).toEqual([[[], 'me', []]])
    const late = new ToldModel()
    client.stream.attach(late)
    await client.settle()
    expect(late.news.map(([seqs, , holes]) => [seqs, holes])).toEqual([
      [[], [[0, 2]]],
      [[], [[0, 2]]],
    ])
    await client.slice([[0, 1]], { latestSeq: 2 })
    expect(late.news.map(([seqs, , holes]) => [seqs, holes])).toEqual([[[0, 1], [[2, 2]]]])
    await client.slice([[2, 2]])
    expect(late.news.map(([seqs, , holes]) => [seqs, holes])).toEqual([[[2], []]])
    expect(new Set(client.told.told.map(({ context }) => context.holes.length))).toEqual(new Set([0]))
  })
})

describe('a tab that follows', () => {
  test('[C17] [C14] is told the id, and of holes as they are saved, in the moment in which it is given the events', async () => {
    const browser = new TestBrowser()
    const owner = await browser.open('a')
    await owner.welcome(-1, { counter: 0 })
    const follower = await browser.open('b')
    const { told } = withModel(follower)
    await follower.settle()
    expect(told.news.at(-1)).toEqual([[], owner.stream.client, []])
    await owner.slice([[0, 0]])
    await owner.slice([[3, 3]])
    await owner.slice([[1, 2]], { latestSeq: 3 })
    const { client } = owner.stream
    expect(told.news).toEqual([
      [[0], client, []],
      [[3], client, [[1, 2]]],
      [[1, 2], client, []],
    ])
  })

  test('[C17] [C14] [C8] is told of another tape after it was reset, not before', async () => {
    const { owner, follower } = await twoTabs()
    const { told } = withModel(follower)
    await owner.slice([[0, 4]])
    told.news
    owner.link.events.onClose({})
    await owner.settle(1000)
    await owner.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000 })
    const { client } = owner.stream
    expect(told.news).toEqual([
      [[-1], 'reset', []],
      [[], client, []],
    ])
  })

  test('[C17] [C14] one that becomes the owner goes on as it was', async () => {
    const { browser, owner, follower } = await twoTabs()
    await owner.slice([[0, 4]])
    follower.stream.publish(named('mine'))
    const { told } = withModel(follower)
    await follower.settle()
    told.news
    await browser.kill(owner)
    await follower.settle()
    expect(told.news).toEqual([[[0, 1, 2, 3, 4], owner.stream.client, []]])
  })
})
