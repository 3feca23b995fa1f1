import { describe, expect, test } from 'vitest'
import { type ClientStore, MemoryStore, type StoreTrouble } from '../../src/client/index.ts'
import { TestStore } from '../support/test-store.ts'
import { change, epoch, NotingModel, plainSlice, TestStream, testEvent } from '../support/test-stream.ts'

/** A store with a client, one draft and three events of the tape. */
async function filled(): Promise<TestStore> {
  const store = new TestStore()
  await store.claim('before')
  const tape = { epoch, latestSeq: 2, accounted: [[0, 2]] as const }
  const draft = { ...change, seen: 2 }
  const put = [{ place: 4, counter: 7, draft, madeAt: 0, folded: { drafts: 1, bytes: 80 } }]
  await store.save({ client: 'known', nextCounter: 8, tape, put, events: [0, 1, 2].map((seq) => testEvent(seq)) })
  store.saved.length = 0
  return store
}

describe('a store that cannot be opened', () => {
  test.each<StoreTrouble>(['unavailable', 'newer', 'blocked', 'unreadable'])(
    '[C13] %s: the client goes on in memory, under an id of its own, and says so',
    async (trouble) => {
      const store = await filled()
      store.failures[trouble === 'unreadable' ? 'load' : 'claim'] = [trouble]
      const client = new TestStream({ store, ids: ['tab', 'in-memory-until-read', 'owner', 'owner', 'own'] })
      const early = client.stream.publish(change)
      await client.welcome(-1)
      expect(client.stream.client).not.toBe('known')
      expect(client.stream.status.storage).toEqual({ isDurable: false, trouble, unsaved: 0, unreadable: 0 })
      expect(client.reported).toHaveLength(1)
      expect(client.link.sent).toMatchObject([{ type: 'publish', client: client.stream.client, drafts: [{ counter: 1 }] }])
      expect([store.saved, early.state.type]).toEqual([[], 'sent'])
    },
  )

  test('[C13] what may pass is tried again, and then the store is used; what does not pass ends in memory', async () => {
    const store = await filled()
    store.failures.load = [new Error('busy'), new Error('busy'), undefined]
    const client = new TestStream({ store })
    await client.settle()
    expect(client.stream.status).toMatchObject({ connection: 'connecting', storage: { trouble: 'failed' } })
    await client.settle(60_000)
    await client.welcome(2)
    expect(client.stream).toMatchObject({ client: 'known', status: { pending: 1, storage: { isDurable: true, trouble: undefined } } })

    const broken = await filled()
    broken.failures.claim = [new Error('broken')]
    const alone = new TestStream({ store: broken })
    await alone.settle(60_000)
    expect(alone.stream).toMatchObject({ client: 'me', status: { storage: { isDurable: false, trouble: 'failed' } } })
  })

  test('[C13] events that cannot be understood are read again from the server; the drafts and what they saw stay', async () => {
    const store = await filled()
    store.failures.events = ['unreadable', undefined]
    const client = new TestStream({ store })
    await client.settle()
    expect(client.model).toMatchObject({ runs: [], pending: [{ identifier: 'mine', seen: 2 }] })
    expect(client.link).toMatchObject({ after: -1, epoch })
    expect(client.stream.status.storage).toMatchObject({ isDurable: true, trouble: 'unreadable' })
    await client.welcome(2, { follows: [[0, 2]] })
    await client.slice([[0, 2]])
    expect(client.model.seqs).toEqual([0, 1, 2])
    expect(await store.events()).toHaveLength(3)
    expect(await store.load()).toMatchObject({ client: 'known', tape: { epoch, accounted: [[0, 2]] } })
  })

  test('[C13] [C8] another epoch is noticed though the events could not be understood', async () => {
    const store = await filled()
    store.failures.events = ['unreadable', undefined]
    const client = new TestStream({ store })
    await client.settle()
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 0, expiresInMs: 1000 })
    expect(client.model.pending).toMatchObject([{ seen: -1 }])
  })

  test('[C13] rows of the outbox that cannot be understood are counted', async () => {
    class OddStore extends TestStore {
      override async load() {
        const saved = await super.load()
        return saved === undefined ? undefined : { ...saved, unreadable: 2 }
      }
    }
    const client = new TestStream({ store: new OddStore(await filled()) })
    await client.settle()
    expect(client.stream.status.storage.unreadable).toBe(2)
  })
})

describe('a store that fails on the way', () => {
  test('[C13] [C9] nothing is sent unsaved; what waits for the store is counted, and sent when it has recovered', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    store.failures.save = [new Error('disk'), new Error('disk'), undefined]
    client.stream.publish(change)
    await client.settle()
    expect(client.model.pending).toHaveLength(1)
    expect(client.stream.status.storage).toMatchObject({ trouble: 'failed', unsaved: 1 })
    expect(client.link.sent).toEqual([])
    await client.settle(2000)
    expect(client.stream.status.storage).toEqual({ isDurable: true, trouble: undefined, unsaved: 0, unreadable: 0 })
    expect(client.link.sent).toHaveLength(1)
    expect(client.reported).toHaveLength(1)
  })

  test('[C13] one without room for the tape keeps the drafts; the tape is read again and kept in memory', async () => {
    const store = await filled()
    const client = new TestStream({ store })
    await client.welcome(2, { counter: 6 })
    store.isFull = true
    await client.slice([[3, 3]])
    expect(client.stream.status).toMatchObject({ storage: { trouble: 'full', isDurable: true }, holes: [[0, 3]], pending: 1 })
    expect(client.link.sent.at(-1)).toMatchObject({ type: 'fetch', seq: [[0, 3]] })
    await client.slice([[0, 3]])
    expect(client.stream.status.holes).toEqual([])
    const late = new NotingModel()
    client.stream.attach(late)
    await client.settle()
    expect(late.seqs).toEqual([0, 1, 2, 3])
    expect(await store.load()).toMatchObject({ tape: { epoch, accounted: [] }, outbox: [{ place: 4 }] })
    client.stream.publish({ ...change, identifier: 'more' })
    await client.settle()
    expect((await store.load())?.outbox).toHaveLength(2)
  })

  test('[C13] [D7] without room for the tape, what came of a text is folded in memory', async () => {
    const store = await filled()
    const client = new TestStream({ store })
    await client.welcome(2, { counter: 6 })
    store.isFull = true
    await client.slice([[3, 3]])
    const text = { collection: 'notes', identifier: 'n' }
    await client.slice([[0, 3]])
    await client.slice([[4, 4]], { events: [testEvent(4, { ...text, values: { body: 'a' } })] })
    for (const seq of [6, 8]) {
      const { values: _, ...event } = testEvent(seq, { ...text, type: 'update', seen: seq - 1 })
      const deltas = { body: [{ type: 'insert', offset: 1, values: 'b' }] }
      await client.slice([[seq - 1, seq]], { events: [testEvent(seq - 1), { ...event, deltas }] })
    }
    const late = new NotingModel()
    client.stream.attach(late)
    await client.settle()
    expect(late.seqs).toEqual([0, 1, 2, 3, 4, 5, 7])
  })

  test('[C13] one that another process has claimed is written no more, and nothing is sent from then on', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    await new TestStore(store).claim('another')
    client.stream.publish(change)
    await client.settle(60_000)
    expect(client.stream.status).toMatchObject({ connection: 'stopped', pending: 1, storage: { trouble: 'fenced', unsaved: 1 } })
    expect([client.link.isClosed, client.link.sent, client.transport.links.length]).toEqual([true, [], 1])
    client.stream.resume()
    await client.settle(60_000)
    expect(client.transport.links).toHaveLength(1)
  })
})

describe('a model attached late', () => {
  async function attachedLate(client: TestStream): Promise<NotingModel> {
    const late = new NotingModel()
    client.stream.attach(late)
    await client.settle()
    return late
  }

  test('[C9] is given what has not been saved yet, too', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    await client.slice([[0, 1]])
    store.holds = 'before'
    await client.slice([[2, 2]])
    await client.slice([[3, 3]])
    expect((await attachedLate(client)).seqs).toEqual([0, 1, 2, 3])
  })

  test('[C8] is not given the old tape while the store does not know yet that it was forgotten', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    await client.slice([[0, 2]])
    store.holds = 'before'
    client.link.events.onClose({})
    await client.settle(1000)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000 })
    await client.slice([[0, 0]], { epoch: 'epoch-2' })
    expect((await attachedLate(client)).seqs).toEqual([0])
  })
})

test('[C9] two processes without tabs: the second goes on with everything, the first stops and sends nothing', async () => {
  const store = new MemoryStore()
  const first = new TestStream({ store, ids: ['tab', 'me', 'first'] })
  await first.welcome(-1, { counter: 0 })
  first.stream.publish({ ...change, identifier: 'a' })
  await first.settle()
  const handle: ClientStore = new MemoryStore(store)
  const second = new TestStream({ store: handle, ids: ['tab', 'me', 'second'] })
  await second.welcome(0, { counter: 1, follows: [[0, 0]] })
  await second.frame({ type: 'slice', ...plainSlice([[0, 0]], () => ({ ...change, identifier: 'a', client: 'me', counter: 1 })) })
  first.stream.publish({ ...change, identifier: 'b' })
  await first.settle()
  expect(first.stream.status).toMatchObject({ connection: 'stopped', storage: { trouble: 'fenced' } })
  expect(first.link.sent).toHaveLength(1)
  second.stream.publish({ ...change, identifier: 'c' })
  await second.settle()
  expect(second.link.sent).toMatchObject([{ client: 'me', drafts: [{ counter: 2, identifier: 'c' }] }])
  expect(second.model.pending).toHaveLength(1)
})
