/** What objects had been: as much as there is room for, of those first that came to belong first. */
import { expect, test } from 'vitest'
import { objectKey, type SeqRange, type TapeEvent } from '../../src/protocol/index.ts'
import { PastReader } from '../../src/server/filters/past-reader.ts'
import { noSnapshots, type SnapshotChunk } from '../../src/server/sealed/snapshot.ts'
import type { EventsPage } from '../../src/server/sealed/sparse-reader.ts'
import { memoryContents } from '../support/memory-blobs.ts'

const mib = 1024 * 1024
const between = async () => {}

function inserted(seq: number): TapeEvent {
  return { seq, seen: -1, type: 'insert', collection: 'c', identifier: `o${seq}`, values: { n: seq } }
}

/** Objects that were inserted at 0, 1, 2 … and belong since 100, 101, 102 … */
function joiningOf(count: number) {
  return Array.from({ length: count }, (_, n) => ({ key: objectKey(inserted(n)), since: 100 + n }))
}

function pageOf(covered: SeqRange, events: readonly TapeEvent[], bytes: number): EventsPage {
  return { covers: [covered], events, bytes, bytesRead: bytes }
}

/** A tape of which each event is said to take so much; it gives as many pieces as it is told to. */
function tapeOf(bytesEach: number, piecesMax = 100) {
  return {
    async *pieces([range]: readonly SeqRange[]): AsyncGenerator<EventsPage, void> {
      const [first, last] = range ?? [0, -1]
      for (let seq = first; seq <= last && seq < piecesMax; seq++) yield pageOf([seq, seq], [inserted(seq)], bytesEach)
      if (last >= 100 && piecesMax >= 100) yield pageOf([100, last], [], 0)
    },
  }
}

test('[G2] those that came to belong last wait where there is no room for all', async () => {
  const reader = new PastReader({ snapshots: () => noSnapshots }, memoryContents(), tapeOf(3 * mib))
  const asked = { joining: joiningOf(9), covers: [[100, 108]], knownTo: 200, between } as const
  const { objects, end } = await reader.read(asked)
  expect(end).toBe(105)
  for (const { key, since } of joiningOf(5)) expect(objects.get(key)).toEqual([inserted(since - 100)])
  const large = new PastReader({ snapshots: () => noSnapshots }, memoryContents(), tapeOf(20 * mib))
  expect((await large.read(asked)).end).toBe(101)
})

test('[G2] what lies behind so much of the tape that it is not reached is not said to be known', async () => {
  const reader = new PastReader({ snapshots: () => noSnapshots }, memoryContents(), tapeOf(1, 50))
  const { objects, end } = await reader.read({ joining: joiningOf(2), covers: [[100, 101]], knownTo: 200, between })
  expect([objects.size, end]).toEqual([0, Number.POSITIVE_INFINITY])
})

test('[G2] of a snapshot not more chunks are read than are worth it', async () => {
  const contents = memoryContents()
  const chunks: SnapshotChunk[] = []
  for (let n = 0; n < 6; n++) {
    const entry = await contents.put(new TextEncoder().encode(JSON.stringify([inserted(n)])))
    chunks.push({ ...entry, bytes: 6 * mib, from: objectKey(inserted(n)), events: 1 })
  }
  const storage = { snapshots: () => ({ ...noSnapshots, current: { through: 150, chunks } }) }
  const reader = new PastReader(storage, contents, tapeOf(1, 0))
  const unborn = { key: objectKey({ collection: 'a', identifier: 'unborn' }), since: 99 }
  const asked = { joining: [unborn, ...joiningOf(6)], covers: [[99, 105]], knownTo: 150, between } as const
  const { objects, end } = await reader.read(asked)
  expect(end).toBe(102)
  for (const { key, since } of joiningOf(2)) expect(objects.get(key)).toEqual([inserted(since - 100)])
  expect(objects.get(unborn.key)).toMatchObject([{ seq: 150, type: 'delete' }])
  // Who knows less than the snapshot is given what the tape had until then.
  const { objects: before } = await new PastReader(storage, contents, tapeOf(1)).read({ ...asked, knownTo: 149 })
  expect(before.get(unborn.key)).toEqual([])
  expect(before.get(objectKey(inserted(5)))).toEqual([inserted(5)])
})
