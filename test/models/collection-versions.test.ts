import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Collection, type CollectionOptions, History, type Problem, type UnknownEvent } from '../../src/models/index.ts'
import { foldEvents, type TapeEvent, type Values } from '../../src/protocol/index.ts'
import { anyDelivery, deliver } from './delivery.ts'
import { collection, eventOf, ModelRig } from './model-rig.ts'

/** 1: name, done as a number. 2: title instead of name. 3: done as a flag. */
const upcast = {
  1: ({ name, ...rest }: Values): Values => (name === undefined ? rest : { ...rest, title: name }),
  2: ({ done, ...rest }: Values): Values => {
    if (done === undefined) return rest
    if (typeof done !== 'number') throw new Error(`${JSON.stringify(done)} is no number.`)
    return { ...rest, done: done > 0 }
  },
}

function rigOf(options: CollectionOptions = {}) {
  const problems: Problem[] = []
  const rig = new ModelRig(new Collection(collection, { version: 3, upcast, onProblem: (problem) => problems.push(problem), ...options }))
  return { rig, things: rig.model, problems }
}

describe('upcasters', () => {
  test('[M4] lead from what an older version wrote to this one, step by step', () => {
    const { rig, things } = rigOf()
    rig.receive('insert', 'a', { name: 'One', done: 1 })
    rig.receive('insert', 'b', { title: 'Two', done: 0 }, { version: 2 })
    rig.receive('insert', 'c', { title: 'Three', done: true }, { version: 3 })
    rig.receive('update', 'b', { name: 'Two again' })
    rig.receive('update', 'c', { done: 0 }, { version: 2 })
    expect(things.list.map(({ values }) => values)).toEqual([
      { title: 'One', done: true },
      { title: 'Two again', done: false },
      { title: 'Three', done: false },
    ])
  })

  test('[M4] what is vended says its version, from 2 on', () => {
    const { rig, things } = rigOf()
    things.insert({ title: 'x' }, { identifier: 'a' })
    things.update('a', { title: 'y' })
    things.remove('a')
    expect(rig.vended.map(({ version }) => version)).toEqual([3, 3, 3])
    const first = new ModelRig(new Collection(collection))
    first.model.insert({})
    expect(first.vended[0]).not.toHaveProperty('version')
  })

  test('[M4] read pending drafts of before an update of the application, once each', () => {
    let calls = 0
    const counting = {
      ...upcast,
      1: (values: Values) => {
        calls++
        return upcast[1](values)
      },
    }
    const { rig, things } = rigOf({ upcast: counting })
    rig.pending = [{ type: 'insert', collection, identifier: 'a', seen: -1, values: { name: 'Mine' } }]
    rig.apply([])
    for (let seq = 0; seq < 5; seq++) rig.receive('update', 'a', { done: true }, { version: 3 })
    expect(things.get('a')).toMatchObject({ values: { title: 'Mine' }, isPending: true })
    expect(calls).toBe(1)
  })

  test('[M4] get a copy', () => {
    const changing = (values: Values): Values => {
      for (const value of Object.values(values)) if (Array.isArray(value)) value.push('more')
      Object.assign(values, { added: true })
      return values
    }
    const { rig, things } = rigOf({ version: 2, upcast: { 1: changing } })
    const event = eventOf(0, 'insert', 'a', { tags: ['x'] })
    rig.apply([event])
    expect(event.values).toEqual({ tags: ['x'] })
    expect(things.get('a')?.values).toEqual({ tags: ['x', 'more'], added: true })
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('Not ours.')
      },
    ],
    ['gives nothing', () => undefined],
    ['gives a text', () => 'text'],
    ['gives a list', () => []],
    ['gives a promise', () => Promise.resolve({})],
  ])('[M4] one that %s quarantines the record, until a later write mends it', (_what, upcaster) => {
    const { rig, things, problems } = rigOf({ version: 2, upcast: { 1: upcaster as unknown as () => Values } })
    rig.receive('insert', 'a', { title: 'Good', n: 1 }, { version: 2 })
    rig.receive('update', 'a', { n: 2 })
    expect(things.list).toEqual([])
    expect(things.quarantined).toMatchObject([{ identifier: 'a', seq: 1, values: { title: 'Good' } }])
    expect(things.quarantined[0]?.problem).toMatch(/version 1 failed at n/)
    rig.apply([eventOf(1, 'update', 'a', { n: 2 })])
    expect(problems.map(({ type }) => type).sort()).toEqual(['record', 'upcaster'])
    rig.receive('update', 'a', { n: 3 }, { version: 2 })
    expect(things.get('a')?.values).toEqual({ title: 'Good', n: 3 })
    expect(things.quarantined).toEqual([])
  })

  test('[M4] what one cannot read counts for nothing once it has been written over', () => {
    const { rig, things, problems } = rigOf()
    rig.apply([eventOf(2, 'update', 'a', { done: true }, { version: 3 }), eventOf(0, 'insert', 'a', { name: 'x', done: 'odd' })])
    expect(things.list.map(({ values }) => values)).toEqual([{ title: 'x', done: true }])
    expect(problems.map(({ type }) => type)).toEqual(['upcaster'])
    expect(problems[0]).toMatchObject({ event: { seq: 0 }, error: new Error('"odd" is no number.') })
  })

  test('[M4] what one cannot read is not vended again, when a conflict is decided or something is undone', () => {
    const { things } = rigOf()
    const rig = new ModelRig(new History(things))
    rig.receive('insert', 'a', { name: 'x', done: 1 })
    things.update('a', { title: 'mine', done: false })
    rig.receive('update', 'a', { name: 'theirs', done: 'odd' }, { seen: 0 })
    things.conflicts[0]?.keepTheirs()
    expect(rig.vended.at(-1)).toEqual({ type: 'update', collection, identifier: 'a', version: 3, values: { title: 'theirs' } })
    rig.receive('insert', 'b', { name: 'x', done: 'odd' })
    things.remove('b')
    rig.model.undo()
    expect(rig.vended.at(-1)).toMatchObject({ type: 'insert', identifier: 'b', values: { title: 'x' } })
  })

  test('[M4] fields of any name', () => {
    const { rig, things } = rigOf({
      version: 2,
      upcast: { 1: (values) => JSON.parse(JSON.stringify(values).replace('old', '__proto__')) as Values },
    })
    rig.receive('insert', 'constructor', { constructor: 1, old: { polluted: true } })
    expect(things.get('constructor')?.values).toEqual({ constructor: 1 })
    expect(Object.getPrototypeOf(things.get('constructor')?.values)).toBe(Object.prototype)
  })

  test('[M4] get one field at a time, in one order for all', () => {
    const calls: Values[] = []
    const joining = (values: Values): Values => {
      calls.push(values)
      return { joined: Object.values(values)[0] ?? null }
    }
    for (const values of [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ]) {
      const { rig, things } = rigOf({ version: 2, upcast: { 1: joining } })
      rig.receive('insert', 'a', values)
      expect(things.get('a')?.values).toEqual({ joined: 2 })
    }
    expect(calls).toEqual([{ a: 1 }, { b: 2 }, { a: 1 }, { b: 2 }])
  })

  /** A name means the same in all versions that have it, or has gone for good. */
  const fieldsIn: Readonly<Record<number, readonly string[]>> = {
    1: ['name', 'done', 'n'],
    2: ['title', 'done', 'n'],
    3: ['title', 'done', 'n', 'm'],
  }
  const anyVersions = fc.array(
    fc.constantFrom(1, 2, 3).chain((version) =>
      fc.record({
        type: fc.constantFrom<TapeEvent['type']>('insert', 'update', 'update', 'delete'),
        identifier: fc.constantFrom('a', 'b'),
        version: fc.constant(version),
        client: fc.constantFrom('other', 'me', undefined),
        values: fc.dictionary(fc.constantFrom(...(fieldsIn[version] ?? [])), fc.constantFrom(0, 1, 'a0', 'a1', true), {
          maxKeys: 3,
        }),
      }),
    ),
    { maxLength: 16 },
  )

  test('[M4] any order, any pieces, folded or not, come to the same records and the same quarantine', () => {
    const property = fc.property(anyVersions, anyDelivery, fc.nat(4), (changes, next, drafts) => {
      const all = changes.map(({ type, identifier, values, ...more }, seq) => eventOf(seq, type, identifier, values, more))
      const events = all.slice(drafts)
      const pending = all.slice(0, drafts).map(({ seq: _, client: __, counter: ___, ...draft }) => draft)
      const { rig: plain } = rigOf({ position: 'title' })
      plain.pending = pending
      plain.apply([])
      for (const event of events) plain.apply([event])
      const { rig: delivered } = rigOf({ position: 'title' })
      deliver(delivered.model, events, next, pending)
      const { rig: folded } = rigOf({ position: 'title' })
      folded.pending = pending
      folded.apply(foldEvents(events))
      for (const { model } of [delivered, folded]) {
        expect(model.list).toEqual(plain.model.list)
        expect(inOrder(model)).toEqual(inOrder(plain.model))
      }
    })
    fc.assert(property, { seed: 1, numRuns: 1500 })
  })

  function inOrder({ quarantined }: Collection) {
    const records = quarantined.map(({ identifier, values, problem }) => ({ identifier, values, problem }))
    return records.sort((a, b) => (a.identifier < b.identifier ? -1 : 1))
  }
})

describe('what this version cannot read', () => {
  test('[M4] is counted and left out; to delete is the same in all versions', () => {
    const { rig, things } = rigOf({ version: 2, upcast: {} })
    rig.receive('insert', 'a', { n: 1 }, { version: 2 })
    rig.receive('update', 'a', { n: 2 }, { version: 3 })
    rig.receive('insert', 'b', { n: 2 }, { version: 1 })
    rig.apply([eventOf(1, 'update', 'a', { n: 2 }, { version: 3 })])
    expect(things.list.map(({ values }) => values)).toEqual([{ n: 1 }])
    expect(things.unknown).toMatchObject({ count: 2, last: { reason: 'no-upcaster', event: { seq: 2 } } })
    expect(things.unknown).toBe(things.unknown)
    rig.receive('delete', 'a', undefined, { version: 9 })
    expect([things.list, things.unknown.count]).toEqual([[], 2])
  })

  test('[M4] needs every step of the way', () => {
    const { rig, things } = rigOf({ version: 4, upcast: { 1: (values) => values, 3: (values) => values } })
    rig.receive('insert', 'a', {}, { version: 1 })
    rig.receive('insert', 'b', {}, { version: 3 })
    expect(things.list.map(({ identifier }) => identifier)).toEqual(['b'])
    expect(things.unknown.last?.reason).toBe('no-upcaster')
  })

  test('[M4] is told to a function, once for each, though it throws', () => {
    const told: UnknownEvent[] = []
    const { rig, things, problems } = rigOf({
      onUnknown: (unknown) => {
        told.push(unknown)
        throw new Error('Not ours.')
      },
    })
    const newer = eventOf(0, 'insert', 'a', { n: 1 }, { version: 4 })
    rig.apply([newer, eventOf(1, 'insert', 'b', {}, { version: 3 })])
    rig.apply([{ ...newer }])
    expect(told).toEqual([{ event: newer, reason: 'newer' }])
    expect(problems).toMatchObject([{ type: 'listener' }])
    expect(things.size).toBe(1)
  })

  test('[M4] stops a model that is to stop: what comes after is held back until it may proceed', () => {
    const { rig, things } = rigOf({ onUnknown: 'stop' })
    let told = 0
    things.subscribe(() => told++)
    rig.apply([
      eventOf(0, 'insert', 'a', { n: 1 }, { version: 3 }),
      { ...eventOf(1, 'insert', 'x', { n: 1 }, { version: 9 }), collection: 'others' },
      eventOf(2, 'insert', 'b', { n: 1 }, { version: 4 }),
      eventOf(3, 'insert', 'c', { n: 1 }, { version: 3 }),
    ])
    expect([things.isStopped, told]).toEqual([true, 1])
    rig.receive('update', 'a', { n: 2 }, { version: 3 })
    expect(things.list.map(({ identifier, values }) => [identifier, values.n])).toEqual([['a', 1]])
    things.proceed()
    expect(things.list.map(({ identifier, values }) => [identifier, values.n])).toEqual([
      ['a', 2],
      ['c', 1],
    ])
    expect([things.isStopped, things.unknown.count, told]).toEqual([false, 1, 2])
    things.proceed()
    rig.receive('insert', 'd', {}, { version: 3 })
    expect([things.isStopped, things.size, told]).toEqual([false, 3, 3])
    rig.apply([
      foldEvents([
        eventOf(9, 'insert', 'e', { n: 1, m: 1 }, { version: 3 }),
        eventOf(10, 'update', 'e', { m: 2 }, { version: 5 }),
      ])[0] as TapeEvent,
    ])
    expect([things.isStopped, things.has('e')]).toEqual([true, false])
    things.reset()
    expect([things.isStopped, things.size, things.unknown.count]).toEqual([false, 0, 0])
    rig.apply([eventOf(2, 'insert', 'b', { n: 1 }, { version: 4 })])
    things.proceed()
    expect(things.unknown.count).toBe(1)
  })

  test('[M4] does not hold back what this client itself has made', () => {
    const { rig, things } = rigOf({ onUnknown: 'stop' })
    rig.receive('insert', 'a', { n: 1 }, { version: 3 })
    rig.receive('update', 'a', { n: 2 }, { version: 4 })
    things.update('a', { n: 'mine' })
    things.insert({ n: 'mine' }, { identifier: 'b' })
    expect(things.list.map(({ values }) => values.n)).toEqual(['mine', 'mine'])
    rig.confirm()
    rig.confirm()
    expect(things.list.map(({ values, isPending }) => [values.n, isPending])).toEqual([
      ['mine', false],
      ['mine', false],
    ])
    expect(things.isStopped).toBe(true)
  })
})
