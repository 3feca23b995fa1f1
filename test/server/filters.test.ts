/**
 * Filters over the core: whatever is read when and in whatever pieces, live and later, whoever holds a filter ends with
 * whole objects, those that have ever matched, and with nothing else.
 */
import { describe, expect, test } from 'vitest'
import {
  applyEvent,
  decodeSlice,
  foldEvents,
  holesUpTo,
  type ObjectState,
  objectKey,
  type SeqRanges,
  type Slice,
  type TapeEvent,
  unborn,
  union,
} from '../../src/protocol/index.ts'
import type { Listener } from '../../src/server/broadcast.ts'
import type { FilterQuery } from '../../src/server/filters/filter.ts'
import { IndexBuilder } from '../../src/server/filters/index-builder.ts'
import { MemoryTape } from '../../src/server/memory-tape.ts'
import type { Page } from '../../src/server/slice-reader.ts'
import { CoreRig } from '../support/core.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { draft, submission } from '../support/tape-state.ts'

const query: FilterQuery = [['project', ['p1']]]

/** A reader with a filter: adds what it covers, and applies every event that it is given. */
class Reader implements Listener {
  readonly filter: FilterQuery | undefined
  readonly events: TapeEvent[] = []
  accounted: SeqRanges = []
  latestSeq = -1

  constructor(filter: FilterQuery) {
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
    const seqs = async (filter: FilterQuery) =>
      (await slice(rig, rig.core.reads.readFiltered(filter, [[0, 9]], { bytesMax: 1000 }))).events.map(({ seq }) => seq)
    expect(await seqs([['collection', ['tasks']]])).toEqual([0, 1])
    expect(await seqs([['identifier', ['a', 'c']]])).toEqual([0, 2, 3])
    expect(
      await seqs([
        ['collection', ['notes']],
        ['project', ['p1', 'p2']],
      ]),
    ).toEqual([2])
    expect(await seqs([['collection', ['nothing']]])).toEqual([])
  })
})
