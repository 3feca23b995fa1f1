import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { Collection, type CollectionOptions, History, Models, SchemaError } from '../../src/models/index.ts'
import { Refusal } from '../../src/protocol/index.ts'
import { collection, eventOf, ModelRig } from './model-rig.ts'

const numbered = () => {
  let last = 0
  return () => `new-${++last}`
}

function rigOf(options: CollectionOptions = {}) {
  const rig = new ModelRig(new Collection(collection, { newIdentifier: numbered(), ...options }))
  return { rig, things: rig.model }
}

describe('records', () => {
  test('[M1] show what the tape says, in the order of their inserts, and what is pending on top', () => {
    const { rig, things } = rigOf()
    rig.apply([eventOf(1, 'insert', 'b', { n: 1 }), eventOf(0, 'insert', 'a', { n: 1 }), eventOf(2, 'update', 'a', { n: 2 })])
    expect(things.insert({ n: 3 })).toBe('new-1')
    expect(things.list).toEqual([
      { identifier: 'a', values: { n: 2 }, isPending: false },
      { identifier: 'b', values: { n: 1 }, isPending: false },
      { identifier: 'new-1', values: { n: 3 }, isPending: true },
    ])
    expect([things.size, things.has('b'), things.has('c'), things.get('c')]).toEqual([3, true, false, undefined])
    rig.confirm()
    expect(things.get('new-1')?.isPending).toBe(false)
    things.remove('a')
    rig.refuse()
    expect(things.has('a')).toBe(true)
  })

  test('[M1] what has not changed stays the same value, and so does the list', () => {
    const { rig, things } = rigOf()
    rig.apply([eventOf(0, 'insert', 'a', { n: [1] }), eventOf(1, 'insert', 'b', { n: 1 })])
    const [list, a, b] = [things.list, things.get('a'), things.get('b')]
    expect(list).toEqual([a, b])
    rig.receive('update', 'b', { n: 2 })
    expect(things.list).not.toBe(list)
    expect(things.list[0]).toBe(a)
    expect(things.list[1]).not.toBe(b)
    expect(list).toEqual([a, b])
    const before = things.list
    rig.receive('update', 'a', { n: [1] })
    rig.apply([{ ...eventOf(8, 'delete', 'a'), collection: 'others' }])
    expect(things.list).toBe(before)
    expect(things.get('a')).toBe(a)
  })

  test('[M1] records are frozen', () => {
    const { rig, things } = rigOf()
    rig.receive('insert', 'a', { n: 1 })
    expect(() => Object.assign(things.get('a') ?? {}, { isPending: true })).toThrow(TypeError)
    expect(() => Object.assign(things.get('a')?.values ?? {}, { n: 2 })).toThrow(TypeError)
  })

  test('[M1] a record that is replaced moves to the end, though it says the same', () => {
    const { rig, things } = rigOf()
    rig.apply([eventOf(0, 'insert', 'a', { n: 1 }), eventOf(1, 'insert', 'b', { n: 1 })])
    const a = things.get('a')
    const told: unknown[] = []
    things.subscribe((changes) => told.push(changes))
    rig.receive('insert', 'a', { n: 1 })
    expect(things.list.map(({ identifier }) => identifier)).toEqual(['b', 'a'])
    expect(things.get('a')).toBe(a)
    expect(told).toEqual([{ inserted: [], updated: ['a'], removed: [], isReset: false }])
    const list = things.list
    rig.receive('insert', 'a', { n: 1 })
    expect(things.list).toBe(list)
    expect(told).toHaveLength(1)
  })

  test('[M1] identifiers and fields may have any name', () => {
    const { rig, things } = rigOf()
    for (const identifier of ['__proto__', 'constructor', 'toString', 'x'.repeat(200)]) {
      things.insert({ constructor: 1, hasOwnProperty: 2 }, { identifier })
      expect(things.get(identifier)?.values).toEqual({ constructor: 1, hasOwnProperty: 2 })
      expect(things.update(identifier, { constructor: 2 })).toBe(true)
      expect(things.get(identifier)?.values.constructor).toBe(2)
      expect(things.remove(identifier)).toBe(true)
      expect(things.get(identifier)).toBeUndefined()
    }
    expect(rig.vended).toHaveLength(12)
    expect([things.get('valueOf'), things.update('valueOf', { n: 1 })]).toEqual([undefined, false])
  })

  test('[M1] what no tape would take is refused where it is made, and nothing has happened', () => {
    const { rig, things } = rigOf()
    rig.receive('insert', 'a', { n: 1 })
    const list = things.list
    expect(() => things.insert({ n: 1 }, { identifier: '' })).toThrow(Refusal)
    expect(() => things.insert({ n: 1 }, { identifier: 'x'.repeat(10_000) })).toThrow(Refusal)
    expect(() => things.insert({ n: '\ud800' })).toThrow(Refusal)
    expect(() => things.insert({ n: Number.NaN })).toThrow(Refusal)
    // @ts-expect-error A date is not JSON.
    expect(() => things.update('a', { n: () => 1 })).toThrow(Refusal)
    expect(() => things.update('a', { n: { deep: '\udc00' } })).toThrow(Refusal)
    expect([things.list, rig.vended]).toEqual([list, []])
    expect(things.list).toBe(list)
  })

  test('[M1] only what is new in a patch is written', () => {
    const { rig, things } = rigOf()
    rig.receive('insert', 'a', { n: 1, list: [1, { x: 1 }], text: 'a' })
    expect(things.update('a', { n: 1, list: [1, { x: 1 }], text: 'b' })).toBe(true)
    expect(rig.vended).toEqual([{ type: 'update', collection, identifier: 'a', values: { text: 'b' } }])
    expect(things.update('a', { n: 1, text: undefined as never })).toBe(false)
    expect(things.update('b', { n: 1 })).toBe(false)
    expect(things.remove('b')).toBe(false)
    expect(rig.vended).toHaveLength(1)
    expect(things.update('a', { n: 1 }, { expect: { unchanged: ['n'] } })).toBe(true)
    expect(rig.vended[1]).toMatchObject({ values: { n: 1 }, expect: { unchanged: ['n'] } })
  })

  test('[M1] without a stream nothing can be changed; what is applied afterwards shows all the same', () => {
    const things = new Collection(collection)
    expect(() => things.insert({ n: 1 })).toThrow('stream.attach')
    const rig = new ModelRig(things)
    things.insert({ n: 1 }, { identifier: 'a' })
    things.receiver = undefined
    expect(() => things.update('a', { n: 2 })).toThrow('stream.attach')
    expect(() => things.remove('a')).toThrow('stream.attach')
    expect(things.get('a')?.values).toEqual({ n: 1 })
    rig.confirm()
    expect(things.get('a')?.isPending).toBe(false)
  })

  test('[M1] identifiers are made at random', () => {
    const { rig } = { rig: new ModelRig(new Collection(collection)) }
    const made = Array.from({ length: 100 }, () => rig.model.insert({}))
    expect(new Set(made).size).toBe(100)
    expect(made.every((identifier) => /^[0-9a-f]{32}$/.test(identifier))).toBe(true)
  })

  test('[M1] `unchanged` stands on what is vended as far as it can be overwritten', () => {
    const all = rigOf({ unchanged: true })
    all.rig.receive('insert', 'a', { n: 1 })
    all.things.insert({ n: 1 })
    all.things.insert({ n: 2 }, { identifier: 'a' })
    all.things.update('a', { n: 3 })
    all.things.remove('a')
    expect(all.rig.vended.map((change) => change.expect)).toEqual([
      undefined,
      { unchanged: true },
      { unchanged: true },
      { unchanged: true },
    ])
    const some = rigOf({ unchanged: ['n', 'm'] })
    some.rig.receive('insert', 'a', { n: 1 })
    some.things.update('a', { n: 2, x: 1 })
    some.things.update('a', { x: 2 })
    some.things.update('a', { x: 3 }, { expect: { unchanged: ['x'] } })
    some.things.remove('a')
    expect(some.rig.vended.map((change) => change.expect)).toEqual([{ unchanged: ['n'] }, undefined, { unchanged: ['x'] }, undefined])
  })

  test('[M1] concurrent overwrites are told before the listeners are, and can be decided at once', () => {
    const order: string[] = []
    const { rig, things } = rigOf({
      onConflict: (conflict) => {
        order.push(`conflict over ${Object.keys(conflict.fields)}`)
        conflict.keepMine()
      },
    })
    rig.receive('insert', 'a', { n: 1 })
    things.subscribe(() => order.push(`told ${things.get('a')?.values.n}`))
    things.update('a', { n: 'mine' })
    rig.receive('update', 'a', { n: 'theirs' })
    rig.confirm()
    expect(order).toContain('conflict over n')
    expect(things.get('a')?.values.n).toBe('mine')
    expect(things.conflicts).toEqual([])
  })

  test('[M1] an open conflict stands in a list that stays the same', () => {
    const { rig, things } = rigOf()
    let told = 0
    things.subscribe(() => told++)
    rig.receive('insert', 'a', { n: 1 })
    const none = things.conflicts
    things.update('a', { n: 'mine' })
    expect(things.conflicts).toBe(none)
    const before = told
    rig.receive('update', 'a', { n: 'theirs' }, { seen: 0 })
    expect(things.conflicts).toHaveLength(1)
    expect(told).toBe(before + 1)
    expect(things.conflicts).toBe(things.conflicts)
    rig.model.reset()
    expect(things.conflicts).toEqual([])
  })

  test('[M1] can be one of several models, and undone', () => {
    const { rig: alone, things } = rigOf()
    const history = new History(things)
    const rig = new ModelRig(new Models([history, new Collection('others')]))
    expect(alone.vended).toEqual([])
    things.insert({ n: 1 }, { identifier: 'a' })
    things.update('a', { n: 2 })
    history.undo()
    expect([things.get('a')?.values, rig.vended.length]).toEqual([{ n: 1 }, 3])
  })

  test('[X6] whoever shows conflicts is told when one is decided, though no record changes', () => {
    const { rig, things } = rigOf()
    rig.receive('insert', 'a', { n: 0 })
    things.update('a', { n: 1 })
    rig.receive('update', 'a', { n: 2 }, { seen: 0 })
    let told = 0
    things.subscribe(() => told++)
    things.conflicts[0]?.keepMine()
    expect([told, things.conflicts]).toEqual([1, []])
  })

  test('[M2] a reset is told once, however many conflicts are open', () => {
    const { rig, things } = rigOf()
    for (const identifier of ['a', 'b']) {
      rig.receive('insert', identifier, { n: 0 })
      things.update(identifier, { n: 1 })
      rig.receive('update', identifier, { n: 2 }, { seen: 0 })
    }
    const told: boolean[] = []
    things.subscribe(({ isReset }) => told.push(isReset))
    rig.model.reset()
    expect([told, things.conflicts]).toEqual([[true], []])
  })

  test('[X6] what the schema does not accept is no decision, and the conflict stays open', () => {
    const things = new Collection('things', { schema: v.object({ n: v.number() }) })
    const rig = new ModelRig(things)
    rig.receive('insert', 'a', { n: 0 })
    things.update('a', { n: 1 })
    rig.receive('update', 'a', { n: 2 }, { seen: 0 })
    const [conflict] = things.conflicts
    expect(() => conflict?.merge({ n: 'many' })).toThrow(SchemaError)
    expect([conflict?.isOpen, rig.vended.length]).toEqual([true, 1])
    conflict?.merge({ n: 3 })
    expect([conflict?.isOpen, things.get('a')?.values, things.conflicts]).toEqual([false, { n: 3 }, []])
  })

  test('[X5] two who move a record at once have lost nothing worth telling', () => {
    const things = new Collection('things', { position: 'place' })
    const rig = new ModelRig(things)
    for (const identifier of ['a', 'b', 'c']) rig.receive('insert', identifier, { place: `a${identifier}` })
    things.move('a', 'last')
    rig.receive('update', 'a', { place: 'aab' }, { seen: 1 })
    expect(things.conflicts).toEqual([])
    things.update('a', { n: 1 })
    rig.receive('delete', 'a', undefined, { seen: 1 })
    expect(things.conflicts).toMatchObject([{ theirs: { type: 'delete' } }])
  })

  test('[U1] a move for which others make room is one step', () => {
    const things = new Collection('things', { position: 'place' })
    const history = new History(things)
    const rig = new ModelRig(history)
    for (const identifier of ['a', 'b', 'c']) rig.receive('insert', identifier, {})
    things.move('c', { before: 'b' })
    expect(rig.vended.length).toBeGreaterThan(1)
    expect(things.list.map(({ identifier }) => identifier)).toEqual(['a', 'c', 'b'])
    history.undo()
    expect(things.list.map(({ identifier }) => identifier)).toEqual(['a', 'b', 'c'])
    expect(history.canUndo).toBe(false)
  })

  test('[M1] tells how an object stands, for an undo', () => {
    const { rig, things } = rigOf()
    rig.receive('insert', 'a', { n: 1 })
    things.update('a', { n: 2 })
    expect(things.stateOf({ identifier: 'a' })).toMatchObject({ isAlive: true, values: { n: 2 } })
    expect(things.collections).toEqual([collection])
  })
})

describe('resetting', () => {
  test('[M1] forgets everything, and the tape may begin anew', () => {
    const { rig, things } = rigOf({ onUnknown: 'ignore' })
    rig.receive('insert', 'a', { n: 1 })
    rig.receive('insert', 'b', { n: 1 }, { version: 7 })
    const told: unknown[] = []
    things.subscribe((changes) => told.push(changes))
    things.reset()
    expect([things.list, things.size, things.unknown.count, things.get('a')]).toEqual([[], 0, 0, undefined])
    expect(told).toEqual([{ inserted: [], updated: [], removed: ['a'], isReset: true }])
    things.reset()
    expect(told).toHaveLength(1)
    rig.nextSeq = 0
    rig.receive('insert', 'c', { n: 1 })
    expect(things.list.map(({ identifier }) => identifier)).toEqual(['c'])
  })
})
