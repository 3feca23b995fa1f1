/** Sealing, snapshots and redaction are broken on purpose, and must be seen to be broken. */
import { afterEach, expect, test, vi } from 'vitest'
import { MemoryStore, type SavedChange } from '../../src/client/index.ts'
import type { Rewrite, Seal, TapeHead } from '../../src/server/tape/tape-storage.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { firstViolation, firstViolationWith } from './planted.ts'

afterEach(() => {
  vi.doUnmock('../../src/server/sealed/contents.ts')
  vi.doUnmock('../../src/protocol/fold.ts')
  vi.resetModules()
})

test('[T5] finds segments that are not what the rows were', async () => {
  vi.doMock('../../src/server/sealed/contents.ts', async (original) => {
    const real = await original<typeof import('../../src/server/sealed/contents.ts')>()
    class Careless extends real.Contents {
      override put(content: Uint8Array<ArrayBuffer>) {
        const text = new TextDecoder().decode(content)
        return super.put(new TextEncoder().encode(text.replace('"x":', '"y":')))
      }
    }
    return { ...real, Contents: Careless }
  })
  expect(await firstViolation(300, { isPlain: true })).toMatch(/is not what it was before|shows|come to rest|another state/)
})

/** Forgets whose drafts it had taken with the rows that it seals. */
class ForgetfulTape extends MemoryTape {
  override seal(seal: Seal): TapeHead['hot'] {
    return super.seal({ ...seal, ledger: seal.ledger === undefined ? undefined : '[]' })
  }
}

test('[T5][P2] finds a seal that loses the ledger of its rows', async () => {
  expect(await firstViolationWith({ createTape: () => new ForgetfulTape() })).toMatch(/after its draft|come to rest|made/)
})

test('[T7] finds a snapshot that forgets what is new in objects that it had', async () => {
  vi.doMock('../../src/protocol/fold.ts', async (original) => {
    const real = await original<typeof import('../../src/protocol/fold.ts')>()
    const foldEvents: typeof real.foldEvents = (events, accounted) =>
      // As the builder folds a chunk: all of 0 … through.
      accounted?.length === 1 && accounted[0]?.[0] === 0
        ? real.foldEvents(events.slice(0, Math.max(1, events.length - 1)), accounted)
        : real.foldEvents(events, accounted)
    return { ...real, foldEvents }
  })
  expect(await firstViolation(300, { isPlain: true })).toMatch(/another state|shows/)
})

/** Keeps the snapshot and all that was sealed when events are redacted. */
class UnforgettingTape extends MemoryTape {
  override rewrite(rewrite: Rewrite): void {
    const { current, leaving } = this.snapshots()
    super.rewrite({ ...rewrite, snapshots: { current, leaving, garbage: [], isUnclean: true } })
  }
}

test('[R1] finds a redaction that leaves the snapshot as it was', async () => {
  expect(await firstViolationWith({ isPlain: true, createTape: () => new UnforgettingTape() })).toMatch(/another state/)
})

/** Keeps the events of a tape that is no more. */
class HoardingStore extends MemoryStore {
  override save({ forgetEvents: _, ...change }: SavedChange) {
    return super.save(change)
  }
}

test('[C8][C20] finds a client that keeps what it had under another epoch', async () => {
  expect(await firstViolationWith({ isPlain: true, createStore: (other) => new HoardingStore(other) })).toMatch(/another state|shows/)
})
