/** Drafts with a precondition or a version of their model: how they are carried, and how they come back. */
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/client/index.ts'
import { Outbox } from '../../src/client/outbox/outbox.ts'
import type { Change, Code, Draft, Values } from '../../src/protocol/index.ts'
import { TestStore } from '../support/test-store.ts'
import { change, plainSlice, TestStream } from '../support/test-stream.ts'
import { named, twoTabs, watch } from '../support/test-tabs.ts'

const careful: Change = { ...change, type: 'update', version: 3, expect: { unchanged: ['n'] } }

async function online(store = new MemoryStore()): Promise<TestStream> {
  const client = new TestStream({ store })
  await client.welcome(-1)
  return client
}

describe('on their way', () => {
  test('[C3] a precondition and a version go along: to the models, into the store, through a restart, onto the wire', async () => {
    const store = new MemoryStore()
    const before = new TestStream({ store })
    await before.settle()
    before.stream.publish(careful)
    expect(before.model.pending).toEqual([{ ...careful, seen: -1 }])
    await before.settle()
    const client = await online(store)
    expect(client.model.pending).toEqual([{ ...careful, seen: -1 }])
    expect(client.link.sent).toEqual([{ type: 'publish', ref: 1, client: 'me', drafts: [{ counter: 1, seen: -1, ...careful }] }])
    expect(client.stream.outbox[0]?.draft).toEqual({ ...careful, seen: -1 })
    const { expect: _, ...event } = careful
    await client.frame({ type: 'slice', ...plainSlice([[0, 0]], () => ({ ...event, client: 'me', counter: 1 })) })
    expect(client.stream.status.pending).toBe(0)
  })

  test('[C14] they go along from a tab that works through another one', async () => {
    const { owner, follower } = await twoTabs()
    follower.stream.publish(careful)
    await follower.settle()
    expect(owner.link.sent).toMatchObject([{ drafts: [careful] }])
    expect(follower.model.pending).toEqual([{ ...careful, seen: -1 }])
  })

  test('[C3] what cannot be is said where it is made, and nothing has happened', async () => {
    const client = await online()
    for (const bad of [{ expect: { unchanged: [] } }, { expect: {} }, { version: 0 }, { expect: { unchanged: true, more: 1 } }]) {
      expect(() => client.stream.publish({ ...change, ...bad } as Change)).toThrow(expect.objectContaining({ code: 'invalid' }))
    }
    expect(client.stream.status.pending).toBe(0)
  })

  test('[C11] only drafts that are alike are folded', () => {
    const outbox = new Outbox('me')
    const update = (more: Partial<Draft>) => outbox.add({ ...change, type: 'update', seen: 4, ...more }, 0, { isOnTape: true, upTo: -1 })
    const counts = [
      { values: { a: 1 } },
      { values: { b: 1 } },
      { values: { c: 1 }, version: 2 },
      { values: { d: 1 }, version: 2 },
      { values: { e: 1 }, version: 2, expect: { unchanged: true as const } },
      { values: { f: 1 }, version: 2, expect: { unchanged: ['f'] } },
      { values: { g: 1 }, version: 2, expect: { unchanged: ['f'] } },
      { values: { h: 1 } },
    ].map((more) => {
      update(more)
      return outbox.pending.length
    })
    expect(counts).toEqual([1, 1, 2, 2, 3, 4, 4, 5])
    expect(outbox.pending[3]).toMatchObject({ values: { f: 1, g: 1 }, expect: { unchanged: ['f'] } })
  })

  test('[X2] what has nothing in its way has seen all that is known when it is sent, and falls behind no further', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.frame({ ...plainSlice([[0, 0]], () => ({ ...change, client: 'other' })), type: 'slice' })
    client.stream.pause()
    const expecting = (value: number) =>
      client.stream.publish({ ...change, type: 'update', values: { title: value }, expect: { unchanged: ['title'] } })
    expecting(1)
    client.stream.resume()
    await client.settle()
    await client.welcome(2, { counter: 0 })
    const others = (seq: number, values: object) => ({ ...change, client: 'other', seq, type: 'update' as const, values: values as Values })
    await client.frame({
      ...plainSlice([[1, 2]], (seq) => (seq === 1 ? others(1, { done: true }) : { ...others(2, {}), identifier: 'x' })),
      type: 'slice',
    })
    const drafts = () => client.link.sent.filter(({ type }) => type === 'publish').flatMap((frame) => frame.drafts as { seen: number }[])
    // It was sent as it was; the server says that this is too long ago.
    const before = drafts().length
    await client.frame({ type: 'refused', ref: client.link.sent.at(-1)?.ref, code: 'catch-up-first', counter: 1, latestSeq: 2 })
    expect(drafts().slice(before)).toMatchObject([{ counter: 1, seen: 2 }])
    expect(client.stream.status.refused).toEqual([])
    // Somebody writes what it expects to be unchanged: that is told.
    await client.frame({ ...plainSlice([[3, 3]], () => others(3, { title: 'theirs' })), type: 'slice' })
    await client.frame({ type: 'refused', ref: client.link.sent.at(-1)?.ref, code: 'catch-up-first', counter: 1, latestSeq: 3 })
    expect(client.stream.status.refused).toMatchObject([{ code: 'catch-up-first', draft: { seen: 2 } }])
  })

  test('[C10] an event of another version is not the draft', () => {
    const confirmed = (version: number | undefined, of: number | undefined) => {
      const outbox = new Outbox('me')
      const draft: Draft = { ...change, seen: -1, ...(version === undefined ? {} : { version }) }
      outbox.add(draft, 0, { isOnTape: false, upTo: -1 })
      outbox.numbering.take({ draftsMax: 1, bytesMax: 1e6, inFlightMax: 1, inFlightBytesMax: 1e9, upTo: -1, hasDeltas: true })
      const event = { ...change, seq: 0, client: 'me', counter: 1, seen: -1, ...(of === undefined ? {} : { version: of }) }
      return outbox.confirm([event]).isOurs
    }
    expect([confirmed(2, 2), confirmed(undefined, undefined), confirmed(undefined, 1), confirmed(1, undefined)]).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect([confirmed(2, 3), confirmed(undefined, 2), confirmed(2, undefined)]).toEqual([false, false, false])
  })
})

describe('coming back', () => {
  const conflicts = [
    [7, 7],
    [9, 10],
  ]

  test.each<[code: Code, said: object]>([
    ['expect-failed', { latestSeq: 10, conflicts }],
    ['catch-up-first', { latestSeq: 10 }],
    ['rejected', { reason: 'sold-out', detail: 'Nothing is left of it.' }],
  ])('[X4] %s: the draft leaves the models, and is kept with what was said; the others go on', async (code, said) => {
    const client = await online()
    const states = [
      watch(client.stream.publish(named('a'))),
      watch(client.stream.publish(careful)),
      watch(client.stream.publish(named('b'))),
    ]
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, counter: 2, code, title: 'No.', hint: 'Do something.', ...said })
    const { latestSeq: _, ...kept } = said as { latestSeq?: number }
    expect(client.stream.status.refused).toEqual([{ place: 2, draft: { ...careful, seen: -1 }, code, ...kept }])
    expect(client.model.pending.map(({ identifier }) => identifier)).toEqual(['a', 'b'])
    expect(client.link.sent.at(-1)).toMatchObject({
      drafts: [
        { counter: 1, identifier: 'a' },
        { counter: 2, identifier: 'b' },
      ],
    })
    expect(states.map((each) => each.at(-1))).toEqual(['sent', 'refused', 'sent'])
    expect(client.stream.status.problem).toBeUndefined()
  })

  test('[X4] [C5] with an insert, what was written to its object comes back, too, for the same reason', async () => {
    const client = await online()
    client.stream.publish(change)
    await client.settle()
    client.stream.publish({ ...change, type: 'update', values: { n: 2 } })
    client.stream.publish(named('other'))
    await client.frame({ type: 'refused', ref: 1, counter: 1, code: 'rejected', reason: 'full' })
    expect(client.stream.status.refused).toMatchObject([
      { draft: { type: 'insert' }, code: 'rejected', reason: 'full' },
      { draft: { type: 'update' }, code: 'rejected', reason: 'full' },
    ])
    expect(client.model.pending.map(({ identifier }) => identifier)).toEqual(['other'])
  })

  test('[X4] rule-failed is no refusal: the draft stays, and is sent again', async () => {
    const client = await online()
    client.stream.publish(careful)
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, counter: 1, code: 'rule-failed' })
    expect(client.stream.status.problem).toBe('rule-failed')
    expect(client.stream.status).toMatchObject({ connection: 'offline', pending: 1, refused: [] })
    await client.settle(1000)
    await client.welcome(-1)
    expect(client.link.sent).toMatchObject([{ drafts: [careful] }])
  })

  test('[X4] [C9] [C14] what was said survives a restart, and is known to other tabs', async () => {
    const { browser, owner, follower } = await twoTabs()
    owner.stream.publish(careful)
    await owner.settle()
    await owner.frame({ type: 'refused', ref: 1, counter: 1, code: 'expect-failed', detail: 'No.', conflicts })
    const refused = [{ place: 1, draft: { ...careful, seen: -1 }, code: 'expect-failed', detail: 'No.', conflicts }]
    expect(follower.stream.status.refused).toEqual(refused)
    const late = await browser.open('c')
    expect(late.stream.status.refused).toEqual(refused)
    await browser.kill(owner)
    await follower.settle()
    expect(follower.stream.status.refused).toEqual(refused)
  })

  test('[X4] published again, it has seen what the models show now, and keeps its precondition and version', async () => {
    const client = await online()
    client.stream.publish(careful)
    await client.settle()
    await client.slice([[0, 4]])
    await client.frame({ type: 'refused', ref: 1, counter: 1, code: 'expect-failed', conflicts: [[3, 3]] })
    client.stream.retry(1)
    expect(client.stream.status.refused).toEqual([])
    await client.settle()
    expect(client.link.sent.at(-1)).toMatchObject({ drafts: [{ ...careful, counter: 1, seen: 4 }] })
  })

  test('[X4] changed, it keeps them unless it is given others, or none', async () => {
    const client = await online()
    const again: readonly Partial<Change>[] = [
      { values: { n: 5 } },
      { version: 4, expect: { unchanged: true } },
      { version: undefined, expect: undefined },
    ]
    for (const [index, more] of again.entries()) {
      const counter = index + 1
      client.stream.publish({ ...careful, identifier: `${index}` })
      await client.settle()
      const { ref } = client.link.sent.at(-1) as { ref: number }
      await client.frame({ type: 'refused', ref, counter, code: 'expect-failed' })
      const { place } = client.stream.status.refused[0] ?? { place: 0 }
      client.stream.retry(place, { type: 'update', collection: 'things', identifier: `${index}`, values: { n: 2 }, ...more })
      await client.settle()
    }
    const sent = client.link.sent.flatMap(({ drafts }) => drafts as Draft[]).filter(({ values }) => values?.n !== 1)
    expect(sent.map(({ version, expect, values }) => ({ version, expect, values }))).toEqual([
      { version: 3, expect: { unchanged: ['n'] }, values: { n: 5 } },
      { version: 4, expect: { unchanged: true }, values: { n: 2 } },
      { version: undefined, expect: undefined, values: { n: 2 } },
    ])
  })
})

describe('what a draft has seen', () => {
  test('[C13] does not fall when a store without room makes the client read the tape again', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    await client.slice([[0, 4]])
    store.isFull = true
    await client.slice([[5, 5]])
    expect(client.stream.status.holes).toEqual([[0, 5]])
    client.stream.publish(careful)
    expect(client.model.pending).toMatchObject([{ seen: 5 }])
    await client.slice([[6, 6]])
    client.stream.publish({ ...careful, identifier: 'next' })
    await client.slice([[0, 2]], { latestSeq: 6 })
    client.stream.publish({ ...careful, identifier: 'last' })
    expect(client.model.pending.map(({ seen }) => seen)).toEqual([5, 6, 6])
    await client.slice([[3, 6]])
    expect(client.stream.status.holes).toEqual([])
  })

  test('[C13] nor when the store was cleared and is filled again', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    await client.slice([[0, 4]])
    store.failures.save = ['cleared', undefined]
    client.stream.publish(careful)
    await client.settle()
    client.stream.publish({ ...careful, identifier: 'next' })
    expect(client.model.pending.map(({ seen }) => seen)).toEqual([4, 4])
  })

  test('[C14] nor when another process takes the store before everything is saved', async () => {
    const { browser, owner } = await twoTabs()
    await owner.slice([[0, 2]])
    owner.store.holds = 'before'
    await owner.slice([[3, 4]])
    await browser.fence()
    owner.store.letGo()
    await owner.settle()
    owner.stream.publish(careful)
    expect(owner.model.pending.at(-1)).toMatchObject({ seen: 4 })
  })

  test('[C14] nor when it comes back to that one, though the store has less than it shows', async () => {
    const { browser, owner, follower } = await twoTabs()
    await owner.slice([[0, 2]])
    owner.store.holds = 'before'
    await owner.slice([[3, 4]])
    await browser.fence()
    owner.store.letGo()
    await owner.settle()
    await browser.kill(follower)
    await owner.settle()
    expect(owner.transport.links).toHaveLength(2)
    owner.stream.publish(careful)
    expect(owner.model.pending.at(-1)).toMatchObject({ seen: 4 })
  })

  test('[C8] is forgotten with the tape', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    store.isFull = true
    await client.slice([[0, 4]])
    client.link.events.onClose({})
    await client.settle(1000)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000 })
    client.stream.publish(careful)
    expect(client.model.pending).toMatchObject([{ seen: -1 }])
  })
})
