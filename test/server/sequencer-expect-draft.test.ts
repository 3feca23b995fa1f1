/** Preconditions of single drafts: nobody else has written the object, or some fields of it, since it was seen. */
import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../src/server/turn/sequencer.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { anonymousDraft, type Draft, draft, PlainTape, plain, refused, submission, taken } from '../support/tape-state.ts'

const unchanged = { expect: { unchanged: true } } as const
const fields = (...names: string[]) => ({ expect: { unchanged: names } })
const update = (counter: number, change: Partial<Draft> = {}) => draft(counter, { type: 'update', ...change })

/** Seq 0 … 4 on t1: a inserts it, b writes f, a script writes g, a writes h. Then b inserts t2. */
function smallTape(): PlainTape {
  const tape = new PlainTape()
  const on = { identifier: 't1' }
  tape.commit(submission('a', [draft(1, on)]))
  tape.commit(submission('b', [update(1, { ...on, values: { f: 1 } })]))
  tape.commit(submission(undefined, [anonymousDraft({ ...on, type: 'update', values: { g: 1 } })]))
  tape.commit(submission('a', [update(2, { ...on, values: { h: 1 } })]))
  tape.commit(submission('b', [draft(2, { identifier: 't2' })]))
  return tape
}

function expectVerdict(client: string | undefined, change: Partial<Draft>, verdict: unknown): void {
  const tape = smallTape()
  const counter = client === 'a' || client === 'b' ? 3 : 1
  const one = client === undefined ? anonymousDraft(change) : draft(counter, change)
  expect(tape.commit(submission(client, [one])).verdicts.map(plain)).toEqual([verdict])
  expect(tape.events).toHaveLength(verdict === accepted ? 6 : 5)
}

const accepted = taken(5, 5)
const inTheWay = (counter: number | undefined, ...conflicts: [number, number][]) =>
  refused('expect-failed', { latestSeq: 4, ...(counter === undefined ? {} : { counter }), conflicts })

describe('expect of a draft', () => {
  const t1 = { identifier: 't1', type: 'update' } as const

  test('[X1] takes it when nobody else has written the object since it was seen', () => {
    expectVerdict('c', { ...t1, seen: 3, ...unchanged }, accepted)
    expectVerdict('c', { ...t1, seen: 4, ...unchanged }, accepted)
    expectVerdict('a', { ...t1, seen: 2, ...unchanged }, accepted)
    expectVerdict('c', { identifier: 'new', seen: -1, ...unchanged }, accepted)
    expectVerdict('c', { ...t1, collection: 'notes', seen: -1, ...unchanged }, accepted)
  })

  test('[X1] refuses it with its counter and the seqs in the way, of clients and of scripts', () => {
    expectVerdict('c', { ...t1, seen: 2, ...unchanged }, inTheWay(1, [3, 3]))
    expectVerdict('c', { ...t1, seen: -1, ...unchanged }, inTheWay(1, [0, 3]))
    expectVerdict('a', { ...t1, seen: -1, ...unchanged }, inTheWay(3, [1, 2]))
    expectVerdict('b', { ...t1, seen: 0, ...unchanged }, inTheWay(3, [2, 3]))
    expectVerdict(undefined, { ...t1, seen: 1, ...unchanged }, inTheWay(undefined, [2, 3]))
  })

  test('[X1] of fields looks at those alone; an insert has written all of them', () => {
    expectVerdict('c', { ...t1, seen: 0, ...fields('g', 'other') }, inTheWay(1, [2, 2]))
    expectVerdict('c', { ...t1, seen: 0, ...fields('f', 'h') }, inTheWay(1, [1, 1], [3, 3]))
    expectVerdict('c', { ...t1, seen: 0, ...fields('other', 'toString') }, accepted)
    expectVerdict('c', { ...t1, seen: 2, ...fields('f', 'g') }, accepted)
    expectVerdict('a', { ...t1, seen: 0, ...fields('h') }, accepted)
    expectVerdict('c', { ...t1, seen: -1, ...fields('other') }, inTheWay(1, [0, 0]))
    expectVerdict('a', { ...t1, seen: -1, ...fields('other') }, accepted)
  })

  test('[X1] of fields: a delete has written all of them, even of what nobody had inserted', () => {
    const tape = smallTape()
    tape.commit(submission('b', [draft(3, { type: 'delete', identifier: 't9', values: undefined })]))
    const one = update(1, { identifier: 't9', seen: 4, ...fields('f') })
    expect(tape.commit(submission('c', [one])).verdicts.map(plain)).toEqual([
      refused('expect-failed', { latestSeq: 5, counter: 1, conflicts: [[5, 5]] }),
    ])
  })

  test('[X1] holds whatever the draft itself does', () => {
    for (const type of ['insert', 'update', 'delete'] as const) {
      const values = type === 'delete' ? undefined : { f: 2 }
      expectVerdict('c', { type, values, identifier: 't1', seen: 0, ...fields('f') }, inTheWay(1, [1, 1]))
      expectVerdict('c', { type, values, identifier: 't1', seen: 3, ...unchanged }, accepted)
    }
  })

  test('[X1][P1] of one draft spoils its batch, and the first of them is blamed', () => {
    const tape = smallTape()
    const drafts = [
      update(1, { identifier: 't1', seen: 4, ...unchanged }),
      update(2, { identifier: 't1', seen: -1 }),
      update(3, { identifier: 't1', seen: 2, ...unchanged }),
      update(4, { identifier: 't2', seen: -1, ...unchanged }),
    ]
    expect(tape.commit(submission('c', drafts)).verdicts.map(plain)).toEqual([inTheWay(3, [3, 3])])
    expect([tape.events.length, tape.clients.has('c')]).toEqual([5, false])
    expect(tape.commit(submission('c', drafts.slice(0, 2))).verdicts.map(plain)).toEqual([taken(5, 6)])
  })

  test('[X1] is not looked at for duplicates', () => {
    const tape = smallTape()
    const again = update(2, { identifier: 't1', seen: -1, ...unchanged })
    expect(tape.commit(submission('a', [again])).verdicts.map(plain)).toEqual([{ type: 'taken', seqs: [], duplicates: 1 }])
    expect(tape.commit(submission('a', [again, update(3, { seen: 4 })])).verdicts.map(plain)).toEqual([taken(5, 5, 1)])
    expect(tape.asked).toEqual([])
  })

  test('[X1] drafts of one batch are not in each other’s way, of a script neither', () => {
    const both = [1, 2].map((counter) => update(counter, { identifier: 't9', seen: 4, ...unchanged }))
    expect(smallTape().commit(submission('c', both)).verdicts.map(plain)).toEqual([taken(5, 6)])
    const anonymous = both.map(({ counter: _, ...rest }) => rest)
    expect(smallTape().commit(submission(undefined, anonymous)).verdicts.map(plain)).toEqual([taken(5, 6)])
  })

  test('[X1][P8] what the same group took before it is, and what it refused is not', () => {
    const on = (counter: number, identifier: string) => update(counter, { identifier, seen: 4, values: { f: 1 }, ...unchanged })
    const group = [
      submission('d', [on(1, 't8')], { epoch: 'other' }),
      submission('d', [on(1, 't9')]),
      submission('c', [on(1, 't9')]),
      submission('c', [on(1, 't8')]),
      submission('d', [on(2, 't9')]),
      submission('e', [update(1, { identifier: 't9', seen: 4, ...fields('g') })]),
    ]
    expect(
      smallTape()
        .commit(...group)
        .verdicts.map(plain),
    ).toEqual([
      refused('wrong-epoch', { epoch: 'epoch-1' }),
      taken(5, 5),
      refused('expect-failed', { latestSeq: 5, counter: 1, conflicts: [[5, 5]] }),
      taken(6, 6),
      taken(7, 7),
      taken(8, 8),
    ])
  })

  test('[X1][P9] beside that of the batch: both have to hold, that of the batch first', () => {
    const one = update(1, { identifier: 't1', seen: 2, ...unchanged })
    const verdictOf = (more: object) =>
      smallTape()
        .commit(submission('c', [one], more))
        .verdicts.map(plain)
    expect(verdictOf({ expect: { latestSeq: 3 } })).toEqual([refused('expect-failed', { latestSeq: 4 })])
    expect(verdictOf({ expect: { latestSeq: 4 } })).toEqual([inTheWay(1, [3, 3])])
    expect(verdictOf(unchanged)).toEqual([refused('expect-failed', { latestSeq: 4, conflicts: [[3, 3]] })])
  })
})

describe('how far it looks', () => {
  const longTape = (count: number) => {
    const tape = new PlainTape()
    for (let counter = 1; counter <= count; counter += 500) {
      const drafts = Array.from({ length: Math.min(500, count + 1 - counter) }, (_, i) => draft(counter + i))
      tape.commit(submission('a', drafts))
    }
    return tape
  }
  const behind = (seen: number) => submission('c', [draft(1, { identifier: 'new', seen, ...unchanged })])

  test('[X2] over 1,000 events and no further, with the counter of the draft', () => {
    const tape = longTape(1002)
    expect(tape.commit(behind(0)).verdicts.map(plain)).toEqual([refused('catch-up-first', { latestSeq: 1001, counter: 1 })])
    expect(tape.asked).toEqual([])
    expect(tape.commit(behind(1)).verdicts.map(plain)).toEqual([taken(1002, 1002)])
  })

  test('[X2] not at all for a draft that has seen everything', () => {
    const tape = longTape(1002)
    expect(tape.commit(behind(1001)).verdicts.map(plain)).toEqual([taken(1002, 1002)])
    expect(tape.asked).toEqual([])
  })

  test('[X2] a draft that is too far behind is blamed, not the ones before it', () => {
    const tape = longTape(1002)
    const drafts = [draft(1, { seen: 1001, ...unchanged }), draft(2, { seen: -1 }), draft(3, { seen: 0, ...unchanged })]
    expect(tape.commit(submission('c', drafts)).verdicts.map(plain)).toEqual([refused('catch-up-first', { latestSeq: 1001, counter: 3 })])
  })

  test('[X2] what is kept for it does not grow with the tape', () => {
    const tape = longTape(5)
    for (let counter = 6; counter <= 300; counter++) {
      tape.commit(submission('a', [draft(counter, { seen: counter - 3, ...unchanged })]))
    }
    expect(tape.state.recent.kept?.latestSeq).toBe(299)
    expect(tape.state.recent.kept?.floorOf(1000)).toBe(300 - 64)
  })

  test('[X2] publishes that expect nothing read nothing, and keep nothing', () => {
    const tape = longTape(5)
    tape.commit(submission('c', [draft(1, { seen: -1 })]))
    expect([tape.asked, tape.state.recent.kept]).toEqual([[], undefined])
  })
})

/** Random publishes on a core, decided by hand as well: by looking through the whole tape. */
function playCore(seed: number): void {
  const random = new SeededRandom(seed)
  let rig = new CoreRig(new MemoryTape())
  const counters = new Map<string, number>()
  for (let group = 0; group < 25; group++) {
    if (random.chance(0.2)) rig = new CoreRig(rig.storage)
    const before = rig.events() as Written[]
    const submissions = Array.from({ length: 1 + random.below(4) }, () => randomSubmission(random, before.length - 1, counters))
    const tail = [...before]
    const expected: string[] = []
    const group = submissions.map((one) => {
      const counter = (counters.get(one.client ?? '') ?? 0) + 1
      const drafts = one.drafts.map((change, i) => (one.client === undefined ? change : { ...change, counter: counter + i }))
      const conflicts = conflictsOf(tail, one.client, drafts)
      expected.push(conflicts.length === 0 ? 'taken' : JSON.stringify(conflicts))
      if (conflicts.length === 0) {
        for (const change of drafts) tail.push({ ...change, seq: tail.length, ...(one.client === undefined ? {} : { client: one.client }) })
        if (one.client !== undefined) counters.set(one.client, counter + drafts.length - 1)
      }
      return submission(one.client, drafts)
    })
    const verdicts = rig.commit(...group)
    expect(verdicts.map(outcomeOf), `seed ${seed}`).toEqual(expected)
    expect((rig.events() as Written[]).length).toBe(tail.length)
  }
}

type Written = Draft & { readonly seq: number; readonly client?: string }

function randomSubmission(random: SeededRandom, latestSeq: number, counters: ReadonlyMap<string, number>) {
  const client = random.pick(['a', 'b', undefined])
  const drafts = Array.from({ length: 1 + random.below(3) }, () => {
    const type = random.pick(['insert', 'update', 'update', 'delete'] as const)
    const names = ['f', 'g', 'h'].filter(() => random.chance(0.5))
    const seen = Math.max(-1, latestSeq - random.below(6))
    const change = { type, collection: 'x', identifier: random.pick(['o1', 'o2']), seen }
    const values = type === 'delete' ? {} : { values: Object.fromEntries(names.map((name) => [name, counters.size])) }
    const expectation = random.chance(0.5)
      ? {}
      : { expect: { unchanged: random.chance(0.4) ? (true as const) : [random.pick(['f', 'g', 'k'])] } }
    return { ...change, ...values, ...expectation } satisfies Draft
  })
  return { client, drafts }
}

/** What is in the way of the first draft of a batch whose precondition does not hold. */
function conflictsOf(tail: readonly Written[], client: string | undefined, drafts: readonly Draft[]): readonly number[] {
  for (const { seen, identifier, expect: expectation } of drafts) {
    if (expectation === undefined) continue
    const { unchanged } = expectation
    const conflicts = tail.filter(
      (event) =>
        event.seq > seen &&
        event.identifier === identifier &&
        (event.client === undefined || event.client !== client) &&
        (unchanged === true || event.type !== 'update' || unchanged.some((field) => Object.hasOwn(event.values ?? {}, field))),
    )
    if (conflicts.length > 0) return conflicts.map(({ seq }) => seq)
  }
  return []
}

function outcomeOf(verdict: Verdict): string {
  if (verdict.type === 'taken') return 'taken'
  const { conflicts = [] } = verdict.refusal.details
  return JSON.stringify(conflicts.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)))
}

test('[X1][L9] over random groups and evictions, every verdict is the one that a look through the whole tape gives', () => {
  for (let seed = 1; seed <= 60; seed++) playCore(seed)
})
