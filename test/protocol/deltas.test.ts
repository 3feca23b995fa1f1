/** Deltas in events: what may be on the wire, what they make of an object, and how they fold. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyDeltas,
  applyEvent,
  checkPublish,
  type Deltas,
  type Draft,
  type FieldDeltas,
  foldDrafts,
  foldEvents,
  type ObjectState,
  settle,
  type TapeEvent,
  unborn,
} from '../../src/protocol/index.ts'

const object = { collection: 'notes', identifier: 'n1' }

function publish(deltas: unknown, more: object = {}): void {
  checkPublish({ client: 'me', drafts: [{ counter: 1, seen: -1, type: 'update', ...object, deltas, ...more }] })
}

const insert = (offset: number, values: string) => ({ type: 'insert', offset, values }) as const
const remove = (offset: number, count: number) => ({ type: 'delete', offset, count }) as const

describe('on the wire', () => {
  test.each<[string, unknown]>([
    ['text', [insert(0, 'a'), { type: 'update', offset: 0, values: 'bc' }, remove(2, 3), insert(5, 'x'), insert(5, 'y')]],
    ['lists', [{ type: 'insert', offset: 3, values: [1, { a: null }] }]],
    ['bytes', [{ type: 'update', offset: 3, values: { base64: 'AAEC' } }, remove(6, 1)]],
  ])('[D1] %s can be changed', (_, deltas) => {
    expect(() => publish({ body: deltas })).not.toThrow()
    expect(() => publish({ body: deltas }, { values: { title: 'x' } })).not.toThrow()
  })

  test.each<[string, string, unknown, object?]>([
    ['[D1] a negative offset', 'deltas.body[0].offset', { body: [insert(-1, 'a')] }],
    ['[D1] a fractional offset', 'deltas.body[0].offset', { body: [insert(0.5, 'a')] }],
    ['[D1] an offset beyond all numbers', 'deltas.body[0].offset', { body: [insert(2 ** 60, 'a')] }],
    ['[D1] an end beyond all numbers', 'deltas.body[0]', { body: [remove(2 ** 53 - 1, 2)] }],
    ['[D1] an overlap', 'deltas.body[1]', { body: [remove(3, 2), insert(4, 'a')] }],
    ['[D1] an overlap of bytes', 'deltas.body[1]', { body: [{ type: 'update', offset: 0, values: { base64: 'AAEC' } }, remove(2, 1)] }],
    ['[D1] the wrong order', 'deltas.body[1]', { body: [insert(3, 'a'), insert(2, 'a')] }],
    ['[D1] two kinds', 'deltas.body[1]', { body: [insert(3, 'a'), { type: 'insert', offset: 4, values: [1] }] }],
    ['[D1] nothing put in', 'deltas.body[0].values', { body: [insert(3, '')] }],
    ['[D1] nothing taken away', 'deltas.body[0].count', { body: [remove(3, 0)] }],
    ['[D1] what is no base64', 'deltas.body[0].values', { body: [{ type: 'insert', offset: 0, values: { base64: 'A-' } }] }],
    ['[D1] a number for values', 'deltas.body[0].values', { body: [{ type: 'insert', offset: 0, values: 7 }] }],
    ['[D1] an unknown type', 'deltas.body[0].type', { body: [{ type: 'move', offset: 0 }] }],
    ['[D1] an unknown member', 'deltas.body[0].more', { body: [{ ...insert(0, 'a'), more: 1 }] }],
    ['[D1] no deltas of a field', 'deltas.body', { body: [] }],
    ['[D1] no list', 'deltas.body', { body: 'abc' }],
    ['[D1] no field', 'deltas', {}],
    ['[D1] a list of fields', 'deltas', []],
    ['[D1] a new value and deltas', 'deltas.body', { body: [insert(0, 'a')] }, { values: { body: 'x' } }],
    ['[E2] an insert with deltas', 'deltas', { body: [insert(0, 'a')] }, { type: 'insert', values: {} }],
    ['[E2] a delete with deltas', 'deltas', { body: [insert(0, 'a')] }, { type: 'delete' }],
    ['[E2] an update with nothing', 'values', undefined],
  ])('%s is refused', (_, at, deltas, more = {}) => {
    expect(() => publish(deltas, more)).toThrow(
      expect.objectContaining({ code: 'invalid', details: expect.objectContaining({ at: `drafts[0].${at}` }) }),
    )
  })

  test('[D1] half a pair, a forbidden name, and too many are refused with codes of their own', () => {
    expect(() => publish({ body: [insert(0, '\ud83d')] })).toThrow(expect.objectContaining({ code: 'lone-surrogate' }))
    expect(() => publish(JSON.parse('{"__proto__":[{"type":"insert","offset":0,"values":"a"}]}'))).toThrow(
      expect.objectContaining({ code: 'forbidden-key' }),
    )
    const many = Array.from({ length: 10_000 }, (_, index) => insert(index, 'a'))
    expect(() => publish({ body: many })).toThrow(expect.objectContaining({ code: 'too-many' }))
    expect(() => publish({ a: many.slice(0, 600), b: many.slice(0, 600) })).toThrow(expect.objectContaining({ code: 'too-many' }))
    expect(() => publish({ constructor: [insert(0, 'a')] })).not.toThrow()
  })
})

function at(seq: number, change: Partial<TapeEvent>): TapeEvent {
  return { seq, seen: seq - 1, client: 'c', counter: seq + 1, type: 'update', ...object, ...change }
}

function stateOf(events: readonly TapeEvent[], holes: readonly (readonly [number, number])[] = []): ObjectState {
  const state = events.reduce(applyEvent, unborn)
  return settle(state, (first, last) => !holes.some((hole) => hole[0] <= last && hole[1] >= first))
}

const body = (...deltas: Deltas): { deltas: FieldDeltas } => ({ deltas: { body: deltas } })

describe('on the tape', () => {
  const born = at(0, { type: 'insert', values: { body: 'abc', done: false } })

  test('[D7] deltas wait for what is missing, and the other fields do not', () => {
    const late = at(3, { values: { done: true }, ...body(insert(2, 'd')) })
    const waiting = stateOf([born, late], [[1, 2]])
    expect(waiting.values).toEqual({ body: 'abc', done: true })
    const full = [born, late, at(1, body(remove(0, 1))), at(2, { values: { other: 1 } })]
    expect(stateOf([...full, at(4, body(insert(3, 'e')))]).values).toEqual({ body: 'bcde', done: true, other: 1 })
    expect(stateOf(full.slice(0, 3)).waiting).toBeUndefined()
  })

  test('[D7] what does not fit has no effect', () => {
    for (const deltas of [
      body(insert(4, 'x')),
      body(remove(2, 2)),
      body({ type: 'insert', offset: 0, values: [1] }),
      { deltas: { done: [insert(0, 'x')] } },
    ]) {
      expect(stateOf([born, at(1, deltas)]).values).toEqual(born.values)
    }
    const pair = at(0, { type: 'insert', values: { body: '🙂' } })
    expect(stateOf([pair, at(1, body(insert(1, 'x')))]).values).toEqual(pair.values)
  })

  test('[D7] a field without a value is empty, also of an object that was never inserted', () => {
    expect(stateOf([at(0, body(insert(0, 'x')))])).toMatchObject({ isAlive: false, values: { body: 'x' } })
    expect(stateOf([at(0, { type: 'insert', values: {} }), at(1, body(insert(0, 'x')))])).toMatchObject({
      isAlive: true,
      values: { body: 'x' },
    })
    expect(stateOf([born, at(1, { type: 'delete' }), at(2, body(insert(0, 'x')))])).toMatchObject({ isAlive: false, values: { body: 'x' } })
  })
})

const anyText = fc.array(fc.constantFrom('a', 'b', '🙂'), { maxLength: 3 }).map((each) => each.join(''))
/** Fits or not: what does not has no effect, in whatever form. */
const anyDeltas = fc
  .tuple(fc.nat(6), fc.nat(3), anyText)
  .filter(([, removed, inserted]) => removed > 0 || inserted !== '')
  .map(
    ([offset, removed, inserted]): Deltas => [
      ...(inserted === '' ? [] : [insert(offset, inserted)]),
      ...(removed === 0 ? [] : [remove(offset, removed)]),
    ],
  )
const anyContents = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('update' as const), deltas: fc.record({ body: anyDeltas }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('update' as const), values: fc.record({ body: anyText }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('update' as const), values: fc.record({ done: fc.nat(9) }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('update' as const),
      values: fc.record({ done: fc.nat(9) }),
      deltas: fc.record({ body: anyDeltas }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('insert' as const), values: fc.record({ body: anyText }) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'delete' as const }) },
)
const anyTape = fc.array(anyContents, { maxLength: 14 }).map((all) => all.map((contents, seq) => at(seq, contents)))

/** What an application can tell: the makers' versions and counters are not kept for what has been overwritten. */
function stamped({ since, isAlive, values, later }: ObjectState) {
  return {
    since: since.seq,
    isAlive,
    values,
    later: Object.entries(later)
      .map(([field, { seq }]) => [field, seq])
      .sort(),
  }
}

/** Those that a client would make: what does not fit is said where it is made. */
function fitting(before: TapeEvent, drafts: readonly Draft[]): readonly Draft[] {
  let state = settle(applyEvent(unborn, before), () => true)
  return drafts.filter((draft, index) => {
    const isFitting = Object.entries(draft.deltas ?? {}).every(([field, deltas]) => applyDeltas(state.values[field], deltas) !== undefined)
    if (isFitting) state = settle(applyEvent(state, { ...draft, seq: index + 1 }), () => true)
    return isFitting
  })
}

describe('folded', () => {
  test('[D7][O2] any order, any pieces and any repetitions make the same object', () => {
    fc.assert(
      fc.property(anyTape, fc.infiniteStream(fc.nat(1000)), (tape, dice) => {
        const shuffled = [...tape, ...tape.slice(0, 3)].map((event) => ({ event, rank: dice.next().value })).sort((a, b) => a.rank - b.rank)
        expect(stamped(stateOf(shuffled.map(({ event }) => event)))).toEqual(stamped(stateOf(tape)))
      }),
    )
  })

  test('[F1][F2] a run folds to the same object, deltas brought into values where all in between is known', () => {
    fc.assert(
      fc.property(anyTape, fc.nat(14), (tape, cut) => {
        const whole = foldEvents(tape, [[0, tape.length]])
        expect(stamped(stateOf(whole))).toEqual(stamped(stateOf(tape)))
        expect(whole.every(({ deltas }, _, all) => deltas === undefined || all.length === 1)).toBe(true)
        expect(foldEvents(whole, [[0, tape.length]])).toEqual(whole)
        const start = foldEvents(tape.slice(0, cut), [[0, cut - 1]])
        const end = foldEvents(tape.slice(cut))
        expect(stamped(stateOf([...end, ...start]))).toEqual(stamped(stateOf(tape)))
        expect(stamped(stateOf(foldEvents([...start, ...end], [[0, tape.length]])))).toEqual(stamped(stateOf(tape)))
      }),
    )
  })

  test('[F3] waiting drafts fold to the same text', () => {
    const before = at(0, { type: 'insert', values: { body: 'abcdefgh' } })
    fc.assert(
      fc.property(fc.array(anyContents, { maxLength: 10 }), (all) => {
        const drafts = fitting(
          before,
          all.map((contents): Draft => ({ seen: 0, ...object, ...contents })),
        )
        const folded = foldDrafts(drafts, () => true)
        const texts = [drafts, folded].map((each) => {
          let state = settle(applyEvent(unborn, before), () => true)
          for (const [index, draft] of each.entries()) state = settle(applyEvent(state, { ...draft, seq: index + 1 }), () => true)
          return { values: state.isAlive ? state.values : null, isAlive: state.isAlive }
        })
        expect(texts[1]).toEqual(texts[0])
      }),
    )
  })

  test('[F3] keystrokes come to few deltas, and what is taken back leaves nothing', () => {
    const typed = (offset: number, values: string): Draft => ({ type: 'update', seen: 0, ...object, ...body(insert(offset, values)) })
    const word = [...'keystrokes'].map((letter, index) => typed(5 + index, letter))
    expect(foldDrafts(word, () => true)).toEqual([typed(5, 'keystrokes')])
    const back: Draft = { type: 'update', seen: 0, ...object, ...body(remove(5, 10)) }
    expect(foldDrafts([...word, back], () => true)).toEqual([])
  })
})
