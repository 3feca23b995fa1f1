import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StampedObjects } from '../../src/models/index.ts'
import type { Draft, EventType, TapeEvent } from '../../src/protocol/index.ts'

const collection = 'things'

function event(seq: number, type: EventType, identifier: string, values?: TapeEvent['values']): TapeEvent {
  return { seq, seen: -1, type, collection, identifier, ...(type === 'delete' ? {} : { values: values ?? {} }) }
}

function draft(type: EventType, identifier: string, values?: TapeEvent['values']): Draft {
  const { seq: _, ...rest } = event(0, type, identifier, values)
  return rest
}

const anyEvents = fc
  .array(
    fc.record({
      type: fc.constantFrom<EventType>('insert', 'update', 'delete'),
      identifier: fc.constantFrom('a', 'b', 'constructor'),
      values: fc.dictionary(fc.constantFrom('x', 'y', 'toString'), fc.nat(9), { maxKeys: 2 }),
    }),
    { maxLength: 20 },
  )
  .map((changes) => changes.map(({ type, identifier, values }, seq) => event(seq, type, identifier, values)))

/** The plain, sequential reading: an insert replaces, an update of what is not there does nothing, a delete removes. */
function plainly(events: readonly TapeEvent[]): Map<string, Record<string, unknown>> {
  const objects = new Map<string, Record<string, unknown>>()
  for (const { type, identifier, values } of events) {
    if (type === 'insert') objects.set(identifier, { ...values })
    else if (type === 'delete') objects.delete(identifier)
    else if (objects.has(identifier)) objects.set(identifier, { ...objects.get(identifier), ...values })
  }
  return objects
}

function shown(objects: StampedObjects): Map<string, Record<string, unknown>> {
  return new Map(objects.list.map(({ identifier, values }) => [identifier, { ...values }]))
}

describe('stamped objects', () => {
  test('[O1] an insert, an update and a delete do to an object what they say', () => {
    const objects = new StampedObjects(collection)
    objects.apply([event(0, 'insert', 'a', { x: 1, y: 1 }), event(1, 'update', 'a', { x: 2 }), event(2, 'update', 'b', { x: 3 })], [])
    expect(objects.list).toEqual([{ identifier: 'a', values: { x: 2, y: 1 }, isPending: false }])
    objects.apply([event(3, 'delete', 'a'), event(4, 'insert', 'b', { y: 4 })], [])
    expect(objects.list).toEqual([{ identifier: 'b', values: { y: 4 }, isPending: false }])
  })

  test('[O1] a late insert keeps what was written after it, and a write from before it is without effect', () => {
    const objects = new StampedObjects(collection)
    objects.apply([event(5, 'update', 'a', { x: 'later' })], [])
    expect(objects.list).toEqual([])
    objects.apply([event(3, 'insert', 'a', { x: 'first', y: 'first' })], [])
    objects.apply([event(2, 'update', 'a', { y: 'before' })], [])
    expect(objects.get('a')?.values).toEqual({ x: 'later', y: 'first' })
    objects.apply([event(4, 'delete', 'a')], [])
    expect(objects.get('a')).toBeUndefined()
  })

  test('[O2] any order, any pieces and any repetitions give what the plain sequence gives', () => {
    const property = fc.property(anyEvents, fc.infiniteStream(fc.nat()), (events, numbers) => {
      const next = () => numbers.next().value
      const delivered = [...events, ...events.filter(() => next() % 3 === 0)].map((each) => ({ each, at: next() }))
      delivered.sort((a, b) => a.at - b.at)
      const objects = new StampedObjects(collection)
      while (delivered.length > 0) {
        const piece = delivered.splice(0, 1 + (next() % 4)).map(({ each }) => each)
        objects.apply(piece, [])
      }
      expect(shown(objects)).toEqual(plainly(events))
    })
    fc.assert(property, { seed: 1, numRuns: 2000 })
  })

  test('[O3] pending drafts lie on top, whatever arrives beneath them, and leave no trace when they go', () => {
    const property = fc.property(anyEvents, anyEvents, fc.nat(20), (events, drafts, split) => {
      const pending = drafts.map(({ type, identifier, values }) => draft(type, identifier, values))
      const objects = new StampedObjects(collection)
      objects.apply(events.slice(0, split), pending.slice(0, 3))
      objects.apply(events.slice(split), pending)
      expect(shown(objects)).toEqual(plainly([...events, ...drafts]))
      expect(objects.list.every(({ identifier, isPending }) => isPending === drafts.some((each) => each.identifier === identifier))).toBe(
        true,
      )
      objects.apply([], [])
      expect(shown(objects)).toEqual(plainly(events))
    })
    fc.assert(property, { seed: 1, numRuns: 2000 })
  })

  test('[O3] pending objects stand behind those on the tape, in the order in which they were made', () => {
    const objects = new StampedObjects(collection)
    const pending = [draft('insert', 'p'), draft('insert', 'q')]
    objects.apply([event(0, 'insert', 'a')], pending)
    objects.apply([event(1, 'insert', 'b')], [...pending, draft('update', 'p', { x: 1 })])
    expect(objects.list.map(({ identifier }) => identifier)).toEqual(['a', 'b', 'p', 'q'])
  })

  test('[O2] what has not changed stays the same value, and events of other collections are not its own', () => {
    const objects = new StampedObjects(collection)
    const run = [event(0, 'insert', 'a', { x: 1 }), event(1, 'insert', 'b', { x: 1 })]
    objects.apply(run, [])
    const [a, b] = objects.list
    expect(objects.apply([event(2, 'update', 'b', { x: 2 })], []).touched).toEqual(new Set(['b']))
    expect(objects.list[0]).toBe(a)
    expect(objects.list[1]).not.toBe(b)
    const before = objects.list
    expect(objects.apply([...run, { ...event(3, 'delete', 'a'), collection: 'others' }], []).touched).toEqual(new Set())
    expect(objects.list).toBe(before)
  })
})

test('[O3] drafts of an earlier run, read late, lie beneath those made since', () => {
  const objects = new StampedObjects(collection)
  const newer = draft('update', 'a', { x: 'new' })
  objects.apply([event(0, 'insert', 'a', { x: 'tape' })], [newer])
  objects.apply([], [draft('update', 'a', { x: 'old', y: 'old' }), newer])
  expect(objects.get('a')?.values).toEqual({ x: 'new', y: 'old' })
})

test('[O1] an update that writes nothing gives the same object back', () => {
  const objects = new StampedObjects(collection)
  const run = [event(0, 'insert', 'a', { x: 1 }), event(1, 'update', 'a', { x: 2 })]
  objects.apply(run, [])
  expect(objects.apply(run, []).touched).toEqual(new Set())
})

test('[D7] deltas above a hole wait for it, whoever fills it, and pending ones lie on what shows', () => {
  const objects = new StampedObjects('notes')
  const event = (seq: number, change: Partial<TapeEvent>): TapeEvent => {
    return { seq, client: 'other', counter: seq + 1, seen: seq - 1, type: 'update', collection: 'notes', identifier: 'n', ...change }
  }
  const put = (offset: number, values: string) => ({ deltas: { body: [{ type: 'insert' as const, offset, values }] } })
  const pending: Draft[] = [{ type: 'update', collection: 'notes', identifier: 'n', seen: 0, ...put(0, '>') }]
  const shown = () => objects.get('n')?.values
  objects.apply([event(0, { type: 'insert', values: { body: 'abc', done: false } })], pending, { client: 'me', holes: [] })
  const above = [event(3, { ...put(4, 'e'), values: { done: true } }), event(2, put(3, 'd'))]
  objects.apply(above, pending, { client: 'me', holes: [[1, 1]] })
  expect(shown()).toEqual({ body: '>abc', done: true })
  objects.apply([event(1, { identifier: 'another', values: {} })], pending, { client: 'me', holes: [] })
  expect(shown()).toEqual({ body: '>abcde', done: true })
  objects.apply([], [], { client: 'me', holes: [] })
  expect(shown()).toEqual({ body: 'abcde', done: true })
})
