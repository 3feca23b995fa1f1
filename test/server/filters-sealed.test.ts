/**
 * Filters over a tape that is sealed, folded and snapshotted beneath its readers: whatever holes they ask for, plain or
 * folded, they end with what the whole tape makes of the objects that have ever matched, as a client accounts for it.
 */
import { describe, expect, test, vi } from 'vitest'
import {
  decodeSlice,
  holesUpTo,
  includes,
  intersect,
  objectHashes,
  objectKey,
  Refusal,
  type Selection,
  type SeqRange,
  type SeqRanges,
  type Slice,
  type TapeEvent,
  union,
} from '../../src/protocol/index.ts'
import type { Listener } from '../../src/server/broadcast.ts'
import { Sealer } from '../../src/server/sealed/sealer.ts'
import { SnapshotBuilder } from '../../src/server/sealed/snapshot-builder.ts'
import type { Page } from '../../src/server/tape/slice-reader.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { draft, submission } from '../support/tape-state.ts'

const query: Selection = { any: [{ project: ['p1'] }], except: [] }
const pause = async () => {}

/** A tape that is sealed and snapshotted after a few events. */
class SealedRig extends CoreRig<MemoryTape> {
  counter = 0

  constructor(eventsMax: number, keptEvents = 2) {
    super(new MemoryTape(), 'epoch-1', undefined, { eventsMax, bytesMax: 1_000_000, keptEvents, keptBytes: 1_000_000_000 })
    this.core.declareIndex('project', '/project')
  }

  publish(change: object): void {
    const [verdict] = this.commit(submission('a', [draft(++this.counter, { ...change, seen: this.core.state.latestSeq })]))
    expect(verdict?.type).toBe('taken')
  }

  seal(): Promise<boolean> {
    return new Sealer(this.core.sealed, this.contents, pause).run()
  }

  async snapshot(): Promise<void> {
    const bounds = { sinceMin: 1, atOnceMax: 5000, chunkMax: 300, chunkMin: 0, listMax: 512 * 1024 }
    await new SnapshotBuilder(this.core.sealed, this.contents, { pause, bounds }).run()
  }

  async ask(page: Page | Promise<Page>): Promise<Slice> {
    return decodeSlice(new TextDecoder().decode(this.core.encodePage(await page)), true)
  }

  plain(ranges: SeqRanges, bytesMax = 1_000_000): Promise<Slice> {
    return this.ask(this.core.reads.readFiltered(query, ranges, { bytesMax }))
  }

  folded(ranges: SeqRanges): Promise<Slice> {
    return this.ask(this.core.reads.readFilteredFolded(query, ranges, {}))
  }

  async tape(): Promise<readonly TapeEvent[]> {
    return (await this.ask(this.core.reads.read([[0, 1e9]], { bytesMax: 1e9 }))).events
  }
}

/** Takes what is new to it, as clients do. */
class Reader implements Listener {
  readonly filter = query
  readonly events: TapeEvent[] = []
  accounted: SeqRanges = []
  latestSeq: number

  constructor(latestSeq: number) {
    this.latestSeq = latestSeq
  }

  send(frame: string): void {
    const { type: _, ...slice } = JSON.parse(frame) as { type: string } & Slice
    this.latestSeq = Math.max(this.latestSeq, slice.latestSeq)
    this.take(slice)
  }

  take({ covers, events }: Slice): void {
    const repeats = intersect(this.accounted, covers)
    this.events.push(...events.filter(({ seq, stamps }) => !includes(repeats, seq) || stamps !== undefined))
    this.accounted = union(this.accounted, covers)
  }

  get holes(): SeqRanges {
    return holesUpTo(this.accounted, this.latestSeq)
  }
}

function someChange(random: SeededRandom, n: number): object {
  const object = { collection: 'tasks', identifier: `t${random.below(8)}` }
  const dice = random.next()
  if (dice < 0.15)
    return { ...object, type: 'update', values: undefined, deltas: { text: [{ type: 'insert', offset: 0, values: `${n} ` }] } }
  const type = random.pick(['insert', 'update', 'update', 'update', 'delete'] as const)
  const project = random.chance(0.25) ? { project: random.pick(['p1', 'p1', 'p2']) } : {}
  return { ...object, type, values: type === 'delete' ? undefined : { [`f${random.below(3)}`]: n, ...project } }
}

/** Parts of some holes: of one, or of several at once. */
function someOf(holes: SeqRanges, random: SeededRandom): SeqRanges {
  return holes
    .filter((_, index) => index === 0 || random.chance(0.7))
    .map(([first, last]): SeqRange => {
      const from = first + random.below(last - first + 1)
      return [from, from + random.below(last - from + 1)]
    })
}

/** What they make of objects, in one order. */
function effectOf(events: readonly TapeEvent[], latestSeq: number) {
  const hashes = objectHashes(events, latestSeq).map((hash) => [objectKey(hash), hash.hash] as const)
  return Object.fromEntries(hashes.sort(([a], [b]) => (a < b ? -1 : 1)))
}

describe('on a sealed tape', () => {
  test('[G1][G2] whoever asks for whichever holes, plain or folded, ends with whole objects', async () => {
    let [sealed, snapshots, joined] = [0, 0, 0]
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed)
      const rig = new SealedRig(random.pick([2, 5, 12]))
      const hasSnapshots = random.chance(0.7)
      const readers: Reader[] = []
      const ask = (ranges: SeqRanges) => (random.chance(0.4) ? rig.folded(ranges) : rig.plain(ranges, random.pick([1, 300, 100_000])))
      for (let step = 0; step < 60; step++) {
        rig.publish(someChange(random, step))
        if (random.chance(0.1)) await rig.seal()
        if (hasSnapshots && random.chance(0.1)) await rig.snapshot()
        if (random.chance(0.15) && readers.length < 4) {
          const reader = new Reader(rig.core.state.latestSeq)
          readers.push(reader)
          if (random.chance(0.7)) rig.listeners.add(reader)
        }
        for (const reader of readers) {
          if (reader.holes.length === 0 || !random.chance(0.3)) continue
          // Of two answers that overlap, the later one says some of it again.
          const asked = Array.from({ length: random.pick([1, 1, 2]) }, () => ask(someOf(reader.holes, random)))
          for (const slice of await Promise.all(asked)) reader.take(slice)
        }
      }
      sealed += [...rig.core.sealed.segmentsFrom(0)].length
      snapshots += rig.core.sealed.snapshots().current === undefined ? 0 : 1
      const { latestSeq } = rig.core.state
      const tape = await rig.tape()
      const belonging = rig.core.reads.filterOf(query).over(tape)
      const expected = effectOf(
        tape.filter((event) => belonging.since(event) !== undefined),
        latestSeq,
      )
      joined += Object.keys(expected).length
      for (const reader of readers) {
        reader.latestSeq = latestSeq
        while (reader.holes.length > 0) reader.take(await ask(reader.holes))
        expect(effectOf(reader.events, latestSeq), `seed ${seed}`).toEqual(expected)
        expect(reader.events.every((event) => belonging.since(event) !== undefined)).toBe(true)
      }
    }
    expect([sealed > 500, snapshots > 50, joined > 300]).toEqual([true, true, true])
  })

  test('[G2] an object that comes to belong inside of a part that was folded before comes with what it had been', async () => {
    const rig = new SealedRig(8)
    rig.publish({ identifier: 'O', values: { title: 'x' } })
    for (let n = 0; n < 7; n++) rig.publish({ identifier: 'other' })
    rig.publish({ identifier: 'O', type: 'update', values: { a: 1 } })
    rig.publish({ identifier: 'O', type: 'update', values: { project: 'p1' } })
    for (let n = 0; n < 9; n++) rig.publish({ identifier: 'other' })
    await rig.seal()
    expect([...rig.core.sealed.segmentsFrom(8)][0]).toMatchObject({ first: 8, last: 15, folded: expect.anything() })
    const insert = { seq: 0, type: 'insert', values: { title: 'x' } }
    expect(await rig.folded([[8, 15]])).toMatchObject({ covers: [[8, 15]], events: [insert, { seq: 8, stamps: { project: 9 } }] })
    expect(await rig.plain([[8, 15]])).toMatchObject({ covers: [[8, 15]], events: [insert, { seq: 8 }, { seq: 9 }] })
  })

  test('[G1][T6][T9] what is lost of a segment is missed where something of it is wanted, and nowhere else', async () => {
    const rig = new SealedRig(10)
    for (let n = 0; n < 40; n++) rig.publish({ identifier: `t${n}`, values: n % 10 === 3 && n !== 13 ? { project: 'p1' } : {} })
    await rig.seal()
    const [first, second] = [...rig.core.sealed.segmentsFrom(0)]
    await rig.contents.remove([first?.plain.hash ?? '', second?.plain.hash ?? ''])
    expect(await rig.plain([[0, 29]])).toMatchObject({ covers: [[20, 29]], events: [{ seq: 23 }] })
    expect(await rig.plain([[10, 29]])).toMatchObject({ covers: [[10, 29]], events: [{ seq: 23 }] })
    await expect(rig.plain([[0, 9]])).rejects.toMatchObject({ code: 'damaged' })
    const out = vi.spyOn(rig.contents, 'get').mockRejectedValue(new Refusal('unavailable'))
    expect(await rig.plain([[0, 39]])).toMatchObject({ covers: [[30, 39]], events: [{ seq: 33 }] })
    out.mockRestore()
  })

  test('[G2] what was inserted in what is read folded needs nothing of before', async () => {
    const rig = new SealedRig(10)
    for (let n = 0; n < 10; n++) rig.publish({ identifier: 'other' })
    rig.publish({ identifier: 'new', values: { project: 'p1' } })
    rig.publish({ identifier: 'new', type: 'update', values: { a: 1 } })
    for (let n = 0; n < 20; n++) rig.publish({ identifier: `t${n}` })
    await rig.seal()
    const [first] = [...rig.core.sealed.segmentsFrom(0)]
    const got = vi.spyOn(rig.contents, 'get')
    expect(await rig.folded([[10, 19]])).toMatchObject({ covers: [[10, 19]], events: [{ seq: 10, values: { project: 'p1', a: 1 } }] })
    expect(got.mock.calls.map(([{ hash }]) => hash)).not.toContain(first?.plain.hash)
    got.mockRestore()
  })

  test('[G2] what it had been counts whatever the slice covers besides', async () => {
    const rig = new SealedRig(100)
    rig.publish({ identifier: 'O', values: { title: 'x' } })
    rig.publish({ identifier: 'O', type: 'update', values: { b: 1 } })
    rig.publish({ identifier: 'O', type: 'update', values: { project: 'p1' } })
    const ranges = [
      [0, 0],
      [2, 2],
    ] as const
    expect(await rig.plain(ranges)).toMatchObject({ covers: ranges, events: [{ seq: 0 }, { seq: 1, values: { b: 1 } }, { seq: 2 }] })
    for (let n = 0; n < 200; n++) rig.publish({ identifier: 'other' })
    await rig.seal()
    await rig.snapshot()
    const { through = -1 } = rig.core.sealed.snapshots().current ?? {}
    expect(through).toBeGreaterThan(2)
    const folded = { seq: 1, type: 'update', values: { title: 'x', b: 1, project: 'p1' }, stamps: { title: 0, b: 1, project: 2 } }
    expect(
      (
        await rig.plain([
          [0, 0],
          [2, through],
        ])
      ).events,
    ).toMatchObject([{ seq: 0 }, folded, { seq: 2 }])
  })

  test('[G2] it is read from the chunk that holds the object, and from what lies behind the snapshot', async () => {
    const rig = new SealedRig(10)
    for (let n = 0; n < 200; n++) rig.publish({ identifier: `o${n}`, values: { n } })
    await rig.seal()
    await rig.snapshot()
    const { current } = rig.core.sealed.snapshots()
    expect(current?.chunks.length).toBeGreaterThan(20)
    const through = current?.through ?? 0
    rig.publish({ identifier: 'o7', type: 'update', values: { a: 1 } })
    rig.publish({ identifier: 'o7', type: 'update', values: { project: 'p1' } })
    const got = vi.spyOn(rig.contents, 'get')
    const slice = await rig.plain([[201, 201]])
    expect(slice).toMatchObject({ covers: [[201, 201]], events: [{ seq: 7, values: { n: 7, a: 1 }, stamps: { a: 200 } }, { seq: 201 }] })
    const parts = got.mock.calls.map(([{ hash }]) => current?.chunks.some((chunk) => chunk.hash === hash))
    expect(parts.filter((isChunk) => isChunk === true)).toHaveLength(1)
    expect(parts.length).toBeLessThanOrEqual(2 + (201 - through) / 10)
  })

  test('[G2] a reader is told nothing of what lies beyond what it knows', async () => {
    const rig = new SealedRig(2)
    rig.publish({ identifier: 'O', values: { title: 'x' } })
    rig.publish({ identifier: 'O', type: 'update', values: { project: 'p1' } })
    rig.publish({ identifier: 'O', type: 'update', values: { title: 'y' } })
    for (let n = 0; n < 5; n++) rig.publish({ identifier: 'other' })
    await rig.seal()
    await rig.snapshot()
    expect(rig.core.sealed.snapshots().current?.through).toBeGreaterThan(2)
    const before = { seq: 0, values: { title: 'x' } }
    expect((await rig.plain([[1, 1]])).events).toMatchObject([before, { seq: 1 }])
    // Who asks on the socket is told where the tape ends.
    const told = await rig.ask(rig.core.reads.readFiltered(query, [[1, 1]], { bytesMax: 1000, isToldOfEnd: true }))
    expect(told.events).toMatchObject([{ seq: 0, values: { title: 'y' }, stamps: { title: 2 } }, { seq: 1 }])
  })

  test('[G2] where it cannot be read now, the seq is not covered', async () => {
    const rig = new SealedRig(2)
    rig.publish({ identifier: 'O', values: { title: 'x' } })
    rig.publish({ identifier: 'other' })
    await rig.seal()
    rig.publish({ identifier: 'O', type: 'update', values: { project: 'p1' } })
    rig.publish({ identifier: 'new', values: { project: 'p1' } })
    await rig.seal()
    expect([...rig.core.sealed.segmentsFrom(0)]).toMatchObject([{ first: 0, last: 1 }])
    const missing = vi.spyOn(rig.contents, 'get').mockRejectedValue(new Refusal('damaged'))
    expect(await rig.plain([[2, 3]])).toMatchObject({ covers: [[3, 3]], events: [{ seq: 3 }] })
    expect(await rig.folded([[2, 3]])).toMatchObject({ covers: [[3, 3]] })
    await expect(rig.plain([[2, 2]])).rejects.toThrow('damaged')
    await expect(rig.folded([[2, 2]])).rejects.toThrow('damaged')
    missing.mockRestore()
    expect(await rig.plain([[2, 2]])).toMatchObject({ covers: [[2, 2]], events: [{ seq: 0 }, { seq: 2 }] })
  })

  test('[G2][H2] as much of it comes as fits, and one object at least', async () => {
    const rig = new SealedRig(10_000)
    const title = 'x'.repeat(500)
    for (let n = 0; n < 100; n++) rig.publish({ identifier: `o${n}`, values: { title } })
    for (let n = 0; n < 100; n++) rig.publish({ identifier: `o${n}`, type: 'update', values: { project: 'p1' } })
    const reader = new Reader(199)
    reader.accounted = [[0, 99]]
    let answers = 0
    for (; reader.holes.length > 0; answers++) {
      const slice = await rig.plain(reader.holes, 10_000)
      const size = JSON.stringify(slice.events).length
      expect(size).toBeLessThan(10_500)
      reader.take(slice)
    }
    expect([answers < 10, reader.events.length]).toEqual([true, 200])
    expect(await rig.plain([[100, 199]], 100)).toMatchObject({ covers: [[100, 100]], events: [{ seq: 0 }, { seq: 100 }] })
  })
})
