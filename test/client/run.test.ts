/** What a returning client is given: the run between what it had and what there is, folded, at once. */
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/client/index.ts'
import { retryDelayMs } from '../../src/client/link/connection.ts'
import { ReadFailure } from '../../src/client/link/transport.ts'
import type { TapeEvent } from '../../src/protocol/index.ts'
import { change, epoch, plainSlice, TestStream, testEvent, usedStore } from '../support/test-stream.ts'

/** Three pages of updates of ten objects. */
const pages = [
  [0, 4095],
  [4096, 8191],
  [8192, 12_287],
] as const
const latestSeq = 12_287
const by = (seq: number): Partial<TapeEvent> => ({
  identifier: `thing-${seq % 10}`,
  type: seq < 10 ? 'insert' : 'update',
  values: { n: seq },
})
const page = (index: number) => ({ ...plainSlice([pages[index] ?? [0, 0]], by), latestSeq })

async function catchingUp(given?: MemoryStore): Promise<TestStream> {
  const client = new TestStream({ store: given ?? (await usedStore()) })
  await client.welcome(latestSeq)
  expect(client.transport.reads).toHaveLength(3)
  return client
}

async function answer(client: TestStream, ...indexes: number[]): Promise<void> {
  for (const index of indexes) client.transport.reads[index]?.answer(page(index))
  await client.settle()
}

describe('a catch-up of several pages', () => {
  test('[C15] is one folded run: the models are told once, and each object is touched once', async () => {
    const client = await catchingUp()
    await answer(client, 1)
    await answer(client, 0)
    expect(client.model.runs).toEqual([])
    await answer(client, 2)
    expect(client.model.runs).toHaveLength(1)
    expect(client.model.runs[0]).toHaveLength(10)
    expect(client.stream.status.holes).toEqual([])
  })

  test('[C15] its events are kept as they come, though they show later', async () => {
    const store = await usedStore()
    const client = await catchingUp(store)
    await answer(client, 0)
    expect(await store.load()).toMatchObject({ tape: { epoch, accounted: [[0, 4095]] } })
    expect(await store.events()).toHaveLength(10)
  })

  test('[C2] [C15] a live event shows at once, with what has come before it', async () => {
    const client = await catchingUp()
    await answer(client, 0)
    await client.frame({ type: 'slice', ...plainSlice([[latestSeq + 1, latestSeq + 1]]) })
    expect(client.model.runs).toHaveLength(1)
    expect(client.model.runs[0]).toHaveLength(11)
    expect(client.model.runs[0]).toContain(latestSeq + 1)
    await answer(client, 1, 2)
    expect(client.model.runs).toHaveLength(2)
  })

  test('[C3] [C15] an event of an own draft shows in the moment in which the draft is gone', async () => {
    const store = new MemoryStore()
    await store.claim('before')
    const put = [{ place: 1, counter: 1, draft: { ...change, seen: -1 }, madeAt: 0, folded: { drafts: 1, bytes: 80 } }]
    await store.save({ client: 'me', nextCounter: 2, put })
    const client = await catchingUp(store)
    expect(client.model.pending).toHaveLength(1)
    const read = client.transport.reads[1]
    read?.answer({ ...plainSlice([[4096, 8191]], (seq) => (seq === 5000 ? { ...change, client: 'me', counter: 1 } : by(seq))), latestSeq })
    await client.settle()
    expect(client.model.pending).toEqual([])
    expect(client.model.seqs).toContain(5000)
  })

  test('[C15] a draft that is made meanwhile has seen what the models show', async () => {
    const client = await catchingUp()
    await answer(client, 0)
    client.stream.publish(change)
    expect(client.model.runs).toHaveLength(1)
    expect(client.model.pending).toMatchObject([{ seen: 4095 }])
  })

  test('[C15] a page that fails does not keep the others from the models', async () => {
    const client = await catchingUp()
    await answer(client, 0, 2)
    expect(client.model.runs).toEqual([])
    client.transport.reads[1]?.fail(new ReadFailure('no network'))
    await client.settle()
    expect(client.model.runs).toHaveLength(1)
    await client.settle(retryDelayMs(0, client.random))
    expect(client.transport.reads).toHaveLength(4)
    client.transport.reads[3]?.answer(page(1))
    await client.settle()
    expect(client.model.runs).toHaveLength(2)
  })

  test('[C15] nor does a cut, nor the end of the stream', async () => {
    for (const end of ['cut', 'pause', 'close'] as const) {
      const client = await catchingUp()
      await answer(client, 0)
      if (end === 'cut') client.link.events.onClose({})
      else client.stream[end]()
      await client.settle()
      expect([end, client.model.runs.length]).toEqual([end, 1])
    }
  })

  test('[C15] what has come of a tape that is no more is not shown', async () => {
    const client = await catchingUp()
    client.transport.reads[2]?.answer({ ...page(2), epoch: 'epoch-0' })
    await client.settle()
    expect([client.model.runs, client.stream.status.progress.have]).toEqual([[], 0])
  })

  test('[C15] more than twenty thousand events are shown in parts', async () => {
    const client = new TestStream({ store: await usedStore() })
    await client.welcome(40_959)
    for (let index = 0; index < 10; index++) {
      const ranges = client.transport.reads[index]?.ranges ?? []
      client.transport.reads[index]?.answer({ ...plainSlice(ranges, by), latestSeq: 40_959 })
      await client.settle()
    }
    expect(client.stream.status.holes).toEqual([])
    expect(client.model.runs.length).toBeGreaterThan(1)
    expect(client.model.runs.length).toBeLessThan(5)
  })
})

test('[C15] a client that returns with its own store is given what it kept in one run, folded', async () => {
  const store = new MemoryStore()
  await store.claim('before')
  const events = [testEvent(0), testEvent(1, { identifier: 'thing-0', type: 'update' }), testEvent(2)]
  await store.save({ client: 'me', tape: { epoch, latestSeq: 2, accounted: [[0, 2]] }, events })
  const client = new TestStream({ store })
  await client.settle()
  expect(client.model.runs).toEqual([[0, 2]])
})
