import { describe, expect, test, vi } from 'vitest'
import { Outbox } from '../../src/client/outbox/outbox.ts'
import type { Draft } from '../../src/protocol/index.ts'
import { all, eventOf, insert, OutboxRig, remove, update } from '../support/outbox-rig.ts'

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
    const rig = new OutboxRig()
    for (const each of drafts) rig.add(each)
    expect(rig.outbox.pending).toEqual(folded)
    expect(rig.kept).toEqual(folded)
  })

  test('[C11] an insert and a delete of what the tape knows are a delete', () => {
    const rig = new OutboxRig()
    rig.add(insert('a'), { isOnTape: true })
    rig.add(remove('a'), { isOnTape: true })
    expect(rig.outbox.pending).toEqual([remove('a')])
  })

  test('[C11] are never folded across one that has a counter', () => {
    const rig = new OutboxRig()
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
    const rig = new OutboxRig()
    rig.add(insert('a', { x: 1 }, 4))
    rig.add(update('a', { x: 2 }, 5))
    rig.add(update('a', { x: 3 }, 5))
    rig.add(remove('a', 6))
    expect(rig.outbox.pending).toEqual([insert('a', { x: 1 }, 4), update('a', { x: 3 }, 5), remove('a', 6)])
  })

  test('[C11] an insert keeps its place among other objects, a write takes the newest, and no place is used twice', () => {
    const rig = new OutboxRig()
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
    const rig = new OutboxRig()
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
    const rig = new OutboxRig()
    rig.add({ ...insert('bc'), collection: 'a' })
    rig.add({ ...remove('c'), collection: 'ab' })
    expect(rig.outbox.pending).toHaveLength(2)
  })

  test('[O3] the list of drafts is the same until one is added, changed or gone', () => {
    const rig = new OutboxRig()
    rig.add(insert('a'))
    const { pending } = rig.outbox
    rig.send(1)
    rig.outbox.numbering.recall()
    expect(rig.outbox.pending).toBe(pending)
    rig.outbox.numbering.renumberFrom(1)
    expect(rig.outbox.pending).toBe(pending)
    rig.outbox.confirm([eventOf(5, 1, insert('a'))])
    expect(rig.outbox.pending).not.toBe(pending)
  })
})

describe('the amount', () => {
  test('[C11] is what waits after folding, and what was made to come to that, with what vanished', () => {
    const rig = new OutboxRig()
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
    const rig = new OutboxRig()
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
    const rig = new OutboxRig()
    for (const identifier of ['a', 'b', 'c', 'd']) rig.add(insert(identifier))
    rig.add(update('d'))
    rig.send(1)
    rig.outbox.confirm([eventOf(5, 1, insert('a'))])
    rig.outbox.refuse(1, 2, { code: 'invalid' })
    rig.outbox.numbering.recall()
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

describe('events', () => {
  test('[C3] take off their drafts, above holes and in any order; those of others, and old ones of ours, change nothing', () => {
    const rig = new OutboxRig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1)
    const events = [eventOf(9, 3, insert('c')), { ...eventOf(10, 1, insert('a')), client: 'other' }, eventOf(11, 1, insert('a'))]
    expect(rig.outbox.confirm(events)).toEqual({
      isOurs: true,
      hadDeltas: false,
      leaving: [
        { type: 'on-tape', place: 3, seq: 9 },
        { type: 'on-tape', place: 1, seq: 11 },
      ],
      change: { remove: [3, 1] },
    })
    expect(rig.outbox.confirm(events)).toEqual({ isOurs: true, hadDeltas: false, leaving: [], change: {} })
    expect(rig.places).toEqual([2])
  })

  test('[C10] under our counters but not of our drafts are somebody else’s', () => {
    const rig = new OutboxRig()
    rig.add(insert('a'))
    rig.send(1)
    expect(rig.outbox.confirm([eventOf(5, 1, insert('a', { x: 2 }))])).toMatchObject({ isOurs: false, leaving: [] })
    expect(rig.outbox.confirm([eventOf(5, 2, insert('a'))])).toMatchObject({ isOurs: false, leaving: [] })
    expect(rig.outbox.pending.length).toBe(1)
  })

  test('[C10] under a new id everything waits again, without counters, and old events are not ours', () => {
    const rig = new OutboxRig()
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
    const rig = new OutboxRig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1, { ...all, draftsMax: 2 })
    rig.add(insert('d'))
    expect(rig.outbox.confirmUpTo(1).leaving).toEqual([{ type: 'on-tape', place: 1, seq: undefined }])
    expect(rig.places).toEqual([2, 3, 4])
  })
})

describe('what was saved', () => {
  test('[C9] is taken up as it was: places, counters, refused drafts; what comes next goes on behind it', () => {
    const rig = new OutboxRig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1, { ...all, draftsMax: 2 })
    rig.keep(rig.outbox.refuse(1, 2, { code: 'too-large' })?.change ?? {})
    rig.add(insert('d'))
    const again = new Outbox('nobody')
    const outbox = [...rig.saved.values()].sort((a, b) => a.place - b.place)
    const tape = { epoch: null, latestSeq: -1, accounted: [] }
    again.restore({ client: 'me', nextCounter: rig.outbox.numbering.next, tape, outbox, tabs: {}, unreadable: 0, lastPlace: 7 })
    expect(again.client).toBe('me')
    expect(again.pending).toEqual([insert('a'), insert('c'), insert('d')])
    expect(Array.from(again.entries, ({ place, counter }) => [place, counter])).toEqual([
      [1, 1],
      [3, undefined],
      [4, undefined],
    ])
    expect(Array.from(again.refused, ({ place }) => place)).toEqual([2])
    expect(again.numbering.firstGiven).toBe(1)
    expect(again.add(update('d'), 0, { isOnTape: false, upTo: -1 }).place, 'folded with what an earlier run left').toBe(4)
    expect(again.add(insert('e'), 0, { isOnTape: false, upTo: -1 }).place, 'behind what could not be read').toBe(8)
    expect(again.confirm([eventOf(3, 1, insert('a'))]).leaving).toHaveLength(1)
    expect(again.numbering.take(all).map(({ counter }) => counter)).toEqual([2, 3, 4])
    expect([again.dropRefused(2), again.dropRefused(2)]).toEqual([true, false])
  })

  test('[C8] what the drafts had seen of a tape that is no more is forgotten, not their counters', () => {
    const rig = new OutboxRig()
    rig.add(insert('a'))
    rig.send(1)
    rig.add(update('a'))
    const { put } = rig.outbox.forgetSeen(0).change
    expect(put).toMatchObject([{ counter: 1, draft: { seen: -1 } }, { draft: { seen: -1 } }])
    expect(rig.outbox.confirm([eventOf(0, 1, insert('a'))]).leaving).toHaveLength(1)
  })
})

test('[C11] what one of ten thousand drafts costs does not grow with those that wait', () => {
  const rig = new OutboxRig()
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
