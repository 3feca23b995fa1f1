import { describe, expect, test } from 'vitest'
import { all, eventOf, insert, OutboxRig, remove, update } from '../support/outbox-rig.ts'

describe('counters', () => {
  test('[C3] are given when drafts are taken to be sent, without gaps, at most so many and so large together', () => {
    const rig = new OutboxRig()
    for (let i = 0; i < 10; i++) rig.add(insert(`${i}`))
    expect(rig.counters.every((counter) => counter === undefined)).toBe(true)
    expect(rig.send(1, { ...all, draftsMax: 3 }).map(({ counter }) => counter)).toEqual([1, 2, 3])
    const two = JSON.stringify(insert('0')).length * 2
    expect(rig.send(2, { ...all, bytesMax: two }).map(({ counter }) => counter)).toEqual([4, 5])
    expect(rig.send(3, { ...all, bytesMax: 1 }).map(({ counter }) => counter)).toEqual([6])
    expect(rig.send(4, { ...all, inFlightMax: 6, inFlightBytesMax: 1e9, upTo: -1, hasDeltas: true })).toEqual([])
    expect(rig.send(4).map(({ counter }) => counter)).toEqual([7, 8, 9, 10])
    expect(rig.send(5)).toEqual([])
    expect(rig.outbox.numbering.next).toBe(11)
  })

  test('[C4] what was recalled is taken again with the counters it has; a gap ends a frame', () => {
    const rig = new OutboxRig()
    for (const identifier of ['a', 'b', 'c', 'd']) rig.add(insert(identifier))
    rig.send(1)
    rig.outbox.numbering.recall()
    // Its event came above a hole: it is gone, and the one before it is known to have been taken, too.
    rig.outbox.confirm([eventOf(9, 2, insert('b'))])
    rig.add(insert('e'))
    expect(rig.send(2).map(({ counter }) => counter)).toEqual([1])
    expect(rig.send(3).map(({ counter }) => counter)).toEqual([3, 4, 5])
  })

  test('[C5] the draft to blame leaves, with what depends on its insert; those behind are numbered anew and sent again', () => {
    const rig = new OutboxRig()
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
    expect(rig.outbox.numbering.next).toBe(4)
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
    const rig = new OutboxRig()
    rig.add(update('a', { x: 1 }, 4))
    rig.add(update('a', { x: 2 }, 5))
    rig.send(1)
    expect(rig.outbox.refuse(1, 1, { code: 'invalid' })?.leaving).toHaveLength(1)
    rig.add(insert('b'))
    rig.send(2)
    expect(rig.outbox.refuse(2, undefined, { code: 'expect-failed' })?.leaving.map(({ place }) => place)).toEqual([2, 3])
    expect([rig.outbox.pending.length, rig.outbox.numbering.next]).toEqual([0, 1])
  })

  test('[P2] numbered anew from what the tape expects: every draft behind it, in order', () => {
    const rig = new OutboxRig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1)
    const step = rig.outbox.numbering.renumberFrom(2)
    expect(rig.counters).toEqual([1, 2, 3])
    expect(step.change).toMatchObject({ nextCounter: 4, put: [{ counter: 2 }, { counter: 3 }] })
    rig.outbox.numbering.renumberFrom(1)
    expect(rig.counters).toEqual([1, 2, 3])
    rig.outbox.confirm([eventOf(7, 1, insert('a'))])
    rig.outbox.numbering.renumberFrom(1)
    expect(rig.counters).toEqual([1, 2])
    // The index went along.
    expect(rig.outbox.confirm([eventOf(8, 1, insert('b'))])).toMatchObject({ isOurs: true, leaving: [{ place: 2, seq: 8 }] })
  })

  test('[P2] what was said of a frame may be behind what the tape has taken since; what a welcome says is not', () => {
    const rig = new OutboxRig()
    for (const identifier of ['a', 'b', 'c']) rig.add(insert(identifier))
    rig.send(1)
    rig.outbox.confirm([eventOf(5, 1, insert('a')), eventOf(6, 2, insert('b'))])
    rig.outbox.numbering.renumberFrom(2, 1)
    expect(rig.counters).toEqual([3])
    rig.outbox.numbering.renumberFrom(2)
    expect(rig.counters).toEqual([2])
  })
})
