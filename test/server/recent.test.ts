/** What the newest events wrote: the index answers what a look through the whole tail would, whatever came before. */
import { describe, expect, test } from 'vitest'
import type { EventType, TapeEvent } from '../../src/protocol/event.ts'
import { applyEvent, unborn } from '../../src/protocol/object-state.ts'
import type { TapeRow } from '../../src/server/tape/tape-storage.ts'
import { Recent, recentEventsMax, recentFieldsMax } from '../../src/server/turn/recent.ts'
import { loadRecent, RecentKeeper } from '../../src/server/turn/recent-keeper.ts'
import { Trail } from '../../src/server/turn/trail.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const nothingStored = { rowsBack: () => [][Symbol.iterator]() }

/** A tape whose rows are read back, and counted. */
class StoredTape {
  readonly lines: string[] = []
  rowsRead = 0

  add(event: TapeEvent): string {
    const line = JSON.stringify(event)
    this.lines.push(line)
    return line
  }

  *rowsBack(): Generator<TapeRow> {
    for (let end = this.lines.length; end > 0; end -= 5) {
      this.rowsRead++
      const first = Math.max(0, end - 5)
      yield { first, last: end - 1, body: new TextEncoder().encode(this.lines.slice(first, end).join(',\n')) }
    }
  }

  get latestSeq(): number {
    return this.lines.length - 1
  }
}

const event = (seq: number, more: Partial<TapeEvent> = {}): TapeEvent => ({
  seq,
  client: 'a',
  counter: seq + 1,
  seen: -1,
  type: 'update',
  collection: 'x',
  identifier: 'y',
  values: { f: seq },
  ...more,
})

const object = { collection: 'x', identifier: 'y' }

function recentOf(events: readonly TapeEvent[], bounds = { size: recentEventsMax, keeps: recentEventsMax }): Recent {
  const recent = new Recent(-1, bounds)
  for (const one of events) recent.read(JSON.stringify(one))
  return recent
}

describe('what others wrote', () => {
  test('[X1] an insert or a delete writes all fields, an update those in its values', () => {
    const recent = recentOf([
      event(0, { type: 'insert', values: { f: 1 } }),
      event(1, { values: { g: 1, toString: 2 } }),
      event(2, { type: 'delete', values: undefined }),
      event(3, { identifier: 'z' }),
    ])
    const since = (fields: true | string[], seen: number) => [...recent.othersSince(object, fields, { seen, client: 'b' })].sort()
    expect(since(true, -1)).toEqual([0, 1, 2])
    expect(since(['f'], -1)).toEqual([0, 2])
    expect(since(['g'], -1)).toEqual([0, 1, 2])
    expect(since(['g'], 1)).toEqual([2])
    expect(since(['toString', 'constructor'], 0)).toEqual([1, 2])
    expect(since(['g', 'f'], 2)).toEqual([])
    expect(recent.othersSince({ collection: 'xy', identifier: '' }, true, { seen: -1, client: 'b' })).toEqual([])
  })

  test('[X1] names that read alike when they are joined are different objects', () => {
    const recent = recentOf([event(0, { collection: 'a', identifier: 'bc' }), event(1, { collection: '1 a', identifier: 'bc' })])
    const ask = (collection: string, identifier: string) => recent.othersSince({ collection, identifier }, true, { seen: -1, client: 'b' })
    expect([ask('a', 'bc'), ask('ab', 'c'), ask('1 a', 'bc'), ask('1', ' abc')]).toEqual([[0], [], [1], []])
  })

  test('[X1] own writes are not among them, and a script has none of its own', () => {
    const recent = recentOf([event(0), event(1, { client: 'b' }), event(2), event(3, { client: undefined }), event(4)])
    const by = (client: string | undefined) => [...recent.othersSince(object, ['f'], { seen: -1, client })].sort()
    expect([by('a'), by('b'), by('c'), by(undefined)]).toEqual([
      [1, 3],
      [0, 2, 3, 4],
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ])
  })
})

test('[X1] the newest write by somebody else is known at once, however often its own maker wrote after it', () => {
  const trail = new Trail()
  trail.add(3, 'b')
  for (let seq = 4; seq < 1000; seq++) trail.add(seq, 'a')
  expect([trail.newest, trail.newestByOthers('a'), trail.newestByOthers('b'), trail.newestByOthers(undefined)]).toEqual([999, 3, 999, 999])
})

describe('its bounds', () => {
  test('[X2] 1,000 events, 4 MiB of text and 20,000 updated fields, counted from the newest back', () => {
    expect([recentEventsMax, recentFieldsMax]).toEqual([1000, 20_000])
    const many = recentOf(Array.from({ length: 1500 }, (_, seq) => event(seq)))
    expect(many.floorOf(1000)).toBe(500)
    const heavy = recentOf(Array.from({ length: 40 }, (_, seq) => event(seq, { values: { f: 'x'.repeat(200_000) } })))
    expect(heavy.floorOf(1000)).toBe(
      40 - Math.floor((4 * 1024 * 1024) / JSON.stringify(event(10, { values: { f: 'x'.repeat(200_000) } })).length),
    )
    const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, 1]))
    const wide = recentOf(Array.from({ length: 10 }, (_, seq) => event(seq, { values: fields(5000) })))
    expect(wide.floorOf(1000)).toBe(6)
    expect(recentOf([event(0), event(1, { values: fields(20_000) })]).floorOf(1000)).toBe(1)
    expect(recentOf([event(0), event(1, { values: fields(20_001) })]).floorOf(1000)).toBe(2)
    expect(recentOf([event(0, { type: 'insert', values: fields(20_001) })]).floorOf(1000)).toBe(0)
  })

  test('[X3] 1 MiB of text is kept for rules', () => {
    const heavy = recentOf(Array.from({ length: 12 }, (_, seq) => event(seq, { values: { f: 'x'.repeat(200_000) } })))
    expect([heavy.keptFrom, heavy.keptEvents.length, heavy.floorOf(1000)]).toEqual([7, 5, 0])
    heavy.trim()
    expect(heavy.keptEvents.map(({ seq }) => seq)).toEqual([7, 8, 9, 10, 11])
  })

  test('[X2] what has been let go does not count any more', () => {
    const recent = new Recent(-1, { size: 10, keeps: 2 })
    for (let seq = 0; seq < 60; seq++) {
      recent.read(JSON.stringify(event(seq, { values: { f: 'x'.repeat(200_000) } })))
      recent.trim()
      expect([recent.floorOf(1000), recent.keptFrom]).toEqual([Math.max(0, seq - 9), Math.max(0, seq - 1)])
    }
  })

  test('[X2] what is beyond them is let go', () => {
    const recent = recentOf(
      Array.from({ length: 20 }, (_, seq) => event(seq, { identifier: `o${seq % 10}` })),
      { size: 5, keeps: 2 },
    )
    recent.trim()
    expect([recent.floorOf(1000), recent.latestSeq]).toEqual([15, 19])
    expect(recent.othersSince({ collection: 'x', identifier: 'o4' }, true, { seen: -1, client: 'b' })).toEqual([])
    expect(recent.othersSince({ collection: 'x', identifier: 'o5' }, true, { seen: -1, client: 'b' })).toEqual([15])
    expect([recent.keptFrom, recent.keptEvents.map(({ seq }) => seq)]).toEqual([18, [18, 19]])
  })
})

describe('keeping it', () => {
  const filled = (count: number) => {
    const tape = new StoredTape()
    for (let seq = 0; seq < count; seq++) tape.add(event(seq))
    return tape
  }

  test('[X2] reads only as far back as is asked, and again only when that is further', () => {
    const tape = filled(2000)
    const keeper = new RecentKeeper(tape, 0)
    expect([keeper.kept, tape.rowsRead]).toEqual([undefined, 0])
    expect(keeper.reaching(3, 1999).floorOf(1000)).toBe(1936)
    expect(tape.rowsRead).toBeLessThan(16)
    keeper.reaching(64, 1999)
    expect(tape.rowsRead).toBeLessThan(16)
    expect(keeper.reaching(65, 1999).size).toBe(130)
    expect(keeper.reaching(600, 1999).size).toBe(1000)
    expect(tape.rowsRead).toBeLessThan(250)
    const { rowsRead } = tape
    for (let depth = 1; depth <= 1000; depth++) keeper.reaching(depth, 1999)
    expect(tape.rowsRead).toBe(rowsRead)
  })

  test('[X2] lets it go when nothing has been asked for 1,000 events', () => {
    const tape = filled(10)
    const keeper = new RecentKeeper(tape, 0)
    keeper.reaching(1, 9)
    keeper.settle(1009)
    expect(keeper.kept).toBeDefined()
    keeper.settle(1010)
    expect(keeper.kept).toBeUndefined()
  })

  test('[X2] does not read more than 4 MiB and a row, however much there is', () => {
    const tape = new StoredTape()
    for (let seq = 0; seq < 1000; seq++) tape.add(event(seq, { values: { text: 'x'.repeat(100_000) } }))
    const recent = new RecentKeeper(tape, 0).reaching(1000, 999)
    expect(tape.rowsRead).toBeLessThan(11)
    expect(recent.floorOf(1000)).toBe(959)
  })

  test('[X3] keeps the events that rules may ask for, frozen, and no others', () => {
    const tape = filled(200)
    const recent = new RecentKeeper(tape, 100).reaching(100, 199)
    expect(recent.keptEvents).toEqual(tape.lines.slice(100).map((line) => JSON.parse(line)))
    expect(recent.keptEvents.every((one) => Object.isFrozen(one) && Object.isFrozen(one.values))).toBe(true)
    expect(new RecentKeeper(tape, 0).reaching(100, 199).keptEvents).toEqual([])
    expect(loadRecent(nothingStored, -1, { size: 10, keeps: 10 }).keptEvents).toEqual([])
  })
})

/** A history in groups, some of which are taken back, over few objects and fields so that they meet. */
function playHistory(seed: number): void {
  const random = new SeededRandom(seed)
  const size = random.pick([3, 10, 40])
  const keeps = random.below(size + 1)
  const tape = new StoredTape()
  const events: TapeEvent[] = []
  let recent = loadRecent(tape, -1, { size, keeps })
  for (let group = 0; group < 40; group++) {
    if (random.chance(0.1)) recent = loadRecent(tape, tape.latestSeq, { size, keeps })
    const batch = Array.from({ length: random.below(5) }, (_, i) => randomEvent(random, events.length + i))
    for (const one of batch) recent.read(JSON.stringify(one))
    if (random.chance(0.3)) recent.undoTo(events.length - 1)
    else {
      for (const one of batch) tape.add(one)
      events.push(...batch)
    }
    recent.trim()
    expect(recent.latestSeq).toBe(events.length - 1)
    for (let question = 0; question < 10; question++) expectAnswersOfScan({ recent, events, random, size, keeps })
  }
}

function randomEvent(random: SeededRandom, seq: number): TapeEvent {
  const type = random.pick<EventType>(['insert', 'update', 'update', 'update', 'delete'])
  const values = Object.fromEntries(['f', 'g', 'h', 'toString'].filter(() => random.chance(0.4)).map((field) => [field, seq]))
  const client = random.pick(['a', 'b', 'c', undefined])
  const maker = client === undefined ? {} : { client, counter: 1 }
  return { seq, ...maker, seen: -1, type, collection: 'x', identifier: random.pick(['o1', 'o2']), ...(type === 'delete' ? {} : { values }) }
}

interface Question {
  readonly recent: Recent
  readonly events: readonly TapeEvent[]
  readonly random: SeededRandom
  readonly size: number
  readonly keeps: number
}

function expectAnswersOfScan({ recent, events, random, size, keeps }: Question): void {
  const identifier = random.pick(['o1', 'o2', 'o3'])
  const client = random.pick(['a', 'b', 'd', undefined])
  const fields = random.chance(0.3) ? true : ['f', 'g', 'h', 'constructor', 'toString'].filter(() => random.chance(0.5))
  const seen = events.length - 1 - random.below(Math.min(size, events.length) + 1)
  const inTheWay = events.filter(
    (one) =>
      one.seq > seen &&
      one.identifier === identifier &&
      (one.client === undefined || one.client !== client) &&
      (fields === true || one.type !== 'update' || fields.some((field) => Object.hasOwn(one.values ?? {}, field))),
  )
  const found = recent.othersSince({ collection: 'x', identifier }, fields, { seen, client })
  expect(found.toSorted((a, b) => a - b)).toEqual(inTheWay.map(({ seq }) => seq))
  expect(recent.floorOf(size)).toBe(Math.max(0, events.length - size))

  const floor = Math.max(0, events.length - keeps)
  expect([recent.keptFrom, recent.keptEvents]).toEqual([floor, events.slice(floor)])
  const known = recent.keptObject({ collection: 'x', identifier })
  const state = events.filter((one) => one.seq >= floor && one.identifier === identifier).reduce(applyEvent, unborn)
  expect({ values: known.values, isAlive: known.since?.type === 'insert', since: known.since?.seq ?? -1 }).toEqual({
    values: state.values,
    isAlive: state.isAlive,
    since: state.since.seq,
  })
}

test('[X1][X3] over random groups, some taken back, and evictions it answers what a look through the tail does', () => {
  for (let seed = 1; seed <= 60; seed++) playHistory(seed)
})
