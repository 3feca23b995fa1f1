/** The alarm is asked to seal once, and asked again only when that is worth it. */
import { expect, test } from 'vitest'
import { SealingDemand } from '../../src/server/sealed/sealing-demand.ts'
import { emptyHead } from '../../src/server/tape/loaded-head.ts'

/** Of a tape whose every event may be sealed but the newest ten. */
function demandOf(ask: () => void): { demand: SealingDemand; growTo: (latestSeq: number) => void } {
  const demand = new SealingDemand({ eventsMax: 20, bytesMax: 1e9, keptEvents: 10, keptBytes: 1e9 }, ask)
  return { demand, growTo: (latestSeq) => demand.consider({ ...emptyHead, epoch: 'epoch', latestSeq, bytes: 100 * (latestSeq + 1) }) }
}

test('sealing is asked for when a segment may be due, and once until nothing is left to seal', () => {
  let asked = 0
  const { demand, growTo } = demandOf(() => asked++)
  growTo(28)
  expect(asked).toBe(0)
  for (let seq = 29; seq < 5000; seq += 7) growTo(seq)
  expect(asked).toBe(1)
  demand.settle(5000)
  growTo(5499)
  expect(asked, 'the tape has to grow by some first').toBe(1)
  growTo(5500)
  expect(asked).toBe(2)
})

test('sealing is asked for again when nobody may know of it any more, but not before it can find something', () => {
  let asked = 0
  const { demand, growTo } = demandOf(() => asked++)
  growTo(100)
  demand.forget()
  growTo(101)
  expect(asked).toBe(2)
  demand.settle(101)
  demand.forget()
  growTo(102)
  expect(asked).toBe(2)
})
