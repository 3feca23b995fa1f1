/** The table of two changes of one object: what becomes of it, and what is said of that when neither knew of the other. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyEvent,
  areConcurrent,
  type Change,
  collide,
  type EventType,
  foldEvents,
  isSameJson,
  type Json,
  type Loss,
  type ObjectState,
  type TapeEvent,
  unborn,
  type Values,
} from '../../src/protocol/index.ts'

const runs = { seed: 20_261_123, numRuns: 2000 }
const object = { collection: 'tasks', identifier: 'milk' }

const born: TapeEvent = { seq: 0, client: 'z', counter: 1, seen: -1, type: 'insert', ...object, values: { a: 0, b: 0, c: 0 } }

/** What a cell's row writes, and what its column does: both `b`, and the same to `d`. */
const rowValues = { a: 1, b: 1, d: 9 }
const columnValues = { b: 2, c: 2, d: 9 }

type Op = Pick<Change, 'type' | 'values'>

const opOf = (type: EventType, values: Values): Op => (type === 'delete' ? { type } : { type, values })
const eventOf = (op: Op, seq: number, client: string, seen: number): TapeEvent => ({ seq, client, counter: 1, seen, ...op, ...object })

function stateOf(events: readonly TapeEvent[]): ObjectState {
  return events.reduce(applyEvent, unborn)
}

function shownOf({ isAlive, values }: ObjectState): Values | undefined {
  return isAlive ? values : undefined
}

/** Without what the writes of single fields had seen, which no fold keeps. */
function stamped({ later, ...state }: ObjectState) {
  const stamps = Object.entries(later).map(([field, { seen: _, ...write }]) => [field, write] as const)
  return { ...state, later: Object.fromEntries(stamps) }
}

function ordersOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 1) return [items]
  return items.flatMap((item, index) => ordersOf(items.toSpliced(index, 1)).map((others) => [item, ...others]))
}

/** What comes of the events, in whatever order and pieces; and what is told of the two that follow the first. */
function outcome(earlier: TapeEvent, later: TapeEvent): { readonly shown: Values | undefined; readonly told: Loss | undefined } {
  const tape = [born, earlier, later]
  const state = stateOf(tape)
  for (const order of ordersOf(tape)) {
    expect(stateOf(order)).toEqual(state)
    expect(stamped(stateOf([...foldEvents(order.slice(0, 2)), ...order.slice(1)]))).toEqual(stamped(state))
  }
  return { shown: shownOf(state), told: areConcurrent(earlier, later) ? collide(earlier, later) : undefined }
}

interface Cell {
  readonly row: EventType
  readonly column: EventType
  /** What shows when the row comes first on the tape, and when the column does. */
  readonly rowFirst: Values | undefined
  readonly columnFirst: Values | undefined
  /** What is told when the row comes first and the column did not know of it. */
  readonly told: Loss | undefined
}

const later = (...fields: string[]): Loss => ({ winner: 'later', fields })
const earlier = (...fields: string[]): Loss => ({ winner: 'earlier', fields })

const cells: readonly (readonly [title: string, cell: Cell])[] = [
  [
    '[X11] insert, insert: the later one replaces the object',
    {
      row: 'insert',
      column: 'insert',
      rowFirst: { b: 2, c: 2, d: 9 },
      columnFirst: { a: 1, b: 1, d: 9 },
      told: later('a', 'b'),
    },
  ],
  [
    '[X12] insert, update: of a field that both wrote the later value stands',
    {
      row: 'insert',
      column: 'update',
      rowFirst: { a: 1, b: 2, c: 2, d: 9 },
      columnFirst: { a: 1, b: 1, d: 9 },
      told: later('b'),
    },
  ],
  [
    '[X13] insert, delete: the object is gone',
    { row: 'insert', column: 'delete', rowFirst: undefined, columnFirst: { a: 1, b: 1, d: 9 }, told: later('a', 'b', 'd') },
  ],
  [
    '[X14] update, insert: the later one replaces the object',
    {
      row: 'update',
      column: 'insert',
      rowFirst: { b: 2, c: 2, d: 9 },
      columnFirst: { a: 1, b: 1, c: 2, d: 9 },
      told: later('a', 'b'),
    },
  ],
  [
    '[X15] update, update: of a field that both wrote the later value stands',
    {
      row: 'update',
      column: 'update',
      rowFirst: { a: 1, b: 2, c: 2, d: 9 },
      columnFirst: { a: 1, b: 1, c: 2, d: 9 },
      told: later('b'),
    },
  ],
  [
    '[X16] update, delete: the object is gone',
    { row: 'update', column: 'delete', rowFirst: undefined, columnFirst: undefined, told: later('a', 'b', 'd') },
  ],
  [
    '[X17] delete, insert: the object lives again',
    { row: 'delete', column: 'insert', rowFirst: { b: 2, c: 2, d: 9 }, columnFirst: undefined, told: later('b', 'c', 'd') },
  ],
  [
    '[X18] delete, update: what is written to a dead object does not show',
    { row: 'delete', column: 'update', rowFirst: undefined, columnFirst: undefined, told: earlier('b', 'c', 'd') },
  ],
  [
    '[X19] delete, delete: nothing is lost',
    { row: 'delete', column: 'delete', rowFirst: undefined, columnFirst: undefined, told: undefined },
  ],
]

describe('the table of collisions', () => {
  test.each(cells)('%s', (_, { row, column, rowFirst, columnFirst, told }) => {
    const [rowOp, columnOp] = [opOf(row, rowValues), opOf(column, columnValues)]
    const [first, second] = [eventOf(rowOp, 1, 'x', 0), eventOf(columnOp, 2, 'y', 0)]
    expect(outcome(first, second), 'the row first, the column concurrent').toEqual({ shown: rowFirst, told })
    expect(outcome(first, { ...second, seen: 1 }), 'the row before the column').toEqual({ shown: rowFirst, told: undefined })
    expect(outcome(first, { ...second, client: 'x', counter: 2 }), 'both by one client').toEqual({ shown: rowFirst, told: undefined })
    const after = outcome(eventOf(columnOp, 1, 'y', 0), eventOf(rowOp, 2, 'x', 1))
    expect(after, 'the row after the column').toEqual({ shown: columnFirst, told: undefined })
  })

  test('[X10] every pair of types is in the table once', () => {
    expect(new Set(cells.map(([, { row, column }]) => `${row} ${column}`)).size).toBe(9)
    expect(cells.length).toBe(9)
  })

  const anyOp = fc
    .record({
      type: fc.constantFrom<EventType>('insert', 'update', 'delete'),
      values: fc.dictionary(fc.constantFrom('a', 'b', 'constructor', 'toString'), fc.constantFrom<Json>(1, 2, { x: 1 }, { x: 2 })),
    })
    .map(({ type, values }) => opOf(type, values))

  /** What an op wants of the object that is not so: its fields, and whether it lives. */
  function missing({ type, values = {} }: Op, shown: Values | undefined): { readonly fields: readonly string[]; readonly isDead: boolean } {
    const isThere = (field: string) => shown !== undefined && Object.hasOwn(shown, field) && isDeepStrictEqual(shown[field], values[field])
    return { fields: Object.keys(values).filter((field) => !isThere(field)), isDead: type === 'insert' && shown === undefined }
  }

  function expected(first: Op, second: Op, shown: Values | undefined): Loss | undefined {
    const [ofFirst, ofSecond] = [missing(first, shown), missing(second, shown)]
    if (first.type === 'delete' && shown !== undefined) return later(...Object.keys(second.values ?? {}))
    if (ofFirst.isDead || ofFirst.fields.length > 0) return later(...ofFirst.fields)
    return ofSecond.fields.length > 0 ? earlier(...ofSecond.fields) : undefined
  }

  test('[X10] something is told exactly when the object lacks what one of the two wrote, or that it is deleted', () => {
    fc.assert(
      fc.property(anyOp, anyOp, (one, other) => {
        const [first, second] = [eventOf(one, 1, 'x', 0), eventOf(other, 2, 'y', 0)]
        const { shown, told } = outcome(first, second)
        expect(told).toEqual(expected(one, other, shown))
      }),
      runs,
    )
  })
})

describe('the same value written twice', () => {
  test('[X10] is no collision, however its members are ordered', () => {
    const one = opOf('update', { a: { x: [1, { y: null }], z: 'z' } })
    expect(collide(one, opOf('update', { a: { z: 'z', x: [1, { y: null }] } }))).toBeUndefined()
    expect(collide(one, opOf('update', { a: { z: 'z', x: [1, { y: false }] } }))).toEqual(later('a'))
    expect(collide(opOf('update', { a: 0 }), opOf('update', { a: -0 }))).toBeUndefined()
  })

  test('[X10] an insert of no fields and its deletion are told all the same', () => {
    expect(collide(opOf('insert', {}), opOf('delete', {}))).toEqual(later())
    expect(collide(opOf('delete', {}), opOf('insert', {}))).toEqual(later())
    expect(collide(opOf('update', {}), opOf('delete', {}))).toBeUndefined()
  })

  const anyJson = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom<Json>(null, 0, 1, '', 'a', true, false),
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('0', 'length', 'constructor', 'valueOf', 'toString'), tie('value'), { maxKeys: 2 }),
      ),
    })).value,
  ) as fc.Arbitrary<Json>

  test('[X10] is what node calls deeply equal', () => {
    fc.assert(
      fc.property(anyJson, anyJson, (a, b) => {
        expect(isSameJson(a, b)).toBe(isDeepStrictEqual(plain(a), plain(b)))
        expect(isSameJson(a, turned(a))).toBe(true)
      }),
      runs,
    )
  })

  /** As it comes over the wire, where −0 is 0 and every object a plain one. */
  function plain(value: Json): Json {
    return JSON.parse(JSON.stringify(value)) as Json
  }

  /** A copy with all members in the opposite order. */
  function turned(value: Json): Json {
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(turned)
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([member, inner]) => [member, turned(inner)]),
    )
  }
})
