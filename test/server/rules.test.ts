/** Rules of the application: what they are asked, and what becomes of whatever they answer. */
import { describe, expect, test } from 'vitest'
import type { TapeEvent } from '../../src/protocol/event.ts'
import { checkRules, type RecentEvents, type Validate } from '../../src/server/turn/rules.ts'
import { CoreRig, FlakyTape } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { anonymousDraft, draft, PlainTape, plain, refused, submission, taken } from '../support/tape-state.ts'

/** A tape whose rule says what it was asked, and decides as it is told. */
function rigOf(validate: Validate, recent?: number): CoreRig<MemoryTape> {
  return new CoreRig(new MemoryTape(), 'epoch-1', recent === undefined ? { validate } : { validate, recent })
}

const noBad: Validate = ({ values }) => (values?.bad === true ? { reason: 'no-bad' } : undefined)
const bad = { values: { bad: true } }

describe('a rule', () => {
  test('[X3] is asked for each draft with the event as it comes on the tape, and who sends it', () => {
    const asked: [TapeEvent, string][] = []
    const rig = rigOf((event, sub) => void asked.push([event, sub]))
    rig.commit(
      submission('a', [draft(1, { version: 3, expect: { unchanged: true } }), draft(2, { type: 'delete', values: undefined })], {
        sub: 'alice',
      }),
      submission(undefined, [anonymousDraft({ values: { n: -0, '2': 1, a: 2, '1': 3 } })], { sub: 'script' }),
    )
    expect(asked.map(([event]) => event)).toEqual(rig.events())
    expect(asked.map(([event]) => JSON.stringify(event))).toEqual(rig.events().map((event) => JSON.stringify(event)))
    expect(asked.map(([, sub]) => sub)).toEqual(['alice', 'alice', 'script'])
    expect(Object.is(asked[2]?.[0].values?.n, 0)).toBe(true)
  })

  test('[X3] refuses the whole batch with rejected, its reason and the counter, and leaves no trace for the others', () => {
    const rig = rigOf((event) => (noBad(event, '', nobody) ? { reason: 'no-bad', detail: `Not at ${event.seq}.` } : undefined))
    const verdicts = rig.commit(
      submission('a', [draft(1), draft(2, bad), draft(3)]),
      submission('b', [draft(1)]),
      submission(undefined, [anonymousDraft(bad)]),
      submission('a', [draft(1)]),
    )
    expect(verdicts.map(plain)).toEqual([
      refused('rejected', { reason: 'no-bad', detail: 'Not at 1.', counter: 2 }),
      taken(0, 0),
      refused('rejected', { reason: 'no-bad', detail: 'Not at 1.' }),
      taken(1, 1),
    ])
    expect([rig.events().length, rig.reports]).toEqual([2, []])
  })

  test('[X3] is not asked about duplicates, nor about what something else refuses', () => {
    const asked: (string | undefined)[] = []
    const tape = new PlainTape({ validate: ({ client, counter }) => void asked.push(`${client}${counter}`) })
    tape.commit(submission('a', [draft(1)]))
    tape.commit(
      submission('a', [draft(1), draft(2, { identifier: 't1' })]),
      submission('a', [draft(9)]),
      submission('b', [draft(1, { identifier: 't1', expect: { unchanged: true } })]),
      submission('b', [draft(1, { seen: 99 })]),
      submission('c', [draft(1, { values: { text: 'x'.repeat(300_000) } })]),
    )
    expect(asked).toEqual(['a1', 'a2'])
  })

  test('[X3] that refuses as long as it likes lets the client go on with the same counter', () => {
    const rig = rigOf(noBad)
    for (let i = 0; i < 3; i++) expect(rig.commit(submission('a', [draft(1, bad)])).map(plain)).toMatchObject([{ code: 'rejected' }])
    expect(rig.commit(submission('a', [draft(1)])).map(plain)).toEqual([taken(0, 0)])
  })

  test('[X3][T4] is asked again by whoever sends again what an append has failed on', () => {
    const storage = new FlakyTape()
    const rig = new CoreRig(storage, 'epoch-1', {
      validate: (_, __, { events }) => (events.length > 1 ? { reason: 'full' } : undefined),
      recent: 10,
    })
    rig.commit(submission('a', [draft(1)]))
    storage.failing = new Error('Disk full.')
    expect(rig.commit(submission('a', [draft(2)])).map(plain)).toEqual([refused('unavailable')])
    storage.failing = undefined
    expect(rig.commit(submission('a', [draft(2)])).map(plain)).toEqual([taken(1, 1)])
    expect(rig.commit(submission('a', [draft(3)])).map(plain)).toEqual([refused('rejected', { reason: 'full', counter: 3 })])
  })
})

const nobody: RecentEvents = { latestSeq: -1, events: [], object: () => ({ isWhole: true, isAlive: false, values: {} }) }

describe('a rule that fails', () => {
  const decided = (validate: unknown) => {
    const rig = rigOf((event, sub, recent) => (event.client === 'a' ? (validate as Validate)(event, sub, recent) : undefined), 10)
    const verdicts = rig.commit(submission('a', [draft(1)]), submission('b', [draft(1)])).map(plain)
    return { verdicts, reports: rig.reports, events: rig.events() }
  }

  test.each<[what: string, validate: unknown]>([
    ['throws', () => JSON.parse('{')],
    [
      'throws what is no error',
      () => {
        throw undefined
      },
    ],
    [
      'overflows the stack',
      function again(): unknown {
        return [again()]
      },
    ],
    ['gives a promise', async () => undefined],
    ['gives a promise of a rejection', async () => ({ reason: 'late' })],
    ['gives a promise that fails', () => Promise.reject(new Error('Late.'))],
    // biome-ignore lint/suspicious/noThenProperty: this is what it must not give.
    ['gives a rejection that is a thenable', () => ({ reason: 'late', then: () => {} })],
    ['gives null', () => null],
    ['gives true', () => true],
    ['gives a text', () => 'no'],
    ['gives a list', () => ['no']],
    ['gives a function', () => () => undefined],
    ['gives no reason', () => ({})],
    ['gives an empty reason', () => ({ reason: '' })],
    ['gives a reason of other characters', () => ({ reason: 'Sold out' })],
    ['gives a reason with a line break', () => ({ reason: 'sold-out\n' })],
    ['gives a reason of 65 characters', () => ({ reason: 'x'.repeat(65) })],
    ['gives an enormous reason', () => ({ reason: 'x'.repeat(10_000_000) })],
    ['gives a reason that is no text', () => ({ reason: { toString: () => 'sold-out' } })],
    ['gives a detail that is no text', () => ({ reason: 'sold-out', detail: 7 })],
    [
      'gives a reason that cannot be read',
      () => ({
        get reason() {
          throw new Error('Hidden.')
        },
      }),
    ],
    [
      'writes to the event',
      (event: { seq: number }) => {
        event.seq = 0
      },
    ],
    [
      'writes to its values',
      ({ values }: { values: { n: number } }) => {
        values.n = 2
      },
    ],
    [
      'adds a member to the event',
      (event: object) => {
        Object.assign(event, { more: 1 })
      },
    ],
    [
      'deletes a value',
      ({ values }: { values: { n?: number } }) => {
        delete values.n
      },
    ],
    [
      'replaces what it asks',
      (_: unknown, __: string, recent: { object: unknown }) => {
        recent.object = () => undefined
      },
    ],
    [
      'writes to an object',
      (_: unknown, __: string, recent: RecentEvents) => {
        ;(recent.object('x', 'y').values as { a: number }).a = 1
      },
    ],
  ])('[X3] and %s gets its publish refused with rule-failed, is reported, and harms nobody else', (_, validate) => {
    const { verdicts, reports, events } = decided(validate)
    expect(verdicts).toEqual([refused('rule-failed', { counter: 1 }), taken(0, 0)])
    expect(reports).toHaveLength(1)
    expect(events).toEqual([{ seq: 0, client: 'b', ...draft(1) }])
  })

  test('[X3] is called with what it is to know and nothing behind it', () => {
    const plainly = function (this: unknown, ...given: unknown[]) {
      return this === undefined && given.length === 3 ? undefined : { reason: 'too-much' }
    }
    expect(
      rigOf(plainly as Validate)
        .commit(submission('a', [draft(1)]))
        .map(plain),
    ).toEqual([taken(0, 0)])
  })

  test('[X3] a reason of 64 characters is one, and a detail is cut', () => {
    const reason = 'a0-'.repeat(22).slice(0, 64)
    const detail = `${'x'.repeat(299)}😀${'x'.repeat(1000)}`
    expect(decided(() => ({ reason, detail })).verdicts[0]).toEqual(
      refused('rejected', { reason, detail: `${'x'.repeat(299)}\ufffd`, counter: 1 }),
    )
    expect(decided(() => ({ reason, detail: undefined, more: 1 })).verdicts[0]).toEqual(refused('rejected', { reason, counter: 1 }))
  })

  test('[X3] has its members read once: what changes its mind is held to the first answer', () => {
    let reads = 0
    const changing = {
      get reason() {
        return reads++ === 0 ? 'first' : 'x'.repeat(1000)
      },
    }
    expect(decided(() => changing).verdicts[0]).toEqual(refused('rejected', { reason: 'first', counter: 1 }))
  })
})

test.each([
  {},
  { validate: 'no' },
  { validate: () => undefined, recent: -1 },
  { validate: () => undefined, recent: 1.5 },
  { validate: () => undefined, recent: 1001 },
  { validate: () => undefined, recent: '10' },
])('[X3] rules that are none are said to be so when the class is made: %j', (rules) => {
  expect(() => checkRules(rules as never)).toThrow(TypeError)
})
