import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/client/index.ts'
import { Identity } from '../../src/client/outbox/identity.ts'
import type { TapeEvent } from '../../src/protocol/index.ts'
import { insert, OutboxRig } from '../support/outbox-rig.ts'
import { change, plainSlice, TestStream } from '../support/test-stream.ts'

/** An event of the client id that two share. */
const shared = (seq: number, counter: number, identifier: string): Partial<TapeEvent> => ({
  ...change,
  identifier,
  seq,
  client: 'me',
  counter,
})

function sliceOf(...events: Partial<TapeEvent>[]) {
  const first = events[0]?.seq ?? 0
  return { type: 'slice', ...plainSlice([[first, first + events.length - 1]], (seq) => events[seq - first] ?? {}) }
}

describe('a client whose store was copied', () => {
  test('[C10] says who it is when it connects, and goes on when the tape has taken no more than it gave', async () => {
    const client = new TestStream()
    client.stream.publish(change)
    await client.welcome(-1, { counter: 0 })
    expect(client.link.client).toBe('me')
    expect(client.link.sent).toMatchObject([{ client: 'me', drafts: [{ counter: 1 }] }])
  })

  test('[C10] takes a new id before it sends, when the tape has taken more than it ever gave', async () => {
    const store = new MemoryStore()
    const client = new TestStream({ store })
    client.stream.publish(change)
    await client.settle()
    client.ids.push('somebody new')
    await client.welcome(0, { counter: 1, follows: [[0, 0]] })
    expect(client.link.sent).toEqual([])
    await client.frame(sliceOf(shared(0, 1, 'theirs')))
    expect(client.link.isClosed).toBe(true)
    await client.settle(1000)
    expect(client.link.client).toBe('somebody new')
    await client.welcome(0, { counter: 0 })
    expect(client.link.sent).toMatchObject([{ client: 'somebody new', drafts: [{ counter: 1, identifier: 'mine' }] }])
    expect(await store.load()).toMatchObject({ client: 'somebody new', nextCounter: 2 })
  })

  test('[C10] waits for the events of what it had sent, and takes them for its own when they are', async () => {
    const client = new TestStream()
    await client.welcome(-1, { counter: 0 })
    client.stream.publish({ ...change, identifier: 'a' })
    await client.settle()
    client.link.events.onClose({})
    client.stream.publish({ ...change, identifier: 'b' })
    await client.settle(1000)
    await client.welcome(0, { counter: 1, follows: [[0, 0]] })
    expect(client.link.sent).toEqual([])
    await client.frame(sliceOf(shared(0, 1, 'a')))
    expect(client.link.sent).toMatchObject([{ client: 'me', drafts: [{ counter: 2, identifier: 'b' }] }])
  })

  test('[C10] loses nothing when the event under its counter is another one, and sends nothing in between', async () => {
    const client = new TestStream()
    await client.welcome(-1, { counter: 0 })
    for (const identifier of ['a', 'b']) client.stream.publish({ ...change, identifier })
    await client.settle()
    client.link.events.onClose({})
    await client.settle(1000)
    await client.welcome(0, { counter: 1, follows: [[0, 0]] })
    client.ids.push('somebody new')
    await client.frame(sliceOf(shared(0, 1, 'theirs')))
    await client.settle(1000)
    await client.welcome(0, { counter: 1 })
    await client.settle(1000)
    await client.welcome(0, { counter: 0 })
    expect(client.link.sent).toMatchObject([
      {
        client: 'somebody new',
        drafts: [
          { counter: 1, identifier: 'a' },
          { counter: 2, identifier: 'b' },
        ],
      },
    ])
    expect(client.transport.links.flatMap(({ sent }) => sent)).toHaveLength(2)
  })

  test('[C10] that is superseded again does not take the id back, but takes a new one', async () => {
    const client = new TestStream()
    await client.welcome(-1, { counter: 0 })
    client.stream.publish({ ...change, identifier: 'a' })
    await client.settle()
    client.ids.push('somebody new')
    client.link.events.onClose({ closeCode: 4409 })
    await client.settle(1000)
    expect(client.link.client).toBe('me')
    await client.welcome(-1, { counter: 0 })
    client.link.events.onClose({ closeCode: 4409 })
    await client.settle(2000)
    expect(client.link.client).toBeUndefined()
    await client.welcome(0, { follows: [[0, 0]] })
    await client.frame(sliceOf(shared(0, 1, 'a')))
    expect(client.stream.status.pending).toBe(0)
    await client.settle(1000)
    expect(client.link.client).toBe('somebody new')
  })
})

describe('what is known of an id', () => {
  /** Three drafts were sent, and the first is on the tape. */
  function createIdentity() {
    const rig = new OutboxRig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1)
    rig.outbox.confirmUpTo(1)
    return { outbox: rig.outbox, identity: new Identity(rig.outbox.numbering) }
  }

  test.each([
    ['nobody says', undefined, { isVerified: true }],
    ['what is known to be ours', 1, { isVerified: true }],
    ['what may be ours', 2, { isVerified: false, isCopied: false, unverifiedUpTo: 2 }],
    ['all that was sent', 3, { isVerified: false, isCopied: false, unverifiedUpTo: 3 }],
    ['more than was ever sent', 4, { isVerified: false, isCopied: true, unverifiedUpTo: undefined }],
  ])('[C10] a welcome tells of %s', (_, counter, known) => {
    const { identity } = createIdentity()
    identity.welcomed(counter)
    expect(identity).toMatchObject(known)
  })

  test('[C10] is verified when no draft up to there waits any more, and a copy is found once', () => {
    const { outbox, identity } = createIdentity()
    identity.welcomed(2)
    expect([identity.compared(true), identity.isVerified]).toEqual([false, false])
    outbox.confirmUpTo(2)
    expect([identity.compared(true), identity.isVerified]).toEqual([false, true])
    expect([identity.compared(false), identity.compared(false), identity.isVerified]).toEqual([true, false, false])
    identity.beginAnew()
    expect(identity).toMatchObject({ isVerified: true, isContested: false })
  })
})

describe('two processes on one store', () => {
  test('[C10] the one that claimed it first is stopped when it is superseded, and says so', async () => {
    const store = new MemoryStore()
    const first = new TestStream({ store, ids: ['tab 1', 'me', 'process 1'] })
    await first.welcome(-1, { counter: 0 })
    const second = new TestStream({ store: new MemoryStore(store), ids: ['tab 2', 'me', 'process 2'] })
    await second.welcome(-1, { counter: 0 })
    first.link.events.onClose({ closeCode: 4409 })
    await first.settle(60_000)
    expect(first.stream.status).toMatchObject({ connection: 'stopped', storage: { trouble: 'fenced' } })
    second.stream.publish(change)
    await second.settle()
    expect(second.link.sent).toMatchObject([{ client: 'me', drafts: [{ counter: 1 }] }])
  })
})
