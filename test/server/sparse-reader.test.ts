/** What is read of segments for a few objects: their lines, and nothing where there are none. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  countSeqs,
  intersect,
  type ObjectFilter,
  rangesOfSeqs,
  type SeqRanges,
  subtract,
  type TapeEvent,
} from '../../src/protocol/index.ts'
import { storeSegment } from '../../src/server/sealed/sealer.ts'
import { filtersNaming, SegmentPlaces, Sought, type Wanted } from '../../src/server/sealed/segment-places.ts'
import { SparseReader } from '../../src/server/sealed/sparse-reader.ts'
import { toLines } from '../../src/server/tape/lines.ts'
import type { SegmentEntry } from '../../src/server/tape/tape-storage.ts'
import { MemoryBlobs, memoryContents } from '../support/memory-blobs.ts'

const perSegment = 10

/** Segments of ten events, each about the object of that name, by that client. */
async function segmentsOf(about: readonly (readonly [identifier: string, client?: string])[]) {
  const blobs = new MemoryBlobs()
  const contents = memoryContents(blobs)
  const events = about.map(
    ([identifier, client], seq): TapeEvent => ({
      ...{ seq, seen: -1, type: 'insert', collection: 'c', identifier, values: { seq } },
      ...(client === undefined ? {} : { client, counter: 1 }),
    }),
  )
  const segments: SegmentEntry[] = []
  for (let first = 0; first < events.length; first += perSegment) {
    const some = events.slice(first, first + perSegment)
    segments.push(await storeSegment({ first, last: first + some.length - 1, body: toLines(some) }, contents))
  }
  const storage = {
    rowsFrom: () => [].values(),
    segmentsFrom: (seq: number) => segments.filter(({ last }) => last >= seq).values(),
  }
  // One that has kept nothing of what was read before.
  const reader = (wanted: Wanted) => new SparseReader({ storage, contents: memoryContents(blobs) }, wanted)
  return { blobs, contents, events, segments, storage, reader }
}

function only(...names: readonly string[]): Wanted {
  return { any: [{ identifier: names }] }
}

const others = (count: number) => Array.from({ length: count }, (_, n) => [`o${n}`] as const)

test('[T9] the places of a segment find all of an object, and of a client, whatever they are called', () => {
  const name = fc.oneof(fc.constantFrom('__proto__', 'constructor', '', '1', '2'), fc.string())
  const made = fc.record({ collection: name, identifier: name, client: fc.option(name, { nil: undefined }) })
  fc.assert(
    fc.property(fc.array(made, { maxLength: 40 }), fc.nat(1e6), (all, first) => {
      const events = all.map((one, index): TapeEvent => ({ ...one, seq: first + index, seen: -1, type: 'delete' }))
      const content = SegmentPlaces.of(first, events).encode()
      expect(content.length).toBe(6 * events.length)
      const seqsOf = (any: readonly ObjectFilter[], client?: string) =>
        SegmentPlaces.decode(first, content).seqsOf(new Sought({ any, client }))
      const where = (isWanted: (event: TapeEvent) => boolean) => rangesOfSeqs(events.filter(isWanted))
      for (const { collection, identifier, client } of events) {
        const isSame = (event: TapeEvent) => event.collection === collection && event.identifier === identifier
        // Others may have the same bytes.
        const missed = [
          subtract(
            where((event) => client !== undefined && event.client === client),
            seqsOf([], client),
          ),
          subtract(
            where((event) => event.identifier === identifier),
            seqsOf([{ identifier: [identifier] }]),
          ),
          subtract(
            where((event) => event.collection === collection),
            seqsOf([{ collection: [collection] }]),
          ),
          subtract(where(isSame), seqsOf(filtersNaming([{ collection, identifier }]))),
        ]
        expect(missed).toEqual([[], [], [], []])
      }
      expect(seqsOf([{}])).toEqual(where(() => true))
      expect(seqsOf([{ collection: [], identifier: ['a'] }])).toEqual([])
    }),
    { seed: 7 },
  )
})

test('[T9] and little else', () => {
  const events = Array.from({ length: 4000 }, (_, seq): TapeEvent => {
    return { seq, seen: -1, type: 'delete', collection: `c${seq % 4}`, identifier: `o${seq}`, client: `a${seq % 50}` }
  })
  const places = SegmentPlaces.of(0, events)
  const countOf = (wanted: Wanted) => countSeqs(places.seqsOf(new Sought(wanted)))
  expect(countOf({ any: filtersNaming(events.slice(0, 1000)) })).toBe(1000)
  expect(countOf({ any: filtersNaming(Array.from({ length: 1000 }, (_, n) => ({ collection: 'c0', identifier: `p${n}` }))) })).toBe(0)
  expect(countOf({ any: [{ collection: ['c0'] }] })).toBe(1000)
  expect(countOf({ any: [], client: 'a7' })).toBe(80)
})

test('[T9] what is not wanted is covered without the segment, be it lost, and what is wanted is read alone', async () => {
  const { blobs, events, segments, reader } = await segmentsOf([...others(10), ['mine'], ...others(8), ['mine'], ...others(5)])
  const sparse = reader(only('mine'))
  blobs.blobs.delete(segments[0]?.plain.hash ?? '')
  expect(await sparse.next([[0, 24]], 1000)).toMatchObject({ covers: [[0, 9]], events: [], bytes: 0 })
  const mine = [events[10], events[19]]
  const bytes = toLines(mine as TapeEvent[]).length
  const page = await sparse.next([[10, 24]], 1000)
  expect(page).toEqual({ covers: [[10, 19]], events: mine, bytes, bytesRead: page?.bytesRead })
  expect(page?.bytesRead).toBeGreaterThan(bytes)
  // As much as was asked for.
  expect(
    await sparse.next(
      [
        [11, 12],
        [14, 18],
      ],
      1000,
    ),
  ).toMatchObject({
    covers: [
      [11, 12],
      [14, 18],
    ],
    events: [],
  })
  expect(await sparse.next([[12, 19]], 1000)).toMatchObject({ covers: [[12, 19]], events: [events[19]] })
})

test('[T9] where everything is wanted the places are not read', async () => {
  const { blobs, segments, reader } = await segmentsOf(others(10))
  blobs.failing = new Error('down')
  expect(await reader({ any: [{ collection: ['x'] }, {}] }).next([[0, 9]], 1000)).toBeUndefined()
  expect(segments).toHaveLength(1)
})

test('[T9] a page ends before the first that has no room, and has one at least', async () => {
  const { events, reader } = await segmentsOf([['mine'], ...others(3), ['mine'], ...others(2), ['mine'], ...others(2)])
  const sparse = reader(only('mine'))
  const two = toLines(events.slice(0, 2)).length + 2
  expect(await sparse.next([[0, 9]], two)).toMatchObject({ covers: [[0, 6]], events: [events[0], events[4]] })
  expect(await sparse.next([[7, 9]], 1)).toMatchObject({ covers: [[7, 9]], events: [events[7]] })
  expect(await sparse.next([[0, 9]], 1)).toMatchObject({ covers: [[0, 3]], events: [events[0]] })
})

test('[T9] where most of a segment is wanted, or nothing is known of it, it is read whole, and so are those behind it', async () => {
  const { blobs, segments, reader } = await segmentsOf([...others(4), ...others(20).map(() => ['mine'] as const), ...others(16)])
  const sparse = reader(only('mine'))
  expect(await sparse.next([[0, 39]], 1000)).toBeUndefined()
  expect(await sparse.next([[30, 39]], 1000)).toBeUndefined()
  expect(await reader(only('mine')).next([[30, 39]], 1000)).toMatchObject({ covers: [[30, 39]] })
  // Rows, and segments of before.
  expect(await reader(only('mine')).next([[40, 49]], 1000)).toBeUndefined()
  expect(await reader(only('mine')).next([], 1000)).toBeUndefined()
  blobs.blobs.delete(segments[3]?.places?.hash ?? '')
  expect(await reader(only('mine')).next([[30, 39]], 1000)).toBeUndefined()
  blobs.failing = new Error('down')
  expect(await reader(only('mine')).next([[30, 39]], 1000)).toBeUndefined()
})

test('[T6] [T9] where what is wanted of a segment is lost, the rest is read whole, which passes it over', async () => {
  const { blobs, segments, reader } = await segmentsOf([...others(9), ['mine'], ...others(9), ['mine']])
  const sparse = reader(only('mine'))
  blobs.blobs.delete(segments[0]?.plain.hash ?? '')
  expect(await sparse.next([[0, 19]], 1000)).toBeUndefined()
  expect(await sparse.next([[10, 19]], 1000)).toBeUndefined()
})

test('[T9] where a segment is folded, and all of it asked for, that is read rather than its lines', async () => {
  const { segments, storage, contents } = await segmentsOf([...others(9), ['mine'], ...others(3), ...others(7).map(() => ['x'] as const)])
  const sparse = new SparseReader({ storage, contents }, only('mine', 'x'), { takesFolded: true })
  expect(segments.map(({ folded }) => folded !== undefined)).toEqual([false, true])
  expect(await sparse.next([[0, 19]], 1000)).toMatchObject({ covers: [[0, 9]], events: [{ seq: 9 }] })
  expect(await new SparseReader({ storage, contents }, only('o1'), { takesFolded: true }).next([[10, 19]], 1000)).toBeUndefined()
  expect(await new SparseReader({ storage, contents }, only('o1'), { takesFolded: true }).next([[11, 19]], 1000)).toMatchObject({
    events: [{ seq: 11 }],
  })
  expect(await new SparseReader({ storage, contents }, only('o9'), { takesFolded: true }).next([[10, 19]], 1000)).toMatchObject({
    covers: [[10, 19]],
    events: [],
  })
})

test('[T9] [G7] the events of a client come, too', async () => {
  const { events, reader } = await segmentsOf([...others(3), ['o9', 'me'], ['mine', 'other'], ...others(5)])
  const sparse = reader({ ...only('mine'), client: 'me' })
  expect(await sparse.next([[0, 9]], 1000)).toMatchObject({ covers: [[0, 9]], events: [events[3], events[4]] })
})

test('[T9] read piece by piece, all that is wanted comes once', async () => {
  const names = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { minLength: 1, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(names, fc.integer({ min: 1, max: 400 }), async (about, bytesMax) => {
      const { events, reader } = await segmentsOf(about.map((identifier) => [identifier]))
      let rest: SeqRanges = [[0, about.length - 1]]
      const found: TapeEvent[] = []
      while (rest.length > 0) {
        const page = await reader(only('a', 'b')).next(rest, bytesMax)
        const [from] = rest[0] as readonly [number, number]
        // Then whoever reads takes it whole.
        const covers: SeqRanges = page?.covers ?? intersect(rest, [[from, from - (from % perSegment) + perSegment - 1]])
        expect(covers[0]?.[0]).toBe(from)
        found.push(...(page?.events ?? events.filter(({ seq }) => intersect(covers, [[seq, seq]]).length > 0)))
        rest = [[(covers.at(-1)?.[1] ?? 0) + 1, about.length - 1]]
        if ((rest[0]?.[0] ?? 0) >= about.length) rest = []
      }
      const isMine = ({ identifier }: TapeEvent) => 'ab'.includes(identifier)
      expect(found.filter(isMine)).toEqual(events.filter(isMine))
    }),
    { seed: 7 },
  )
})
