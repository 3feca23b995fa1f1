import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planBackfill, socketEventsMax } from '../../src/client/tape/backfill-plan.ts'
import { normalize, pageEvents, type SeqRange, subtract, union } from '../../src/protocol/index.ts'

test('[C1] asks for a few missing events in one frame, whatever holes they lie in', () => {
  expect(planBackfill([[10, 14]], [], { latestSeq: 19 })).toEqual({ overSocket: [[10, 14]], overHttp: [] })
  const holes: SeqRange[] = [
    [0, 3],
    [7, 7],
    [100, 599],
  ]
  expect(planBackfill(holes, [], { latestSeq: 900 })).toEqual({ overSocket: holes, overHttp: [] })
})

test('[C1] asks for nothing that is under way', () => {
  expect(planBackfill([[10, 14]], [[10, 14]], { latestSeq: 19 })).toEqual({ overSocket: [], overHttp: [] })
  expect(planBackfill([[10, 14]], [[11, 12]], { latestSeq: 19 }).overSocket).toEqual([
    [10, 10],
    [13, 14],
  ])
})

test('[C1] asks for many in aligned pages, the last one as far as the tape goes', () => {
  const { overSocket, overHttp } = planBackfill([[0, 9999]], [], { latestSeq: 9999 })
  expect(overSocket).toEqual([])
  expect(overHttp).toEqual([[[0, pageEvents - 1]], [[pageEvents, 2 * pageEvents - 1]], [[2 * pageEvents, 9999]]])
})

test('[C1] asks for a whole page only when most of it is missing', () => {
  const latestSeq = 2 * pageEvents - 1
  const little: SeqRange = [100, 200]
  const most: readonly SeqRange[] = [
    [pageEvents + 5, pageEvents + 20],
    [pageEvents + 25, latestSeq],
  ]
  expect(planBackfill([little, ...most], [], { latestSeq }).overHttp).toEqual([[little], [[pageEvents, latestSeq]]])
})

test('[C1] never asks again for what an answer was cut short of, as events are large, but for the rest', () => {
  const rest: SeqRange = [10, pageEvents - 1]
  expect(planBackfill([rest], [], { latestSeq: pageEvents - 1, cutPages: new Set([0]) }).overHttp).toEqual([[rest]])
})

test('[C1] covers every hole, and asks on the socket or over HTTP but not both', () => {
  const range = fc.tuple(fc.nat(20_000), fc.nat(3000)).map(([first, length]): SeqRange => [first, first + length])
  const set = fc.array(range, { maxLength: 6 }).map(normalize)
  fc.assert(
    fc.property(set, set, (holes, inFlight) => {
      const { overSocket, overHttp } = planBackfill(holes, inFlight, { latestSeq: 30_000 })
      const asked = overHttp.reduce(union, overSocket)
      expect(subtract(subtract(holes, inFlight), asked)).toEqual([])
      expect(overSocket.length === 0 || overHttp.length === 0).toBe(true)
    }),
    { seed: 1, numRuns: 500 },
  )
  expect(socketEventsMax).toBeLessThan(pageEvents)
})
