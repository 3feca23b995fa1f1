import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyEvent,
  type Draft,
  type EventType,
  foldDrafts,
  foldEvents,
  type ObjectState,
  objectKey,
  type TapeEvent,
  unborn,
} from '../../src/protocol/index.ts'

const types = ['insert', 'update', 'delete'] as const
const anyChange = fc
  .record({
    type: fc.constantFrom<EventType>(...types),
    collection: fc.constantFrom('a', 'ab'),
    identifier: fc.constantFrom('bc', 'c', 'constructor'),
    values: fc.dictionary(fc.constantFrom('x', 'y', 'toString'), fc.nat(9), { maxKeys: 2 }),
    client: fc.constantFrom('c', 'd', undefined),
    version: fc.constantFrom(undefined, 2),
    newSeen: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
  })
  .map(({ values, ...change }) => (change.type === 'delete' ? change : { ...change, values }))

/** A tape, dense from 0. */
const anyTape = fc.array(anyChange, { maxLength: 24 }).map((changes) =>
  changes.map(({ newSeen: _, client, version, ...change }, seq): TapeEvent => {
    const maker = client === undefined ? {} : { client, counter: seq + 1 }
    return { seq, ...maker, seen: seq - 1, ...(version === undefined ? {} : { version }), ...change }
  }),
)

/** Drafts, oldest first: `seen` rises now and then. */
const anyDrafts = fc.array(anyChange, { maxLength: 16 }).map((changes) => {
  let seen = 100
  return changes.map(({ newSeen, client: _, ...change }): Draft => ({ ...change, seen: newSeen ? ++seen : seen }))
})

type States = ReadonlyMap<string, ObjectState>

function stateOf(events: readonly TapeEvent[], base: States = new Map()): Map<string, ObjectState> {
  const states = new Map(base)
  for (const event of events) {
    const key = objectKey(event)
    const after = applyEvent(states.get(key) ?? unborn, event)
    if (after !== unborn) states.set(key, after)
  }
  return states
}

/** What a person sees, without stamps. */
function shown(states: States): Map<string, unknown> {
  const living = [...states].filter(([, { isAlive }]) => isAlive).sort(([, a], [, b]) => a.since.seq - b.since.seq)
  return new Map(living.map(([key, { values }]) => [key, Object.fromEntries(Object.entries(values).sort())]))
}

/** Drafts at the end of a tape, in their order. */
function atEnd(drafts: readonly Draft[], from: number): readonly TapeEvent[] {
  return drafts.map((draft, index) => ({ seq: from + index, ...draft }))
}

describe('the fold of events', () => {
  test('[F1] has the effect of the run, stamps included, in any order, above any tape and beneath what comes later', () => {
    fc.assert(
      fc.property(anyTape, fc.nat(24), fc.nat(24), fc.infiniteStream(fc.nat()), (tape, a, b, luck) => {
        const [first, last] = a < b ? [a, b] : [b, a]
        const [below, run, above] = [tape.slice(0, first), tape.slice(first, last), tape.slice(last)]
        const shuffled = run.map((event) => [luck.next().value, event] as const).sort(([x], [y]) => x - y)
        const mixed = [...shuffled.map(([, event]) => event), ...run.slice(0, 2)]
        const whole = stateOf(tape)
        const folded = foldEvents(mixed)
        expect(stateOf(folded)).toEqual(stateOf(run))
        for (const order of [
          [below, folded, above],
          [folded, above, below],
          [above, below, folded],
        ]) {
          expect(order.reduce<States>((states, piece) => stateOf(piece, states), new Map())).toEqual(whole)
        }
        expect(stateOf(run, stateOf(folded, stateOf(below)))).toEqual(stateOf([...below, ...run]))
      }),
      { numRuns: 2000 },
    )
  })

  test('[F1] folds what is folded already, in whatever pieces, to the same, and again to itself', () => {
    fc.assert(
      fc.property(anyTape, fc.nat(24), (tape, cut) => {
        const folded = foldEvents(tape)
        expect(foldEvents(folded)).toEqual(folded)
        expect(stateOf(foldEvents([...foldEvents(tape.slice(cut)), ...foldEvents(tape.slice(0, cut))]))).toEqual(stateOf(tape))
      }),
      { numRuns: 1000 },
    )
  })

  test('[F2] is at most one event per object, and one more for what was written after its death; in order of seq', () => {
    fc.assert(
      fc.property(anyTape, (tape) => {
        const folded = foldEvents(tape)
        const perObject = new Map<string, string[]>()
        for (const event of folded) perObject.set(objectKey(event), [...(perObject.get(objectKey(event)) ?? []), event.type])
        for (const kinds of perObject.values()) {
          expect([['insert'], ['update'], ['delete'], ['delete', 'update']]).toContainEqual(kinds)
        }
        expect(folded.map(({ seq }) => seq)).toEqual(folded.map(({ seq }) => seq).sort((a, b) => a - b))
      }),
    )
  })

  const at = (seq: number, type: EventType, values?: TapeEvent['values']): TapeEvent => ({
    seq,
    client: 'c',
    counter: seq + 1,
    seen: -1,
    type,
    collection: 'a',
    identifier: 'b',
    ...(values === undefined ? {} : { values }),
  })

  test('[F1] spelled out: who is born when, and which fields were written later', () => {
    const insert = at(3, 'insert', { x: 1, y: 1 })
    expect(foldEvents([insert, at(5, 'update', { x: 2 })])).toEqual([{ ...insert, values: { x: 2, y: 1 }, stamps: { x: 5 } }])
    expect(foldEvents([at(3, 'update', { x: 1 }), at(5, 'update', { y: 2 })])).toEqual([
      { ...at(3, 'update', { x: 1, y: 2 }), stamps: { y: 5 } },
    ])
    expect(foldEvents([insert, at(4, 'delete')])).toEqual([at(4, 'delete')])
    expect(foldEvents([at(3, 'update', { x: 1 }), at(4, 'delete')])).toEqual([at(4, 'delete')])
    expect(foldEvents([at(2, 'delete'), insert])).toEqual([insert])
    expect(foldEvents([at(2, 'delete'), at(5, 'update', { x: 2 })])).toEqual([at(2, 'delete'), at(5, 'update', { x: 2 })])
  })

  test('[F1] a field named like a member of every object is a field like any other', () => {
    expect(foldEvents([at(1, 'insert', { constructor: 1 }), at(2, 'update', { toString: 2 })])[0]).toEqual({
      ...at(1, 'insert', { constructor: 1, toString: 2 }),
      stamps: { toString: 2 },
    })
  })
})

describe('the fold of drafts', () => {
  test('[F3] published after any tape, it ends in the same objects, in the same order', () => {
    fc.assert(
      fc.property(anyTape, anyDrafts, (tape, drafts) => {
        const states = stateOf(tape)
        const folded = foldDrafts(drafts, (draft) => states.has(objectKey(draft)))
        expect([...shown(stateOf(atEnd(folded, tape.length), states))]).toEqual([...shown(stateOf(atEnd(drafts, tape.length), states))])
      }),
      { numRuns: 3000 },
    )
  })

  test('[F3] has the same effect beneath events of others that come in between the batches', () => {
    fc.assert(
      fc.property(anyTape, anyDrafts, anyTape, (tape, drafts, later) => {
        const states = stateOf(tape)
        const folded = foldDrafts(drafts, () => true)
        const outcome = (own: readonly Draft[]) => {
          const from = tape.length + own.length
          return stateOf(
            later.map((event) => ({ ...event, seq: event.seq + from })),
            stateOf(atEnd(own, tape.length), states),
          )
        }
        expect([...shown(outcome(folded))]).toEqual([...shown(outcome(drafts))])
      }),
      { numRuns: 1000 },
    )
  })

  test('[F3] folding twice changes nothing more, and `seen` is never changed', () => {
    fc.assert(
      fc.property(anyDrafts, fc.boolean(), (drafts, isOnTape) => {
        const folded = foldDrafts(drafts, () => isOnTape)
        expect(foldDrafts(folded, () => isOnTape)).toEqual(folded)
        const seens = new Set(drafts.map(({ seen }) => seen))
        expect(folded.every(({ seen }) => seens.has(seen))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  const draft = (type: EventType, identifier: string, values?: Draft['values'], seen = 4): Draft => ({
    seen,
    type,
    collection: 'a',
    identifier,
    ...(values === undefined ? {} : { values }),
  })

  test.each<[string, Draft[], Draft[]]>([
    ['insert, update', [draft('insert', 'b', { x: 1 }), draft('update', 'b', { y: 2 })], [draft('insert', 'b', { x: 1, y: 2 })]],
    ['update, update', [draft('update', 'b', { x: 1 }), draft('update', 'b', { x: 2 })], [draft('update', 'b', { x: 2 })]],
    ['insert, delete', [draft('insert', 'b', { x: 1 }), draft('delete', 'b')], []],
    ['update, delete', [draft('update', 'b', { x: 1 }), draft('delete', 'b')], [draft('delete', 'b')]],
    ['delete, insert', [draft('delete', 'b'), draft('insert', 'b', { x: 1 })], [draft('insert', 'b', { x: 1 })]],
    ['insert, insert', [draft('insert', 'b', { x: 1 }), draft('insert', 'b', { y: 1 })], [draft('insert', 'b', { y: 1 })]],
    ['delete, update, delete', [draft('delete', 'b'), draft('update', 'b', { x: 1 }), draft('delete', 'b')], [draft('delete', 'b')]],
  ])('[F3] %s of one object', (_, drafts, folded) => {
    expect(foldDrafts(drafts, () => false)).toEqual(folded)
  })

  test('[F3] an insert and a delete of what the tape knows, or an older draft, is a delete', () => {
    const pair = [draft('insert', 'b', { x: 1 }), draft('delete', 'b')]
    expect(foldDrafts(pair, () => true)).toEqual([draft('delete', 'b')])
    const older = draft('insert', 'b', { x: 1 }, 3)
    expect(foldDrafts([older, ...pair], () => false)).toEqual([older, draft('delete', 'b')])
  })

  test('[F3] drafts of different `seen` are left apart', () => {
    const drafts = [draft('update', 'b', { x: 1 }, 3), draft('update', 'b', { x: 2 }, 4)]
    expect(foldDrafts(drafts, () => true)).toEqual(drafts)
  })

  test('[F3] drafts of different versions or preconditions are left apart, those of the same become one', () => {
    const [one, two] = [draft('update', 'b', { x: 1 }), draft('update', 'b', { x: 2 })]
    const expectation = { unchanged: ['x'] }
    for (const drafts of [
      [one, { ...two, version: 2 }],
      [{ ...one, expect: expectation }, two],
      [
        { ...one, expect: expectation },
        { ...two, expect: { unchanged: true } },
      ],
    ] satisfies Draft[][]) {
      expect(foldDrafts(drafts, () => true)).toEqual(drafts)
    }
    const alike = { version: 2, expect: expectation }
    expect(
      foldDrafts(
        [
          { ...one, ...alike },
          { ...two, ...alike },
        ],
        () => true,
      ),
    ).toEqual([{ ...two, ...alike }])
  })

  test('[F3] an insert keeps its place among other objects, a later write or delete takes the newest', () => {
    const insertC = draft('insert', 'c', { x: 1 })
    expect(foldDrafts([draft('insert', 'b', { x: 1 }), insertC, draft('update', 'b', { x: 2 })], () => false)).toEqual([
      draft('insert', 'b', { x: 2 }),
      insertC,
    ])
    expect(foldDrafts([draft('update', 'b', { x: 1 }), insertC, draft('update', 'b', { y: 2 })], () => true)).toEqual([
      insertC,
      draft('update', 'b', { x: 1, y: 2 }),
    ])
  })
})
