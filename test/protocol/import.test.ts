/** Events that come to be imported are checked like published ones, and say where they are wrong. */
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/protocol/codes.ts'
import { checkImport, countersAfter, type ImportBatch } from '../../src/protocol/import.ts'
import { jsonDepthMax } from '../../src/protocol/limits.ts'
import { lineOf, randomTape } from '../support/random-tape.ts'

const event = { seq: 7, client: 'a', counter: 3, seen: 6, type: 'insert', collection: 'tasks', identifier: 't', values: { n: 1 } }

function refusalOf(run: () => unknown): object {
  try {
    run()
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, ...error.details }
    throw error
  }
  throw new Error('Nothing was refused.')
}

const refused = (...events: unknown[]) => refusalOf(() => checkImport({ events }))

describe('a batch of an import', () => {
  test.each([1, 2, 3])('[I5][E1] has its events as they were stored (seed %i)', (seed) => {
    const events = randomTape(seed, 200)
    const batch = checkImport(JSON.parse(JSON.stringify({ events, subs: { anna: 'user-1', constructor: 'user-2' } })))
    expect(batch).toEqual({ type: 'batch', first: 0, events, lines: events.map(lineOf), subs: { anna: 'user-1', constructor: 'user-2' } })
  })

  test('[I3] is dense, wherever it begins', () => {
    const next = { ...event, seq: 8, counter: 4 }
    expect(checkImport({ events: [event, next] })).toMatchObject({ type: 'batch', first: 7 })
    for (const wrong of [
      { ...next, seq: 9 },
      { ...next, seq: 7 },
      { ...next, seq: 0, seen: -1 },
    ]) {
      expect(refused(event, wrong)).toMatchObject({ code: 'import-gap', at: 'events[1].seq', expected: 8 })
    }
  })

  const deep = JSON.parse(`${'['.repeat(jsonDepthMax)}${']'.repeat(jsonDepthMax)}`)
  test.each<[what: string, event: object, code: string, at: string]>([
    ['an unknown member', { more: 1 }, 'invalid', 'more'],
    ['the stamps of a folded event', { stamps: { n: 9 } }, 'invalid', 'stamps'],
    ['the makers of a folded event', { makers: { n: 'b' } }, 'invalid', 'makers'],
    ['a precondition', { expect: { unchanged: true } }, 'invalid', 'expect'],
    ['no seq', { seq: undefined }, 'invalid', 'seq'],
    ['a seq that is none', { seq: 7.5 }, 'invalid', 'seq'],
    ['a client without a counter', { counter: undefined }, 'invalid', 'counter'],
    ['a counter without a client', { client: undefined }, 'invalid', 'counter'],
    ['a client that is none', { client: 'a b' }, 'invalid', 'client'],
    ['no seen', { seen: undefined }, 'invalid', 'seen'],
    ['itself as seen', { seen: 7 }, 'seen-ahead', 'seen'],
    ['a type that is none', { type: 'upsert' }, 'invalid', 'type'],
    ['an insert without values', { values: undefined }, 'invalid', 'values'],
    ['a delete with values', { type: 'delete' }, 'invalid', 'values'],
    ['an insert with deltas', { deltas: { t: [{ type: 'insert', offset: 0, values: 'x' }] } }, 'invalid', 'deltas'],
    [
      'deltas that overlap',
      { type: 'update', deltas: { t: [5, 1].map((offset) => ({ type: 'delete', offset, count: 2 })) } },
      'invalid',
      'deltas.t[1]',
    ],
    ['half a surrogate pair', { values: { t: '\ud800' } }, 'lone-surrogate', 'values'],
    ['half a surrogate pair in its name', { identifier: '\udc00' }, 'lone-surrogate', 'identifier'],
    ['a key __proto__', { values: JSON.parse('{"__proto__":1}') }, 'forbidden-key', 'values'],
    ['a number that overflowed', { values: { n: Number.POSITIVE_INFINITY } }, 'number-range', 'values'],
    ['too many levels', { values: { deep } }, 'too-deep', 'values'],
    ['an empty name', { collection: '' }, 'invalid', 'collection'],
    ['a version that is none', { version: 0 }, 'invalid', 'version'],
  ])('[I5] refuses %s, and says where it is', (_, change, code, at) => {
    const before = { ...event, seq: 6, counter: 2, seen: -1 }
    const wrong = Object.fromEntries(Object.entries({ ...event, ...change }).filter(([, value]) => value !== undefined))
    expect(refused(before, wrong)).toMatchObject({ code, at: `events[1].${at}` })
  })

  test('[I5][N5] refuses what is no event, too large, too many or none at all', () => {
    for (const wrong of [null, 1, 'x', []]) expect(refused(wrong)).toMatchObject({ code: 'invalid' })
    expect(refused({ ...event, values: { t: 'x'.repeat(256 * 1024) } })).toMatchObject({ code: 'too-large', at: 'events[0]' })
    expect(refused(...Array.from({ length: 1001 }, (_, i) => ({ ...event, seq: i })))).toMatchObject({ code: 'too-many', at: 'events' })
    expect(refused()).toMatchObject({ code: 'invalid', at: 'events' })
    for (const wrong of [null, [], {}, { events: [event], more: 1 }])
      expect(refusalOf(() => checkImport(wrong))).toMatchObject({ code: 'invalid' })
  })

  test('[I6] names subs of clients, or nothing', () => {
    for (const subs of [1, [1], { 'a b': 'x' }, { a: '' }, { a: 1 }, { a: 'x'.repeat(201) }]) {
      expect(
        refusalOf(() => checkImport({ events: [event], subs })),
        JSON.stringify(subs),
      ).toMatchObject({ code: 'invalid', at: 'subs' })
    }
  })

  test('[I8] or says that all is there, and nothing else', () => {
    expect(checkImport({ finish: true, latestSeq: 3, hash: 'x' })).toEqual({ type: 'finish', latestSeq: 3, hash: 'x' })
    expect(checkImport({ finish: true, latestSeq: 0 })).toMatchObject({ type: 'finish', latestSeq: 0 })
    for (const wrong of [
      { finish: false, latestSeq: 3 },
      { finish: true },
      { finish: true, latestSeq: -1 },
      { finish: true, latestSeq: 3, events: [] },
    ]) {
      expect(
        refusalOf(() => checkImport(wrong)),
        JSON.stringify(wrong),
      ).toMatchObject({ code: 'invalid' })
    }
  })
})

describe('the counters of imported events', () => {
  const of = (client: string | undefined, counter?: number) => ({ ...event, client, counter }) as ImportBatch['events'][number]
  const known = (client: string) => (client === 'a' ? 2 : 0)

  test('[I5] go on with those of before', () => {
    expect([...countersAfter([of('a', 3), of('b', 1), of(undefined), of('a', 4)], known)]).toEqual([
      ['a', 4],
      ['b', 1],
    ])
  })

  test.each([
    ['a gap', of('a', 4), 3],
    ['a repeat', of('a', 2), 3],
    ['a beginning elsewhere', of('b', 2), 1],
  ])('[I5] have no %s', (_, wrong, expected) => {
    expect(refusalOf(() => countersAfter([of(undefined), wrong], known, 10))).toMatchObject({
      code: 'counter-order',
      at: 'events[11].counter',
      counter: wrong.counter,
      expected,
    })
  })
})
