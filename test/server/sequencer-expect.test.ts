/** Preconditions: a batch that is taken only if the tape is as its maker thinks. */
import { describe, expect, test } from 'vitest'
import { recentEventsMax } from '../../src/server/turn/recent.ts'
import { anonymousDraft, draft, PlainTape, plain, refused, submission, taken } from '../support/tape-state.ts'

const unchanged = { expect: { unchanged: true } } as const

/** Seq 0 … 3: a writes t1, b writes t2, nobody in particular writes t3, a writes t4. */
function smallTape(): PlainTape {
  const tape = new PlainTape()
  tape.commit(
    submission('a', [draft(1, { identifier: 't1' })]),
    submission('b', [draft(1, { identifier: 't2' })]),
    submission(undefined, [anonymousDraft({ identifier: 't3' })]),
    submission('a', [draft(2, { identifier: 't4' })]),
  )
  return tape
}

function expectVerdicts(tape: PlainTape, group: Parameters<PlainTape['commit']>, verdicts: readonly unknown[]): void {
  expect(tape.commit(...group).verdicts.map(plain)).toEqual(verdicts)
}

describe('expect latestSeq', () => {
  test('[P9] takes the batch if the tape ends there', () => {
    expectVerdicts(smallTape(), [submission('c', [draft(1)], { expect: { latestSeq: 3 } })], [taken(4, 4)])
    expectVerdicts(new PlainTape(), [submission('c', [draft(1)], { expect: { latestSeq: -1 } })], [taken(0, 0)])
  })

  test.each([-1, 2, 4, Number.MAX_SAFE_INTEGER])('[P9] refuses it with the true latestSeq when %i is expected', (latestSeq) => {
    const tape = smallTape()
    expectVerdicts(tape, [submission('c', [draft(1)], { expect: { latestSeq } })], [refused('expect-failed', { latestSeq: 3 })])
    expect([tape.events.length, tape.clients.has('c')]).toEqual([4, false])
  })

  test('[P9][P8] counts what the same group took before it, and not what it refused', () => {
    expectVerdicts(
      smallTape(),
      [
        submission('c', [draft(1)], { expect: { latestSeq: 3 } }),
        submission('d', [draft(1)], { expect: { latestSeq: 3 } }),
        submission('d', [draft(1)], { expect: { latestSeq: 4 } }),
      ],
      [taken(4, 4), refused('expect-failed', { latestSeq: 4 }), taken(5, 5)],
    )
  })

  test('[P9] is not looked at for duplicates', () => {
    expectVerdicts(
      smallTape(),
      [submission('a', [draft(1), draft(2)], { expect: { latestSeq: 1 } })],
      [{ type: 'taken', seqs: [], duplicates: 2 }],
    )
    expectVerdicts(smallTape(), [submission('a', [draft(2), draft(3)], { expect: { latestSeq: 3 } })], [taken(4, 4, 1)])
  })
})

describe('expect unchanged', () => {
  test('[P9] takes the batch when nobody else has written its objects since seen', () => {
    expectVerdicts(smallTape(), [submission('c', [draft(1, { identifier: 't2', seen: 1 })], unchanged)], [taken(4, 4)])
    expectVerdicts(smallTape(), [submission('c', [draft(1, { identifier: 't9', seen: -1 })], unchanged)], [taken(4, 4)])
    expectVerdicts(
      smallTape(),
      [submission('c', [draft(1, { identifier: 't2', collection: 'notes', seen: -1 })], unchanged)],
      [taken(4, 4)],
    )
  })

  test('[P9] refuses it with the seqs in the way, of clients and of scripts', () => {
    const tape = smallTape()
    const drafts = [
      draft(1, { identifier: 't1', seen: 0 }),
      draft(2, { identifier: 't2', seen: 0 }),
      draft(3, { identifier: 't3', seen: 0 }),
    ]
    expectVerdicts(tape, [submission('c', drafts, unchanged)], [refused('expect-failed', { latestSeq: 3, conflicts: [[1, 2]] })])
    expect([tape.events.length, tape.clients.has('c')]).toEqual([4, false])
  })

  test('[P9] a client’s own writes are not in its way', () => {
    expectVerdicts(smallTape(), [submission('a', [draft(3, { identifier: 't1', seen: -1 })], unchanged)], [taken(4, 4)])
    expectVerdicts(
      smallTape(),
      [submission('a', [draft(3, { identifier: 't1' })]), submission('a', [draft(4, { identifier: 't1' })], unchanged)],
      [taken(4, 4), taken(5, 5)],
    )
  })

  test('[P9] a script’s own writes are, for it has no name', () => {
    const one = submission(undefined, [anonymousDraft({ identifier: 't9', seen: 3 })], unchanged)
    expectVerdicts(smallTape(), [one, one], [taken(4, 4), refused('expect-failed', { latestSeq: 4, conflicts: [[4, 4]] })])
  })

  test('[P9][P8] what the same group took before it is in its way', () => {
    expectVerdicts(
      smallTape(),
      [
        submission('c', [draft(1, { identifier: 't1' })], { epoch: 'other' }),
        submission('d', [draft(1, { identifier: 't8', seen: 3 }), draft(2, { identifier: 't9', seen: 3 })]),
        submission('c', [draft(1, { identifier: 't9', seen: 3 })], unchanged),
        submission('c', [draft(1, { identifier: 't1', seen: 3 })], unchanged),
      ],
      [
        refused('wrong-epoch', { epoch: 'epoch-1' }),
        taken(4, 5),
        refused('expect-failed', { latestSeq: 5, conflicts: [[5, 5]] }),
        taken(6, 6),
      ],
    )
  })

  test('[P9] each draft is held to its own seen, also where two of a batch are about one object', () => {
    const old = draft(1, { identifier: 't2', seen: 0 })
    const young = draft(2, { identifier: 't2', seen: 3 })
    const conflict = refused('expect-failed', { latestSeq: 3, conflicts: [[1, 1]] })
    expectVerdicts(smallTape(), [submission('c', [old, young], unchanged)], [conflict])
    expectVerdicts(
      smallTape(),
      [
        submission(
          'c',
          [
            { ...young, counter: 1 },
            { ...old, counter: 2 },
          ],
          unchanged,
        ),
      ],
      [conflict],
    )
  })

  test('[P9] duplicates are dropped before it is looked at', () => {
    expectVerdicts(
      smallTape(),
      [submission('a', [draft(2, { identifier: 't2', seen: -1 }), draft(3, { identifier: 't9', seen: 3 })], unchanged)],
      [taken(4, 4, 1)],
    )
  })

  test('[P9] both preconditions have to hold', () => {
    const both = { expect: { latestSeq: 3, unchanged: true } } as const
    expectVerdicts(
      smallTape(),
      [submission('c', [draft(1, { identifier: 't2', seen: 0 })], both)],
      [refused('expect-failed', { latestSeq: 3, conflicts: [[1, 1]] })],
    )
    expectVerdicts(smallTape(), [submission('c', [draft(1, { identifier: 't2', seen: 1 })], both)], [taken(4, 4)])
  })

  test('[P9] looks back over 1,000 events and no further', () => {
    const tape = new PlainTape()
    tape.commit(
      submission(
        'a',
        Array.from({ length: 1002 }, (_, i) => draft(i + 1)),
      ),
    )
    const behind = (seen: number) => submission('c', [draft(1, { identifier: 'new', seen })], unchanged)
    expect(recentEventsMax).toBe(1000)
    expectVerdicts(tape, [behind(0)], [refused('catch-up-first', { latestSeq: 1001 })])
    expect([tape.events.length, tape.asked]).toEqual([1002, []])
    expectVerdicts(tape, [behind(1)], [taken(1002, 1002)])
    expect(tape.asked).toEqual([1000])
  })

  test('[P9][P8] what the same group took counts for how far it is behind', () => {
    const tape = new PlainTape()
    tape.commit(
      submission(
        'a',
        Array.from({ length: 1000 }, (_, i) => draft(i + 1)),
      ),
    )
    expectVerdicts(
      tape,
      [submission('a', [draft(1001)]), submission('c', [draft(1, { identifier: 'new', seen: -1 })], unchanged)],
      [taken(1000, 1000), refused('catch-up-first', { latestSeq: 1000 })],
    )
  })
})
