/** What a redaction looks at: the segments that may be concerned, each once. */
import { expect, test } from 'vitest'
import type { Redaction } from '../../src/protocol/redaction.ts'
import { redact } from '../../src/server/sealed/redactor.ts'
import { storeSegment } from '../../src/server/sealed/sealer.ts'
import { toLines } from '../../src/server/tape/lines.ts'
import type { SegmentEntry } from '../../src/server/tape/tape-storage.ts'
import { MemoryBlobs, memoryContents } from '../support/memory-blobs.ts'

const count = 300
const perSegment = 4

/** How many entries of segments it takes to redact that, and which segments were made anew. */
async function redacting(redaction: Redaction, damage: (blobs: MemoryBlobs, segment: SegmentEntry) => void = () => {}) {
  const blobs = new MemoryBlobs()
  const contents = memoryContents(blobs)
  const segments: SegmentEntry[] = []
  for (let first = 0; first < count * perSegment; first += perSegment) {
    const events = Array.from({ length: perSegment }, (_, i) => ({
      ...{ seq: first + i, seen: -1, type: 'update', collection: 'c', identifier: `o${first % 7}`, values: { n: first } },
    }))
    segments.push(await storeSegment({ first, last: first + perSegment - 1, body: toLines(events as never) }, contents))
  }
  let read = 0
  let rewritten: readonly number[] = []
  const tape = {
    epoch: 'e',
    *segmentsFrom(from: number) {
      for (const segment of segments) {
        if (segment.last < from) continue
        read++
        yield segment
      }
    },
    rewrite(changed: readonly SegmentEntry[]) {
      rewritten = changed.map(({ first }) => first)
      return changed.length
    },
  }
  for (const segment of segments) damage(blobs, segment)
  await redact(tape, contents, redaction, { sub: 's', beforeStoring: async () => {} })
  return { read, rewritten }
}

test('[R1] of single events reads the entries of their segments alone', async () => {
  const seq = [2, 3, 401, 403, 1199].map((one) => [one, one] as const)
  expect(await redacting({ seq, reason: 'x' })).toEqual({ read: 3, rewritten: [0, 400, 1196] })
  expect(await redacting({ seq: [[10, 21]], reason: 'x' })).toEqual({ read: 4, rewritten: [8, 12, 16, 20] })
})

test('[R2] of an object reads the entry of each segment once', async () => {
  const { read, rewritten } = await redacting({ collection: 'c', identifier: 'o3', reason: 'x' })
  expect([read, rewritten.length]).toEqual([count, 42])
})

test('[R3] [T9] a segment that is not about the object is not looked into, be it lost; one that may be has to be', async () => {
  const object = { collection: 'c', identifier: 'o3', reason: 'x' }
  const loses = (which: (segment: SegmentEntry) => boolean) => (blobs: MemoryBlobs, segment: SegmentEntry) => {
    if (which(segment)) blobs.blobs.delete(segment.plain.hash)
  }
  const { rewritten } = await redacting(
    object,
    loses(({ first }) => first % 7 !== 3),
  )
  expect(rewritten.length).toBe(42)
  await expect(
    redacting(
      object,
      loses(({ first }) => first === 24),
    ),
  ).rejects.toMatchObject({ code: 'damaged' })
  const withoutPlaces = await redacting(object, (blobs, { places }) => void blobs.blobs.delete(places?.hash ?? ''))
  expect(withoutPlaces.rewritten).toEqual(rewritten)
})
