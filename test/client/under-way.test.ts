import { expect, test } from 'vitest'
import { readDeadlineMs } from '../../src/client/link/ask.ts'
import { UnderWay } from '../../src/client/tape/under-way.ts'
import { VirtualTime } from '../support/virtual-time.ts'

function createUnderWay() {
  const time = new VirtualTime()
  const late: number[] = []
  const environment = {
    now: () => time.now,
    setTimer: (run: () => void, afterMs: number) => time.set(run, afterMs),
    clearTimer: (timer: unknown) => time.clear(timer),
    random: () => 0.5,
    newId: () => 'me',
    report: () => {},
  }
  return { time, late, underWay: new UnderWay(environment, () => late.push(time.now)) }
}

test('[C1] a fetch is under way until its answer or for a minute, whichever is first, and ends once', async () => {
  const { time, late, underWay } = createUnderWay()
  underWay.startFetch(1, [[0, 4]])
  underWay.startFetch(2, [[5, 9]])
  expect(underWay.of()).toEqual([[0, 9]])
  expect([underWay.endFetch(1), underWay.endFetch(1)]).toEqual([true, false])
  expect(underWay.of()).toEqual([[5, 9]])
  await time.advance(2 * readDeadlineMs)
  expect(underWay.of()).toEqual([])
  expect(late).toEqual([readDeadlineMs])
  expect(underWay.endFetch(2)).toBe(false)
})

test('[C1][C21] a read of one part fills no hole of another, nor of the whole; what comes on the link fills all of them', () => {
  const { underWay } = createUnderWay()
  underWay.begin([[90, 99]])
  underWay.startFetch(1, [[80, 81]])
  underWay.startRead({ ranges: [[0, 9]] })
  underWay.startRead({ ranges: [[10, 19]], of: 'a part' })
  const onLink = [
    [80, 81],
    [90, 99],
  ]
  expect(underWay.of()).toEqual([[0, 9], ...onLink])
  expect(underWay.of('a part')).toEqual([[10, 19], ...onLink])
  expect(underWay.of('another')).toEqual(onLink)
  expect(underWay.all).toEqual([[0, 19], ...onLink])
  expect([underWay.isReading('a part'), underWay.isReading('another'), underWay.reads]).toEqual([true, false, 2])
})

test('[C1] after a cut nothing is under way any more, and nothing of it is late', async () => {
  const { time, late, underWay } = createUnderWay()
  const read = { ranges: [[0, 9]] as const, isLong: true }
  underWay.begin([[90, 99]])
  underWay.startFetch(1, [[80, 81]])
  underWay.startRead(read)
  expect(underWay.isReadingLong).toBe(true)
  underWay.stop()
  expect([underWay.all, underWay.isReadingLong, underWay.endRead(read)]).toEqual([[], false, false])
  await time.advance(2 * readDeadlineMs)
  expect(late).toEqual([])
})
