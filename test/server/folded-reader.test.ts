/** The tape read folded: however it was cut into rows and segments. */
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
import { includes, intersect, normalize } from '../../src/protocol/seq-ranges.ts'
import { noSnapshots } from '../../src/server/sealed/snapshot.ts'
import { FoldedReader } from '../../src/server/tape/folded-reader.ts'
import { toLines } from '../../src/server/tape/lines.ts'
import { joinLines } from '../../src/server/tape/slice-reader.ts'
import type { SegmentEntry, TapeRow } from '../../src/server/tape/tape-storage.ts'
import { MemoryBlobs, memoryContents } from '../support/memory-blobs.ts'
import { SeededRandom } from '../support/seeded-random.ts'

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
function rowsOf(events: readonly TapeEvent[], random: SeededRandom): TapeRow[] {
  const rows: TapeRow[] = []
  for (let first = 0; first < events.length; ) {
    const some = events.slice(first, first + 1 + random.below(5))
    rows.push({ first, last: first + some.length - 1, body: toLines(some) })
    first += some.length
  }
  return rows
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

/** A tape of which some is sealed, in segments with their folded form or without. */
async function sealedTape(events: readonly TapeEvent[], random: SeededRandom) {
  const rows = rowsOf(events, random)
  const contents = memoryContents()
  const segments: SegmentEntry[] = []
  for (let count = random.below(rows.length); segments.length < 6 && count > 0; ) {
    const some = rows.splice(0, Math.min(1 + random.below(8), count))
    count -= some.length
    const [first, last] = [some[0]?.first ?? 0, some.at(-1)?.last ?? 0]
    const plain = await contents.put(joinLines(some.map(({ body }) => body)))
    const folded = random.chance(0.5) ? await contents.put(toLines(foldEvents(events.slice(first, last + 1), [[first, last]]))) : undefined
    segments.push({ first, last, plain, ...(folded === undefined ? {} : { folded }) })
  }
  const storage = {
    *rowsFrom(seq: number) {
      for (const row of rows) if (row.last >= seq) yield row
    },
    *segmentsFrom(seq: number) {
      for (const segment of segments) if (segment.last >= seq) yield segment
    },
    snapshots: () => noSnapshots,
  }
  return new FoldedReader(storage, contents)
}

const pause = async () => {}

test('[H12] what was folded when it was sealed has the same effect, in as many events', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SeededRandom(seed)
    const events = history(random, 120)
    const reader = await sealedTape(events, random)
    for (let round = 0; round < 5; round++) {
      const ranges = normalize(
        Array.from({ length: 1 + random.below(3) }, () => {
          const first = random.chance(0.4) ? 0 : random.below(130)
          return [first, first + random.below(130)] as const
        }),
      )
      const wanted = intersect(ranges, [[0, 119]])
      const { covers, events: folded } = await reader.read(ranges, 119, pause)
      const anew = foldEvents(
        events.filter(({ seq }) => includes(wanted, seq)),
        wanted,
      )
      expect([covers, effectOf(folded)]).toEqual([wanted, effectOf(anew)])
      expect(folded).toHaveLength(anew.length)
    }
  }
})

test('[H12] a folded form that is lost is made from the events', async () => {
  const random = new SeededRandom(1)
  const events = history(random, 40)
  const blobs = new MemoryBlobs()
  const contents = memoryContents(blobs)
  const plain = await contents.put(toLines(events))
  const folded = await memoryContents(blobs).put(toLines(foldEvents(events, [[0, 39]])))
  blobs.blobs.delete(folded.hash)
  const storage = {
    rowsFrom: () => [].values(),
    segmentsFrom: () => [{ first: 0, last: 39, plain, folded }].values(),
    snapshots: () => noSnapshots,
  }
  const page = await new FoldedReader(storage, contents).read([[0, 39]], 39, pause)
  expect(page.events).toEqual(foldEvents(events, [[0, 39]]))
})

test('[H12][T7] a snapshot of nothing, as all was deleted, is where the rest begins', async () => {
  const gone = { seq: 0, client: 'a', counter: 1, seen: -1, type: 'delete', collection: 'c', identifier: 'o' } as const
  const later: TapeEvent = { ...gone, seq: 1, counter: 2, type: 'insert', values: { x: 1 } }
  const storage = {
    rowsFrom: (seq: number) => [{ first: 0, last: 1, body: toLines([gone, later]) }].filter(({ last }) => last >= seq).values(),
    segmentsFrom: () => [].values(),
    snapshots: () => ({ ...noSnapshots, current: { through: 0, chunks: [] } }),
  }
  const page = await new FoldedReader(storage, memoryContents()).read([[0, 1]], 1, pause)
  expect(page).toMatchObject({ covers: [[0, 1]], events: [later] })
})

test('[H12] a read covers less than was asked when it has gathered much, and the next goes on', async () => {
  const pad = 'p'.repeat(1_000_000)
  const row = (seq: number) => {
    const event: TapeEvent = { seq, seen: -1, type: 'insert', collection: 'c', identifier: `o${seq}`, values: { pad } }
    return { first: seq, last: seq, body: toLines([event]) }
  }
  const storage = {
    *rowsFrom(seq: number) {
      for (let at = seq; at < 30; at++) yield row(at)
    },
    segmentsFrom: () => [].values(),
    snapshots: () => noSnapshots,
  }
  const reader = new FoldedReader(storage, memoryContents())
  const first = await reader.read([[0, 29]], 29, pause)
  expect(first).toMatchObject({ covers: [[0, 17]], isCutShort: true, events: { length: 18 } })
  const second = await reader.read([[18, 29]], 29, pause)
  expect(second).toMatchObject({ covers: [[18, 29]], events: { length: 12 } })
  expect(second).not.toHaveProperty('isCutShort')
  // What is not selected is not gathered.
  const nothing = { wanted: { any: [] }, select: () => [] }
  expect(await reader.read([[0, 29]], 29, pause, nothing)).toMatchObject({ covers: [[0, 29]], events: [] })
})

test('[H12] what folds to little is read in one go, however much it was', async () => {
  const pad = 'p'.repeat(400)
  const eventAt = (seq: number): TapeEvent => ({
    seq,
    seen: -1,
    type: 'insert',
    collection: 'c',
    identifier: `o${seq % 10}`,
    values: { pad },
  })
  const storage = {
    *rowsFrom(seq: number) {
      for (let first = seq - (seq % 1000); first < 60_000; first += 1000) {
        yield { first, last: first + 999, body: toLines(Array.from({ length: 1000 }, (_, index) => eventAt(first + index))) }
      }
    },
    segmentsFrom: () => [].values(),
    snapshots: () => noSnapshots,
  }
  const page = await new FoldedReader(storage, memoryContents()).read([[0, 59_999]], 59_999, pause)
  expect(page).toMatchObject({ covers: [[0, 59_999]], events: { length: 10 } })
})
