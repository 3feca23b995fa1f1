/** The tape read folded, in steps: whatever was read before, and however it was cut. */
import { expect, test } from 'vitest'
import {
  applyEvent,
  foldEvents,
  type ObjectState,
  type Splices,
  splice,
  type TapeEvent,
  unborn,
  writeDeltas,
} from '../../src/protocol/index.ts'
import { type FoldedPage, readFolded } from '../../src/server/folded-reader.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const encoder = new TextEncoder()

/** Objects that come, go and change, and texts that several write. */
function history(random: SeededRandom, count: number): readonly TapeEvent[] {
  const texts = new Map<string, string>()
  return Array.from({ length: count }, (_, seq): TapeEvent => {
    const plain = { seq, client: random.pick(['a', 'b']), counter: seq + 1, seen: seq - 1 - random.below(3), collection: 'c' }
    const identifier = `o${random.below(6)}`
    const dice = random.next()
    if (dice < 0.5) {
      const before = texts.get(identifier) ?? ''
      const offset = random.below(before.length + 1)
      const removed = Math.min(before.length - offset, random.below(3))
      const splices: Splices<string> = [{ offset, removed, inserted: random.pick(['x', 'yz', 'é😀']) }]
      // Now and then it does not fit.
      const isOff = random.chance(0.05)
      if (!isOff) texts.set(identifier, splice(before, splices))
      const deltas = { text: writeDeltas(isOff ? [{ offset: 1e6, removed: 1, inserted: 'q' }] : splices) }
      return { ...plain, type: 'update', identifier, deltas }
    }
    const values = { text: random.pick(['', 'whole']), [`f${random.below(3)}`]: seq }
    if (dice < 0.9) {
      const { text: _, ...others } = values
      return { ...plain, type: 'update', identifier, values: others }
    }
    texts.set(identifier, dice < 0.95 ? values.text : '')
    return dice < 0.95 ? { ...plain, type: 'insert', identifier, values } : { ...plain, type: 'delete', identifier }
  })
}

/** Rows of one to five events. */
function tapeOf(events: readonly TapeEvent[], random: SeededRandom) {
  const rows: { first: number; last: number; body: Uint8Array }[] = []
  for (let first = 0; first < events.length; ) {
    const some = events.slice(first, first + 1 + random.below(5))
    rows.push({ first, last: first + some.length - 1, body: encoder.encode(some.map((event) => JSON.stringify(event)).join(',\n')) })
    first += some.length
  }
  return {
    *rowsFrom(seq: number) {
      for (const row of rows) if (row.last >= seq) yield row
    },
  }
}

/** Objects with their stamps; what a maker had seen is not kept for each field. */
function effectOf(events: readonly TapeEvent[]) {
  const states = new Map<string, ObjectState>()
  for (const event of events) states.set(event.identifier, applyEvent(states.get(event.identifier) ?? unborn, event))
  const write = ({ seq, client }: { seq: number; client: string | undefined }) => [seq, client]
  return Object.fromEntries(
    Array.from(states, ([identifier, { since, isAlive, values, later, waiting }]) => {
      const fields = Object.entries(later).map(([field, by]) => [field, write(by)] as const)
      return [identifier, { isAlive, since: since.seq, values, later: Object.fromEntries(fields), waiting }]
    }),
  )
}

function finish(reading: Generator<undefined, FoldedPage>): FoldedPage {
  for (let step = reading.next(); ; step = reading.next()) if (step.done === true) return step.value
}

test('[H12] to go on from what was folded before has the same effect, in as many events', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new SeededRandom(seed)
    const events = history(random, 120)
    const tape = tapeOf(events, random)
    let start: { through: number; events: readonly TapeEvent[] } | undefined
    for (let through = random.below(30); through < events.length; through += 1 + random.below(40)) {
      const ranges = [[0, through]] as const
      const anew = finish(readFolded(tape as never, ranges, { latestSeq: events.length - 1 }))
      const continued = finish(readFolded(tape as never, ranges, { latestSeq: events.length - 1, start }))
      expect([continued.covers, effectOf(continued.events)]).toEqual([anew.covers, effectOf(anew.events)])
      expect(continued.events).toHaveLength(anew.events.length)
      expect(anew.events).toEqual(foldEvents(events.slice(0, through + 1), ranges))
      start = { through, events: continued.events }
    }
  }
})

test('[H12] ranges that do not begin at the start are folded by themselves', () => {
  const random = new SeededRandom(7)
  const events = history(random, 60)
  const tape = tapeOf(events, random)
  const start = { through: 40, events: foldEvents(events.slice(0, 41), [[0, 40]]) }
  for (const ranges of [
    [[1, 50]],
    [[0, 20]],
    [
      [0, 30],
      [41, 50],
    ],
    [[60, 90]],
  ] as const) {
    const covered = events.filter(({ seq }) => ranges.some(([first, last]) => seq >= first && seq <= last))
    const page = finish(readFolded(tape as never, ranges, { latestSeq: 59, start }))
    expect(page.events).toEqual(foldEvents(covered, ranges))
  }
})
