/** The torture's checker finds what is wrong: each kind of violation in a recorded history that is otherwise right. */
import { describe, expect, test } from 'vitest'
import type { Change, TapeEvent } from '../../src/protocol/index.ts'
import { check, type ViolationKind } from './checker.ts'
import type { Entry, History } from './history.ts'
import { replay } from './replay.ts'

const mark = (identifier: string, n = 1): Change => ({ type: 'insert', collection: 'marks', identifier, values: { n } })
const write = (who: string, value: string): Change => ({ type: 'update', collection: 'shared', identifier: 's0', values: { [who]: value } })
const made = (who: string, change: Change): Entry => ({ type: 'made', who, change })
const saved = (who: string, ...changes: readonly Change[]): Entry => ({ type: 'saved', who, changes })
const kept = (who: string): Entry => ({ type: 'kept', who })
const delivered = (who: string, ...events: readonly TapeEvent[]): Entry => ({ type: 'delivered', who, events })
const event = (seq: number, [client, counter]: readonly [string, number], change: Change): TapeEvent => ({
  seq,
  client,
  counter,
  seen: -1,
  ...change,
})

/** Two clients, one of them killed once; drafts that stand for themselves, drafts that fold. */
const tape: readonly TapeEvent[] = [
  { seq: 0, seen: -1, type: 'insert', collection: 'shared', identifier: 's0', values: {} },
  event(1, ['A', 1], mark('a1')),
  event(2, ['B', 1], mark('b1')),
  event(3, ['A', 2], mark('a2')),
  event(4, ['A', 3], write('a', 'second')),
  event(5, ['B', 2], mark('b3')),
  event(6, ['B', 3], write('b', 'only')),
  event(7, ['A', 4], { type: 'insert', collection: 'own', identifier: 'a.x', values: { x: 1 } }),
]
const drained = (who: string, pending = 0, of = tape): Entry => ({ type: 'drained', who, pending, shown: replay(of) })
const own: Change = { type: 'insert', collection: 'own', identifier: 'a.x', values: { x: 1 } }

const right: History = [
  made('a', mark('a1')),
  made('b', mark('b1')),
  saved('b', mark('b1')),
  // Made and not saved when its process was killed: on the tape or not.
  made('b', mark('b2')),
  { type: 'killed', who: 'b' },
  { type: 'restarted', who: 'b' },
  made('a', mark('a2')),
  made('a', write('a', 'first')),
  made('a', write('a', 'second')),
  made('a', own),
  made('b', mark('b3')),
  made('b', write('b', 'only')),
  saved('b', mark('b3'), write('b', 'only')),
  delivered('a', ...tape.slice(0, 4)),
  delivered('b', ...tape),
  delivered('a', ...tape.slice(4)),
  { type: 'emptied', who: 'a' },
  { type: 'emptied', who: 'b' },
  drained('a'),
  drained('b'),
]

const kinds = (history: History, events: readonly TapeEvent[] = tape): ViolationKind[] => [
  ...new Set(check(history, events).map(({ kind }) => kind)),
]
const without = (unwanted: number) => tape.filter(({ seq }) => seq !== unwanted).map((each, seq) => ({ ...each, seq }))
/** The history again, as it is told when the tape is another one. */
const told = (events: readonly TapeEvent[], history: History = right): History =>
  history.map((entry) => {
    if (entry.type === 'delivered') return { ...entry, events: [] }
    return entry.type === 'drained' ? { ...entry, shown: replay(events) } : entry
  })
const renumbered = (events: readonly TapeEvent[]): readonly TapeEvent[] => {
  const counters = new Map<string, number>()
  return events.map((each, seq) => {
    if (each.client === undefined) return { ...each, seq }
    const counter = (counters.get(each.client) ?? 0) + 1
    counters.set(each.client, counter)
    return { ...each, seq, counter }
  })
}

describe('the torture', () => {
  test('finds nothing wrong with a history that is right', () => {
    expect(check(right, tape)).toEqual([])
  })

  test('finds nothing wrong when what was not saved before a kill came onto the tape', () => {
    const more = renumbered([...tape.slice(0, 3), event(3, ['B', 2], mark('b2')), ...tape.slice(3)])
    expect(check(told(more), more)).toEqual([])
  })

  test('finds a gap in the seqs', () => {
    const gap = tape.map((each) => (each.seq > 4 ? { ...each, seq: each.seq + 1 } : each))
    expect(kinds(told(gap), gap)).toEqual(['gap'])
  })

  test.each([
    ['skips one', 5],
    ['comes again', 2],
  ])('finds a counter that %s', (_, counter) => {
    const skipped = tape.map((each) => (each.seq === 7 ? { ...each, counter } : each))
    expect(kinds(told(skipped), skipped)).toEqual(['counter'])
  })

  test('finds a draft that was saved and is not on the tape', () => {
    const less = renumbered(without(2))
    expect(kinds(told(less), less)).toEqual(['missing', 'outbox'])
  })

  test('finds a draft that was said to be kept and is not on the tape', () => {
    const said = right.flatMap((entry) => (entry.type === 'killed' ? [kept('b'), entry] : [entry]))
    expect(kinds(said)).toEqual(['missing', 'outbox'])
  })

  test('does not take what was lost with a process for kept by what a later one says', () => {
    const said = right.flatMap((entry): Entry[] => {
      if (entry.type === 'killed') return [made('b', write('b', 'lost')), entry]
      return entry.type === 'emptied' && entry.who === 'b' ? [kept('b'), entry] : [entry]
    })
    expect(check(said, tape)).toEqual([])
    // Here nothing is written after what was lost.
    const only = tape.filter(({ seq }) => seq !== 6).map((each, seq) => ({ ...each, seq }))
    const history: History = [made('b', write('b', 'lost')), { type: 'killed', who: 'b' }, kept('b')]
    expect(kinds(history, renumbered(only)).includes('lost-write')).toBe(false)
  })

  test('finds a draft of a client that was never killed missing, saved or not', () => {
    const less = renumbered(without(3))
    expect(kinds(told(less), less)).toEqual(['missing', 'outbox'])
  })

  test('finds a draft that is on the tape twice', () => {
    const twice = [...tape, event(8, ['A', 5], mark('a1'))]
    expect(kinds(told(twice), twice)).toEqual(['twice'])
  })

  test('finds drafts of one client in another order', () => {
    const [insert, a1, b1, a2, ...rest] = tape as [TapeEvent, TapeEvent, TapeEvent, TapeEvent, ...TapeEvent[]]
    const turned = renumbered([insert, a2, b1, a1, ...rest])
    expect(kinds(told(turned), turned)).toEqual(['order'])
  })

  test('finds what nobody made', () => {
    const more = [...tape, event(8, ['A', 5], mark('a9'))]
    expect(kinds(told(more), more)).toEqual(['foreign'])
  })

  test('finds a draft that is on the tape with other contents', () => {
    const changed = tape.map((each) => (each.seq === 3 ? { ...each, values: { n: 2 } } : each))
    expect(kinds(told(changed), changed)).toEqual(['foreign'])
  })

  test('finds an event that was delivered and is not on the tape', () => {
    expect(kinds([...right, delivered('a', event(8, ['B', 4], mark('b4')))])).toEqual(['delivered'])
  })

  test('finds an event that was delivered otherwise than it is on the tape', () => {
    expect(kinds([...right, delivered('b', event(3, ['A', 2], mark('a2', 7)))])).toEqual(['delivered'])
  })

  test('takes a folded event, which stands for several, for what it makes of the model', () => {
    const folded = { ...tape[1], stamps: { n: 3 }, values: { n: 9 } } as TapeEvent
    expect(kinds([...right, delivered('a', folded)])).toEqual([])
    expect(kinds([...right, delivered('a', { ...folded, seq: 8 })])).toEqual(['delivered'])
  })

  test.each([
    ['lacks an object', tape.slice(0, 7)],
    ['has another value', tape.map((each) => (each.seq === 4 ? { ...each, ...write('a', 'first') } : each))],
    ['has an object too many', [...tape, event(8, ['B', 4], mark('b4'))]],
  ])('finds a model that %s', (_, of) => {
    expect(kinds([...right.slice(0, -1), drained('b', 0, of)])).toEqual(['model'])
  })

  test('finds a model in which something still is pending', () => {
    const shown = replay(tape)
    const pending = { ...shown, own: shown.own.map((object) => ({ ...object, isPending: true })) }
    expect(kinds([...right.slice(0, -1), { type: 'drained', who: 'b', pending: 0, shown: pending }])).toEqual(['model'])
  })

  test('finds an outbox that was empty too early', () => {
    const less = renumbered(without(3))
    const early = told(less).filter((entry) => entry.type !== 'drained')
    expect(check(early, less).filter(({ kind }) => kind === 'outbox')).toHaveLength(1)
  })

  test('finds an outbox that is not empty though all of its drafts are on the tape', () => {
    expect(kinds([...right.slice(0, -2), drained('a', 1), drained('b')])).toEqual(['outbox'])
  })

  test('finds a last write that did not win', () => {
    const older = tape.map((each) => (each.seq === 4 ? { ...each, ...write('a', 'first') } : each))
    expect(kinds(told(older), older)).toEqual(['lost-write'])
  })

  test('finds a last write of a killed client that had been saved and did not win', () => {
    const less = renumbered(without(6))
    expect(kinds(told(less), less)).toEqual(['lost-write'])
  })

  test('finds an object of its own that ended otherwise', () => {
    const less = renumbered(without(7))
    expect(kinds(told(less), less)).toEqual(['lost-write'])
  })

  test('finds who did not come to rest, was reset, refused, or told of trouble', () => {
    const trouble: History = [
      { type: 'stuck', who: 'a', status: '…' },
      { type: 'reset', who: 'a' },
      { type: 'refused', who: 'a', code: 'invalid' },
      { type: 'reported', who: 'a', what: 'Error' },
    ]
    expect(kinds([...right, ...trouble])).toEqual(['stuck', 'reset', 'refused', 'reported'])
  })
})
