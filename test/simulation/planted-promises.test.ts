/**
 * The simulation is checked itself, part two: preconditions, rules, versions, conflicts, undo and clocks are broken on
 * purpose, and must be seen to be broken.
 */
import { afterEach, expect, test, vi } from 'vitest'
import type { ApplyContext } from '../../src/client/index.ts'
import type { UndoableModel } from '../../src/models/index.ts'
import type { Draft, ObjectState, TapeEvent, Write } from '../../src/protocol/index.ts'
import type { ExpectedTape } from '../../src/server/turn/expectations.ts'
import { firstViolation as firstViolationOf, plantOutbox } from './planted.ts'

vi.setConfig({ testTimeout: 60_000 })

/** Histories within which each of these has to be found. */
const within = 100

const firstViolation = (histories = within) => firstViolationOf(histories, { isPlain: false })

const broken = [
  '../../src/server/turn/expectations.ts',
  '../../src/server/turn/recent-keeper.ts',
  '../../src/protocol/fold.ts',
  '../../src/client/outbox/outbox.ts',
  '../../src/client/outbox/outbox-entry.ts',
  '../../src/client/tape/run.ts',
  '../../src/models/objects/collisions.ts',
  '../../src/models/history.ts',
]

afterEach(() => {
  for (const module of broken) vi.doUnmock(module)
  vi.resetModules()
})

type Others = (...args: Parameters<ReturnType<ExpectedTape['reaching']>['othersSince']>) => readonly number[]

/** Lets preconditions see less of what others wrote. */
function plantExpectations(plant: (others: Others, tape: ExpectedTape & { lines: readonly string[] }) => Others): void {
  vi.doMock('../../src/server/turn/expectations.ts', async (original) => {
    const real = await original<typeof import('../../src/server/turn/expectations.ts')>()
    const findUnexpected = (...[tape, ...rest]: Parameters<typeof real.findUnexpected>) => {
      const reaching = (depth: number) => {
        const recent = tape.reaching(depth)
        const othersSince = plant((...args) => recent.othersSince(...args), tape as ExpectedTape & { lines: readonly string[] })
        return { floorOf: (size: number) => recent.floorOf(size), othersSince } as ReturnType<ExpectedTape['reaching']>
      }
      return real.findUnexpected({ latestSeq: tape.latestSeq, reaching }, ...rest)
    }
    return { ...real, findUnexpected }
  })
}

test('[X1] finds a server that does not look at what the same group has taken', async () => {
  plantExpectations(
    (others, { latestSeq, lines }) =>
      (...args) =>
        others(...args).filter((seq) => seq <= latestSeq - lines.length),
  )
  expect(await firstViolation()).toMatch(/stands in its way|in its way are/)
})

test('[X1] finds a server for which inserts and deletes do not write all fields', async () => {
  plantExpectations((others) => (object, fields, by) => {
    const whole = fields === true ? [] : others(object, ['nothing that anybody writes'], by)
    return others(object, fields, by).filter((seq) => !whole.includes(seq))
  })
  expect(await firstViolation()).toMatch(/stands in its way|in its way are/)
})

test('[X3] finds a server that has forgotten the newest events when it wakes', async () => {
  vi.doMock('../../src/server/turn/recent-keeper.ts', async (original) => {
    const { RecentKeeper } = await original<typeof import('../../src/server/turn/recent-keeper.ts')>()
    class Forgetful extends RecentKeeper {
      constructor(_: unknown, keeps: number) {
        super({ *rowsBack() {} }, keeps)
      }
    }
    return { RecentKeeper: Forgetful }
  })
  expect(await firstViolation()).toMatch(/against the rules|too far behind/)
})

test('[F3] finds an outbox that folds drafts of different versions', async () => {
  vi.doMock('../../src/protocol/fold.ts', async (original) => {
    const real = await original<typeof import('../../src/protocol/fold.ts')>()
    return { ...real, areAlike: ({ version: _, ...a }: Draft, { version: __, ...b }: Draft) => real.areAlike(a, b) }
  })
  expect(await firstViolation()).toMatch(/made/)
})

test('[F1] finds a fold that forgets who wrote the later fields', async () => {
  vi.doMock('../../src/protocol/fold.ts', async (original) => {
    const real = await original<typeof import('../../src/protocol/fold.ts')>()
    const foldEvents = (events: readonly TapeEvent[]) => real.foldEvents(events).map(({ makers: _, ...event }) => event)
    return { ...real, foldEvents }
  })
  expect(await firstViolation()).toMatch(/on the tape like that/)
})

test('[X7] finds an outbox that goes by the clock when it is read', async () => {
  plantOutbox(
    (Real) =>
      class extends Real {
        override restore(saved: Parameters<typeof Real.prototype.restore>[0]) {
          super.restore({ ...saved, outbox: saved.outbox.toSorted((a, b) => a.madeAt - b.madeAt) })
        }
      },
  )
  expect(await firstViolation()).toMatch(/made|came after|come to rest/)
})

test('[X4] finds a client that goes on showing a refused draft', async () => {
  plantOutbox(
    (Real) =>
      class extends Real {
        override get pending() {
          return [...super.pending, ...super.refused.map(({ draft }) => draft)]
        }
      },
  )
  expect(await firstViolation()).toMatch(/shows|come to rest|wait to be settled/)
})

test('[X4] finds a client that does not keep why a draft was refused', async () => {
  vi.doMock('../../src/client/outbox/outbox-entry.ts', async (original) => ({
    ...(await original<typeof import('../../src/client/outbox/outbox-entry.ts')>()),
    notesOf: () => undefined,
  }))
  expect(await firstViolation()).toMatch(/nobody had to refuse/)
})

test('[C15] finds a run that is folded although others wrote at the same time', async () => {
  vi.doMock('../../src/client/tape/run.ts', async (original) => {
    const { foldEvents } = await import('../../src/protocol/index.ts')
    return { ...(await original<typeof import('../../src/client/tape/run.ts')>()), foldRun: foldEvents }
  })
  expect(await firstViolation()).toMatch(/folded, which is concurrent|did not report/)
})

type Collisions = typeof import('../../src/models/objects/collisions.ts')

function plantCollisions(plant: (find: Collisions['findCollisions']) => Collisions['findCollisions']): void {
  vi.doMock('../../src/models/objects/collisions.ts', async (original) => ({
    findCollisions: plant((await original<Collisions>()).findCollisions),
  }))
}

test('[X5] finds a model that reports conflicts with what was known', async () => {
  plantCollisions((find) => (encounter) => find({ ...encounter, by: { ...encounter.by, seen: -1 } }))
  expect(await firstViolation()).toMatch(/a conflict with what was known/)
})

test('[X5] finds a model that says nothing of conflicts that it has won', async () => {
  plantCollisions((find) => (encounter) => find(encounter).filter(({ winner }) => winner === 'theirs'))
  expect(await firstViolation()).toMatch(/did not report/)
})

test('[X5] finds a model that takes what waits for what lies directly above all that comes', async () => {
  plantCollisions((find) => (encounter) => {
    const { state, by } = encounter
    const isBuried = by.seq < state.since.seq && encounter.pending.length > 0
    return find(isBuried ? { ...encounter, state: { ...state, since: { ...state.since, seq: -1 } } } : encounter)
  })
  expect(await firstViolation()).toMatch(/beneath a later birth or death|what did not happen|what it did not do/)
})

test('[U2] finds an undo that takes for its own what others wrote', async () => {
  vi.doMock('../../src/models/history.ts', async (original) => {
    const { History } = await original<typeof import('../../src/models/history.ts')>()
    class Greedy extends History {
      constructor(model: UndoableModel) {
        let client: string | undefined
        const own = (write: Write): Write => ({ ...write, client })
        super({
          get receiver() {
            return model.receiver
          },
          set receiver(receiver) {
            model.receiver = receiver
          },
          collections: model.collections,
          reset: () => model.reset(),
          apply: (events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext) => {
            client = context.client
            model.apply(events, pending, context)
          },
          stateOf: (object): ObjectState => {
            const { since, later, ...state } = model.stateOf(object)
            return { ...state, since: own(since), later: Object.fromEntries(Object.entries(later).map(([field, by]) => [field, own(by)])) }
          },
        })
      }
    }
    return { History: Greedy }
  })
  expect(await firstViolation(300)).toMatch(/undid/)
})
