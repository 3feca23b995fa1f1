/** The server's storage is set back to what it was, under clients that are there, and others that come later. */
import { afterEach, expect, test, vi } from 'vitest'
import { addTo } from './histories.ts'
import { runHistory } from './history.ts'
import { firstViolation } from './planted.ts'

afterEach(() => {
  vi.doUnmock('../../src/server/tape/marks.ts')
  vi.doUnmock('../../src/client/outbox/publisher.ts')
  vi.resetModules()
})

test('[S5][S6][C22] all end with what the tape says, and nothing that was still to be sent is lost or doubled', {
  timeout: 240_000,
}, async () => {
  const counts: Record<string, number> = {}
  for (let seed = 1; seed <= 200; seed++) addTo(counts, await runHistory({ seed, steps: 60, isSetBack: true }))
  expect(counts['set back']).toBeGreaterThan(200)
  expect(counts['set back seen']).toBeGreaterThan(40)
  expect(counts['set back seen, grown again']).toBeGreaterThan(3)
})

test('[S6] finds a stream that does not look at marks', async () => {
  vi.doMock('../../src/server/tape/marks.ts', async (original) => {
    const real = await original<typeof import('../../src/server/tape/marks.ts')>()
    class Blind extends real.Marks {
      override isLost(): boolean {
        return false
      }
    }
    return { ...real, Marks: Blind }
  })
  expect(await firstViolation(100, { isSetBack: true })).toMatch(/shows|come to rest|another state/)
})

test('[S6] finds a stream that looks only at how far its tape goes', { timeout: 240_000 }, async () => {
  vi.doMock('../../src/server/tape/marks.ts', async (original) => {
    const real = await original<typeof import('../../src/server/tape/marks.ts')>()
    class Hasty extends real.Marks {
      override isLost(mark: string, latestSeq: number): boolean {
        return super.isLost(mark, latestSeq, { writerOf: () => this.writer }) && Number(mark.split('.')[0]) > latestSeq
      }
    }
    return { ...real, Marks: Hasty }
  })
  expect(await firstViolation(800, { isSetBack: true })).toMatch(/shows|come to rest|another state/)
})
