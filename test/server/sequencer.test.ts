/** The sequencer: what is taken, what is refused, and that a refused publish leaves nothing behind. */
import { describe, expect, test } from 'vitest'
import { eventBytesMax, seqMax } from '../../src/protocol/limits.ts'
import { sequence } from '../../src/server/turn/sequencer.ts'
import { anonymousDraft, draft, PlainTape, plain, refused, submission, taken } from '../support/tape-state.ts'

function tapeWith(events: number): PlainTape {
  const tape = new PlainTape()
  tape.commit(
    submission(
      'a',
      Array.from({ length: events }, (_, i) => draft(i + 1)),
    ),
  )
  return tape
}

/** Commits what has to be refused and checks that the tape is as it was. */
function expectRefused(tape: PlainTape, what: Parameters<PlainTape['commit']>[0], verdict: unknown): void {
  const before = { events: [...tape.events], clients: [...tape.clients], epoch: tape.epoch }
  const group = tape.commit(what)
  expect(group.verdicts.map(plain)).toEqual([verdict])
  expect(group.lines).toEqual([])
  expect(group.clients.size).toBe(0)
  expect({ events: tape.events, clients: [...tape.clients], epoch: tape.epoch }).toEqual(before)
}

describe('numbering', () => {
  test('[P1] gives a batch consecutive seqs from 0, in the order of its drafts', () => {
    const tape = new PlainTape()
    const group = tape.commit(submission('a', [draft(1), draft(2), draft(3)]))
    expect(group.verdicts.map(plain)).toEqual([taken(0, 2)])
    expect(group.lines.map((line) => JSON.parse(line))).toEqual([
      { seq: 0, client: 'a', ...draft(1) },
      { seq: 1, client: 'a', ...draft(2) },
      { seq: 2, client: 'a', ...draft(3) },
    ])
    expect(group.clients).toEqual(new Map([['a', { counter: 3, sub: 'user-1' }]]))
  })

  test('[P8] numbers the publishes of a group in their order, on top of one another', () => {
    const tape = tapeWith(2)
    const group = tape.commit(submission('b', [draft(1)]), submission('a', [draft(3), draft(4)]), submission('b', [draft(2)]))
    expect(group.verdicts.map(plain)).toEqual([taken(2, 2), taken(3, 4), taken(5, 5)])
    expect(tape.events.map(({ seq, client }) => [seq, client])).toEqual([
      [0, 'a'],
      [1, 'a'],
      [2, 'b'],
      [3, 'a'],
      [4, 'a'],
      [5, 'b'],
    ])
    expect(group.clients).toEqual(
      new Map([
        ['b', { counter: 2, sub: 'user-1' }],
        ['a', { counter: 4, sub: 'user-1' }],
      ]),
    )
  })

  test('[E1] is a pure function: the same group on the same tape gives the same events, and the tape is not touched', () => {
    const tape = tapeWith(3)
    const group = [submission('b', [draft(1)]), submission('a', [draft(9)]), submission(undefined, [anonymousDraft()])]
    const before = structuredClone({ events: tape.events, clients: tape.clients })
    const [one, two] = [sequence(tape.state, group), sequence(tape.state, group)]
    expect(one.lines).toEqual(two.lines)
    expect(one.verdicts.map(plain)).toEqual(two.verdicts.map(plain))
    expect({ events: tape.events, clients: tape.clients }).toEqual(before)
  })

  test('[P6] takes drafts without a client every time they come', () => {
    const tape = new PlainTape()
    const publish = submission(undefined, [anonymousDraft(), anonymousDraft()])
    expect(tape.commit(publish, publish).verdicts.map(plain)).toEqual([taken(0, 1), taken(2, 3)])
    expect(tape.events.every((event) => !('client' in event) && !('counter' in event))).toBe(true)
    expect(tape.clients.size).toBe(0)
  })
})

describe('counters', () => {
  test('[P2] takes a draft only if its counter is exactly the last one plus 1', () => {
    const tape = tapeWith(3)
    expect(tape.commit(submission('a', [draft(4)])).verdicts.map(plain)).toEqual([taken(3, 3)])
    expectRefused(tape, submission('a', [draft(6)]), refused('counter-skipped', { expected: 5, counter: 6 }))
    expectRefused(tape, submission('b', [draft(2)]), refused('counter-skipped', { expected: 1, counter: 2 }))
    expectRefused(tape, submission('a', [draft(seqMax)]), refused('counter-skipped', { expected: 5, counter: seqMax }))
    expect(tape.commit(submission('a', [draft(5)])).verdicts.map(plain)).toEqual([taken(4, 4)])
  })

  test('[P2] drops duplicates, whole batches and heads of batches, without an error', () => {
    const tape = tapeWith(3)
    const group = tape.commit(submission('a', [draft(1), draft(2), draft(3)]))
    expect(group.verdicts.map(plain)).toEqual([{ type: 'taken', seqs: [], duplicates: 3 }])
    expect([group.lines, group.clients.size]).toEqual([[], 0])
    expect(tape.commit(submission('a', [draft(2), draft(3), draft(4), draft(5)])).verdicts.map(plain)).toEqual([taken(3, 4, 2)])
    expect(tape.events.map((event) => event.counter)).toEqual([1, 2, 3, 4, 5])
  })

  test('[P2][P8] drops duplicates inside one group, too', () => {
    const tape = new PlainTape()
    const group = tape.commit(
      submission('a', [draft(1), draft(2)]),
      submission('a', [draft(1), draft(2)]),
      submission('a', [draft(2), draft(3)]),
    )
    expect(group.verdicts.map(plain)).toEqual([taken(0, 1), { type: 'taken', seqs: [], duplicates: 2 }, taken(2, 2, 1)])
  })

  test('[P2] takes a duplicate whatever has become of what it once claimed', () => {
    const tape = tapeWith(1)
    const old = submission('a', [draft(1, { seen: 999 })], { expect: { latestSeq: 77, unchanged: true } })
    expect(tape.commit(old).verdicts.map(plain)).toEqual([{ type: 'taken', seqs: [], duplicates: 1 }])
  })

  test('[P2] goes on to the last counter there is, and no further', () => {
    const tape = new PlainTape()
    tape.epoch = 'epoch-1'
    tape.clients.set('a', { counter: seqMax - 1, sub: 'user-1' })
    expect(tape.commit(submission('a', [draft(seqMax)])).verdicts.map(plain)).toEqual([taken(0, 0)])
    expect(tape.commit(submission('a', [draft(seqMax)])).verdicts.map(plain)).toEqual([{ type: 'taken', seqs: [], duplicates: 1 }])
  })
})

describe('what is refused', () => {
  test('[P4] seen above the tape, also when a later draft claims it or the group reaches so far', () => {
    const tape = tapeWith(2)
    expectRefused(tape, submission('b', [draft(1, { seen: 2 })]), refused('seen-ahead', { latestSeq: 1, counter: 1 }))
    expectRefused(
      tape,
      submission('b', [draft(1, { seen: 1 }), draft(2, { seen: seqMax })]),
      refused('seen-ahead', { latestSeq: 1, counter: 2 }),
    )
    expectRefused(tape, submission(undefined, [anonymousDraft({ seen: 2 })]), refused('seen-ahead', { latestSeq: 1 }))
    const group = tape.commit(submission('a', [draft(3)]), submission('b', [draft(1, { seen: 2 })]))
    expect(group.verdicts.map(plain)).toEqual([taken(2, 2), refused('seen-ahead', { latestSeq: 1, counter: 1 })])
    expect(tape.commit(submission('b', [draft(1, { seen: 2 })])).verdicts.map(plain)).toEqual([taken(3, 3)])
  })

  test('[P5] the client id of another sub, on the tape or in the same group', () => {
    const tape = tapeWith(1)
    expectRefused(tape, submission('a', [draft(2)], { sub: 'user-2' }), refused('client-taken'))
    expectRefused(tape, submission('a', [draft(1)], { sub: 'user-2' }), refused('client-taken'))
    const group = tape.commit(
      submission('b', [draft(1)], { sub: 'user-2' }),
      submission('b', [draft(2)]),
      submission('b', [draft(2)], { sub: 'user-2' }),
    )
    expect(group.verdicts.map(plain)).toEqual([taken(1, 1), refused('client-taken'), taken(2, 2)])
    expect(group.clients).toEqual(new Map([['b', { counter: 2, sub: 'user-2' }]]))
  })

  test('[P5] but a client id that only tried belongs to nobody yet', () => {
    const tape = tapeWith(1)
    const group = tape.commit(submission('b', [draft(2)], { sub: 'user-2' }), submission('b', [draft(1)], { sub: 'user-3' }))
    expect(group.verdicts.map(plain)).toEqual([refused('counter-skipped', { expected: 1, counter: 2 }), taken(1, 1)])
    expect(tape.clients.get('b')).toEqual({ counter: 1, sub: 'user-3' })
  })

  test('[P10] another epoch than the stream’s, with the right one in the answer', () => {
    const tape = tapeWith(1)
    expectRefused(tape, submission('b', [draft(1)], { epoch: 'other' }), refused('wrong-epoch', { epoch: 'epoch-1' }))
    expectRefused(tape, submission('a', [draft(1)], { epoch: 'other' }), refused('wrong-epoch', { epoch: 'epoch-1' }))
    expectRefused(tape, submission(undefined, [anonymousDraft()], { epoch: '' }), refused('wrong-epoch', { epoch: 'epoch-1' }))
    expect(tape.commit(submission('b', [draft(1)], { epoch: 'epoch-1' })).verdicts.map(plain)).toEqual([taken(1, 1)])
  })

  test('[P10][S4] any epoch while nothing has been published', () => {
    expectRefused(new PlainTape(), submission('a', [draft(1)], { epoch: 'epoch-1' }), refused('wrong-epoch', { epoch: null }))
  })

  test('[N5][P1] a batch with one event that is too large: none of it is taken', () => {
    const tape = tapeWith(1)
    const large = draft(3, { values: { text: 'x'.repeat(eventBytesMax) } })
    expectRefused(
      tape,
      submission('a', [draft(2), large, draft(4)]),
      refused('too-large', { counter: 3, detail: 'More than 262144 bytes.' }),
    )
    expect(tape.commit(submission('a', [draft(2), draft(3)])).verdicts.map(plain)).toEqual([taken(1, 2)])
  })

  test('[P8] one publish of a group, whatever is wrong with it, leaves no trace for the others', () => {
    const bad = [
      submission('a', [draft(3)], { sub: 'user-2' }),
      submission('a', [draft(5)]),
      submission('b', [draft(1, { seen: 99 })]),
      submission('b', [draft(1)], { epoch: 'other' }),
      submission('b', [draft(1), draft(2, { values: { text: 'x'.repeat(eventBytesMax) } })]),
      submission('b', [draft(1)], { expect: { latestSeq: 99 } }),
      submission('b', [draft(1, { identifier: 't1' })], { expect: { unchanged: true } }),
    ]
    for (const one of bad) {
      const [alone, beside] = [tapeWith(2), tapeWith(2)]
      const good = () => [submission('a', [draft(3)]), submission('c', [draft(1), draft(2)]), submission('b', [draft(1)])] as const
      const [x, y, z] = good()
      const expected = alone.commit(x, y, z)
      const group = beside.commit(x, one, y, one, z)
      expect(group.lines).toEqual(expected.lines)
      expect(group.clients).toEqual(expected.clients)
      expect([0, 2, 4].map((i) => plain(group.verdicts[i]))).toEqual(expected.verdicts.map(plain))
      expect(group.verdicts[3]?.type).toBe('refused')
      expect(beside.events).toEqual(alone.events)
    }
  })
})
