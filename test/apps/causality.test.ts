/** What the tape strip says of an event: what it had seen, and what was made at the same time. */
import { describe, expect, test } from 'vitest'
import { causalityOf, rangesText, relationName } from '../../src/apps/tape-strip/causality.ts'
import { type Cell, type Cells, cellsOf } from '../../src/apps/tape-strip/cells.ts'
import { relationOf } from '../../src/apps/tape-strip/relations.ts'
import { TapeLog } from '../../src/apps/tape-strip/tape-log.ts'
import type { OutboxItem, TapeEvent } from '../../src/browser/index.ts'

const own = 'me'

function event(seq: number, client: string | undefined, seen: number, more: Partial<TapeEvent> = {}): TapeEvent {
  return { seq, client, seen, type: 'update', collection: 'things', identifier: 'a', values: { x: seq }, ...more }
}

function item(place: number, seen: number): OutboxItem {
  const draft = { type: 'update', collection: 'things', identifier: 'a', seen, values: {} } as const
  return { place, draft, state: 'queued', madeAt: 0, folded: { drafts: 1, bytes: 1 } }
}

/** The strip of a tape whose newest events these are. */
function strip(
  events: readonly TapeEvent[],
  { holes = [], outbox = [], latestSeq = events.at(-1)?.seq ?? -1 }: Partial<Strip> = {},
): Cells {
  const log = new TapeLog()
  log.apply(events)
  return cellsOf({ latestSeq, holes, client: own, outbox }, log)
}

interface Strip {
  readonly holes: readonly (readonly [number, number])[]
  readonly outbox: readonly OutboxItem[]
  readonly latestSeq: number
}

function cell(cells: Cells, key: string): Cell {
  const found = cells.cells.find((each) => each.key === key)
  if (found === undefined) throw new Error(`No cell ${key}.`)
  return found
}

function relations(cells: Cells, key: string): Record<string, string | undefined> {
  return Object.fromEntries(cells.cells.map((each) => [each.key, relationOf(cell(cells, key), each, own)]))
}

function sentences(cells: Cells, key: string): readonly string[] {
  return causalityOf(cell(cells, key), cells, own)
}

/** Ben writes 3 and 4 having seen no more than 1, while Anna writes 2. */
const together = [event(0, own, -1), event(1, 'anna', 0), event(2, 'anna', 1), event(3, 'ben', 1), event(4, 'ben', 1), event(5, own, 4)]

describe('the cells of the tape', () => {
  test('are before an event that had seen them, after one that they had seen, and concurrent otherwise', () => {
    const cells = strip(together)
    expect(relations(cells, 'seq-3')).toEqual({
      'seq-0': 'before',
      'seq-1': 'before',
      'seq-2': 'concurrent',
      'seq-3': undefined,
      'seq-4': 'after',
      'seq-5': 'after',
    })
    expect(relations(cells, 'seq-2')).toMatchObject({ 'seq-1': 'before', 'seq-3': 'concurrent', 'seq-4': 'concurrent', 'seq-5': 'after' })
  })

  test('are never concurrent with one of the same client, whatever that had seen; scripts have no client in common', () => {
    expect(relations(strip([event(0, 'anna', -1), event(1, 'anna', -1)]), 'seq-1')).toMatchObject({ 'seq-0': 'before' })
    expect(relations(strip([event(0, undefined, -1), event(1, undefined, -1)]), 'seq-1')).toMatchObject({ 'seq-0': 'concurrent' })
  })

  test('stand to drafts that wait by what these had seen', () => {
    const cells = strip(together, { outbox: [item(1, 1), item(2, 5)] })
    expect(relations(cells, 'pending-1')).toEqual({
      'seq-0': 'before',
      'seq-1': 'before',
      'seq-2': 'concurrent',
      'seq-3': 'concurrent',
      'seq-4': 'concurrent',
      'seq-5': 'before',
      'pending-1': undefined,
      'pending-2': 'after',
    })
    expect(relations(cells, 'pending-2')).toMatchObject({ 'seq-4': 'before', 'seq-5': 'before', 'pending-1': 'before' })
    expect(relations(cells, 'seq-4')).toMatchObject({ 'pending-1': 'concurrent', 'pending-2': 'after' })
  })

  test('say nothing where the event is not here as it was written', () => {
    const folded = event(1, 'anna', 0, { type: 'insert', stamps: { y: 3 }, makers: { y: 'ben' }, values: { x: 1, y: 3 } })
    const cells = strip([event(0, own, -1), folded, event(5, 'carl', 1)], { holes: [[4, 4]] })
    expect(relations(cells, 'seq-5')).toMatchObject({ 'seq-1': 'before', 'seq-2': 'unknown', 'seq-3': 'concurrent', 'seq-4': 'unknown' })
    expect(relations(cells, 'seq-1')).toMatchObject({ 'seq-0': 'before', 'seq-3': 'unknown', 'seq-5': 'after' })
    expect(new Set(Object.values(relations(cells, 'seq-4')))).toEqual(new Set([undefined]))
    expect(sentences(cells, 'seq-5')).toEqual([
      'It had seen the tape up to seq 1.',
      'It was made at the same time as 3, which it had not seen.',
      'Of 2 and 4 this strip cannot tell: it does not have them as they were written.',
    ])
    expect(sentences(cells, 'seq-4')).toEqual([])
  })
})

describe('the sentences', () => {
  test('name what an event had seen, what it had not, and what had not seen it', () => {
    const cells = strip(together, { outbox: [item(1, 1)] })
    expect(sentences(cells, 'seq-3')).toEqual([
      'It had seen the tape up to seq 1.',
      'It was made at the same time as 2, which it had not seen, and as one that waits here, which had not seen it.',
    ])
    expect(sentences(cells, 'seq-2')).toEqual([
      'It had seen the tape up to seq 1.',
      'It was made at the same time as 3, 4 and one that waits here, which had not seen it.',
    ])
    expect(sentences(cells, 'pending-1')).toEqual([
      'It had seen the tape up to seq 1.',
      'It was made at the same time as 2 to 4, which it had not seen.',
    ])
    expect(sentences(strip([event(0, own, -1)]), 'seq-0')).toEqual([
      'It had seen nothing of the tape.',
      'Nothing else was made at the same time.',
    ])
  })

  test('do not vouch for what is not drawn any more, however much that is', () => {
    const last = 1_000_000
    const events = Array.from({ length: 48 }, (_, index) => event(last - 47 + index, own, last - 48 + index))
    const cells = strip([...events.slice(0, -1), event(last, 'anna', 2)])
    expect(sentences(cells, `seq-${last}`)).toEqual([
      'It had seen the tape up to seq 2.',
      `It was made at the same time as ${last - 47} to ${last - 1}, which it had not seen.`,
      `Of 3 to ${last - 48} this strip cannot tell: it does not have them as they were written.`,
    ])
  })

  test('read seqs out as people do', () => {
    expect(rangesText([])).toBe('')
    expect(rangesText([[17, 17]])).toBe('17')
    expect(
      rangesText([
        [17, 17],
        [19, 19],
      ]),
    ).toBe('17 and 19')
    expect(
      rangesText([
        [3, 4],
        [6, 9],
      ]),
    ).toBe('3, 4 and 6 to 9')
  })

  test('stand in the names of the cells, too', () => {
    const cells = strip(together)
    expect(relationName('concurrent', cell(cells, 'seq-3'))).toBe(', made at the same time as seq 3')
    expect(relationName('before', cell(strip([], { outbox: [item(1, -1)] }), 'pending-1'))).toBe(', seen by the pending one')
    expect(relationName('after', cell(cells, 'seq-3'))).toBe('')
    expect(relationName(undefined, undefined)).toBe('')
  })
})
