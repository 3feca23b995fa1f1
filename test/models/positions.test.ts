import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { comparePositions, placeAt, positionOf } from '../../src/models/collection/positions.ts'
import { Collection } from '../../src/models/index.ts'
import type { Json } from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { anyDelivery, deliver } from './delivery.ts'
import { collection, eventOf, ModelRig } from './model-rig.ts'

const malformed: readonly Json[] = [
  '',
  'a',
  '0',
  'a!',
  'a00',
  'b0',
  'é0',
  'zzz',
  'A00000000000000000000000000',
  'a0 ',
  `a0${'V'.repeat(100_000)}`,
  7,
  null,
  true,
  ['a0'],
  { a: 0 },
]

/** Keys that the library could have made, and long ones next to each other. */
const anyPosition = fc.oneof(
  fc.constantFrom(
    'a0',
    'a0V',
    'a1',
    'Zz',
    'ZzV',
    'A00000000000000000000000000V',
    `z${'z'.repeat(26)}`,
    `z${'z'.repeat(26)}V`,
    `a0${'z'.repeat(80)}`,
    `a0${'0'.repeat(70)}1`,
    `a0${'z'.repeat(997)}V`,
  ),
  fc.stringMatching(/^[ab][0-9A-Za-z]{1,3}V?$/).filter((text) => positionOf(text) !== undefined),
)
const anyList = fc
  .tuple(fc.array(anyPosition, { maxLength: 40 }), fc.nat(3))
  .map(([positions, without]): (string | undefined)[] => [
    ...positions.sort(comparePositions),
    ...Array.from({ length: without }, () => undefined),
  ])

/** Places something, and gives how the list is then. */
function place(list: readonly (string | undefined)[], index: number) {
  const placement = placeAt({ length: list.length, positionAt: (at) => list[at] }, index)
  const after = [...list]
  for (const [at, position] of placement.others) after[at] = position
  after.splice(index, 0, placement.position)
  return { ...placement, after }
}

describe('positions', () => {
  test('[M5] anything but a key is none', () => {
    for (const value of malformed) expect(positionOf(value), String(value).slice(0, 20)).toBeUndefined()
    expect(positionOf(undefined)).toBeUndefined()
    for (const value of ['a0', 'Zz', 'a0V', 'b00', 'z00000000000000000000000000', 'A00000000000000000000000001'])
      expect(positionOf(value)).toBe(value)
    expect(positionOf(`a0${'V'.repeat(998)}`)).toBeDefined()
    expect(positionOf(`a0${'V'.repeat(999)}`)).toBeUndefined()
  })

  test('[M5] there is room anywhere, whatever the neighbours have, and as few of them move as must', () => {
    const property = fc.property(anyList, fc.nat(), (list, at) => {
      const index = at % (list.length + 1)
      const { position, others, after } = place(list, index)
      expect(positionOf(position)).toBe(position)
      // What stands before it is before it, and what stood behind is behind; equal ones keep to their own order.
      for (let i = 1; i < after.length; i++) expect(comparePositions(after[i - 1], after[i])).toBeLessThanOrEqual(0)
      expect(comparePositions(after[index - 1] ?? '', position)).toBe(-1)
      expect(comparePositions(position, after[index + 1])).toBe(-1)
      for (const [, other] of others) expect(positionOf(other)).toBe(other)
      const [before, next] = [list[index - 1], list[index]]
      const hasRoom = index === 0 || (before !== undefined && before !== next)
      const isShort = [before, next].every((each) => each === undefined || each.length < 60)
      if (hasRoom && isShort) expect(others).toEqual([])
      if (index > 0 && before === undefined && isShort) expect(others).toHaveLength(index - list.indexOf(undefined))
    })
    fc.assert(property, {
      seed: 1,
      numRuns: 3000,
      examples: [
        [[undefined], 0],
        [['a0', 'a0'], 1],
      ],
    })
  })

  test('[M5] between equal ones the smaller part moves', () => {
    const equal = Array.from({ length: 9 }, () => 'a0')
    expect(place(equal, 7).others.map(([index]) => index)).toEqual([7, 8])
    expect(place(equal, 2).others.map(([index]) => index)).toEqual([0, 1])
    expect(place(['Zz', ...equal, 'a1'], 8).others.map(([index]) => index)).toEqual([8, 9])
  })

  const patterns: readonly (readonly [string, (length: number, random: SeededRandom) => number])[] = [
    ['at the start', () => 0],
    ['at the end', (length) => length],
    ['after the same record', () => 501],
    ['before the same record', (length) => length - 500],
    ['in the middle, from both sides', (length) => length >> 1],
    ['anywhere', (length, random) => random.below(length + 1)],
  ]
  test.each(patterns)('[M5] keys stay short: 10,000 inserts %s', (_where, indexIn) => {
    const random = new SeededRandom(1)
    const list: (string | undefined)[] = []
    while (list.length < 1000) list.push(place(list, list.length).position)
    let moved = 0
    for (let count = 0; count < 10_000; count++) {
      const index = indexIn(list.length, random)
      const { position, others } = placeAt({ length: list.length, positionAt: (at) => list[at] }, index)
      for (const [at, other] of others) list[at] = other
      list.splice(index, 0, position)
      moved += others.length
    }
    expect(list.every((position, index) => index === 0 || comparePositions(list[index - 1], position) < 0)).toBe(true)
    expect(Math.max(...list.map((position) => position?.length ?? 0))).toBeLessThanOrEqual(64)
    expect(moved / 10_000).toBeLessThan(1.5)
  })
})

describe('a list in order of position', () => {
  function rigOf() {
    const rig = new ModelRig(new Collection(collection, { position: 'at' }))
    const order = () => rig.model.list.map(({ identifier }) => identifier).join('')
    return { rig, things: rig.model, order }
  }

  test('[M5] ties are in the order of appearance, and what has no position comes after all', () => {
    const { rig, order } = rigOf()
    const positions: readonly Json[] = ['a1', 7, 'a0', 'a1', '', 'a0']
    positions.forEach((at, seq) => void rig.apply([eventOf(seq, 'insert', 'abcdef'[seq] as string, { at })]))
    rig.receive('insert', 'g', {})
    expect(order()).toBe('cfadbeg')
    rig.receive('update', 'a', { at: 'Zz' })
    rig.receive('update', 'c', { at: 'gone' })
    expect(order()).toBe('afdbceg')
  })

  test('[M5] records go where they are put', () => {
    const { things, order } = rigOf()
    for (const identifier of ['b', 'd']) things.insert({}, { identifier })
    things.insert({}, { identifier: 'a', before: 'b' })
    things.insert({}, { identifier: 'c', after: 'b' })
    things.insert({}, { identifier: 'e', after: 'gone' })
    expect(order()).toBe('abcde')
    expect(things.list.every(({ values }) => positionOf(values.at) !== undefined)).toBe(true)
    things.insert({ n: 1 }, { identifier: 'b', after: 'a' })
    expect([order(), things.get('b')?.values.n]).toEqual(['abcde', 1])
    expect(things.move('a', { after: 'c' })).toBe(true)
    expect(order()).toBe('bcade')
    expect(things.move('e', { before: 'b' })).toBe(true)
    expect(order()).toBe('ebcad')
    expect(things.move('b', 'first')).toBe(true)
    expect(things.move('e', 'last')).toBe(true)
    expect(order()).toBe('bcade')
  })

  test('[M5] to move a record to where it is changes nothing, nor is anything put beside what is not there', () => {
    const { rig, things } = rigOf()
    for (const identifier of ['a', 'b', 'c']) things.insert({}, { identifier })
    const vended = rig.vended.length
    const moves = [
      things.move('a', 'first'),
      things.move('c', 'last'),
      things.move('b', { after: 'a' }),
      things.move('b', { before: 'c' }),
      things.move('b', { before: 'b' }),
      things.move('b', { after: 'gone' }),
      things.move('gone', 'first'),
    ]
    expect(moves).toEqual(moves.map(() => false))
    expect(rig.vended).toHaveLength(vended)
  })

  test('[M5] a move between equal positions takes those that follow along, and listeners hear of one change', () => {
    const { rig, things, order } = rigOf()
    rig.apply('abcdef'.split('').map((identifier, seq) => eventOf(seq, 'insert', identifier, { at: identifier === 'f' ? 'a5' : 'a0' })))
    const told: unknown[] = []
    things.subscribe((changes) => told.push(changes))
    things.move('f', { after: 'c' })
    expect(order()).toBe('abcfde')
    expect(told).toEqual([{ inserted: [], updated: ['f', 'd', 'e'], removed: [], isReset: false }])
    expect(rig.vended.map(({ identifier, values }) => [identifier, Object.keys(values ?? {})])).toEqual([
      ['f', ['at']],
      ['d', ['at']],
      ['e', ['at']],
    ])
    things.move('a', { after: 'b' })
    expect(order()).toBe('bacfde')
  })

  test('[M5] a move among records without positions gives as many of them one as needed', () => {
    const { rig, things, order } = rigOf()
    const positions = ['a0', 7, '', null, `a0${'V'.repeat(100_000)}`]
    rig.apply(positions.map((at, seq) => eventOf(seq, 'insert', 'abcde'[seq] as string, { at })))
    expect(things.move('a', { after: 'c' })).toBe(true)
    expect(order()).toBe('bcade')
    expect(rig.vended.map(({ identifier }) => identifier).sort()).toEqual(['a', 'b', 'c'])
    expect(things.move('e', 'first')).toBe(true)
    expect(rig.vended).toHaveLength(4)
    expect(order()).toBe('ebcad')
  })

  test('[M5] a new record comes last, also behind records without a position', () => {
    const { rig, things, order } = rigOf()
    rig.receive('insert', 'a', { at: 'a0' })
    rig.receive('insert', 'b', {})
    things.insert({ n: 1 }, { identifier: 'c' })
    expect([order(), rig.vended.at(-1)?.values]).toEqual(['abc', { n: 1 }])
    things.insert({ n: 1, at: 'Zz' }, { identifier: 'd' })
    expect([order(), rig.vended.at(-1)?.values]).toEqual(['dabc', { n: 1, at: 'Zz' }])
    things.insert({ n: 1 }, { identifier: 'b', before: 'a' })
    expect(order()).toBe('dbac')
  })

  test('[M5] without a position field there is nothing to move', () => {
    const rig = new ModelRig(new Collection(collection))
    rig.model.insert({}, { identifier: 'a' })
    expect(() => rig.model.move('a', 'first')).toThrow(TypeError)
    expect(() => rig.model.insert({}, { before: 'a' })).toThrow(TypeError)
  })

  test('[M5] two clients that use the same room at once end in the same order', () => {
    const clients = [rigOf(), rigOf()] as const
    const base = [eventOf(0, 'insert', 'a', { at: 'a0' }), eventOf(1, 'insert', 'b', { at: 'a1' })]
    for (const { rig } of clients) rig.apply(base)
    clients.forEach(({ things }, index) => void things.insert({}, { identifier: `${index}`, after: 'a' }))
    const events = clients.map(({ rig }, index) => ({
      ...eventOf(2 + index, 'insert', `${index}`, rig.vended[0]?.values),
      client: `c${index}`,
    }))
    for (const { rig } of clients) {
      rig.pending = []
      rig.apply(events.toReversed())
    }
    expect(clients.map(({ order }) => order())).toEqual(['a01b', 'a01b'])
    expect(clients[0].things.get('0')?.values).toEqual(clients[0].things.get('1')?.values)
    clients[0].things.move('b', { after: '0' })
    expect(clients[0].order()).toBe('a0b1')
  })

  test('[M5] any moves in any order of arrival come to what the same moves of a plain list come to', () => {
    const anyMoves = fc.array(fc.tuple(fc.nat(9), fc.nat(9), fc.constantFrom('before', 'after', 'first', 'last')), { maxLength: 25 })
    const anyStart = fc.array(fc.constantFrom<Json>('a0', 'a0', 'a1', 'a0V', 7, ''), { minLength: 10, maxLength: 10 })
    const property = fc.property(anyStart, anyMoves, anyDelivery, (start, moves, next) => {
      const { rig, things, order } = rigOf()
      rig.apply(start.map((at, seq) => eventOf(seq, 'insert', String(seq), { at })))
      const plain = things.list.map(({ identifier }) => identifier)
      for (const [moved, target, how] of moves) {
        const place = how === 'first' || how === 'last' ? how : how === 'before' ? { before: String(target) } : { after: String(target) }
        things.move(String(moved), place)
        if (typeof place === 'object' && moved === target) continue
        plain.splice(plain.indexOf(String(moved)), 1)
        const index =
          typeof place === 'object' ? plain.indexOf(String(target)) + (how === 'after' ? 1 : 0) : how === 'first' ? 0 : plain.length
        plain.splice(index, 0, String(moved))
        expect(order()).toBe(plain.join(''))
      }
      const events = rig.vended.map((change, index) => ({ ...change, seq: 10 + index, client: 'me', counter: index + 1, seen: 9 }))
      const { model: other } = new ModelRig(new Collection(collection, { position: 'at' }))
      deliver(other, [...start.map((at, seq) => eventOf(seq, 'insert', String(seq), { at })), ...events], next)
      expect(other.list.map(({ identifier }) => identifier).join('')).toBe(plain.join(''))
    })
    fc.assert(property, { seed: 1, numRuns: 500 })
  })
})
