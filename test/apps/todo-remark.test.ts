/** What the to-do page says of a conflict, word by word, and where it says it. */
import { describe, expect, test } from 'vitest'
import { overwriteRemark, remarkOf } from '../../src/apps/todo/remark.ts'
import { placeRemarks } from '../../src/apps/todo/remark-places.ts'
import { enumerate, quote } from '../../src/apps/todo/wording.ts'
import type { Conflict } from '../../src/models/index.ts'
import type { EventType, Json } from '../../src/protocol/index.ts'

interface Told {
  readonly mine?: EventType
  readonly theirs?: EventType
  readonly winner?: 'mine' | 'theirs'
  readonly by?: string | undefined
  /** By field: mine, theirs. */
  readonly fields?: Readonly<Record<string, readonly [Json | undefined, Json | undefined]>>
  readonly before?: Conflict['before']
}

function conflictOf({ mine = 'update', theirs = 'update', winner = 'theirs', fields = {}, before, ...rest }: Told) {
  const by = 'by' in rest ? rest.by : 'their-client'
  return {
    fields: Object.fromEntries(Object.entries(fields).map(([field, [own, other]]) => [field, { mine: own, theirs: other }])),
    mine: { type: mine, client: 'my-client', seq: undefined },
    theirs: { type: theirs, client: by, seq: 7 },
    winner,
    before,
  }
}

const said = (told: Told, shown?: string) => remarkOf(conflictOf(told), shown)?.text
const theirsStand = 'Theirs came later and stands; yours is lost.'

describe('in words', () => {
  const named: Told['fields'] = { title: ['Oat milk', 'Soy milk'] }
  const cases: readonly (readonly [Told, string])[] = [
    [{ fields: named }, `Renamed elsewhere to “Soy milk” while you renamed it to “Oat milk”. ${theirsStand}`],
    [
      { fields: named, winner: 'mine' },
      'Renamed elsewhere to “Soy milk” while you renamed it to “Oat milk”. Yours came later and stands; theirs is lost.',
    ],
    [{ fields: named, by: undefined }, `Renamed by a script to “Soy milk” while you renamed it to “Oat milk”. ${theirsStand}`],
    [{ fields: { completed: [true, false] } }, `Unticked elsewhere while you ticked it. ${theirsStand}`],
    [{ fields: { label: ['none', 'red'] } }, `Coloured red elsewhere while you took its colour away. ${theirsStand}`],
    [{ fields: { label: ['red', 'infrared'] } }, `Its colour taken away elsewhere while you coloured it red. ${theirsStand}`],
    [
      { fields: { ...named, completed: [false, true], position: ['a1', 'a2'] } },
      `Renamed elsewhere to “Soy milk” while you renamed it to “Oat milk”; ticked elsewhere while you unticked it. ${theirsStand}`,
    ],
    [{ fields: { notes: [1, 2] } }, `“notes” changed elsewhere while you changed its “notes”, too. ${theirsStand}`],
    [
      { fields: { title: ['Oat milk', undefined] }, theirs: 'insert' },
      `Written anew elsewhere while you renamed it to “Oat milk”. ${theirsStand}`,
    ],
    [
      { fields: { title: ['Oat milk', undefined], completed: [true, undefined] }, theirs: 'delete' },
      'Deleted elsewhere while you renamed it to “Oat milk” and ticked it. It is gone, and your change with it.',
    ],
    [
      { fields: { title: [undefined, 'Soy milk'] }, mine: 'delete', winner: 'mine' },
      'Renamed elsewhere to “Soy milk” while you deleted it. It stays deleted, and their change is lost.',
    ],
    [
      { fields: { title: [undefined, 'Milk'] }, mine: 'delete', theirs: 'insert' },
      'Brought back elsewhere while you deleted it. It is here.',
    ],
    [{ fields: {}, mine: 'insert', theirs: 'delete', winner: 'mine' }, 'Deleted elsewhere while you brought it back. It is here.'],
  ]
  test.each(cases)('%j', (told, text) => expect(said(told)).toBe(text))

  test('another place in the list is worth none, whatever else became of the task', () => {
    expect(said({ fields: { position: ['a1', 'a2'] } })).toBeUndefined()
    expect(said({ fields: { position: ['a1', undefined] }, theirs: 'delete' })).toBeUndefined()
  })
})

test('every pair of changes has its two answers, and what stands is marked', () => {
  const choices = (told: Told) => remarkOf(conflictOf(told), undefined)?.choices.map(({ name, stands }) => `${name}${stands ? ' ✓' : ''}`)
  const fields = { title: ['a', 'b'] } as const
  expect(choices({ fields })).toEqual(['Keep theirs ✓', 'Keep mine'])
  expect(choices({ fields, winner: 'mine' })).toEqual(['Keep theirs', 'Keep mine ✓'])
  expect(choices({ fields, theirs: 'delete' })).toEqual(['Leave it deleted ✓', 'Bring it back'])
  expect(choices({ fields, mine: 'delete', winner: 'mine' })).toEqual(['Bring it back', 'Leave it deleted ✓'])
  expect(choices({ fields, mine: 'delete', theirs: 'insert' })).toEqual(['Keep it ✓', 'Delete it'])
})

test('a task is named as it is now, or as it was', () => {
  const fields = { completed: [true, false] } as const
  const before = { title: 'Milk' }
  expect(remarkOf(conflictOf({ fields, before }), 'Oat milk')?.title).toBe('“Oat milk”')
  expect(remarkOf(conflictOf({ fields, before }), undefined)?.title).toBe('“Milk”')
  expect(remarkOf(conflictOf({ fields }), undefined)?.title).toBeUndefined()
})

test('an edit that was saved over another title stands, and says what it overwrote', () => {
  const remark = overwriteRemark({ overwritten: 'Two B' }, 'Two C')
  expect([remark.title, remark.text]).toEqual(['“Two C”', 'Renamed elsewhere to “Two B” while you edited it. Yours stands.'])
  expect(remark.choices.map(({ name, stands }) => [name, stands])).toEqual([
    ['Keep theirs', false],
    ['Keep mine', true],
  ])
})

test('titles are quoted on one line, cut between letters, and turn no sentence around', () => {
  expect(quote('a\n  b\tc ')).toBe('“a b c”')
  expect(quote('👍'.repeat(41))).toBe(`“${'👍'.repeat(40)}…”`)
  expect(quote('\u202Eevil\u2066')).toBe('“evil”')
  expect(quote('שלום')).toBe('“\u2068שלום\u2069”')
  expect([enumerate([]), enumerate(['a']), enumerate(['a', 'b', 'c'])]).toEqual(['', 'a', 'a, b and c'])
})

test('a remark stands beside its task where that is in sight, and above otherwise; the first few alone', () => {
  const ids = ['one', 'two', 'three', 'four']
  const conflicts = ids.map((identifier) => ({ ...conflictOf({ fields: { title: ['a', 'b'] } }), identifier })) as unknown as Conflict[]
  const rows = ['three', 'one'].map((identifier) => ({
    identifier,
    values: { title: '', completed: false, label: 'none' as const },
    isPending: false,
  }))
  const places = placeRemarks({ conflicts, taskOf: () => undefined, rows, shownMax: 3 })
  expect([...places.beside.keys()]).toEqual(['one', 'three'])
  expect(places.above.map(({ conflict }) => conflict.identifier)).toEqual(['two'])
  expect([places.all.length, places.more]).toEqual([4, 1])
})
