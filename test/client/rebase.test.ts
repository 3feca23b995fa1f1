/** Pending deltas when others write: taken over what they did, held back while they are under way, refused where nothing is left of their state. */
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/client/index.ts'
import { rebase as rebaseAll } from '../../src/client/outbox/rebase.ts'
import type { Change, Deltas, Draft, TapeEvent } from '../../src/protocol/index.ts'
import { epoch, TestStream } from '../support/test-stream.ts'

const object = { collection: 'notes', identifier: 'n' }
const at = (offset: number, values: string): Deltas => [{ type: 'insert', offset, values }]
const typed = (offset: number, values: string): Change => ({ type: 'update', ...object, deltas: { body: at(offset, values) } })
const pending = (change: Change, seen = 0): Draft => ({ seen, ...change })

function event(seq: number, change: Partial<TapeEvent>): TapeEvent {
  return { seq, client: 'other', counter: seq + 1, seen: seq - 1, type: 'update', ...object, ...change }
}

const rebase = (drafts: readonly Draft[], by: TapeEvent) => rebaseAll(drafts, by, 'some client').drafts

describe('rebase', () => {
  test('[D8] what a draft puts in stays where it was meant to be, draft upon draft', () => {
    const drafts = [pending(typed(3, 'b')), pending(typed(0, 'a')), pending({ ...typed(2, 'c'), identifier: 'n' })]
    expect(rebase(drafts, event(1, { deltas: { body: at(1, 'XY') } }))).toEqual([pending(typed(5, 'b')), drafts[1], pending(typed(4, 'c'))])
  })

  test('[D8] other fields are not touched, and drafts that were not stay the same objects', () => {
    const drafts = [pending(typed(3, 'b')), pending({ type: 'update', ...object, values: { done: true } })]
    const rebased = rebase(drafts, event(1, { values: { done: false }, deltas: { title: at(0, 'x') } }))
    expect(rebased.every((draft, index) => draft === drafts[index])).toBe(true)
  })

  test('[D8] a new value, an insert or a delete leaves nothing that deltas were meant for, nor what lies on them', () => {
    const drafts = [pending(typed(3, 'b')), pending(typed(0, 'a'))]
    for (const change of [{ values: { body: 'new' } }, { type: 'insert', values: {} }, { type: 'delete' }] as const) {
      expect(rebase(drafts, event(1, change))).toEqual(['lost', 'lost'])
    }
  })

  test('[D8] deltas on a value of the own are as they were', () => {
    const whole = pending({ type: 'update', ...object, values: { body: 'mine' } })
    const born = pending({ type: 'insert', ...object, values: {} })
    for (const first of [whole, born]) {
      const drafts = [first, pending(typed(2, 'c'))]
      for (const change of [{ values: { body: 'new' } }, { type: 'delete' }, { deltas: { body: at(0, 'x') } }] as const) {
        expect(rebase(drafts, event(1, change))).toEqual(drafts)
      }
    }
  })

  test('[D8] deltas with a precondition of their own are lost, not taken over what others did', () => {
    const draft = pending({ ...typed(3, 'b'), values: { hash: 'x' }, expect: { unchanged: ['hash'] } })
    for (const change of [{ values: { hash: 'y' } }, { deltas: { body: at(0, 'x') } }, { type: 'delete' }] as const) {
      expect(rebase([draft, pending(typed(0, 'c'))], event(1, change))).toEqual(['lost', 'lost'])
    }
    for (const change of [{ values: { path: 'y' } }, { deltas: { title: at(0, 'x') } }] as const) {
      expect(rebase([draft], event(1, change))).toEqual([draft])
    }
    const strict = pending({ ...typed(3, 'b'), expect: { unchanged: true } })
    expect(rebase([strict], event(1, { values: { path: 'y' } }))).toEqual(['lost'])
  })

  test('[D5] what two put in at one place stays in one piece each, by their ids', () => {
    const drafts = [pending(typed(2, 'a')), pending(typed(3, 'b'))]
    const by = (client: string) => rebaseAll(drafts, event(1, { client, deltas: { body: at(2, 'xyz') } }), 'm')
    expect(by('z')).toEqual({ drafts, shows: { body: at(4, 'xyz') } })
    expect(by('a')).toEqual({ drafts: [pending(typed(5, 'a')), pending(typed(6, 'b'))], shows: { body: at(2, 'xyz') } })
  })

  test('[D8] what both took away is moot', () => {
    const both: Deltas = [{ type: 'delete', offset: 2, count: 3 }]
    const draft = pending({ type: 'update', ...object, deltas: { body: both } })
    expect(rebase([draft], event(1, { deltas: { body: both } }))).toEqual(['moot'])
    const withMore = { ...draft, values: { done: true } }
    expect(rebase([withMore], event(1, { deltas: { body: both } }))).toEqual([
      pending({ type: 'update', ...object, values: { done: true } }),
    ])
  })
})

function slice(...events: readonly TapeEvent[]) {
  const [first, last] = [events[0]?.seq ?? 0, events.at(-1)?.seq ?? 0]
  return { type: 'slice', epoch, latestSeq: last, covers: [[first, last]], events }
}

const mine = (seq: number, counter: number, body: Deltas) => event(seq, { client: 'me', counter, deltas: { body } })

describe('a client', () => {
  async function withNote(store = new MemoryStore()): Promise<TestStream> {
    const client = new TestStream({ store })
    await client.welcome(-1)
    await client.frame(slice(event(0, { type: 'insert', values: { body: 'abc' } })))
    return client
  }
  const sent = (client: TestStream) => client.link.sent.map(({ drafts }) => drafts)

  test('[D8] is overtaken, and sends again what it meant', async () => {
    const client = await withNote()
    client.stream.publish(typed(3, '!'))
    await client.settle()
    await client.frame(slice(event(1, { deltas: { body: at(0, '>>') } })))
    expect(client.model.pending).toEqual([{ ...typed(5, '!'), seen: 1 }])
    await client.frame({ type: 'refused', ref: 1, code: 'expect-failed', counter: 1, latestSeq: 1, conflicts: [[1, 1]] })
    expect(sent(client)).toEqual([[{ counter: 1, seen: 0, ...typed(3, '!') }], [{ counter: 1, seen: 1, ...typed(5, '!') }]])
    await client.frame(slice(mine(2, 1, at(5, '!'))))
    expect(client.stream.status).toMatchObject({ pending: 0, refused: [] })
  })

  test('[D8] waits for what is in the way when the refusal comes first', async () => {
    const client = await withNote()
    client.stream.publish(typed(3, '!'))
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, code: 'expect-failed', counter: 1, latestSeq: 1, conflicts: [[1, 1]] })
    expect(sent(client)).toHaveLength(1)
    await client.frame(slice(event(1, { deltas: { body: at(0, '>>') } })))
    expect(sent(client).at(-1)).toEqual([{ counter: 1, seen: 1, ...typed(5, '!') }])
  })

  test('[D8] takes its deltas over others above a hole only once that is filled', async () => {
    const client = await withNote()
    client.stream.pause()
    client.stream.publish(typed(3, '!'))
    client.stream.resume()
    await client.settle()
    await client.welcome(0)
    await client.frame(slice(event(2, { deltas: { body: at(0, '22') } })))
    expect(client.model.pending).toEqual([{ ...typed(3, '!'), seen: 0 }])
    await client.frame(slice(event(1, { deltas: { body: at(0, '1') } })))
    expect(client.model.pending).toMatchObject([typed(6, '!')])
  })

  test('[D8] says of deltas with a precondition of their own what they had seen, and keeps them refused', async () => {
    const client = await withNote()
    client.stream.pause()
    client.stream.publish({ ...typed(3, '!'), expect: { unchanged: ['hash'] } })
    client.stream.resume()
    await client.settle()
    await client.welcome(0)
    await client.frame(slice(event(1, { values: { title: 'of no account' } })))
    expect(sent(client)).toMatchObject([[{ counter: 1, seen: 0, ...typed(3, '!') }]])
    await client.frame(slice(event(2, { deltas: { body: at(0, '>>') } })))
    expect(client.stream.status).toMatchObject({
      pending: 0,
      refused: [{ code: 'expect-failed', conflicts: [[2, 2]], draft: typed(3, '!') }],
    })
  })

  test('[D8] keeps what it cannot take over, refused', async () => {
    const client = await withNote()
    client.stream.publish(typed(3, '!'))
    client.stream.publish({ type: 'update', ...object, values: { done: true } })
    await client.settle()
    await client.frame(slice(event(1, { values: { body: 'new' } })))
    expect(client.stream.status.refused).toMatchObject([{ code: 'expect-failed', conflicts: [[1, 1]], draft: typed(3, '!') }])
    expect(sent(client).at(-1)).toMatchObject([{ counter: 1, values: { done: true } }])
    // The server's own word comes late, and changes nothing.
    await client.frame({ type: 'refused', ref: 1, code: 'expect-failed', counter: 1, latestSeq: 1, conflicts: [[1, 1]] })
    expect(client.stream.status).toMatchObject({ pending: 1, refused: [{}] })
  })

  test('[D8] saves what it has taken over together with the events', async () => {
    const store = new MemoryStore()
    const before = await withNote(store)
    before.stream.pause()
    before.stream.publish(typed(3, '!'))
    before.stream.resume()
    await before.settle()
    await before.welcome(0)
    await before.frame(slice(event(1, { deltas: { body: at(0, '>>') } })))
    const after = new TestStream({ store: new MemoryStore(store) })
    await after.settle()
    expect(after.model.pending).toEqual([{ ...typed(5, '!'), seen: 1 }])
  })

  test('[D8] keeps its deltas refused under another epoch', async () => {
    const client = await withNote()
    client.stream.pause()
    client.stream.publish(typed(3, '!'))
    client.stream.resume()
    await client.settle()
    await client.frame({ type: 'welcome', epoch: 'another', latestSeq: -1, expiresInMs: 3_600_000 })
    expect(client.stream.status).toMatchObject({ pending: 0, refused: [{ code: 'wrong-epoch', draft: typed(3, '!') }] })
  })

  test('[C8][C10] finds under another epoch what the tape had taken, deltas too, and sends nothing twice', async () => {
    const client = await withNote()
    client.stream.publish(typed(3, '!'))
    client.stream.publish({ type: 'insert', collection: 'tasks', identifier: 't', values: { a: 1 } })
    await client.settle()
    client.stream.publish(typed(4, '?'))
    client.link.events.onClose({})
    await client.settle(1000)
    const anew = { epoch: 'another', latestSeq: 2 }
    await client.frame({ type: 'welcome', ...anew, expiresInMs: 3_600_000, counter: 2 })
    expect(client.stream.status).toMatchObject({ pending: 2, refused: [{ code: 'wrong-epoch', draft: typed(4, '?') }] })
    const task = event(2, { client: 'me', counter: 2, type: 'insert', collection: 'tasks', identifier: 't', values: { a: 1 } })
    const events = [event(0, { type: 'insert', values: { body: 'abc' } }), mine(1, 1, at(3, '!')), task]
    await client.frame({ type: 'slice', ...anew, covers: [[0, 2]], events })
    await client.settle(1000)
    expect(client.stream.status).toMatchObject({ pending: 0, connection: 'online' })
    expect(client.stream.client).toBe('me')
    expect(client.link.sent.filter(({ type }) => type === 'publish')).toEqual([])
  })

  test('[D9] lets what is typed meanwhile wait and fold, and what comes after it', async () => {
    const client = await withNote()
    client.stream.publish(typed(3, 'x'))
    await client.settle()
    client.stream.publish(typed(4, 'y'))
    client.stream.publish(typed(5, 'z'))
    client.stream.publish({ type: 'update', ...object, values: { done: true } })
    await client.settle()
    expect(sent(client)).toHaveLength(1)
    await client.frame(slice(mine(1, 1, at(3, 'x'))))
    expect(sent(client)[1]).toMatchObject([
      { counter: 2, deltas: { body: at(4, 'yz') } },
      { counter: 3, values: { done: true } },
    ])
  })
})
