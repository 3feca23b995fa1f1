/** What many ask for at once is done once, and nobody waits for one who has gone. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Shared } from '../../src/server/edge/shared.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('[H5] who asks for the same at once is given what one had made, and who asks later has it made anew', async () => {
  const shared = new Shared<number>()
  let made = 0
  const make = async () => ++made
  expect(await Promise.all([shared.of('a', make), shared.of('a', make), shared.of('b', make)])).toEqual([1, 1, 2])
  expect(await shared.of('a', make)).toBe(3)
})

test('[H5] what fails for one is made by the next', async () => {
  const shared = new Shared<number>()
  const failing = shared.of('a', () => Promise.reject(new Error('gone')))
  const other = shared.of('a', async () => 1)
  await expect(failing).rejects.toThrow('gone')
  expect(await other).toBe(1)
})

test('[H5] when one who asked has gone, one of the others asks for all of them', async () => {
  const shared = new Shared<number>()
  let made = 0
  void shared.of('a', () => new Promise(() => {}))
  const others = Array.from({ length: 5 }, () => shared.of('a', async () => await later(++made)))
  await vi.advanceTimersByTimeAsync(3000)
  expect(await Promise.all(others)).toEqual([1, 1, 1, 1, 1])
})

function later(value: number): Promise<number> {
  return new Promise((resolve) => setTimeout(() => resolve(value), 500))
}
