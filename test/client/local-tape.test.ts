/** Accounting for slices that say in part what is known already. */
import { expect, test } from 'vitest'
import { blankTape } from '../../src/client/storage/store.ts'
import { account } from '../../src/client/tape/local-tape.ts'
import type { Slice, TapeEvent } from '../../src/protocol/index.ts'

const plain: TapeEvent = { seq: 3, seen: 2, type: 'update', collection: 'c', identifier: 'o', values: { a: 3 } }
const folded: TapeEvent = { ...plain, values: { a: 3, b: 5 }, stamps: { b: 5 } }
const tape = { ...blankTape, epoch: 'e', latestSeq: 9, accounted: [[3, 3]] as const }

function freshOf(covers: Slice['covers'], events: readonly TapeEvent[]): readonly TapeEvent[] {
  return account(tape, { epoch: 'e', latestSeq: 9, covers, events }).fresh
}

test('[S2] a folded event that begins with what is known counts for what it says besides', () => {
  expect(freshOf([[3, 5]], [folded])).toEqual([folded])
  expect(freshOf([[3, 5]], [plain])).toEqual([])
  expect(freshOf([[3, 3]], [folded])).toEqual([])
  expect(freshOf([[4, 5]], [folded])).toEqual([folded])
})
