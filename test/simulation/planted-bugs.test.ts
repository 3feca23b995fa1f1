/** The simulation is checked itself: each rule is broken on purpose, and must be seen to be broken. */
import { afterEach, expect, test, vi } from 'vitest'
import { MemoryStore, type SavedChange } from '../../src/client/index.ts'
import type { Change } from '../../src/protocol/index.ts'
import type { Ledger } from '../../src/server/ledger.ts'
import { MemoryTape } from '../../src/server/memory-tape.ts'
import type { Submission, sequence, TapeState } from '../../src/server/sequencer.ts'
import type { Append, TapeRow } from '../../src/server/tape-storage.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { HistoryOptions } from './history.ts'

/** Histories within which each planted bug has to be found. */
const budget = 100

afterEach(() => {
  vi.doUnmock('../../src/server/sequencer.ts')
  vi.doUnmock('../../src/server/ledger.ts')
  vi.doUnmock('../../src/protocol/object-state.ts')
  vi.doUnmock('../../src/client/local-tape.ts')
  vi.resetModules()
})

/** The first violation that histories on freshly loaded, broken modules run into. */
async function firstViolation(options: Omit<HistoryOptions, 'seed' | 'steps'> = {}): Promise<string | undefined> {
  vi.resetModules()
  const { runHistory } = await import('./history.ts')
  for (let seed = 1; seed <= budget; seed++) {
    try {
      await runHistory({ seed, steps: 200, ...options })
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  return undefined
}

test('[P2] finds a sequencer that takes any counter above the last one', async () => {
  vi.doMock('../../src/server/sequencer.ts', async (original) => {
    const real = await original<{ sequence: typeof sequence }>()
    const lax = (state: TapeState, submissions: readonly Submission[]) => {
      const heads = new Map<string, number>()
      for (const { publish } of submissions) {
        const head = publish.drafts[0]?.counter
        if (publish.client !== undefined && head !== undefined) heads.set(publish.client, Math.min(head, heads.get(publish.client) ?? head))
      }
      const lookup = (client: string) => {
        const counter = Math.max(state.lookup(client)?.counter ?? 0, (heads.get(client) ?? 0) - 1)
        return counter === 0 ? undefined : { counter, sub: 'someone' }
      }
      return real.sequence({ ...state, lookup }, submissions)
    }
    return { ...real, sequence: lax }
  })
  expect(await firstViolation()).toMatch(/after its draft|made \d+ changes/)
})

test('[T1] finds a ledger that does not survive the object', async () => {
  vi.doMock('../../src/server/ledger.ts', async (original) => {
    const real = await original<{ Ledger: typeof Ledger }>()
    class Forgetful extends real.Ledger {
      static override load(storage: Parameters<typeof Ledger.load>[0]): Ledger {
        return new real.Ledger(storage)
      }
    }
    return { Ledger: Forgetful }
  })
  expect(await firstViolation()).toMatch(/after its draft|come to rest|made \d+ changes/)
})

test('[O1] finds a model that lets the last event to arrive win', async () => {
  vi.doMock('../../src/protocol/object-state.ts', async (original) => {
    const real = await original<typeof import('../../src/protocol/object-state.ts')>()
    let arrivals = 0
    return { ...real, applyToObject: (state: typeof real.unborn, change: Change) => real.applyToObject(state, change, ++arrivals) }
  })
  expect(await firstViolation()).toMatch(/shows/)
})

test('[S2] finds a client that takes what lies below an event for granted', async () => {
  vi.doMock('../../src/client/local-tape.ts', async (original) => {
    const real = await original<typeof import('../../src/client/local-tape.ts')>()
    return {
      ...real,
      account: (...[tape, slice]: Parameters<typeof real.account>) => {
        const accounted = real.account(tape, slice)
        return { ...accounted, tape: { ...accounted.tape, accounted: [[0, accounted.tape.latestSeq]] } }
      },
    }
  })
  expect(await firstViolation()).toMatch(/wrong about having|come to rest|shows/)
})

/** Says that it has stored what it has not: the last rows are gone when the process dies. */
class VolatileTape extends MemoryTape {
  #rows: Append[] = []
  #lost = 0

  override append(append: Append): void {
    this.#rows.push(append)
    if (this.#rows.length > 1) this.#store()
  }

  override head() {
    if (this.#rows.length > 0 && this.#lost === 0) this.#store()
    return super.head()
  }

  override *rowsFrom(from: number): Generator<TapeRow> {
    yield* super.rowsFrom(from)
    for (const { rows } of this.#rows) for (const row of rows) if (row.last >= from) yield row
  }

  onKill(random: SeededRandom): void {
    if (random.chance(0.5)) this.#rows = []
  }

  #store(): void {
    for (const append of this.#rows.splice(0)) super.append(append)
  }
}

test('[P7] finds a server that broadcasts before its commit is durable', async () => {
  expect(await firstViolation({ createTape: () => new VolatileTape() })).toBeDefined()
})

class CarelessStore extends MemoryStore {
  override save({ nextCounter: _, put, ...change }: SavedChange): Promise<void> {
    return super.save({ ...change, ...(put === undefined ? {} : { put: put.map((entry) => ({ ...entry, counter: undefined })) }) })
  }
}

test('[C3] finds a client that does not save the counters of what it sends', async () => {
  expect(await firstViolation({ createStore: () => new CarelessStore() })).toMatch(/after its draft|made \d+ changes|come to rest/)
})

class HastyStore extends MemoryStore {
  override save(change: SavedChange): Promise<void> {
    const sent = (change.put ?? []).filter(({ counter }) => counter !== undefined).map(({ place }) => place)
    return super.save({ ...change, remove: [...(change.remove ?? []), ...sent] })
  }
}

test('[C4] finds an outbox that forgets a draft when it is sent', async () => {
  expect(await firstViolation({ createStore: () => new HastyStore() })).toMatch(/made \d+ changes|after its draft|come to rest/)
})
