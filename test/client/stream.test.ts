import { describe, expect, test } from 'vitest'
import { MemoryStore, type StreamStatus } from '../../src/client/index.ts'
import { TestStore } from '../support/test-store.ts'
import { change, NotingModel, plainSlice, TestStream } from '../support/test-stream.ts'

const own = (seq: number, counter: number, more = {}) => ({
  type: 'slice',
  ...plainSlice([[seq, seq]], () => ({ ...change, client: 'me', counter, ...more })),
})

async function isSettled(promise: Promise<void>, client: TestStream): Promise<boolean> {
  let settled = false
  void promise.then(() => {
    settled = true
  })
  await client.settle()
  return settled
}

/** With the drafts `mine` and `other` refused, at the places 1 and 2. */
async function withRefused(store = new MemoryStore()): Promise<TestStream> {
  const client = new TestStream({ store })
  await client.welcome(-1)
  for (const identifier of ['mine', 'other']) client.stream.publish({ ...change, identifier })
  await client.settle()
  await client.frame({ type: 'refused', ref: 1, code: 'too-large' })
  return client
}

describe('drafts that were refused', () => {
  test('[C12] are tried again as they were or changed, and given up', async () => {
    const store = new MemoryStore()
    const client = await withRefused(store)
    expect(client.model.pending).toEqual([])
    client.stream.retry(1)
    client.stream.retry(2, { ...change, identifier: 'shorter', values: { n: 0 } })
    expect(client.model.pending).toMatchObject([{ identifier: 'mine' }, { identifier: 'shorter', values: { n: 0 } }])
    expect(client.stream.status.refused).toEqual([])
    await client.settle()
    expect((await store.load())?.outbox).toMatchObject([
      { place: 3, counter: 1 },
      { place: 4, counter: 2 },
    ])
    expect(client.link.sent.at(-1)).toMatchObject({ drafts: [{ counter: 1, identifier: 'mine' }, { counter: 2 }] })
  })

  test('[C12] a change that no tape would take is refused where it is made, and the draft stays', async () => {
    const client = await withRefused()
    expect(() => client.stream.retry(1, { ...change, values: { n: Number.NaN } })).toThrow(
      expect.objectContaining({ code: 'number-range' }),
    )
    expect(() => client.stream.retry(3)).toThrow(RangeError)
    expect(client.stream.status.refused).toHaveLength(2)
    expect(client.stream.status.pending).toBe(0)
    client.stream.retry(1)
    expect(() => client.stream.retry(1)).toThrow(RangeError)
  })

  test('[C12] survive the process, and are gone for good when they were given up', async () => {
    const store = new MemoryStore()
    const before = await withRefused(store)
    before.stream.discard(2)
    before.stream.discard(2)
    before.stream.discard(99)
    await before.settle()
    const after = new TestStream({ store: new MemoryStore(store) })
    await after.settle()
    expect(after.stream.status.refused).toMatchObject([{ place: 1, code: 'too-large', draft: { identifier: 'mine' } }])
    expect(after.model.pending).toEqual([])
  })
})

describe('settled', () => {
  test('[C12] resolves when every draft is on the tape or was refused, at once when nothing waits', async () => {
    const client = new TestStream()
    expect(await isSettled(client.stream.settled(), client)).toBe(true)
    client.stream.publish(change)
    client.stream.publish({ ...change, identifier: 'other' })
    const settled = client.stream.settled()
    await client.welcome(-1)
    await client.frame({ type: 'refused', ref: 1, code: 'invalid', counter: 1 })
    expect(await isSettled(settled, client)).toBe(false)
    await client.frame(own(0, 1, { identifier: 'other' }))
    expect(await isSettled(settled, client)).toBe(true)
  })

  test('[C12] does not resolve before the store has been read', async () => {
    const store = new MemoryStore()
    await store.claim('before')
    const put = [{ place: 1, draft: { ...change, seen: -1 }, madeAt: 0, folded: { drafts: 1, bytes: 80 } }]
    await store.save({ client: 'me', put })
    const client = new TestStream({ store })
    expect(await isSettled(client.stream.settled(), client)).toBe(false)
  })
})

describe('drafts made before the store has been read', () => {
  test('[C3] show at once, and go behind what an earlier run left', async () => {
    const store = new TestStore()
    await store.claim('before')
    const put = [{ place: 7, counter: 3, draft: { ...change, seen: -1 }, madeAt: 5, folded: { drafts: 1, bytes: 80 } }]
    await store.save({ client: 'known', nextCounter: 4, put })
    const client = new TestStream({ store })
    const early = { ...change, identifier: 'early' }
    const publication = client.stream.publish(early)
    expect(client.model.pending).toEqual([{ ...early, seen: -1 }])
    expect(client.stream.status).toMatchObject({ pending: 1, outbox: { drafts: 1, made: { drafts: 1 } }, oldestPendingAt: 0 })
    expect(client.stream.outbox).toMatchObject([{ draft: early, state: 'queued' }])
    await client.settle()
    expect(client.model.pending.map(({ identifier }) => identifier)).toEqual(['mine', 'early'])
    await client.welcome(-1)
    expect(client.link.sent).toMatchObject([{ client: 'known', drafts: [{ counter: 3 }, { counter: 4, identifier: 'early' }] }])
    expect(publication.state.type).toBe('sent')
  })

  test('[C11] are folded like all others', async () => {
    const client = new TestStream()
    client.stream.publish(change)
    client.stream.publish({ ...change, type: 'update', values: { more: 1 } })
    await client.settle()
    expect(client.stream.outbox).toMatchObject([{ place: 1, draft: { type: 'insert', values: { n: 1, more: 1 } }, folded: { drafts: 2 } }])
  })
})

describe('pause', () => {
  test('[C6] closes the connection and opens none, until resume; drafts wait', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.pause()
    expect([client.stream.status.connection, client.link.isClosed]).toEqual(['paused', true])
    client.stream.publish(change)
    client.stream.nudge()
    await client.settle(600_000)
    expect(client.transport.links).toHaveLength(1)
    expect(client.stream.status).toMatchObject({ connection: 'paused', pending: 1 })
    client.stream.resume()
    client.stream.resume()
    expect(client.stream.status.connection).toBe('connecting')
    await client.welcome(-1)
    expect(client.transport.links).toHaveLength(2)
    expect(client.link.sent).toMatchObject([{ drafts: [{ counter: 1 }] }])
  })

  test('[C6] before the store has been read, or while a connection is opened or waited for', async () => {
    const early = new TestStream()
    early.stream.pause()
    await early.settle(60_000)
    expect([early.transport.links, early.stream.status.connection]).toEqual([[], 'paused'])

    const opening = new TestStream()
    await opening.settle()
    opening.stream.pause()
    await opening.settle(60_000)
    expect([opening.transport.links.length, opening.link.isClosed]).toEqual([1, true])

    const waiting = new TestStream()
    await waiting.settle()
    waiting.link.events.onClose({})
    waiting.stream.pause()
    await waiting.settle(60_000)
    expect(waiting.transport.links).toHaveLength(1)
    waiting.stream.resume()
    await waiting.settle()
    expect(waiting.transport.links).toHaveLength(2)
  })

  test('[C6] does not bring back a stream that is closed', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.close()
    client.stream.pause()
    client.stream.resume()
    await client.settle(60_000)
    expect([client.stream.status.connection, client.transport.links.length]).toEqual(['stopped', 1])
  })
})

describe('the status', () => {
  test('[C11] says what waits, what was made to come to that, and since when', async () => {
    const client = new TestStream()
    await client.settle(100)
    const first = { ...change, values: { n: 1 } }
    client.stream.publish(first)
    await client.settle(100)
    client.stream.publish({ ...change, type: 'update', values: { n: 2 } })
    client.stream.publish({ ...change, identifier: 'other' })
    const { pending, outbox, oldestPendingAt } = client.stream.status
    expect([pending, outbox.drafts, outbox.made.drafts, oldestPendingAt]).toEqual([2, 2, 3, 100])
    expect(outbox.made.bytes).toBeGreaterThan(outbox.bytes)
    expect(client.stream.outbox).toMatchObject([
      { place: 1, state: 'queued', madeAt: 100, folded: { drafts: 2 } },
      { place: 2, state: 'queued', madeAt: 200, folded: { drafts: 1 } },
    ])
    expect(client.stream.outbox).toBe(client.stream.outbox)
    await client.welcome(-1)
    expect(client.stream.outbox.map(({ state }) => state)).toEqual(['sent', 'sent'])
    await client.frame({
      type: 'slice',
      ...plainSlice([[0, 1]], (seq) => ({
        ...change,
        identifier: seq === 0 ? 'mine' : 'other',
        values: { n: 2 - seq },
        client: 'me',
        counter: seq + 1,
      })),
    })
    expect(client.stream.status).toMatchObject({ pending: 0, oldestPendingAt: undefined, outbox: { drafts: 0, made: { drafts: 0 } } })
  })

  test('[C6] a listener is told after the models show what happened', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const seen: unknown[] = []
    client.stream.subscribe(({ pending, progress }: StreamStatus) =>
      seen.push([pending === client.model.pending.length, progress.have, client.model.seqs.length]),
    )
    client.stream.publish(change)
    await client.settle()
    await client.frame(own(0, 1))
    expect(seen.at(-1)).toEqual([true, 1, 1])
    expect(seen.filter((each) => Array.isArray(each) && each[1] !== each[2])).toEqual([])
  })

  test('[C12] a listener that throws is reported, and the others hear it', async () => {
    const client = new TestStream()
    client.stream.subscribe(() => {
      throw new Error('a bug in the application')
    })
    let heard = 0
    client.stream.subscribe(() => heard++)
    client.stream.publish(change)
    expect([client.reported.length > 0, heard > 0]).toEqual([true, true])
  })
})

test('[O3] a model attached before the store has been read is given everything once', async () => {
  const store = new MemoryStore()
  const before = new TestStream({ store })
  await before.welcome(-1)
  await before.slice([[0, 2]])
  before.stream.publish(change)
  await before.settle()
  const after = new TestStream({ store: new MemoryStore(store) })
  const second = new NotingModel()
  after.stream.attach(second)
  await after.settle()
  expect(second.runs).toEqual([[0, 1, 2]])
  expect(second.pending).toHaveLength(1)
})
