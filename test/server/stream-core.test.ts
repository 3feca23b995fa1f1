/** One stream without the platform: what is read of it, and that it sleeps. */
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/protocol/codes.ts'
import { decodeSlice } from '../../src/protocol/slice.ts'
import type { Page } from '../../src/server/tape/slice-reader.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { anonymousDraft, draft, plain, refused, submission } from '../support/tape-state.ts'

const everything = [[0, Number.MAX_SAFE_INTEGER]] as const

describe('reading', () => {
  test('[S4] under another epoch is refused with the right one, before and after the first event', () => {
    const rig = new CoreRig(new MemoryTape())
    const read = (epoch: string) => () => rig.core.reads.read(everything, { bytesMax: 1, epoch }) as Page
    expect(read('x')).toThrow(expect.objectContaining({ code: 'wrong-epoch', details: { epoch: null, latestSeq: -1 } }))
    rig.commit(submission('a', [draft(1)]))
    expect(read('x')).toThrow(expect.objectContaining({ code: 'wrong-epoch', details: { epoch: 'epoch-1', latestSeq: 0 } }))
    expect(read('epoch-1')().covers).toEqual([[0, 0]])
  })

  test('[T2] gives the bytes that were stored, and a slice around them', () => {
    const rig = new CoreRig(new MemoryTape())
    rig.commit(submission('a', [draft(1)]), submission(undefined, [anonymousDraft({ values: { text: '1\n2,\n3' } })]))
    rig.commit(submission('a', [draft(2)]))
    const slice = decodeSlice(new TextDecoder().decode(rig.core.encodePage(rig.read([[1, 1]]))))
    expect(slice).toEqual({
      epoch: 'epoch-1',
      latestSeq: 2,
      covers: [[1, 1]],
      events: [{ seq: 1, seen: -1, type: 'insert', collection: 'tasks', identifier: 't1', values: { text: '1\n2,\n3' } }],
    })
  })

  test('[H11] is over when the stream is erased, and so is publishing, also for what was waiting', () => {
    const rig = new CoreRig(new MemoryTape())
    rig.commit(submission('a', [draft(1)]))
    const ear = rig.ear()
    const verdicts: unknown[] = []
    rig.core.committer.submit(submission('a', [draft(2)]), (verdict) => verdicts.push(plain(verdict)))
    rig.core.erase()
    rig.endTurn()
    expect(verdicts).toEqual([refused('stream-deleted')])
    for (const run of [() => rig.core.state, () => rig.core.readState(), () => rig.core.reads.read(everything, { bytesMax: 1 })]) {
      expect(run).toThrow(expect.objectContaining({ name: 'Refusal', code: 'stream-deleted' }))
    }
    expect(rig.commit(submission('b', [draft(1)])).map(plain)).toEqual([refused('stream-deleted')])
    expect(() => new CoreRig(rig.storage).core.state).toThrow(Refusal)
    expect([ear.texts, rig.reports]).toEqual([[], []])
  })
})

describe('sleep', () => {
  test('[L9] a core made anew over the same storage after every publish decides as one that stayed', () => {
    const groups = Array.from({ length: 40 }, (_, i) => [
      submission('a', [draft(i + 1)]),
      submission(`b${i % 3}`, [draft(Math.floor(i / 3) + 1, { seen: i > 0 ? 2 : -1 })], i % 2 === 0 ? { expect: { unchanged: true } } : {}),
      submission('a', [draft(Math.max(1, i))]),
      submission('a', [draft(i + 9)]),
    ])
    const awake = new CoreRig(new MemoryTape())
    const asleep = new MemoryTape()
    for (const group of groups) {
      expect(new CoreRig(asleep).commit(...group).map(plain)).toEqual(awake.commit(...group).map(plain))
    }
    expect(new CoreRig(asleep).events()).toEqual(awake.events())
    const drawn = { secret: expect.any(String), writer: expect.any(Number) }
    expect(asleep.head()).toEqual(Object.assign({}, awake.storage.head(), drawn))
  })
})
