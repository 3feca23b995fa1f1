/** The tape in SQLite, inside the real object: the contract of every storage, and what a publish costs. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test, vi } from 'vitest'
import { SqliteLoans } from '../../../src/server/forks/sqlite-loans.ts'
import { StreamObject } from '../../../src/server/object/stream-object.ts'
import { SqliteSchema } from '../../../src/server/tape/sqlite-schema.ts'
import { SqliteTape } from '../../../src/server/tape/sqlite-tape.ts'
import { describeTapeStorage } from '../../contract/tape-storage.ts'
import { CoreRig } from '../../support/core.ts'
import { call, insert, publish } from '../../support/live.ts'
import { draft, plain, refused, submission, taken } from '../../support/tape-state.ts'
import { testToken } from '../../support/tokens.ts'
import { inFreshObject, rowCounts, stubOf } from './objects.ts'
import { toVersion } from './older-tape.ts'

describeTapeStorage('the tape in SQLite', (run) =>
  inFreshObject((storage) => {
    run({ storage: new SqliteTape(storage), reopen: () => new SqliteTape(storage) })
  }),
)

interface Counted {
  readonly storage: DurableObjectStorage
  readonly written: () => number
  readonly read: () => number
}

/** The storage with its cursors counted: rows written are what a deployment pays for. Each count is since the last one. */
function counted(storage: DurableObjectStorage): Counted {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
  const sql = {
    exec(query: string, ...bindings: unknown[]) {
      const cursor = storage.sql.exec(query, ...bindings)
      cursors.push(cursor)
      return cursor
    },
  }
  const sum = (of: 'rowsWritten' | 'rowsRead') => cursors.splice(0).reduce((rows, cursor) => rows + cursor[of], 0)
  return {
    storage: { sql, transactionSync: <T>(run: () => T) => storage.transactionSync(run) } as unknown as DurableObjectStorage,
    written: () => sum('rowsWritten'),
    read: () => sum('rowsRead'),
  }
}

test('[T1] an object that wakes runs no statement before it is asked for something, then five, whatever the length', async () => {
  const opened = (length: number) =>
    runInDurableObject(stubOf(`waking-${length}`), async (_, state) => {
      const before = new CoreRig(new SqliteTape(state.storage))
      for (let i = 1; i <= length; i++) before.commit(submission('a', [draft(i)]))
      const exec = vi.spyOn(Object.getPrototypeOf(state.storage.sql) as SqlStorage, 'exec')
      try {
        const waking = new StreamObject(state, env)
        const inConstructor = exec.mock.calls.length
        const answer = await waking.fetch(
          new Request('http://tapeline/v1/streams/waking', { headers: { Authorization: `Bearer ${await testToken()}` } }),
        )
        return { inConstructor, answer: await answer.json(), whenAsked: exec.mock.calls.length }
      } finally {
        exec.mockRestore()
      }
    })
  for (const length of [1, 40, 2000]) {
    const { inConstructor, answer, whenAsked } = await opened(length)
    expect({ inConstructor, whenAsked }).toEqual({ inConstructor: 0, whenAsked: 5 })
    expect(answer).toMatchObject({ latestSeq: length - 1 })
  }
})

describe('what a publish costs', () => {
  test('[T1] one row written, however many publishes, drafts and clients the group has', async () => {
    const costs = await inFreshObject((real) => {
      const { storage, written } = counted(real)
      const rig = new CoreRig(new SqliteTape(storage))
      rig.commit(submission('a', [draft(1)]))
      const first = written()
      const costs: number[] = []
      rig.commit(submission('a', [draft(2)]))
      costs.push(written())
      rig.commit(submission('a', [draft(3), draft(4), draft(5)]))
      costs.push(written())
      rig.commit(...Array.from({ length: 64 }, (_, i) => submission(`c${i}`, [draft(1)])))
      costs.push(written())
      return { first, costs }
    })
    expect(costs.costs).toEqual([1, 1, 1])
    expect(costs.first).toBeGreaterThan(1)
  })

  test('[T1][P2] no row for what is refused or a duplicate, and none for reading', async () => {
    const rows = await inFreshObject((real) => {
      const { storage, written } = counted(real)
      const rig = new CoreRig(new SqliteTape(storage))
      rig.commit(submission('a', [draft(1)]))
      written()
      rig.commit(submission('a', [draft(1)]), submission('a', [draft(9)]), submission('b', [draft(1, { seen: 5 })]))
      rig.core.readState()
      rig.events()
      return written()
    })
    expect(rows).toBe(0)
  })

  test('[T1] the ledger has no rows of its own, however many publish', async () => {
    for (let i = 1; i <= 40; i++) await publish('cost-1', { client: `c${i % 7}`, drafts: [insert(Math.ceil(i / 7))] })
    expect(Object.entries(await rowCounts('cost-1')).filter(([, count]) => count > 0)).toEqual([
      ['stream', 1],
      ['tape', 40],
    ])
  })

  test('[T1] finding a seq far back reads no more rows than finding one at the end', async () => {
    const read = await inFreshObject((real) => {
      const { storage, read } = counted(real)
      const rig = new CoreRig(new SqliteTape(storage))
      for (let i = 1; i <= 300; i++) rig.commit(submission('a', [draft(i)]))
      const costOf = (seq: number) => {
        read()
        rig.core.reads.read([[seq, seq]], { bytesMax: 1 })
        return read()
      }
      return [costOf(0), costOf(150), costOf(299)]
    })
    for (const rows of read) expect(rows).toBeLessThanOrEqual(2)
  })

  test('[T3][H1] no table is made by reading, or by a publish that is refused', async () => {
    expect(await (await call('/v1/streams/cost-2')).json()).toEqual({ stream: 'cost-2', epoch: null, latestSeq: -1 })
    expect((await call('/v1/streams/cost-2/events')).status).toBe(200)
    expect((await publish('cost-2', { client: 'a', drafts: [insert(2)] })).status).toBe(409)
    expect(await rowCounts('cost-2')).toEqual({})
    await publish('cost-2', { client: 'a', drafts: [insert(1)] })
    expect(await rowCounts('cost-2')).toMatchObject({ stream: 1, tape: 1, client: 0 })
  })

  test('[T3] each row keeps when it was committed', async () => {
    const before = Date.now()
    await publish('cost-3', { client: 'a', drafts: [insert(1)] })
    const at = await runInDurableObject(
      stubOf('cost-3'),
      (_, { storage }) => storage.sql.exec<{ at: number }>('SELECT committed_at AS at FROM tape').one().at,
    )
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual(Date.now())
  })
})

test('[S5] a stream that is older than marks has one from its next row on', async () => {
  const marks = await inFreshObject((real) => {
    new CoreRig(new SqliteTape(real)).commit(submission('a', [draft(1)]))
    toVersion(real.sql, 4)
    const rig = new CoreRig(new SqliteTape(real))
    const before = rig.core.mark
    rig.commit(submission('a', [draft(2)]))
    return [before, rig.core.mark, new CoreRig(new SqliteTape(real)).core.mark]
  })
  expect(marks[0]).toBeUndefined()
  expect(marks[1]).toMatch(/^1\./)
  expect(marks[2]).toBe(marks[1])
})

test('[T9] a segment that is older than its places has none', async () => {
  const entry = { hash: 'h', bytes: 80, stored: 20 }
  const segment = { first: 0, last: 1, plain: entry, folded: { ...entry, hash: 'f' } }
  const segments = await inFreshObject((real) => {
    const tape = new SqliteTape(real)
    const rig = new CoreRig(tape)
    for (const counter of [1, 2, 3]) rig.commit(submission('a', [draft(counter)]))
    tape.seal({ segment: { ...segment, places: { ...entry, hash: 'p' } }, ledger: undefined, retired: [] })
    const before = [...tape.segmentsFrom(0)]
    toVersion(real.sql, 6)
    return [...before, ...new SqliteTape(real).segmentsFrom(0)]
  })
  expect(segments).toEqual([{ ...segment, places: { ...entry, hash: 'p' } }, segment])
})

test('[I7][V3] a stream that is older than imports and forks is not being imported, and no fork', async () => {
  const { heads, fork, forks } = await inFreshObject((real) => {
    const rig = new CoreRig(new SqliteTape(real))
    rig.commit(submission('a', [draft(1)]))
    toVersion(real.sql, 2)
    const forks = new SqliteLoans(real.sql, new SqliteSchema(real)).forks()
    return { heads: [new SqliteTape(real).head(), rig.storage.head()], fork: rig.storage.fork(), forks }
  })
  expect(heads[0]).toMatchObject({ latestSeq: 0 })
  expect(heads[0]).not.toHaveProperty('isImporting')
  expect(heads[1]).toEqual(heads[0])
  expect([fork, forks]).toEqual([undefined, []])
})

describe('an append that fails in SQLite', () => {
  test('[T4] leaves nothing, is answered with unavailable, and the next group is right', async () => {
    const { before, after, verdicts, next, events } = await inFreshObject((real) => {
      const rig = new CoreRig(new SqliteTape(real))
      rig.commit(submission('a', [draft(1)]))
      const count = () => real.sql.exec<{ n: number }>('SELECT count(*) AS n FROM tape').one().n
      const before = count()
      real.sql.exec("CREATE TRIGGER full BEFORE INSERT ON tape WHEN new.last > 5 BEGIN SELECT RAISE(FAIL, 'The disk is full.'); END")
      const large = (counter: number) => draft(counter, { values: { text: 'x'.repeat(240_000) } })
      const ear = rig.ear()
      const verdicts = rig.commit(submission('a', [2, 3, 4, 5, 6, 7].map(large)), submission('b', [draft(1)])).map(plain)
      const after = [count(), ear.texts.length, rig.reports.length]
      real.sql.exec('DROP TRIGGER full')
      const next = rig.commit(submission('b', [draft(1)]), submission('a', [draft(2)])).map(plain)
      return { before, after, verdicts, next, events: rig.events().length }
    })
    expect(verdicts).toEqual([refused('unavailable'), refused('unavailable')])
    expect([before, after, events]).toEqual([1, [1, 0, 1], 3])
    expect(next).toEqual([taken(1, 1), taken(2, 2)])
  })

  test('[T4] of a stream’s first group leaves no tables', async () => {
    const outcome = await inFreshObject((real) => {
      const tape = new SqliteTape(real)
      const row = { first: 0, last: 0, committedAt: 0, checkpoint: 0, ledger: '[]', body: new Uint8Array(3), start: 0 }
      expect(() => tape.append({ rows: [row, row], retired: [], newEpoch: 'e' })).toThrow()
      const tables = real.sql.exec("SELECT name FROM sqlite_schema WHERE name IN ('tape', 'stream', 'client')").toArray()
      const head = tape.head()
      tape.append({ rows: [row], retired: [], newEpoch: 'e2' })
      return { tables, head, next: tape.head() }
    })
    expect(outcome).toMatchObject({
      tables: [],
      head: undefined,
      next: { epoch: 'e2', latestSeq: 0, checkpoint: 0, bytes: 3, hot: { first: 0, start: 0 } },
    })
  })
})
