import { describe, expect, test } from 'vitest'
import { type DraftState, MemoryStore, type Publication } from '../../src/client/index.ts'
import { change, plainSlice, TestStream } from '../support/test-stream.ts'

const update = { ...change, type: 'update', values: { n: 2 } } as const
const remove = { type: 'delete', collection: 'things', identifier: 'mine' } as const

/** The states that it goes through, from the present one on. */
function watch(publication: Publication): DraftState[] {
  const states = [publication.state]
  publication.subscribe((state) => states.push(state))
  return states
}

function types(states: readonly DraftState[]): string[] {
  return states.map(({ type }) => type)
}

const own = (seq: number, counter: number, more = {}) => ({
  type: 'slice',
  ...plainSlice([[seq, seq]], () => ({ ...change, client: 'me', counter, ...more })),
})

describe('what became of a draft', () => {
  test('[C12] queued, sent, applied', async () => {
    const client = new TestStream()
    const states = watch(client.stream.publish(change))
    await client.settle()
    expect(types(states)).toEqual(['queued'])
    await client.welcome(-1)
    expect(types(states)).toEqual(['queued', 'sent'])
    await client.frame(own(0, 1))
    expect(states).toEqual([{ type: 'queued' }, { type: 'sent' }, { type: 'applied', seq: 0 }])
  })

  test('[C12] when it is said to be applied, the models show it as such', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const publication = client.stream.publish(change)
    const shown: unknown[] = []
    publication.subscribe(({ type }) => shown.push([type, client.model.seqs, client.model.pending.length, client.stream.status.pending]))
    await client.settle()
    await client.frame(own(0, 1))
    expect(shown).toEqual([
      ['sent', [], 1, 1],
      ['applied', [0], 0, 0],
    ])
  })

  test('[C12] on the tape above a hole, then applied when the hole is filled', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const states = watch(client.stream.publish(change))
    await client.settle()
    await client.frame(own(3, 1))
    expect(states.at(-1)).toEqual({ type: 'on-tape', seq: 3 })
    await client.slice([[0, 1]], { latestSeq: 3 })
    expect(states.at(-1)).toEqual({ type: 'on-tape', seq: 3 })
    await client.slice([[2, 2]], { latestSeq: 3 })
    expect(types(states)).toEqual(['queued', 'sent', 'on-tape', 'applied'])
  })

  test('[C12] is sent again after a cut without going back to the queue', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const states = watch(client.stream.publish(change))
    await client.settle()
    client.link.events.onClose({})
    await client.settle(1000)
    await client.welcome(-1)
    expect(types(states)).toEqual(['queued', 'sent'])
  })

  test('[C12] two drafts that were folded into one go through the rest together', async () => {
    const client = new TestStream()
    const first = client.stream.publish({ ...update, values: { a: 1 } })
    const second = client.stream.publish({ ...update, values: { b: 1 } })
    const third = client.stream.publish({ ...update, values: { c: 1 } })
    const all = [first, second, third].map(watch)
    await client.welcome(-1)
    await client.frame(own(0, 1, { type: 'update', values: { a: 1, b: 1, c: 1 } }))
    for (const states of all) expect(states).toEqual([{ type: 'queued' }, { type: 'sent' }, { type: 'applied', seq: 0 }])
  })

  test('[C12] an insert and its delete fold away', () => {
    const client = new TestStream()
    return client.settle().then(() => {
      const inserted = watch(client.stream.publish(change))
      const updated = watch(client.stream.publish(update))
      const deleted = client.stream.publish(remove)
      expect(types(inserted)).toEqual(['queued', 'folded-away'])
      expect(types(updated)).toEqual(['queued', 'folded-away'])
      expect(deleted.state).toEqual({ type: 'folded-away' })
      expect(client.stream.status.pending).toBe(0)
    })
  })

  test('[C12] refused, tried again as it was or changed, applied; refused and discarded', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const tried = watch(client.stream.publish(change))
    const discarded = watch(client.stream.publish({ ...change, identifier: 'other' }))
    await client.settle()
    await client.frame({ type: 'refused', ref: 1, code: 'invalid' })
    expect(tried.at(-1)).toMatchObject({ type: 'refused', code: 'invalid', place: 1 })
    expect(client.stream.status.refused).toMatchObject([{ place: 1, code: 'invalid' }, { place: 2 }])
    client.stream.retry(1, { ...change, values: { n: 2 } })
    client.stream.discard(2)
    await client.settle()
    expect(client.link.sent.at(-1)).toMatchObject({ drafts: [{ counter: 1, identifier: 'mine', values: { n: 2 } }] })
    await client.frame(own(0, 1, { values: { n: 2 } }))
    expect(types(tried)).toEqual(['queued', 'sent', 'refused', 'queued', 'sent', 'applied'])
    expect(types(discarded)).toEqual(['queued', 'sent', 'refused', 'discarded'])
    expect(client.stream.status).toMatchObject({ pending: 0, refused: [] })
  })

  test('[C12] taken before a cut, found on the tape by a restarted link', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const states = watch(client.stream.publish(change))
    await client.settle()
    client.link.events.onClose({})
    await client.settle(1000)
    await client.welcome(0, { counter: 1, follows: [[0, 0]] })
    await client.frame(own(0, 1))
    expect(types(states)).toEqual(['queued', 'sent', 'applied'])
  })

  test('[C12] applied without a seq, when the tape has taken it and its event does not tell; the models are told', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const states = watch(client.stream.publish(change))
    await client.settle()
    client.link.events.onClose({})
    await client.settle(1000)
    await client.welcome(0, { counter: 1, follows: [[0, 0]] })
    await client.frame({ type: 'slice', ...plainSlice([[0, 0]], () => ({ ...change, client: undefined, counter: undefined })) })
    expect(states.at(-1)).toEqual({ type: 'applied', seq: undefined })
    expect(client.model.pending).toEqual([])
    expect(client.stream.status.pending).toBe(0)
  })
})

describe('listeners', () => {
  test('[C12] one that throws is reported, and keeps neither the others nor the stream from going on', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const publication = client.stream.publish(change)
    publication.subscribe(() => {
      throw new Error('a bug in the application')
    })
    const states = watch(publication)
    await client.settle()
    await client.frame(own(0, 1))
    expect(types(states)).toEqual(['queued', 'sent', 'applied'])
    expect(client.reported).toHaveLength(2)
    expect(client.model.seqs).toEqual([0])
  })

  test('[C12] one that unsubscribes hears no more', async () => {
    const client = new TestStream()
    const publication = client.stream.publish(change)
    const heard: string[] = []
    const unsubscribe = publication.subscribe(({ type }) => {
      heard.push(type)
      unsubscribe()
    })
    await client.welcome(-1)
    await client.frame(own(0, 1))
    expect(heard).toEqual(['sent'])
  })

  test.each(['discard', 'retry'] as const)(
    '[C12] one that calls %s as soon as a draft is refused leaves nothing in the store',
    async (what) => {
      const store = new MemoryStore()
      const client = new TestStream({ store })
      await client.welcome(-1)
      const publication = client.stream.publish(change)
      publication.subscribe((state) => {
        if (state.type === 'refused') client.stream[what](state.place)
      })
      await client.settle()
      await client.frame({ type: 'refused', ref: 1, code: 'invalid' })
      expect(client.stream.status.refused).toEqual([])
      const { outbox = [] } = (await store.load()) ?? {}
      expect(outbox.filter(({ refused }) => refused !== undefined)).toEqual([])
      expect(outbox).toHaveLength(what === 'retry' ? 1 : 0)
    },
  )

  test('[C12] one of the status may publish: every publication finds its own draft', async () => {
    const client = new TestStream()
    await client.settle()
    let isFirst = true
    let more: Publication | undefined
    client.stream.subscribe(() => {
      if (!isFirst) return
      isFirst = false
      more = client.stream.publish({ ...update, values: { b: 1 } })
    })
    const publication = client.stream.publish({ ...update, values: { a: 1 } })
    await client.welcome(-1)
    await client.frame(own(0, 1, { type: 'update', values: { a: 1, b: 1 } }))
    expect([publication.state, more?.state]).toEqual([
      { type: 'applied', seq: 0 },
      { type: 'applied', seq: 0 },
    ])
  })
})
