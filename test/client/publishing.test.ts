import { describe, expect, test } from 'vitest'
import { MemoryStore, type SavedChange } from '../../src/client/index.ts'
import { Refusal } from '../../src/protocol/index.ts'
import { change, plainSlice, TestStream, testEvent } from '../support/test-stream.ts'

const ownEvents = (counters: readonly number[], firstSeq: number) => ({
  ...plainSlice([[firstSeq, firstSeq + counters.length - 1]], (seq) => ({ ...change, client: 'me', counter: counters[seq - firstSeq] })),
  type: 'slice',
})

describe('publishing', () => {
  test('[C3] a draft shows before publish returns, waits for the connection, and is confirmed by its event', async () => {
    const client = new TestStream()
    client.stream.publish(change)
    expect(client.model.pending).toEqual([{ ...change, seen: -1 }])
    expect(client.stream.status.pending).toBe(1)
    await client.welcome(-1)
    expect(client.link.sent).toEqual([{ type: 'publish', ref: 1, client: 'me', drafts: [{ counter: 1, ...change, seen: -1 }] }])
    await client.frame(ownEvents([1], 0))
    expect(client.model.pending).toEqual([])
    expect(client.model.seqs).toEqual([0])
    expect(client.stream.status.pending).toBe(0)
  })

  test('[C3] drafts of one turn go in one frame, and carry what their maker had seen', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.slice([[0, 4]])
    await client.slice([[7, 7]])
    client.link.sent.length = 0
    for (const identifier of ['a', 'b', 'c']) client.stream.publish({ ...change, identifier })
    await client.settle()
    expect(client.link.sent).toHaveLength(1)
    expect(client.link.sent[0]).toMatchObject({ drafts: [1, 2, 3].map((counter) => ({ counter, seen: 4 })) })
  })

  test('[C4] after a cut, what is not on the tape is sent again in order with the same counters', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish({ ...change, identifier: 'a' })
    await client.settle()
    client.stream.publish({ ...change, identifier: 'b' })
    await client.settle()
    client.link.events.onClose({})
    client.stream.publish({ ...change, identifier: 'c' })
    await client.settle(1000)
    await client.welcome(-1)
    expect(client.link.sent).toMatchObject([
      {
        client: 'me',
        drafts: [
          { counter: 1, identifier: 'a' },
          { counter: 2, identifier: 'b' },
          { counter: 3, identifier: 'c' },
        ],
      },
    ])
  })

  test('[C4] what was taken before the cut is found on the tape, and not sent again', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish(change)
    await client.settle()
    client.link.events.onClose({})
    await client.settle(1000)
    await client.welcome(0, { follows: [[0, 0]] })
    await client.frame(ownEvents([1], 0))
    client.stream.publish(change)
    await client.settle()
    expect(client.link.sent.at(-1)).toMatchObject({ drafts: [{ counter: 2 }] })
  })

  test('[C5] a refused draft leaves the models and is reported; the drafts behind it go on, numbered anew', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    for (const identifier of ['a', 'b', 'c']) client.stream.publish({ ...change, identifier })
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, code: 'too-large', counter: 2 })
    expect(client.stream.status.refused).toMatchObject([{ code: 'too-large', draft: { identifier: 'b' } }])
    expect(client.model.pending.map(({ identifier }) => identifier)).toEqual(['a', 'c'])
    const again = {
      client: 'me',
      drafts: [
        { counter: 1, identifier: 'a' },
        { counter: 2, identifier: 'c' },
      ],
    }
    expect(client.link.sent.at(-1)).toMatchObject(again)
  })

  test('[C5] a batch refused as a whole goes as a whole, and late refusals of the same numbers change nothing', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish({ ...change, identifier: 'a' })
    await client.settle()
    client.stream.publish({ ...change, identifier: 'b' })
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, code: 'expect-failed' })
    await client.frame({ type: 'refused', ref: 2, code: 'counter-skipped', expected: 1 })
    expect(client.stream.status.refused).toHaveLength(1)
    expect(client.link.sent.at(-1)).toMatchObject({ ref: 3, drafts: [{ counter: 1, identifier: 'b' }] })
    expect(client.link.sent).toHaveLength(3)
  })

  test('[C5] a refusal that blames a draft which was not sent drops the batch, rather than send it for ever', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish(change)
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, code: 'invalid', counter: 99 })
    expect(client.link.sent).toHaveLength(1)
    expect(client.stream.status).toMatchObject({ pending: 0, refused: [{ code: 'invalid' }] })
  })

  test('[P2] a counter that the server expects otherwise is corrected', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish(change)
    await client.settle()
    await client.frame(ownEvents([1], 0))
    client.stream.publish(change)
    await client.settle()
    await client.frame({ type: 'refused', ref: 2, code: 'counter-skipped', expected: 1 })
    expect(client.link.sent.at(-1)).toMatchObject({ drafts: [{ counter: 1 }] })
  })

  test('[P2] what the server expected before it took what was sent since is not what it expects', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    for (const identifier of [change.identifier, 'b']) {
      client.stream.publish({ ...change, identifier })
      await client.settle()
    }
    // The first came late, the second before it; then the first was taken.
    await client.frame(ownEvents([1], 0))
    await client.frame({ type: 'refused', ref: 2, code: 'counter-skipped', counter: 2, expected: 1 })
    expect(client.link.sent.at(-1)).toMatchObject({ ref: 3, drafts: [{ counter: 2, identifier: 'b' }] })
  })

  test('[C4] what the server could not do just now is sent again on the next connection', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish(change)
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, code: 'unavailable' })
    expect(client.stream.status).toMatchObject({ connection: 'offline', pending: 1, refused: [] })
    await client.settle(1000)
    await client.welcome(-1)
    expect(client.link.sent).toMatchObject([{ type: 'publish', drafts: [{ counter: 1 }] }])
  })

  test('[C5] a token that may not publish keeps drafts waiting and says why', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish(change)
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, code: 'forbidden' })
    client.stream.publish({ ...change, identifier: 'another' })
    await client.settle()
    expect(client.stream.status).toMatchObject({ problem: 'forbidden', pending: 2, connection: 'online' })
    expect(client.link.sent).toHaveLength(1)
  })

  test.each([
    ['too-large', { title: 'x'.repeat(300_000) }],
    ['lone-surrogate', { title: '\ud800' }],
    ['number-range', { n: Number.POSITIVE_INFINITY }],
    ['forbidden-key', JSON.parse('{ "__proto__": 1 }')],
    ['invalid', { when: new Date(0), undefined: undefined }],
  ])('[N4] [N5] a change that no tape would take is refused where it is made: %s', (code, values) => {
    const client = new TestStream()
    expect(() => client.stream.publish({ ...change, values })).toThrow(expect.objectContaining({ code }))
    expect(() => client.stream.publish({ ...change, values })).toThrow(Refusal)
    expect(client.stream.status.pending).toBe(0)
  })
})

describe('the store', () => {
  class RefusingStore extends MemoryStore {
    isFull = false
    override save(saved: SavedChange): Promise<void> {
      return this.isFull ? Promise.reject(new Error('full')) : super.save(saved)
    }
  }

  test('[C9] nothing is sent whose counter could not be saved', async () => {
    const store = new RefusingStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    store.isFull = true
    client.stream.publish(change)
    await client.settle()
    expect(client.link.sent).toEqual([])
    expect(client.stream.status.pending).toBe(1)
    expect(client.reported).toHaveLength(1)
    expect(client.stream.status.storage).toEqual({ isDurable: false, trouble: 'failed', unsaved: 1, unreadable: 0 })
    store.isFull = false
    await client.settle(1000)
    expect(client.stream.status.storage).toMatchObject({ trouble: undefined, unsaved: 0 })
    expect(client.link.sent).toMatchObject([{ drafts: [{ counter: 1 }] }])
  })

  test('[C9] a client that starts again has its tape, its id and its outbox', async () => {
    const store = new MemoryStore()
    const before = new TestStream({ store })
    await before.welcome(-1)
    await before.slice([[0, 1]])
    before.stream.publish(change)
    await before.settle()
    before.stream.publish({ ...change, identifier: 'another' })
    before.stream.close()
    const after = new TestStream({ store })
    await after.settle()
    expect(after.model.seqs).toEqual([0, 1])
    expect(after.stream.status.pending).toBe(2)
    await after.welcome(1)
    expect(after.link).toMatchObject({ after: 1, sent: [{ type: 'publish', client: 'me', drafts: [{ counter: 1 }, { counter: 2 }] }] })
  })
})

describe('models', () => {
  test('[O3] a model attached late is given what is known and what is pending', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.slice([[0, 2]])
    client.stream.publish(change)
    const { NotingModel } = await import('../support/test-stream.ts')
    const late = new NotingModel()
    client.stream.attach(late)
    await client.settle()
    expect(late.seqs).toEqual([0, 1, 2])
    expect(late.pending).toHaveLength(1)
    client.stream.detach(late)
    await client.slice([[3, 3]])
    expect(late.seqs).toEqual([0, 1, 2])
    expect(late.receiver).toBeUndefined()
  })

  test('[C2] a model that throws is reported, and the stream goes on', async () => {
    const client = new TestStream()
    client.model.apply = () => {
      throw new Error('a bug in the model')
    }
    await client.welcome(-1)
    await client.frame({ type: 'slice', epoch: 'epoch-1', latestSeq: 0, covers: [[0, 0]], events: [testEvent(0)] })
    expect(client.stream.status).toMatchObject({ connection: 'online', holes: [], progress: { have: 1, total: 1 } })
    // For the client's id, and for the event.
    expect(client.reported).toHaveLength(2)
  })
})
