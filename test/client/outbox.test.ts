import { describe, expect, test, vi } from 'vitest'
import { Outbox } from '../../src/client/outbox/outbox.ts'
import type { OutboxEntry } from '../../src/client/storage/store.ts'
import type { Draft, EventType, TapeEvent } from '../../src/protocol/index.ts'

const draft = (type: EventType, identifier: string, values?: Draft['values'], seen = 4): Draft => ({
  seen,
  type,
  collection: 'things',
  identifier,
  ...(values === undefined ? {} : { values }),
})
const insert = (identifier: string, values: Draft['values'] = { x: 1 }, seen = 4) => draft('insert', identifier, values, seen)
const update = (identifier: string, values: Draft['values'] = { y: 2 }, seen = 4) => draft('update', identifier, values, seen)
const remove = (identifier: string, seen = 4) => draft('delete', identifier, undefined, seen)

const all = { draftsMax: 1000, bytesMax: 1e9, inFlightMax: 1e9, inFlightBytesMax: 1e9, upTo: -1, hasDeltas: true }

/** An outbox, and a replay of what it had saved. */
class Rig {
  readonly outbox = new Outbox('me')
  readonly saved = new Map<number, OutboxEntry>()

  add(each: Draft, { isOnTape = false, madeAt = 0 } = {}) {
    const step = this.outbox.add(each, madeAt, { isOnTape, upTo: -1 })
    this.keep(step.change)
    return step
  }

  keep({ put = [], remove: gone = [] }: { put?: readonly OutboxEntry[]; remove?: readonly number[] }): void {
    for (const entry of put) this.saved.set(entry.place, entry)
    for (const place of gone) this.saved.delete(place)
  }

  /** Everything is sent, in one frame. */
  send(ref: number, limits = all): readonly OutboxEntry[] {
    const batch = this.outbox.take(limits)
    this.outbox.sent(batch, ref)
    this.keep({ put: batch.map(({ ref: _, ...entry }) => entry) })
    return batch
  }

  get counters(): (number | undefined)[] {
    return Array.from(this.outbox.entries, ({ counter }) => counter)
  }

  get places(): number[] {
    return Array.from(this.outbox.entries, ({ place }) => place)
  }

  /** What the store has of the drafts that wait, in order of place. */
  get kept(): readonly Draft[] {
    const entries = [...this.saved.values()].filter(({ refused }) => refused === undefined)
    return entries.sort((a, b) => a.place - b.place).map((entry) => entry.draft)
  }
}

const eventOf = (seq: number, counter: number, of: Draft): TapeEvent => ({ seq, client: 'me', counter, ...of })

describe('drafts that wait', () => {
  test.each<[string, Draft[], Draft[]]>([
    ['insert, update', [insert('a'), update('a')], [insert('a', { x: 1, y: 2 })]],
    ['update, update', [update('a', { x: 1 }), update('a', { x: 2, y: 3 })], [update('a', { x: 2, y: 3 })]],
    ['insert, delete', [insert('a'), remove('a')], []],
    ['update, delete', [update('a'), remove('a')], [remove('a')]],
    ['insert, update, delete', [insert('a'), update('a'), remove('a')], []],
    ['delete, insert', [remove('a'), insert('a')], [insert('a')]],
    ['delete, update', [remove('a'), update('a')], [remove('a'), update('a')]],
    ['delete, update, update', [remove('a'), update('a', { x: 1 }), update('a', { x: 2 })], [remove('a'), update('a', { x: 2 })]],
  ])('[C11] are folded: %s', (_, drafts, folded) => {
    const rig = new Rig()
    for (const each of drafts) rig.add(each)
    expect(rig.outbox.pending).toEqual(folded)
    expect(rig.kept).toEqual(folded)
  })

  test('[C11] an insert and a delete of what the tape knows are a delete', () => {
    const rig = new Rig()
    rig.add(insert('a'), { isOnTape: true })
    rig.add(remove('a'), { isOnTape: true })
    expect(rig.outbox.pending).toEqual([remove('a')])
  })

  test('[C11] are never folded across one that has a counter', () => {
    const rig = new Rig()
    rig.add(insert('a'))
    rig.send(1)
    rig.add(update('a', { x: 2 }))
    rig.add(update('a', { x: 3 }))
    rig.add(insert('a', { x: 4 }))
    expect(rig.outbox.pending).toEqual([insert('a'), insert('a', { x: 4 })])
    rig.add(remove('a'))
    expect(rig.outbox.pending).toEqual([insert('a'), remove('a')])
  })

  test('[C11] are never folded across another `seen`', () => {
    const rig = new Rig()
    rig.add(insert('a', { x: 1 }, 4))
    rig.add(update('a', { x: 2 }, 5))
    rig.add(update('a', { x: 3 }, 5))
    rig.add(remove('a', 6))
    expect(rig.outbox.pending).toEqual([insert('a', { x: 1 }, 4), update('a', { x: 3 }, 5), remove('a', 6)])
  })

  test('[C11] an insert keeps its place among other objects, a write takes the newest, and no place is used twice', () => {
    const rig = new Rig()
    expect(rig.add(insert('a')).place).toBe(1)
    expect(rig.add(insert('b')).place).toBe(2)
    expect(rig.add(update('a')).place).toBe(1)
    expect(rig.add(update('c')).place).toBe(3)
    expect(rig.add(insert('d')).place).toBe(4)
    expect(rig.add(update('c'))).toMatchObject({ place: 5, leaving: [{ type: 'folded', place: 3, into: 5 }], change: { remove: [3] } })
    expect(rig.add(remove('b'))).toMatchObject({ place: undefined, leaving: [{ type: 'folded', place: 2, into: undefined }] })
    expect(rig.add(insert('b')).place).toBe(6)
    expect(rig.places).toEqual([1, 4, 5, 6])
    expect(rig.outbox.pending.map(({ identifier }) => identifier)).toEqual(['a', 'd', 'c', 'b'])
  })

  test('[C11] stay apart where one event could not hold them together, and still vanish or meet later', () => {
    const rig = new Rig()
    const half = 'x'.repeat(130_000)
    rig.add(insert('a', { left: half }))
    rig.add(update('a', { right: half }))
    expect(rig.outbox.pending).toEqual([insert('a', { left: half }), update('a', { right: half })])
    rig.add(update('a', { right: 'short' }))
    expect(rig.outbox.pending).toEqual([insert('a', { left: half }), update('a', { right: 'short' })])
    rig.add(insert('a'))
    expect(rig.outbox.pending).toEqual([insert('a')])
  })

  test('[C11] objects of different collections are different, whatever they are named', () => {
    const rig = new Rig()
    rig.add({ ...insert('bc'), collection: 'a' })
    rig.add({ ...remove('c'), collection: 'ab' })
    expect(rig.outbox.pending).toHaveLength(2)
  })

  test('[O3] the list of drafts is the same until one is added, changed or gone', () => {
    const rig = new Rig()
    rig.add(insert('a'))
    const { pending } = rig.outbox
    rig.send(1)
    rig.outbox.recall()
    expect(rig.outbox.pending).toBe(pending)
    rig.outbox.renumberFrom(1)
    expect(rig.outbox.pending).toBe(pending)
    rig.outbox.confirm([eventOf(5, 1, insert('a'))])
    expect(rig.outbox.pending).not.toBe(pending)
  })
})

describe('the amount', () => {
  test('[C11] is what waits after folding, and what was made to come to that, with what vanished', () => {
    const rig = new Rig()
    const bytes = (each: Draft) => JSON.stringify(each).length
    expect(rig.outbox.amount).toEqual({ drafts: 0, bytes: 0, made: { drafts: 0, bytes: 0 } })
    rig.add(insert('a'))
    rig.add(insert('b'))
    rig.add(update('b'))
    rig.add(update('b', { z: 'ü' }))
    const both = bytes(insert('a')) + bytes(insert('b', { x: 1, y: 2, z: 'ü' })) + 1
    const made = bytes(insert('a')) + bytes(insert('b')) + bytes(update('b')) + bytes(update('b', { z: 'ü' })) + 1
    expect(rig.outbox.amount).toEqual({ drafts: 2, bytes: both, made: { drafts: 4, bytes: made } })
    rig.add(remove('b'))
    expect(rig.outbox.amount).toEqual({ drafts: 1, bytes: bytes(insert('a')), made: { drafts: 5, bytes: made + bytes(remove('b')) } })
    rig.add(remove('a'))
    const all = made + bytes(remove('b')) + bytes(remove('a'))
    expect(rig.outbox.amount).toEqual({ drafts: 0, bytes: 0, made: { drafts: 6, bytes: all } })
  })

  test.each(['confirmed', 'refused'] as const)('[C11] begins anew when the last one is %s', (end) => {
    const rig = new Rig()
    rig.add(insert('a'))
    rig.add(insert('b'))
    rig.add(remove('b'))
    expect(rig.outbox.amount.made.drafts).toBe(3)
    rig.send(1)
    if (end === 'confirmed') rig.outbox.confirm([eventOf(5, 1, insert('a'))])
    else rig.outbox.refuse(1, 1, { code: 'invalid' })
    expect(rig.outbox.amount).toEqual({ drafts: 0, bytes: 0, made: { drafts: 0, bytes: 0 } })
  })

  test('[C11] of what was restored, recalled, renumbered and forgotten in part is the same as if it was added up anew', () => {
    const rig = new Rig()
    for (const identifier of ['a', 'b', 'c', 'd']) rig.add(insert(identifier))
    rig.add(update('d'))
    rig.send(1)
    rig.outbox.confirm([eventOf(5, 1, insert('a'))])
    rig.outbox.refuse(1, 2, { code: 'invalid' })
    rig.outbox.recall()
    const left = new Outbox('me')
    left.restore({
      client: 'me',
      nextCounter: 4,
      tape: { epoch: null, latestSeq: -1, accounted: [] },
      outbox: [...rig.saved.values()].filter(({ place }) => place > 2),
      tabs: {},
      unreadable: 0,
      lastPlace: 4,
    })
    expect(rig.outbox.amount).toEqual(left.amount)
    expect(left.amount.drafts).toBe(2)
    expect(left.amount.made.drafts).toBe(3)
  })
})

describe('counters', () => {
  test('[C3] are given when drafts are taken to be sent, without gaps, at most so many and so large together', () => {
    const rig = new Rig()
    for (let i = 0; i < 10; i++) rig.add(insert(`${i}`))
    expect(rig.counters.every((counter) => counter === undefined)).toBe(true)
    expect(rig.send(1, { ...all, draftsMax: 3 }).map(({ counter }) => counter)).toEqual([1, 2, 3])
    const two = JSON.stringify(insert('0')).length * 2
    expect(rig.send(2, { ...all, bytesMax: two }).map(({ counter }) => counter)).toEqual([4, 5])
    expect(rig.send(3, { ...all, bytesMax: 1 }).map(({ counter }) => counter)).toEqual([6])
    expect(rig.send(4, { ...all, inFlightMax: 6, inFlightBytesMax: 1e9, upTo: -1, hasDeltas: true })).toEqual([])
    expect(rig.send(4).map(({ counter }) => counter)).toEqual([7, 8, 9, 10])
    expect(rig.send(5)).toEqual([])
    expect(rig.outbox.nextCounter).toBe(11)
  })

  test('[C4] what was recalled is taken again with the counters it has; a gap ends a frame', () => {
    const rig = new Rig()
    for (const identifier of ['a', 'b', 'c', 'd']) rig.add(insert(identifier))
    rig.send(1)
    rig.outbox.recall()
    // Its event came above a hole: it is gone, and the one before it is known to have been taken, too.
    rig.outbox.confirm([eventOf(9, 2, insert('b'))])
    rig.add(insert('e'))
    expect(rig.send(2).map(({ counter }) => counter)).toEqual([1])
    expect(rig.send(3).map(({ counter }) => counter)).toEqual([3, 4, 5])
  })

  test('[C5] the draft to blame leaves, with what depends on its insert; those behind are numbered anew and sent again', () => {
    const rig = new Rig()
    rig.add(update('z'))
    rig.add(insert('a', { x: 1 }, 4))
    rig.add(insert('b'))
    rig.add(update('a', { x: 2 }, 5))
    rig.send(1)
    rig.add(update('b', { x: 3 }, 5))
    rig.send(2)
    rig.add(remove('a', 6))
    rig.add(insert('a', { again: true }, 7))
    rig.add(update('a', { again: false }, 8))
    const step = rig.outbox.refuse(1, 2, { code: 'invalid' })
    expect(step?.leaving).toEqual([2, 4, 6].map((place) => ({ type: 'refused', place, code: 'invalid' })))
    const refused = rig.outbox.all.filter((entry) => entry.refused !== undefined)
    expect(refused.map((entry) => [entry.place, entry.counter, entry.refused])).toEqual([
      [2, undefined, 'invalid'],
      [4, undefined, 'invalid'],
      [6, undefined, 'invalid'],
    ])
    expect(rig.places).toEqual([1, 3, 5, 7, 8])
    expect(rig.counters).toEqual([1, 2, 3, undefined, undefined])
    expect(rig.outbox.nextCounter).toBe(4)
    expect(rig.send(3).map(({ place, counter }) => [place, counter])).toEqual([
      [1, 1],
      [3, 2],
      [5, 3],
      [7, 4],
      [8, 5],
    ])
    rig.keep(step?.change ?? {})
    expect([...rig.saved.values()].filter(({ refused }) => refused !== undefined)).toHaveLength(3)
    expect(rig.outbox.refuse(1, 2, { code: 'invalid' }), 'nothing travels in that frame any more').toBeUndefined()
  })

  test('[C5] an update or a delete that is refused takes nothing with it; a frame refused as a whole goes as a whole', () => {
    const rig = new Rig()
    rig.add(update('a', { x: 1 }, 4))
    rig.add(update('a', { x: 2 }, 5))
    rig.send(1)
    expect(rig.outbox.refuse(1, 1, { code: 'invalid' })?.leaving).toHaveLength(1)
    rig.add(insert('b'))
    rig.send(2)
    expect(rig.outbox.refuse(2, undefined, { code: 'expect-failed' })?.leaving.map(({ place }) => place)).toEqual([2, 3])
    expect([rig.outbox.pending.length, rig.outbox.nextCounter]).toEqual([0, 1])
  })

  test('[P2] numbered anew from what the tape expects: every draft behind it, in order', () => {
    const rig = new Rig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1)
    const step = rig.outbox.renumberFrom(2)
    expect(rig.counters).toEqual([1, 2, 3])
    expect(step.change).toMatchObject({ nextCounter: 4, put: [{ counter: 2 }, { counter: 3 }] })
    rig.outbox.renumberFrom(1)
    expect(rig.counters).toEqual([1, 2, 3])
    rig.outbox.confirm([eventOf(7, 1, insert('a'))])
    rig.outbox.renumberFrom(1)
    expect(rig.counters).toEqual([1, 2])
    // The index went along.
    expect(rig.outbox.confirm([eventOf(8, 1, insert('b'))])).toMatchObject({ isOurs: true, leaving: [{ place: 2, seq: 8 }] })
  })
})

describe('events', () => {
  test('[C3] take off their drafts, above holes and in any order; those of others, and old ones of ours, change nothing', () => {
    const rig = new Rig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1)
    const events = [eventOf(9, 3, insert('c')), { ...eventOf(10, 1, insert('a')), client: 'other' }, eventOf(11, 1, insert('a'))]
    expect(rig.outbox.confirm(events)).toEqual({
      isOurs: true,
      leaving: [
        { type: 'on-tape', place: 3, seq: 9 },
        { type: 'on-tape', place: 1, seq: 11 },
      ],
      change: { remove: [3, 1] },
    })
    expect(rig.outbox.confirm(events)).toEqual({ isOurs: true, leaving: [], change: {} })
    expect(rig.places).toEqual([2])
  })

  test('[C10] under our counters but not of our drafts are somebody else’s', () => {
    const rig = new Rig()
    rig.add(insert('a'))
    rig.send(1)
    expect(rig.outbox.confirm([eventOf(5, 1, insert('a', { x: 2 }))])).toMatchObject({ isOurs: false, leaving: [] })
    expect(rig.outbox.confirm([eventOf(5, 2, insert('a'))])).toMatchObject({ isOurs: false, leaving: [] })
    expect(rig.outbox.pending.length).toBe(1)
  })

  test('[C10] under a new id everything waits again, without counters, and old events are not ours', () => {
    const rig = new Rig()
    rig.add(insert('a'))
    rig.add(insert('b'))
    rig.send(1)
    const step = rig.outbox.reidentify('new')
    expect(step.change).toMatchObject({ client: 'new', nextCounter: 1 })
    expect(step.change.put?.every((entry) => !('counter' in entry) && !('ref' in entry))).toBe(true)
    expect(rig.outbox.confirm([eventOf(5, 1, insert('a'))])).toMatchObject({ isOurs: true, leaving: [] })
    expect(rig.send(2).map(({ counter }) => counter)).toEqual([1, 2])
  })

  test('[C10] that are known to have been taken, up to a counter, take off their drafts without a seq', () => {
    const rig = new Rig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1, { ...all, draftsMax: 2 })
    rig.add(insert('d'))
    expect(rig.outbox.confirmUpTo(1).leaving).toEqual([{ type: 'on-tape', place: 1, seq: undefined }])
    expect(rig.places).toEqual([2, 3, 4])
  })
})

describe('what was saved', () => {
  test('[C9] is taken up as it was: places, counters, refused drafts; what comes next goes on behind it', () => {
    const rig = new Rig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1, { ...all, draftsMax: 2 })
    rig.keep(rig.outbox.refuse(1, 2, { code: 'too-large' })?.change ?? {})
    rig.add(insert('d'))
    const again = new Outbox('nobody')
    const outbox = [...rig.saved.values()].sort((a, b) => a.place - b.place)
    const tape = { epoch: null, latestSeq: -1, accounted: [] }
    again.restore({ client: 'me', nextCounter: rig.outbox.nextCounter, tape, outbox, tabs: {}, unreadable: 0, lastPlace: 7 })
    expect(again.client).toBe('me')
    expect(again.pending).toEqual([insert('a'), insert('c'), insert('d')])
    expect(Array.from(again.entries, ({ place, counter }) => [place, counter])).toEqual([
      [1, 1],
      [3, undefined],
      [4, undefined],
    ])
    expect(Array.from(again.refused, ({ place }) => place)).toEqual([2])
    expect(again.firstGiven).toBe(1)
    expect(again.add(update('d'), 0, { isOnTape: false, upTo: -1 }).place, 'folded with what an earlier run left').toBe(4)
    expect(again.add(insert('e'), 0, { isOnTape: false, upTo: -1 }).place, 'behind what could not be read').toBe(8)
    expect(again.confirm([eventOf(3, 1, insert('a'))]).leaving).toHaveLength(1)
    expect(again.take(all).map(({ counter }) => counter)).toEqual([2, 3, 4])
    expect([again.dropRefused(2), again.dropRefused(2)]).toEqual([true, false])
  })

  test('[C8] what the drafts had seen of a tape that is no more is forgotten, not their counters', () => {
    const rig = new Rig()
    rig.add(insert('a'))
    rig.send(1)
    rig.add(update('a'))
    const { put } = rig.outbox.forgetSeen(0).change
    expect(put).toMatchObject([{ counter: 1, draft: { seen: -1 } }, { draft: { seen: -1 } }])
    expect(rig.outbox.confirm([eventOf(0, 1, insert('a'))]).leaving).toHaveLength(1)
  })
})

test('[C11] what one of ten thousand drafts costs does not grow with those that wait', () => {
  const rig = new Rig()
  const count = 10_000
  for (let i = 0; i < count; i++) rig.add(insert(`${i}`))
  for (let i = 0; i < count; i++) rig.add(update(`${i}`))
  expect(rig.outbox.amount).toMatchObject({ drafts: count, made: { drafts: 2 * count } })
  const stringify = vi.spyOn(JSON, 'stringify')
  try {
    for (let i = 0; i < 100; i++) {
      rig.add(update(`${i}`, { z: i }))
      expect(rig.outbox.amount.drafts).toBe(count)
    }
    expect(rig.send(1, { ...all, draftsMax: 100 })).toHaveLength(100)
    rig.outbox.confirm(Array.from({ length: 100 }, (_, i) => eventOf(i, i + 1, insert(`${i}`, { x: 1, y: 2, z: i }))))
    expect(rig.outbox.amount.drafts).toBe(count - 100)
    expect(stringify.mock.calls.length).toBeLessThan(1000)
  } finally {
    stringify.mockRestore()
  }
})
