/**
 * Filters over the core: whatever is read when and in whatever pieces, live and later, whoever holds a filter ends with
 * whole objects, those that have ever matched, and with nothing else.
 */
import { describe, expect, test } from 'vitest'
import {
  applyEvent,
  decodeSlice,
  everything,
  foldEvents,
  holesUpTo,
  type ObjectFilter,
  type ObjectState,
  objectKey,
  type Selection,
  type SeqRanges,
  type Slice,
  type TapeEvent,
  unborn,
  union,
} from '../../src/protocol/index.ts'
import type { Listener } from '../../src/server/broadcast.ts'
import { IndexBuilder } from '../../src/server/filters/index-builder.ts'
import type { Page } from '../../src/server/tape/slice-reader.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { draft, submission } from '../support/tape-state.ts'

const query: Selection = { any: [{ project: ['p1'] }], except: [] }

/** A reader with a filter: adds what it covers, and applies every event that it is given. */
class Reader implements Listener {
  readonly filter: Selection | undefined
  readonly events: TapeEvent[] = []
  accounted: SeqRanges = []
  latestSeq = -1

  constructor(filter?: Selection) {
    this.filter = filter
  }

  send(frame: string): void {
    const { type: _, ...slice } = JSON.parse(frame) as { type: string } & Slice
    this.take(slice)
  }

  take({ covers, events, latestSeq }: Slice): void {
    this.accounted = union(this.accounted, covers)
    this.latestSeq = Math.max(this.latestSeq, latestSeq)
    this.events.push(...events)
  }

  get holes(): SeqRanges {
    return holesUpTo(this.accounted, this.latestSeq)
  }
}

function statesOf(events: readonly TapeEvent[]): Record<string, ObjectState> {
  const states = new Map<string, ObjectState>()
  for (const event of events.toSorted((a, b) => a.seq - b.seq)) {
    states.set(objectKey(event), applyEvent(states.get(objectKey(event)) ?? unborn, event))
  }
  return Object.fromEntries(
    Array.from(states, ([key, { isAlive, values, since }]) => [key, { isAlive, values, since: isAlive ? since.seq : -1 }]),
  ) as never
}

function someDraft(random: SeededRandom, counter: number) {
  const identifier = `t${random.below(8)}`
  const type = random.pick(['insert', 'update', 'update', 'update', 'delete'] as const)
  const project = random.chance(0.3) ? { project: random.pick(['p1', 'p2', 'p3', 4, null, ['p1'], { p1: 1 }] as const) } : {}
  const values = type === 'delete' ? undefined : { [`f${random.below(3)}`]: counter, ...project }
  return { ...draft(counter), type, collection: 'tasks', identifier, values, seen: -1 }
}

/** What had been of an object before it belonged comes folded. */
async function slice(rig: CoreRig<MemoryTape>, page: Page | Promise<Page>): Promise<Slice> {
  return decodeSlice(new TextDecoder().decode(rig.core.encodePage(await page)), true)
}

describe('filters', () => {
  test('[G1][G2] whoever holds one ends with whole objects, however it came to them', async () => {
    let pasts = 0
    for (let seed = 1; seed <= 150; seed++) {
      const random = new SeededRandom(seed)
      const rig = new CoreRig(new MemoryTape())
      const readers: Reader[] = []
      const isLate = random.chance(0.3)
      if (!isLate) rig.core.declareIndex('project', '/project')
      let counter = 0
      for (let step = 0; step < 40; step++) {
        if (isLate && step === 20) {
          rig.core.declareIndex('project', '/project')
          expect(() => rig.core.reads.filterOf(query)).toThrow(expect.objectContaining({ code: 'index-building' }))
          await new IndexBuilder(rig.core, async () => {}).run()
        }
        const drafts = Array.from({ length: 1 + random.below(4) }, () => someDraft(random, ++counter))
        rig.commit(submission('a', drafts))
        const mayRead = !isLate || step >= 20
        if (mayRead && random.chance(0.2) && readers.length < 4) {
          const reader = new Reader(query)
          readers.push(reader)
          rig.listeners.add(reader)
          reader.latestSeq = rig.core.state.latestSeq
        }
        for (const reader of readers) {
          if (reader.holes.length === 0 || !random.chance(0.3)) continue
          const [first, last] = random.pick(reader.holes)
          const from = first + random.below(last - first + 1)
          const ranges = [[from, from + random.below(last - from + 1)]] as const
          const isFolded = random.chance(0.3)
          const reading = isFolded
            ? rig.core.reads.readFilteredFolded(query, ranges, {})
            : rig.core.reads.readFiltered(query, ranges, { bytesMax: 300 })
          reader.take(await slice(rig, reading))
        }
      }
      const tape = rig.events() as TapeEvent[]
      const matched = new Set(tape.filter(({ values }) => values?.project === 'p1').map(objectKey))
      for (const reader of readers) {
        while (reader.holes.length > 0) reader.take(await slice(rig, rig.core.reads.readFiltered(query, reader.holes, { bytesMax: 300 })))
        const expected = statesOf(tape.filter((event) => matched.has(objectKey(event))))
        expect(statesOf(foldEvents(reader.events, reader.accounted)), `seed ${seed}`).toEqual(expected)
        expect(reader.events.every((event) => matched.has(objectKey(event)))).toBe(true)
        pasts += reader.events.length
      }
    }
    expect(pasts).toBeGreaterThan(3000)
  })

  test('[G1] of collections and identifiers need no index, and all names are to match', async () => {
    const rig = new CoreRig(new MemoryTape())
    rig.core.declareIndex('project', '/project')
    const make = (counter: number, collection: string, identifier: string, project: string) => ({
      ...draft(counter),
      collection,
      identifier,
      values: { project },
    })
    rig.commit(
      submission('a', [make(1, 'tasks', 'a', 'p1'), make(2, 'tasks', 'b', 'p2'), make(3, 'notes', 'a', 'p1'), make(4, 'notes', 'c', 'p3')]),
    )
    const seqs = async (...any: readonly ObjectFilter[]) =>
      (await slice(rig, rig.core.reads.readFiltered({ any, except: [] }, [[0, 9]], { bytesMax: 1000 }))).events.map(({ seq }) => seq)
    expect(await seqs({ collection: ['tasks'] })).toEqual([0, 1])
    expect(await seqs({ identifier: ['a', 'c'] })).toEqual([0, 2, 3])
    expect(await seqs({ collection: ['notes'], project: ['p1', 'p2'] })).toEqual([2])
    expect(await seqs({ collection: ['nothing'] })).toEqual([])
    expect(await seqs({ collection: ['notes'] }, { project: ['p2'] })).toEqual([1, 2, 3])
    const except = [{ project: ['p1'] }]
    const rest = await slice(rig, rig.core.reads.readFiltered({ any: [{}], except }, [[0, 9]], { bytesMax: 1000 }))
    expect(rest).toMatchObject({ covers: [[0, 3]], events: [{ seq: 1 }, { seq: 3 }] })
  })

  test('[G5] read in parts, each without what belongs to those before it, they make the whole', async () => {
    const filters = [{ project: ['p2'] }, { project: ['p1', '4'] }, everything]
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed)
      const rig = new CoreRig(new MemoryTape())
      rig.core.declareIndex('project', '/project')
      const count = 1 + random.below(3)
      const any = filters.slice(0, count)
      const parts = any.map((filter, index) => ({ selection: { any: [filter], except: any.slice(0, index) }, reader: new Reader() }))
      const live = new Reader({ any, except: [] })
      rig.listeners.add(live)
      for (let counter = 1; counter <= 80; counter++) {
        rig.commit(submission('a', [someDraft(random, counter)]))
        const { selection, reader } = random.pick(parts)
        reader.latestSeq = rig.core.state.latestSeq
        const [hole] = reader.holes
        if (hole === undefined || !random.chance(0.6)) continue
        const ranges = [[hole[0], Math.min(hole[1], hole[0] + random.below(20))]] as const
        const reading = random.chance(0.5)
          ? rig.core.reads.readFilteredFolded(selection, ranges, {})
          : rig.core.reads.readFiltered(selection, ranges, { bytesMax: 300 })
        reader.take(await slice(rig, reading))
        // What happens now comes to all parts at once, and what was asked for on the socket.
        for (const { reader: each } of parts) each.accounted = union(each.accounted, live.accounted)
      }
      for (const { selection, reader } of parts) {
        reader.latestSeq = rig.core.state.latestSeq
        while (reader.holes.length > 0) {
          reader.take(await slice(rig, rig.core.reads.readFiltered(selection, reader.holes, { bytesMax: 300 })))
        }
      }
      const tape = rig.events() as TapeEvent[]
      const belongs = rig.core.reads.filterOf({ any, except: [] }).over(tape)
      const given = [live, ...parts.map(({ reader }) => reader)].flatMap(({ events }) => events)
      const expected = statesOf(tape.filter((event) => belongs.since(event) !== undefined))
      expect(statesOf(foldEvents(given, [[0, rig.core.state.latestSeq]])), `seed ${seed}`).toEqual(expected)
    }
  })

  test('[G6] what belongs is listed by name', async () => {
    const rig = new CoreRig(new MemoryTape())
    rig.core.declareIndex('project', '/project')
    const random = new SeededRandom(5)
    for (let counter = 1; counter <= 100; counter++) rig.commit(submission('a', [someDraft(random, counter)]))
    const filter = rig.core.reads.filterOf({ any: [{ project: ['p1'] }, { project: ['p3'], collection: ['tasks'] }], except: [] })
    const matching = (rig.events() as TapeEvent[]).filter(({ values }) => values?.project === 'p1' || values?.project === 'p3')
    const keys = [...new Set(matching.map(objectKey))]
    expect(keys.length).toBeGreaterThan(2)
    expect(filter.objects(keys.length).map(objectKey).toSorted()).toEqual(keys.toSorted())
    expect(() => filter.objects(keys.length - 1)).toThrow('too-large')
    expect(() => rig.core.reads.filterOf({ any: [{ collection: ['tasks'] }], except: [] }).objects(9)).toThrow('bad-query')
  })

  test('[G7] whoever publishes sees its own events, set apart where they do not belong', async () => {
    const rig = new CoreRig(new MemoryTape())
    rig.core.declareIndex('project', '/project')
    const frames: Slice[] = []
    const listener = { filter: query, client: 'c1', send: (text: string) => void frames.push(JSON.parse(text) as Slice) }
    rig.listeners.add(listener)
    const made = (counter: number, project: string) => ({ ...draft(counter), identifier: `${project}-${counter}`, values: { project } })
    rig.commit(submission('c1', [made(1, 'p1'), made(2, 'p2')]), submission('c2', [made(1, 'p2')]))
    rig.commit(submission('c2', [made(2, 'p2')]))
    expect(frames).toMatchObject([
      { covers: [[0, 2]], events: [{ seq: 0 }, { seq: 1 }], own: [[1, 1]] },
      { covers: [[3, 3]], events: [] },
    ])
    expect(frames[1]).not.toHaveProperty('own')
    const page = await slice(rig, rig.core.reads.readFiltered(query, [[0, 9]], { bytesMax: 1000, own: 'c2' }))
    expect(page).toMatchObject({ covers: [[0, 3]], events: [{ seq: 0 }, { seq: 2 }, { seq: 3 }], own: [[2, 3]] })
  })
})
