/** Cheap input that must not cost much: scattered ranges, preconditions over heavy tails, crowded turns, borrowed names. */
import { describe, expect, test } from 'vitest'
import type { SeqRange } from '../../src/protocol/seq-ranges.ts'
import { readPage } from '../../src/server/tape/slice-reader.ts'
import type { Verdict } from '../../src/server/turn/sequencer.ts'
import { CoreRig } from '../support/core.ts'
import { LiveRig } from '../support/live-rig.ts'
import { MemoryTape } from '../support/memory-tape.ts'

const draft = (counter: number, more: object = {}) =>
  ({ counter, seen: -1, type: 'insert', collection: 'things', identifier: `thing-${counter}`, values: { n: counter }, ...more }) as const

/** A stream of so many heavy events, each in a row of its own. */
function heavyStream(count: number, bytes: number): CoreRig<MemoryTape> {
  const rig = new CoreRig(new MemoryTape())
  for (let counter = 1; counter <= count; counter++) {
    rig.core.committer.submit(
      { sub: 'u', publish: { client: 'c', drafts: [draft(counter, { values: { text: 'x'.repeat(bytes) } })] } },
      () => {},
    )
    rig.endTurn()
  }
  return rig
}

describe('bounds', () => {
  test('[H2] a page of scattered ranges ends when it has read 8 MiB, and what it gives holds on to no more than it needs', () => {
    const rows = Array.from({ length: 40 }, (_, index) => {
      const lines = [`{"seq":${2 * index}}`, `{"seq":${2 * index + 1},"x":"${'x'.repeat(900_000)}"}`]
      return { first: 2 * index, last: 2 * index + 1, body: new TextEncoder().encode(lines.join(',\n')) }
    })
    const storage = {
      *rowsFrom(from: number) {
        yield* rows.filter(({ last }) => last >= from)
      },
    }
    const ranges = rows.map(({ first }): SeqRange => [first, first])
    const page = readPage(storage, ranges, { latestSeq: 79, bytesMax: 1_000_000 })
    expect(page.covers.length).toBeGreaterThan(5)
    expect(page.covers.length).toBeLessThan(12)
    for (const piece of page.pieces) expect(piece.buffer.byteLength).toBeLessThan(100)
  })

  test('[P9] a precondition does not look through more than 4 MiB of tail', () => {
    const rig = heavyStream(40, 200_000)
    const verdicts: Verdict[] = []
    const publish = (seen: number) => ({ client: 'd', drafts: [draft(1, { seen })], expect: { unchanged: true as const } })
    rig.core.committer.submit({ sub: 'u', publish: publish(0) }, (verdict) => verdicts.push(verdict))
    rig.core.committer.submit({ sub: 'u', publish: publish(35) }, (verdict) => verdicts.push(verdict))
    rig.endTurn()
    expect(verdicts).toMatchObject([{ type: 'refused', refusal: { code: 'catch-up-first' } }, { type: 'taken' }])
  })

  test('[P8] a turn decides 500 publishes, and the next ones the rest, in order', () => {
    const rig = new CoreRig(new MemoryTape())
    const taken: number[] = []
    for (let i = 0; i < 1200; i++) {
      rig.core.committer.submit({ sub: 'u', publish: { client: `c${i}`, drafts: [draft(1)] } }, () => taken.push(i))
    }
    rig.endTurn()
    for (let turns = 0; turns < 3; turns++) rig.endTurn()
    expect(taken).toEqual(Array.from({ length: 1200 }, (_, i) => i))
    expect(rig.core.state.latestSeq).toBe(1199)
  })

  test('[L6] a whisper in the name of another sub’s client is refused', async () => {
    const rig = new LiveRig()
    const alice = rig.open({ sub: 'alice' })
    const mallory = rig.open({ sub: 'mallory' })
    await rig.say(alice, { type: 'publish', ref: 1, client: 'alices', drafts: [draft(1)] })
    alice.take()
    mallory.take()
    expect(await rig.say(mallory, { type: 'whisper', client: 'alices', data: 1 })).toMatchObject([
      { type: 'refused', code: 'client-taken' },
    ])
    expect(alice.take()).toEqual([])
    expect(await rig.say(mallory, { type: 'whisper', client: 'mallorys', data: 1 })).toEqual([])
    expect(alice.take()).toMatchObject([{ type: 'whisper', client: 'mallorys' }])
  })
})
