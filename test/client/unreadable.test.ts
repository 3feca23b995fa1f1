/** Events that this client cannot read, as a newer server or application may put them on the tape. */
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/client/index.ts'
import { decodeServerFrame, decodeSlice, Refusal, type TapeEvent } from '../../src/protocol/index.ts'
import { TestStore } from '../support/test-store.ts'
import { change, epoch, plainSlice, TestStream, testEvent } from '../support/test-stream.ts'
import { named, twoTabs } from '../support/test-tabs.ts'

const odd = (seq: number) => ({ ...testEvent(seq), type: 'splice' })

/** A slice in which one event is odd. */
const withOdd = (first: number, last: number, ...odds: number[]) => {
  const slice = plainSlice([[first, last]])
  return { type: 'slice', ...slice, events: slice.events.map((event) => (odds.includes(event.seq) ? odd(event.seq) : event)) }
}

describe('decoding', () => {
  const decode = (...events: unknown[]) => decodeSlice(JSON.stringify({ epoch, latestSeq: 9, covers: [[0, 9]], events }))

  test.each<[name: string, event: unknown, says: string]>([
    ['of an unknown type', odd(3), '(at type)'],
    ['with a member that is not known', { ...testEvent(3), deltas: [] }, '(at deltas)'],
    ['with a member of another kind', { ...testEvent(3), identifier: 7 }, '(at identifier)'],
    ['with a version that is none', { ...testEvent(3), version: 0 }, '(at version)'],
    ['without a member', { ...testEvent(3), seen: undefined }, '(at seen)'],
    ['that inserts without values', { ...testEvent(3), values: undefined }, '(at values)'],
    ['that deletes with values', { ...testEvent(3), type: 'delete' }, '(at values)'],
    ['that is folded, for which nobody asked', { ...testEvent(3), stamps: { n: 4 } }, '(at stamps)'],
  ])('[C16] sets aside an event %s, and keeps those around it', (_, event, says) => {
    const { events, unreadable } = decode(testEvent(2), event, testEvent(4))
    expect(events).toEqual([testEvent(2), testEvent(4)])
    expect(unreadable).toEqual([{ seq: 3, problem: expect.stringContaining(says) }])
  })

  test('[C16] says nothing of unreadable events where there are none', () => {
    expect(decode(testEvent(2))).not.toHaveProperty('unreadable')
  })

  test.each<[name: string, event: unknown]>([
    ['is nothing', null],
    ['has no seq', { ...odd(3), seq: undefined }],
    ['has a seq that is none', { ...odd(3), seq: -1 }],
  ])('[C16] a slice with an event that %s is no slice', (_, event) => {
    expect(() => decode(testEvent(2), event)).toThrow(
      expect.objectContaining({ code: 'invalid', details: expect.objectContaining({ at: 'events[1].seq' }) }),
    )
  })

  test('[C16] a frame sets them aside, too; with bad covers it is refused as a whole', () => {
    const frame = { ref: 7, ...withOdd(0, 1, 1) }
    expect(decodeServerFrame(JSON.stringify(frame))).toEqual({
      ...frame,
      events: [testEvent(0)],
      unreadable: [{ seq: 1, problem: expect.any(String) }],
    })
    for (const covers of [undefined, [[0]], [[0, -1]], 7]) {
      expect(() => decodeServerFrame(JSON.stringify({ ...frame, covers }))).toThrow(Refusal)
      expect(() => decodeSlice(JSON.stringify({ ...frame, covers }))).toThrow(Refusal)
    }
  })
})

describe('a client', () => {
  test('[C16] shows what it can read, counts and reports the rest once, and reads on', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.frame(withOdd(0, 4, 1, 3))
    await client.frame(withOdd(0, 4, 1, 3))
    await client.slice([[5, 5]])
    expect(client.model.seqs).toEqual([0, 2, 4, 5])
    expect(client.stream.status).toMatchObject({ unreadable: 2, holes: [], progress: { have: 6, total: 6 }, connection: 'online' })
    expect(client.link.sent).toEqual([])
    expect(client.reported.map(String)).toEqual([expect.stringContaining('event 1 '), expect.stringContaining('event 3 ')])
    client.stream.publish(change)
    await client.settle()
    expect(client.link.sent).toMatchObject([{ drafts: [{ seen: 5 }] }])
  })

  test('[C16] counts them when they come over HTTP, and does not ask again', async () => {
    const client = new TestStream()
    await client.welcome(1999)
    const { type: _, ...page } = withOdd(0, 1999, 7, 8)
    client.transport.reads[0]?.answer(decodeSlice(JSON.stringify(page)))
    await client.settle(60_000)
    expect(client.stream.status).toMatchObject({ unreadable: 2, holes: [] })
    expect([client.transport.reads.length, client.model.seqs.length]).toEqual([1, 1998])
  })

  test('[C16] resumes behind them after a cut', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.frame(withOdd(0, 2, 2))
    client.link.events.onClose({})
    await client.settle(1000)
    expect(client.link.after).toBe(2)
    await client.welcome(2)
    expect(client.link.sent).toEqual([])
  })

  test('[C16] does not keep them as accounted for: the next run of the application asks for them, and may understand', async () => {
    const store = new MemoryStore()
    const before = new TestStream({ store })
    await before.welcome(-1)
    await before.frame(withOdd(0, 4, 1, 4))
    const saved = await store.load()
    expect(saved?.tape).toMatchObject({
      accounted: [
        [0, 0],
        [2, 3],
      ],
      latestSeq: 4,
    })

    const after = new TestStream({ store })
    await after.settle()
    expect([after.stream.status.unreadable, after.stream.status.holes]).toEqual([
      0,
      [
        [1, 1],
        [4, 4],
      ],
    ])
    expect(after.link.after).toBe(3)
    after.stream.publish(change)
    expect(after.model.pending, 'what was seen once stays seen').toMatchObject([{ seen: 4 }])
    await after.welcome(4, { follows: [[4, 4]] })
    await after.slice([[4, 4]])
    expect(after.link.sent.filter(({ type }) => type === 'fetch')).toEqual([{ type: 'fetch', ref: expect.any(Number), seq: [[1, 1]] }])
    await after.slice([[1, 1]], { latestSeq: 4 })
    expect(after.model.seqs).toEqual([0, 1, 2, 3, 4])
    expect((await store.load())?.tape).toEqual({ epoch, latestSeq: 4, accounted: [[0, 4]] })
  })

  test('[C16] takes one that comes whole after all', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.frame(withOdd(0, 2, 1))
    await client.slice([[1, 1]], { latestSeq: 2 })
    expect([client.model.seqs, client.stream.status.unreadable]).toEqual([[0, 1, 2], 0])
  })

  test('[C16] [C8] forgets them with their tape', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.frame(withOdd(0, 2, 1))
    client.link.events.onClose({})
    await client.settle(1000)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 2, expiresInMs: 1000 })
    expect(client.stream.status).toMatchObject({ unreadable: 0, holes: [[0, 2]] })
  })

  test('[C16] [C10] an own draft whose event cannot be read is known to be taken by the next welcome', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const publication = client.stream.publish(change)
    await client.settle()
    const event: TapeEvent = { seq: 0, client: 'me', counter: 1, seen: -1, ...change }
    await client.frame({ type: 'slice', epoch, latestSeq: 0, covers: [[0, 0]], events: [{ ...event, more: 1 }] })
    client.link.events.onClose({})
    await client.settle(1000)
    await client.welcome(0, { counter: 1 })
    expect([publication.state.type, client.stream.status.pending]).toEqual(['applied', 0])
  })
})

describe('tabs', () => {
  test('[C16] [C14] that follow see no hole, count them, and have seen what is behind them', async () => {
    const { browser, owner, follower } = await twoTabs()
    await owner.frame(withOdd(0, 3, 1))
    const late = await browser.open('c')
    for (const tab of [follower, late]) {
      expect(tab.stream.status).toMatchObject({ unreadable: 1, holes: [], progress: { have: 4, total: 4 } })
      expect(new Set(tab.model.seqs)).toEqual(new Set([0, 2, 3]))
      expect(tab.reported).toEqual([])
    }
    follower.stream.publish(named('theirs'))
    await follower.settle()
    expect(owner.link.sent).toMatchObject([{ drafts: [{ seen: 3 }] }])
    expect(owner.reported).toHaveLength(1)
  })

  test('[C16] [C14] one that takes over asks for them again, and has still seen what it had', async () => {
    const { browser, owner, follower } = await twoTabs()
    const third = await browser.open('c')
    await owner.frame(withOdd(0, 3, 1))
    await browser.kill(owner)
    await follower.welcome(3)
    expect(follower.link.sent).toMatchObject([{ type: 'fetch', seq: [[1, 1]] }])
    // What is saved now has a hole that it did not have.
    await follower.slice([[4, 4]])
    expect(third.stream.status.holes).toEqual([[1, 1]])
    follower.stream.publish(named('x'))
    third.stream.publish(named('y'))
    await follower.settle()
    expect(follower.model.pending).toMatchObject([{ seen: 3 }, { seen: 3 }])
    await follower.frame({ ...withOdd(1, 1, 1), ref: 1, latestSeq: 4 })
    expect([follower.stream.status, third.stream.status]).toMatchObject([
      { unreadable: 1, holes: [] },
      { unreadable: 1, holes: [] },
    ])
  })
})

test('[C16] [C14] one that is fenced while it asks for them again has still seen what it had', async () => {
  const { browser, owner, follower } = await twoTabs()
  await owner.frame(withOdd(0, 3, 1))
  await browser.kill(owner)
  await follower.welcome(3)
  await follower.slice([[4, 4]])
  await browser.fence()
  await follower.slice([[5, 5]])
  follower.stream.publish(named('x'))
  expect(follower.model.pending).toMatchObject([{ seen: 3 }])
})

test('[C16] [C13] those of a store without room are counted, too', async () => {
  const store = new TestStore()
  const client = new TestStream({ store })
  await client.welcome(-1)
  store.isFull = true
  await client.frame(withOdd(0, 2, 1))
  expect(client.stream.status.holes).toEqual([[0, 2]])
  await client.frame({ ...withOdd(0, 2, 1), ref: 1 })
  expect(client.stream.status).toMatchObject({ unreadable: 1, holes: [] })
})
