/** The simulation is checked itself: each rule is broken on purpose, and must be seen to be broken. */
import { afterEach, expect, test, vi } from 'vitest'
import { MemoryStore, type Saved, type SavedChange } from '../../src/client/index.ts'
import type { Change, Write } from '../../src/protocol/index.ts'
import type { Append, TapeRow } from '../../src/server/tape/tape-storage.ts'
import type { Ledger } from '../../src/server/turn/ledger.ts'
import type { Submission, sequence, TapeState } from '../../src/server/turn/sequencer.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { firstViolation, firstViolationWith, type Loose, plantOutbox } from './planted.ts'

afterEach(() => {
  vi.doUnmock('../../src/server/turn/sequencer.ts')
  vi.doUnmock('../../src/server/turn/ledger.ts')
  vi.doUnmock('../../src/protocol/object-state.ts')
  vi.doUnmock('../../src/client/tape/local-tape.ts')
  vi.doUnmock('../../src/client/outbox/outbox.ts')
  vi.doUnmock('../../src/client/tabs/untaken.ts')
  vi.resetModules()
})

test('[P2] finds a sequencer that takes any counter above the last one', async () => {
  vi.doMock('../../src/server/turn/sequencer.ts', async (original) => {
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
  expect(await firstViolation()).toMatch(/after its draft/)
})

test('[T1] finds a ledger that does not survive the object', async () => {
  vi.doMock('../../src/server/turn/ledger.ts', async (original) => {
    const real = await original<{ Ledger: typeof Ledger }>()
    class Forgetful extends real.Ledger {
      static override load(storage: Parameters<typeof Ledger.load>[0]): Ledger {
        return new real.Ledger(storage)
      }
    }
    return { Ledger: Forgetful }
  })
  expect(await firstViolation()).toMatch(/after its draft|come to rest/)
})

test('[O1] finds a model that lets the last event to arrive win', async () => {
  vi.doMock('../../src/protocol/object-state.ts', async (original) => {
    const real = await original<typeof import('../../src/protocol/object-state.ts')>()
    let arrivals = 0
    return {
      ...real,
      applyToObject: (state: typeof real.unborn, change: Change, by: Write) =>
        real.applyToObject(state, change, { ...by, seq: ++arrivals }),
    }
  })
  expect(await firstViolation()).toMatch(/shows|on the tape like that/)
})

test('[S2] finds a client that takes what lies below an event for granted', async () => {
  vi.doMock('../../src/client/tape/local-tape.ts', async (original) => {
    const real = await original<typeof import('../../src/client/tape/local-tape.ts')>()
    return {
      ...real,
      account: (...[tape, slice]: Parameters<typeof real.account>) => {
        const accounted = real.account(tape, slice)
        return { ...accounted, tape: { ...accounted.tape, accounted: [[0, accounted.tape.latestSeq]] } }
      },
    }
  })
  expect(await firstViolation()).toMatch(/come to rest|shows|keeps another state|folded, which is concurrent/)
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
  expect(await firstViolationWith({ createTape: () => new VolatileTape() })).toBeDefined()
})

/** Stores that do with a change what a client must not do; each gives what is wrong with it. */
class CarelessStore extends MemoryStore {
  override save({ nextCounter: _, put, ...change }: SavedChange): Promise<void> {
    return super.save({ ...change, ...(put === undefined ? {} : { put: put.map((entry) => ({ ...entry, counter: undefined })) }) })
  }
}

test('[C3] finds a client that does not save the counters of what it sends', async () => {
  expect(await firstViolationWith({ createStore: (other) => new CarelessStore(other) })).toBeDefined()
})

class HastyStore extends MemoryStore {
  override save(change: SavedChange): Promise<void> {
    const sent = (change.put ?? []).filter(({ counter }) => counter !== undefined).map(({ place }) => place)
    return super.save({ ...change, remove: [...(change.remove ?? []), ...sent] })
  }
}

test('[C4] finds an outbox that forgets a draft when it is sent', async () => {
  expect(await firstViolationWith({ createStore: (other) => new HastyStore(other) })).toMatch(/made|come to rest/)
})

class TwofoldStore extends MemoryStore {
  #late: SavedChange = {}

  override async save({ events, ...change }: SavedChange): Promise<void> {
    await super.save({ ...this.#late, ...change })
    this.#late = events === undefined ? {} : { events }
  }
}

test('[C9] finds a client that saves what it has accounted for apart from the events', async () => {
  expect(await firstViolationWith({ createStore: (other) => new TwofoldStore(other) })).toMatch(/shows|keeps another state/)
})

class CounterPerTabStore extends MemoryStore {
  override async load(): Promise<Saved | undefined> {
    const saved = await super.load()
    return saved && { ...saved, nextCounter: 1 }
  }
}

test('[C3] finds tabs that number their drafts each for itself', async () => {
  expect(await firstViolationWith({ createStore: (other) => new CounterPerTabStore(other) })).toBeDefined()
})

class StaleStore extends MemoryStore {
  #first: Promise<Saved | undefined> | undefined

  override load(): Promise<Saved | undefined> {
    this.#first ??= super.load()
    return this.#first
  }
}

test('[C14] finds a hand-over that does not read the store again', async () => {
  expect(await firstViolationWith({ createStore: (other) => new StaleStore(other) })).toBeDefined()
})

class UntoldStore extends MemoryStore {
  override save({ tabs: _, ...change }: SavedChange): Promise<void> {
    return super.save(change)
  }
}

test('[C14] finds an owner that does not save how many drafts it has taken from a tab', async () => {
  expect(await firstViolationWith({ createStore: (other) => new UntoldStore(other) })).toMatch(/made|came after|come to rest|is said to be/)
})

class UnfencedStore extends MemoryStore {
  override async save(change: SavedChange): Promise<void> {
    await super.claim('whoever saves')
    await super.save(change)
  }
}

test('[C10] finds a store that lets two processes write', async () => {
  expect(await firstViolationWith({ createStore: (other) => new UnfencedStore(other) })).toBeDefined()
})

test('[C11] finds an outbox that folds a draft into one that was sent', async () => {
  plantOutbox(
    (Real) =>
      class extends Real {
        override add(...args: Parameters<typeof Real.prototype.add>) {
          const sent = [...this.entries].filter(({ counter }) => counter !== undefined).map((entry) => ({ entry, counter: entry.counter }))
          for (const { entry } of sent) (entry as Loose).counter = undefined
          const step = super.add(...args)
          for (const { entry, counter } of sent) (entry as Loose).counter = counter
          return step
        }
      },
  )
  expect(await firstViolation()).toMatch(/made|came after|come to rest|is said to be/)
})

test('[C10] finds a copy that keeps its id', async () => {
  plantOutbox(
    (Real) =>
      class extends Real {
        override reidentify() {
          return { change: {}, leaving: [] }
        }
      },
  )
  expect(await firstViolation()).toBeDefined()
})

test('[C5] finds an outbox that goes on with the dependants of a refused insert', async () => {
  plantOutbox(
    (Real) =>
      class extends Real {
        override refuse(...[ref, counter, code]: Parameters<typeof Real.prototype.refuse>) {
          const blamed = [...this.entries].find((entry) => entry.counter === counter)
          const { draft } = blamed ?? {}
          if (blamed !== undefined && draft?.type === 'insert') (blamed as Loose).draft = { ...draft, type: 'update' }
          const step = super.refuse(ref, counter, code)
          const put = step?.change.put?.map((entry) => (entry.place === blamed?.place && draft ? { ...entry, draft } : entry)) ?? []
          return step && { ...step, change: { ...step.change, put } }
        }
      },
  )
  expect(await firstViolation()).toMatch(/goes on with/)
})

test('[C5] finds a client that drops a refused draft without a word', async () => {
  plantOutbox(
    (Real) =>
      class extends Real {
        override refuse(...args: Parameters<typeof Real.prototype.refuse>) {
          const step = super.refuse(...args)
          const remove = step?.leaving.map(({ place }) => place) ?? []
          for (const place of remove) super.dropRefused(place)
          return step && { ...step, change: { ...step.change, remove } }
        }
      },
  )
  expect(await firstViolation()).toMatch(/made/)
})

test('[C14] finds a tab that drops what no owner has taken when it becomes the owner', async () => {
  vi.doMock('../../src/client/tabs/untaken.ts', async (original) => {
    const { Untaken } = await original<typeof import('../../src/client/tabs/untaken.ts')>()
    class Forgetful extends Untaken {
      override takeAll() {
        super.takeAll()
        return []
      }
    }
    return { Untaken: Forgetful }
  })
  expect(await firstViolation()).toMatch(/made|said to be/)
})
