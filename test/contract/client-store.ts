/** What every client store keeps. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { blankTape, type ClientStore, type OutboxEntry } from '../../src/client/index.ts'
import { type Draft, foldEvents, seqMax, type TapeEvent } from '../../src/protocol/index.ts'

/** One place to keep things, empty at first. */
export interface StoreRig {
  /** Another handle on it each time, as another process has it. */
  open(): ClientStore
  dispose?(): Promise<void>
}

const entry = (place: number, more: Partial<OutboxEntry> = {}): OutboxEntry => ({
  place,
  draft: { type: 'update', collection: 'things', identifier: `thing-${place}`, seen: -1, values: { place } },
  madeAt: 1_700_000_000_000 + place / 2,
  folded: { drafts: 1, bytes: 80 },
  ...more,
})

const insert = (seq: number, more: Partial<TapeEvent> = {}): TapeEvent => ({
  seq,
  client: 'me',
  counter: seq + 1,
  seen: seq - 1,
  type: 'insert',
  collection: 'things',
  identifier: `thing-${seq}`,
  values: { title: `Thing ${seq}` },
  ...more,
})

const update = (seq: number, more: Partial<TapeEvent> = {}): TapeEvent => insert(seq, { type: 'update', ...more })

const fenced = expect.objectContaining({ name: 'StoreFailure', trouble: 'fenced' })

export function clientStoreContract(name: string, create: () => StoreRig | Promise<StoreRig>): void {
  describe(`the store: ${name}`, () => {
    let rig: StoreRig
    let store: ClientStore

    beforeEach(async () => {
      rig = await create()
      store = rig.open()
      await store.claim('first')
    })
    afterEach(async () => {
      await store.close()
      await rig.dispose?.()
    })

    /** What a process sees that starts now. */
    async function reopened<T>(look: (store: ClientStore) => Promise<T>): Promise<T> {
      const other = rig.open()
      try {
        return await look(other)
      } finally {
        await other.close()
      }
    }

    test('[C9] has nothing at first, claimed or not', async () => {
      expect(await store.load()).toBeUndefined()
      expect(await store.events()).toEqual([])
      expect(await reopened((other) => other.load())).toBeUndefined()
    })

    test('[C9] gives back what was saved, to whoever opens it, and leaves alone what a change does not name', async () => {
      const tape = { epoch: 'e', latestSeq: 4, accounted: [[0, 2]] as const }
      const tabs = { 'tab-1': 7, constructor: 2 }
      await store.save({ client: 'me', nextCounter: 3, tape, tabs, events: [insert(0), insert(1)], put: [entry(1), entry(2)] })
      await store.save({ events: [insert(2)], remove: [1], put: [entry(3, { counter: 2 })] })
      const saved = { client: 'me', nextCounter: 3, tape, tabs, outbox: [entry(2), entry(3, { counter: 2 })], unreadable: 0, lastPlace: 3 }
      expect(await store.load()).toEqual(saved)
      expect(await store.events()).toEqual([insert(0), insert(1), insert(2)])
      expect(await reopened((other) => other.load())).toEqual(saved)
      expect(await reopened((other) => other.events())).toEqual([insert(0), insert(1), insert(2)])
    })

    test('[C9] a client that has saved no more than its id has a blank tape and its first counter before it', async () => {
      await store.save({ client: 'me' })
      expect(await store.load()).toEqual({
        client: 'me',
        nextCounter: 1,
        tape: blankTape,
        tabs: {},
        outbox: [],
        unreadable: 0,
        lastPlace: 0,
      })
    })

    test('[C8][C22] keeps with the tape its newest mark and up to where it is being read anew, and goes on without them', async () => {
      const tape = { epoch: 'e', latestSeq: 3, accounted: [[0, 3]] as const, mark: '3.a.bcdefghijkl', anewTo: 3 }
      await store.save({ client: 'me', tape })
      expect((await reopened((other) => other.load()))?.tape).toEqual(tape)
      const { mark: _, anewTo: __, ...other } = tape
      await store.save({ tape: other })
      expect((await reopened((again) => again.load()))?.tape).toEqual(other)
    })

    test('[C9] replaces what is set anew: the tape, the tabs, the client', async () => {
      await store.save({ client: 'me', tape: { epoch: 'e', latestSeq: 3, accounted: [[0, 3]] }, tabs: { a: 1, b: 2 } })
      await store.save({ client: 'you', tape: { epoch: null, latestSeq: -1, accounted: [] }, tabs: { b: 3 } })
      expect(await store.load()).toMatchObject({ client: 'you', tape: blankTape })
      expect((await store.load())?.tabs).toEqual({ b: 3 })
    })

    test('[C10] saves nothing for whoever has not claimed it, or no longer has', async () => {
      const second = rig.open()
      await expect(second.save({ client: 'second' })).rejects.toEqual(fenced)
      expect(await store.load()).toBeUndefined()
      await store.save({ client: 'first', put: [entry(1)], events: [insert(0)] })

      await second.claim('second')
      const change = { client: 'me', nextCounter: 9, forgetEvents: true, events: [insert(7)], put: [entry(2)], remove: [1] }
      await expect(store.save(change)).rejects.toEqual(fenced)
      expect(await second.load()).toMatchObject({ client: 'first', nextCounter: 1, outbox: [entry(1)] })
      expect(await second.events()).toEqual([insert(0)])
      await second.save({ nextCounter: 2 })
      expect(await store.load(), 'reading needs no claim').toMatchObject({ nextCounter: 2 })

      await store.claim('third')
      await store.save({ nextCounter: 3 })
      await expect(second.save({ nextCounter: 4 })).rejects.toEqual(fenced)
      expect(await store.load()).toMatchObject({ nextCounter: 3 })
      await second.close()
    })

    test('[C10] a claim takes effect between the saves before and after it', async () => {
      const second = rig.open()
      await second.claim('second')
      const before = store.save({ nextCounter: 2 })
      const claim = store.claim('again')
      const after = store.save({ client: 'me', nextCounter: 3 })
      await expect(before).rejects.toEqual(fenced)
      await Promise.all([claim, after])
      expect(await store.load()).toMatchObject({ nextCounter: 3 })
      await second.close()
    })

    test('[C9] saves in the order of the calls, and reads what was saved before, without waiting in between', async () => {
      const saves = [
        store.save({ client: 'me', nextCounter: 1, put: [entry(1), entry(2)], events: [insert(0)] }),
        store.save({ nextCounter: 2, put: [entry(1, { counter: 1 })], remove: [2], events: [update(3, { identifier: 'thing-0' })] }),
        store.save({ nextCounter: 3, put: [entry(3)] }),
        store.save({ nextCounter: 4, remove: [3], put: [entry(2, { counter: 2 })], forgetEvents: true, events: [insert(5)] }),
        store.save({ events: [insert(4)] }),
      ]
      const loading = store.load()
      const reading = store.events()
      await Promise.all(saves)
      expect(await loading).toMatchObject({ nextCounter: 4, outbox: [entry(1, { counter: 1 }), entry(2, { counter: 2 })] })
      expect(await reading).toEqual([insert(4), insert(5)])
    })

    test('[C9] keeps the outbox in order of place, whatever the order of saving, with all that is known of an entry', async () => {
      const known = entry(2, { counter: 4, refused: 'forbidden', folded: { drafts: 3, bytes: 4000 } })
      const bare = entry(4, { draft: { type: 'delete', collection: 'things', identifier: 'x', seen: 12 } })
      await store.save({ client: 'me', put: [entry(10), bare, entry(1)] })
      await store.save({ put: [entry(2), entry(1, { counter: 7 })] })
      await store.save({ put: [known] })
      expect((await store.load())?.outbox).toEqual([entry(1, { counter: 7 }), known, bare, entry(10)])
    })

    test('[X4] keeps what was said about a refused draft, its precondition and its version', async () => {
      const draft: Draft = { ...entry(1).draft, version: 3, expect: { unchanged: ['title', 'ä'] } }
      const refused = [
        entry(1, {
          draft,
          refused: 'expect-failed',
          refusal: {
            conflicts: [
              [3, 4],
              [7, seqMax],
            ],
          },
        }),
        entry(2, {
          draft: { ...draft, expect: { unchanged: true } },
          refused: 'rejected',
          refusal: { reason: 'sold-out', detail: 'Nothing is left: "0".' },
        }),
        entry(3, { refused: 'rejected', refusal: {} }),
        entry(4, { draft }),
      ]
      await store.save({ client: 'me', put: refused })
      expect((await reopened((other) => other.load()))?.outbox).toEqual(refused)
      await store.save({ put: [entry(1, { draft })] })
      expect((await store.load())?.outbox[0]).toEqual(entry(1, { draft }))
    })

    test('[C16] keeps which events could not be read, until that is set anew', async () => {
      const tape = {
        epoch: 'e',
        latestSeq: 9,
        accounted: [
          [0, 3],
          [5, 9],
        ],
        unreadable: [[4, 4]],
      } as const
      await store.save({ client: 'me', tape })
      expect((await reopened((other) => other.load()))?.tape).toEqual(tape)
      const whole = { epoch: 'e', latestSeq: 9, accounted: [[0, 9]] } as const
      await store.save({ tape: whole })
      expect((await store.load())?.tape).toEqual(whole)
    })

    test('[C9] an entry that is put and removed in one change is gone, and removing what is not there is nothing', async () => {
      await store.save({ client: 'me', put: [entry(1), entry(2)], remove: [2, 99] })
      expect((await store.load())?.outbox).toEqual([entry(1)])
    })

    test('[C9] keeps a thousand entries, and numbers as large as there are', async () => {
      const entries = Array.from({ length: 1000 }, (_, index) => entry(index + 1))
      const last = entry(seqMax, { counter: seqMax, draft: { ...entry(1).draft, seen: seqMax } })
      const tape = { epoch: 'e', latestSeq: seqMax, accounted: [[0, seqMax]] as const }
      await store.save({
        client: 'me',
        nextCounter: seqMax,
        tape,
        tabs: { tab: seqMax },
        put: [last, ...entries],
        events: [insert(seqMax, { counter: seqMax })],
      })
      await store.save({ remove: entries.slice(0, 500).map(({ place }) => place) })
      const saved = await reopened((other) => other.load())
      expect(saved).toEqual({
        client: 'me',
        nextCounter: seqMax,
        tape,
        tabs: { tab: seqMax },
        outbox: [...entries.slice(500), last],
        unreadable: 0,
        lastPlace: seqMax,
      })
      expect(await store.events()).toEqual([insert(seqMax, { counter: seqMax })])
    })

    test('[C9] [O2] folds the events of an object with those kept before, in whatever order they come', async () => {
      const thing = { identifier: 'thing' }
      const events = [
        insert(0, { ...thing, values: { title: 'a', done: false } }),
        update(3, { ...thing, values: { title: 'b' } }),
        update(1, { ...thing, values: { title: 'c', done: true } }),
        insert(2, { identifier: 'other', values: {} }),
        update(5, { ...thing, values: { title: 'd' } }),
      ]
      for (const event of events) await store.save({ events: [event] })
      expect(await store.events()).toEqual(foldEvents(events))
      expect(await store.events()).toHaveLength(2)
      // Once dead, with a write that came after it: two events are all that an object ever needs.
      const end = [insert(6, { ...thing, type: 'delete', values: undefined }), update(8, { ...thing, values: { title: 'e' } })]
      await store.save({ events: end })
      expect(await store.events()).toEqual([insert(2, { identifier: 'other', values: {} }), ...end])
      await store.save({ events })
      expect(await reopened((other) => other.events())).toEqual([insert(2, { identifier: 'other', values: {} }), ...end])
    })

    test('[C9] [D7] keeps a large object and what comes of it later, folded or beside it, as one', async () => {
      const large = insert(0, { identifier: 'large', values: { text: 'word '.repeat(20_000), title: 'a' } })
      const events: TapeEvent[] = [large]
      for (let seq = 1; seq <= 600; seq++) {
        const isText = seq % 3 > 0
        // Now and then so much at once that it is folded.
        const values = seq % 200 === 0 ? 'more '.repeat(10_000) : `${seq}`
        const change = isText ? { deltas: { text: [{ type: 'insert', offset: seq * 5, values }] as const } } : { values: { title: values } }
        const { values: _, ...plain } = update(seq, { identifier: 'large' })
        events.push({ ...plain, ...change })
      }
      const small = insert(601)
      // One at a time, with a hole that is filled in the end.
      const order = [...events.filter(({ seq }) => seq !== 500), small, events[500] as TapeEvent]
      let accounted: readonly (readonly [number, number])[] = []
      for (const event of order) {
        accounted =
          event.seq === 500
            ? [[0, 601]]
            : event.seq < 500
              ? [[0, event.seq]]
              : [
                  [0, 499],
                  [501, event.seq],
                ]
        await store.save({ tape: { epoch: 'e', latestSeq: 601, accounted }, events: [event] })
        if (event.seq === 300) expect(await reopened((other) => other.events())).toEqual(foldEvents(events.slice(0, 301), accounted))
        if (event.seq === 400) {
          // Another process goes on with it.
          await store.close()
          store = rig.open()
          await store.claim('second')
        }
      }
      expect(await reopened((other) => other.events())).toEqual([...foldEvents(events, accounted), small])
      await store.save({ forgetEvents: true, events: [small] })
      expect(await reopened((other) => other.events())).toEqual([small])
    })

    test.each(['small', 'large'])('[D8] keeps deltas above a hole as they are, in a %s object, until it is filled', async (size) => {
      const field = 'word '.repeat(size === 'large' ? 20_000 : 1)
      const typed = (seq: number): TapeEvent => {
        const { values: _, ...plain } = update(seq, { identifier: 'text' })
        return { ...plain, deltas: { text: [{ type: 'insert', offset: 0, values: `${seq} ` }] } }
      }
      const tape = { epoch: 'e', latestSeq: 9 }
      const [base, ...others] = [insert(3, { identifier: 'text', values: { text: field } }), typed(4), typed(5), typed(9)]
      await store.save({ client: 'me', tape: { ...tape, accounted: [[0, 3]] }, events: [base] })
      // More is wanted of it: what all before has come of is less.
      for (const event of others) await store.save({ tape: { ...tape, accounted: [[4, event.seq]] }, events: [event] })
      expect(await reopened((other) => other.events())).toEqual([base, ...others])
      const end = typed(10)
      await store.save({ tape: { ...tape, latestSeq: 10, accounted: [[0, 10]] }, events: [end] })
      expect(await reopened((other) => other.events())).toEqual(foldEvents([base, ...others, end], [[0, 10]]))
      expect(await store.events()).toMatchObject([{ values: { text: `10 9 5 4 ${field}` }, stamps: { text: 10 } }])
    })

    test('[D8] folds deltas above what has come and cannot be read', async () => {
      const { values: _, ...plain } = update(5, { identifier: 'text' })
      const typed: TapeEvent = { ...plain, deltas: { text: [{ type: 'insert', offset: 0, values: 'b' }] } }
      const events = [insert(4, { identifier: 'text', values: { text: 'a' } }), typed]
      const accounted = [
        [0, 1],
        [3, 5],
      ] as const
      await store.save({ client: 'me', tape: { epoch: 'e', latestSeq: 5, accounted, unreadable: [[2, 2]] }, events })
      expect(await store.events()).toMatchObject([{ values: { text: 'ba' } }])
    })

    test('[C9] keeps objects apart, whatever they are named', async () => {
      const names = [
        '__proto__',
        'constructor',
        'toString',
        'a\u0000b',
        'a\u0000c',
        'ä',
        '1',
        '\u{1f642}',
        "'; DROP TABLE objects; --",
        'a.b',
        ' ',
      ]
      const events = names.flatMap((identifier, index) => [
        insert(index * 2, { collection: 'things', identifier, values: { index } }),
        insert(index * 2 + 1, { collection: identifier, identifier: 'things', values: { index } }),
      ])
      await store.save({ client: 'me', events })
      await store.save({ events: events.map(({ seq, ...event }) => ({ ...event, type: 'update', seq: seq + 100, values: { more: seq } })) })
      const kept = await reopened((other) => other.events())
      expect(kept.map(({ seq, collection, identifier }) => [seq, collection, identifier])).toEqual(
        events.map(({ seq, collection, identifier }) => [seq, collection, identifier]),
      )
      expect(kept.map(({ values }) => values)).toEqual(events.map(({ seq, values }) => ({ ...values, more: seq })))
    })

    test('[C9] keeps values as they are, the huge ones and the odd ones', async () => {
      const values = {
        huge: 'ä'.repeat(120_000),
        constructor: { toString: null },
        'a\u0000b': '\u0000',
        nested: [[[{ deep: [1.5, -0.001, 1e300, true, null, ''] }]]],
      }
      const draft = { type: 'insert', collection: 'things', identifier: 'huge', seen: 1, values } as const
      await store.save({ client: 'me', events: [insert(0, { values })], put: [entry(1, { draft })] })
      expect(await reopened((other) => other.events())).toEqual([insert(0, { values })])
      expect((await reopened((other) => other.load()))?.outbox).toEqual([entry(1, { draft })])
    })

    test('[C8] forgets the events of an epoch that has ended, and keeps those of the new one in the same change', async () => {
      await store.save({ client: 'me', events: [insert(0), insert(1)], put: [entry(1)] })
      await store.save({ forgetEvents: true, events: [update(9, { identifier: 'thing-0' })] })
      expect(await store.events()).toEqual([update(9, { identifier: 'thing-0' })])
      await store.save({ forgetEvents: true })
      expect(await store.events()).toEqual([])
      expect((await store.load())?.outbox).toEqual([entry(1)])
    })

    test('[C9] close waits for what was called before it', async () => {
      const other = rig.open()
      await other.claim('other')
      const saving = other.save({ client: 'me', put: [entry(1)] })
      await other.close()
      await saving
      expect((await store.load())?.outbox).toEqual([entry(1)])
    })
  })
}
