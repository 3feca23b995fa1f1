/** Deltas at the server: taken only on the state that they are meant for, and stored as they came. */
import { describe, expect, test } from 'vitest'
import type { Deltas } from '../../src/protocol/index.ts'
import type { RecentObject, StreamRules } from '../../src/server/turn/rules.ts'
import { anonymousDraft, type Draft, draft, PlainTape, plain, refused, submission, taken } from '../support/tape-state.ts'

const at = (offset: number, values: string): Deltas => [{ type: 'insert', offset, values }]

function typed(counter: number, seen: number, deltas: Deltas = at(0, 'x'), more: Partial<Draft> = {}): Draft {
  return draft(counter, { type: 'update', identifier: 'n', seen, values: undefined, deltas: { body: deltas }, ...more })
}

/** a has inserted the note, at seq 0. */
function noteTape(rules?: StreamRules): PlainTape {
  const tape = new PlainTape(rules)
  tape.commit(submission('a', [draft(1, { identifier: 'n', values: { body: 'abc', done: false } })]))
  return tape
}

describe('deltas', () => {
  test('[D2] are taken when nobody else has written their field since they were seen', () => {
    const tape = noteTape()
    const verdicts = tape.commit(submission('b', [typed(1, 0)]), submission('b', [typed(2, 0)])).verdicts
    expect(verdicts.map(plain)).toEqual([taken(1, 1), taken(2, 2)])
    const other = draft(2, { type: 'update', identifier: 'n', seen: 2, values: { done: true } })
    expect(tape.commit(submission('a', [other])).verdicts.map(plain)).toEqual([taken(3, 3)])
    // Another field was written, and the own ones.
    expect(tape.commit(submission('b', [typed(3, 0)])).verdicts.map(plain)).toEqual([taken(4, 4)])
  })

  test('[D2] are refused with what is in the way, of the same turn, too', () => {
    const tape = noteTape()
    const { verdicts } = tape.commit(submission('b', [typed(1, 0)]), submission('c', [typed(1, 0)]), submission(undefined, [typed(1, 0)]))
    expect(verdicts.map(plain)).toEqual([
      taken(1, 1),
      refused('expect-failed', { latestSeq: 1, counter: 1, conflicts: [[1, 1]] }),
      refused('expect-failed', { latestSeq: 1, counter: 1, conflicts: [[1, 1]] }),
    ])
    expect(plain(tape.commit(submission('c', [typed(1, 1)])).verdicts[0])).toEqual(taken(2, 2))
  })

  test('[D2] new values, inserts and deletes are in the way, and so are deltas of scripts', () => {
    for (const change of [
      { type: 'update', values: { body: 'new' } },
      { type: 'insert', values: {} },
      { type: 'delete', values: undefined },
      { type: 'update', values: undefined, deltas: { body: at(0, 's') }, seen: 0 },
    ] as const) {
      const tape = noteTape()
      tape.commit(submission(undefined, [anonymousDraft({ identifier: 'n', ...change })]))
      expect(plain(tape.commit(submission('b', [typed(1, 0)])).verdicts[0])).toMatchObject({ code: 'expect-failed', conflicts: [[1, 1]] })
    }
  })

  test('[D2] of one who is far behind are refused with catch-up-first', () => {
    const tape = noteTape()
    for (let counter = 2; counter < 1100; counter += 100) {
      const drafts = Array.from({ length: 100 }, (_, index) => draft(counter + index, { type: 'update', identifier: 'other' }))
      tape.commit(submission('a', drafts))
    }
    expect(plain(tape.commit(submission('b', [typed(1, 0)])).verdicts[0])).toMatchObject({ code: 'catch-up-first', counter: 1 })
  })

  test('[D2] what a draft expects besides is looked at, too', () => {
    const tape = noteTape()
    tape.commit(submission('a', [draft(2, { type: 'update', identifier: 'n', values: { done: true } })]))
    const careful = (unchanged: true | string[]) =>
      plain(tape.commit(submission('b', [typed(1, 0, at(0, 'x'), { expect: { unchanged } })])).verdicts[0])
    expect(careful(true)).toMatchObject({ code: 'expect-failed' })
    expect(careful(['done'])).toMatchObject({ code: 'expect-failed' })
    expect(careful(['other'])).toEqual(taken(2, 2))
  })

  test('[X3] a rule sees what deltas have made of a field, as far as that is known', () => {
    const seen: RecentObject[] = []
    const rules = (recent: number): StreamRules => ({
      recent,
      validate: ({ collection, identifier }, _, view) => void seen.push(view.object(collection, identifier)),
    })
    const tape = noteTape(rules(10))
    tape.commit(submission('b', [typed(1, 0, at(3, 'd')), typed(2, 0, at(99, 'misfit')), typed(3, 0, at(4, 'e'))]))
    tape.commit(submission('b', [draft(4, { identifier: 'n', type: 'update', values: { done: true } })]))
    expect(seen.at(-1)).toEqual({ isWhole: true, isAlive: true, values: { body: 'abcde', done: false } })
    const short = noteTape(rules(1))
    short.commit(submission('b', [typed(1, 0, at(3, 'd')), draft(2, { identifier: 'n', type: 'update', values: { done: true } })]))
    expect(seen.at(-1)).toEqual({ isWhole: false, isAlive: undefined, values: {} })
  })

  test('[P1][T2] are stored as they came', () => {
    const tape = noteTape()
    const deltas: Deltas = [
      { type: 'update', offset: 0, values: 'é' },
      { type: 'delete', offset: 2, count: 1 },
    ]
    tape.commit(submission('b', [typed(1, 0, deltas)]))
    expect(tape.events.at(-1)).toEqual({
      seq: 1,
      client: 'b',
      counter: 1,
      seen: 0,
      type: 'update',
      collection: 'tasks',
      identifier: 'n',
      deltas: { body: deltas },
    })
  })
})
