/** What goes wrong around a client: reads that hang, stores that fail or are slow, listeners that close the stream. */
import { describe, expect, test } from 'vitest'
import { MemoryStore, ReadFailure, type Saved, type SavedChange } from '../../src/client/index.ts'
import { Refusal } from '../../src/protocol/index.ts'
import { change, NotingModel, plainSlice, TestStream, usedStore } from '../support/test-stream.ts'

/** Saves and reads only when the test says so. */
class SlowStore extends MemoryStore {
  readonly waiting: (() => void)[] = []
  isSlow = false

  override async save(saved: SavedChange): Promise<void> {
    await this.#turn()
    return super.save(saved)
  }

  override async events() {
    await this.#turn()
    return super.events()
  }

  letGo(): void {
    for (const go of this.waiting.splice(0)) go()
  }

  #turn(): Promise<void> {
    return this.isSlow ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve()
  }
}

describe('reads', () => {
  test('[C1] one that hangs is given up after its time, and made again', async () => {
    const client = new TestStream()
    await client.welcome(4095)
    expect(client.transport.reads).toHaveLength(1)
    await client.settle(20_000)
    client.link.events.onFrame('pong')
    for (let i = 0; i < 4; i++) {
      await client.settle(12_000)
      client.link.events.onFrame('pong')
    }
    expect(client.transport.reads).toHaveLength(2)
    expect(client.transport.reads[1]).toMatchObject({ ranges: [[0, 4095]], withinMs: 60_000 })
    client.transport.reads[1]?.answer(plainSlice([[0, 4095]]))
    await client.settle()
    expect(client.stream.status.holes).toEqual([])
  })

  test('[C1] that fail by a mistake are told of once in a row, and the code that the server gives is shown', async () => {
    const client = new TestStream({ store: await usedStore() })
    await client.welcome(5000, { counter: 1 })
    const failAll = async (error: Error) => {
      for (const { fail } of client.transport.reads.splice(0)) fail(error)
      await client.settle(4000)
    }
    const statuses: (string | undefined)[] = []
    client.stream.subscribe(({ problem }) => statuses.at(-1) !== problem && statuses.push(problem))
    await failAll(new ReadFailure('The server was not reached.'))
    expect([client.reported, client.stream.status.problem]).toEqual([[], undefined])
    await failAll(new RangeError('A deadline is a whole number.'))
    await failAll(new RangeError('A deadline is a whole number.'))
    expect([client.reported, client.stream.status.problem]).toEqual([[new RangeError('A deadline is a whole number.')], undefined])
    await failAll(new Refusal('damaged'))
    expect([client.reported.length, client.stream.status.problem]).toEqual([1, 'damaged'])
    for (const { ranges, answer } of client.transport.reads.splice(0)) answer(plainSlice(ranges))
    await client.settle()
    expect(client.stream.status).toMatchObject({ holes: [], problem: undefined })
    expect(statuses).toEqual(['damaged', undefined])
  })

  test('[C6] whose token has expired have a fresh one fetched, once for all of them', async () => {
    const fetches: ((token: string) => void)[] = []
    const token = () => new Promise<string>((resolve) => fetches.push(resolve))
    const client = new TestStream({ store: await usedStore(), token })
    await client.settle()
    for (const give of fetches.splice(0)) give('old')
    await client.welcome(50_000, { counter: 1 })
    const { reads } = client.transport
    expect(reads.map((read) => read.token)).toEqual(['old', 'old', 'old', 'old'])
    const [first, ...others] = reads.splice(0)
    first?.fail(new Refusal('token-expired'))
    await client.settle(1000)
    for (const give of fetches.splice(0, 1)) give('new')
    for (const { fail } of others) fail(new Refusal('token-expired'))
    await client.settle(1000)
    expect(fetches).toEqual([])
    expect(reads.map((read) => read.token)).toEqual(['new', 'new', 'new', 'new'])
  })

  test('[C6] a token that never comes is fetched again after its time', async () => {
    let fetches = 0
    const client = new TestStream({ token: () => (++fetches === 1 ? new Promise<string>(() => {}) : 'token') })
    await client.settle(59_000)
    expect([fetches, client.transport.links.length]).toEqual([1, 0])
    await client.settle(10_000)
    expect([fetches, client.transport.links.length]).toEqual([2, 1])
  })

  test('[C1] one that hangs over a cut does not keep its hole open', async () => {
    const client = new TestStream()
    await client.welcome(4095)
    client.link.events.onClose({})
    await client.settle(1000)
    await client.welcome(4095)
    expect(client.transport.reads.map(({ ranges }) => ranges)).toEqual([[[0, 4095]], [[0, 4095]]])
  })

  test('[C1] a fetch that is answered with nothing is made again only after a while', async () => {
    const client = new TestStream()
    await client.welcome(3)
    await client.slice([], { ref: 1, latestSeq: 3 })
    expect(client.link.sent).toHaveLength(1)
    await client.settle(1000)
    expect(client.link.sent).toHaveLength(2)
  })
})

describe('the store', () => {
  test('[C9] what is numbered anew is saved before it is sent', async () => {
    const store = new SlowStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    for (const identifier of ['a', 'b', 'c']) client.stream.publish({ ...change, identifier })
    await client.settle()
    store.isSlow = true
    await client.frame({ type: 'refused', ref: 1, code: 'invalid', counter: 1 })
    expect(client.link.sent).toHaveLength(1)
    store.isSlow = false
    store.letGo()
    await client.settle()
    expect(client.link.sent.at(-1)).toMatchObject({
      drafts: [
        { counter: 1, identifier: 'b' },
        { counter: 2, identifier: 'c' },
      ],
    })
    expect((await store.load())?.outbox).toMatchObject([
      { refused: 'invalid', draft: { identifier: 'a' } },
      { counter: 1, draft: { identifier: 'b' } },
      { counter: 2, draft: { identifier: 'c' } },
    ])
  })

  test('[C9] one that cannot be read is tried again, and nothing is saved or sent before', async () => {
    class ShyStore extends MemoryStore {
      failures = 2
      override load(): Promise<Saved | undefined> {
        return this.failures-- > 0 ? Promise.reject(new Error('blocked')) : super.load()
      }
    }
    const store = new ShyStore()
    await store.claim('before')
    const entry = { place: 9, counter: 4, draft: { ...change, seen: -1 }, madeAt: 0, folded: { drafts: 1, bytes: 80 } }
    await store.save({ client: 'known', nextCounter: 5, put: [entry] })
    const client = new TestStream({ store })
    client.stream.publish({ ...change, identifier: 'early' })
    await client.settle(100)
    expect([client.transport.links, client.reported]).toMatchObject([[], [{ message: 'blocked' }]])
    await client.settle(10_000)
    await client.welcome(-1)
    expect(client.link.sent).toMatchObject([{ client: 'known', drafts: [{ counter: 4 }, { counter: 5, identifier: 'early' }] }])
  })

  test('[C8] a model attached while another tape begins is not given the old one', async () => {
    const store = new SlowStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    await client.slice([[0, 2]])
    store.isSlow = true
    const late = new NotingModel()
    client.stream.attach(late)
    client.link.events.onClose({})
    await client.settle(1000)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000 })
    store.letGo()
    await client.settle()
    expect([late.resets, late.seqs]).toEqual([1, []])
  })
})

describe('the application', () => {
  test('[C6] that closes the stream when it hears that it is online has closed it', async () => {
    const client = new TestStream()
    client.stream.publish(change)
    client.stream.subscribe(({ connection }) => connection === 'online' && client.stream.close())
    await client.welcome(4999)
    expect(client.stream.status).toMatchObject({ connection: 'stopped', problem: undefined })
    expect([client.transport.reads, client.link.sent]).toEqual([[], []])
  })

  test('[L7] that shows a token with more rights has its drafts taken', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish(change)
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, code: 'forbidden' })
    await client.frame({ type: 'token', expiresInMs: 1000 })
    expect(client.stream.status.problem).toBeUndefined()
    expect(client.link.sent.at(-1)).toMatchObject({ type: 'publish', drafts: [{ counter: 1 }] })
  })

  test('[N5] that changes a value after it was checked does not change what is published', async () => {
    const client = new TestStream()
    const values = { title: 'short' }
    client.stream.publish({ ...change, values })
    values.title = 'x'.repeat(300_000)
    await client.welcome(-1)
    expect(client.link.sent).toMatchObject([{ drafts: [{ values: { title: 'short' } }] }])
  })

  test('[C7] sees in the status when anything was heard last, a pong too', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.settle(21_000)
    client.link.events.onFrame('pong')
    await client.settle(60_000)
    expect(client.stream.status.lastHeardAt).toBe(21_000)
  })
})
