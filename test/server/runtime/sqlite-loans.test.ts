/** The books in SQLite, inside the real object. */
import { expect, test } from 'vitest'
import { SqliteLoans } from '../../../src/server/forks/sqlite-loans.ts'
import { SqliteSchema } from '../../../src/server/tape/sqlite-schema.ts'
import { SqliteTape } from '../../../src/server/tape/sqlite-tape.ts'
import { describeLoans } from '../../contract/loans.ts'
import { inFreshObject } from './objects.ts'
import { toVersion } from './older-tape.ts'

const open = (storage: DurableObjectStorage) => new SqliteLoans(storage.sql, new SqliteSchema(storage))

describeLoans('books in SQLite', (run) =>
  inFreshObject((storage) => {
    const tape = new SqliteTape(storage)
    const row = { first: 0, last: 0, committedAt: 0, checkpoint: 0, ledger: '[]', body: new Uint8Array(3), start: 0 }
    tape.append({ rows: [row], retired: [], newEpoch: 'e' })
    run({ loans: open(storage), reopen: () => open(storage), erase: () => tape.erase() })
  }),
)

test('[V6][H1] there are none where nothing has been published, and to ask writes nothing', () =>
  inFreshObject((storage) => {
    const loans = open(storage)
    expect([loans.forks(), loans.debts(), [...loans.lentOf(['x'])], loans.takeBack('f')]).toEqual([[], [], [], []])
    expect(storage.sql.exec("SELECT name FROM sqlite_schema WHERE name IN ('lent', 'stream')").toArray()).toEqual([])
  }))

test('[V6] it takes no more rows to ask for one fork, or one content, when there are many of both', () =>
  inFreshObject((storage) => {
    const row = { first: 0, last: 0, committedAt: 0, checkpoint: 0, ledger: '[]', body: new Uint8Array(3), start: 0 }
    new SqliteTape(storage).append({ rows: [row], retired: [], newEpoch: 'e' })
    const read: number[] = []
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
    const sql = {
      exec(query: string, ...bindings: unknown[]) {
        const cursor = storage.sql.exec(query, ...bindings)
        cursors.push(cursor)
        return cursor
      },
    }
    const loans = new SqliteLoans(sql as unknown as SqlStorage, new SqliteSchema(storage))
    const names = Array.from({ length: 50 }, (_, i) => `content-${i}`)
    for (let fork = 0; fork < 200; fork++) loans.lend(`fork-${fork}`, names)
    const ask = (question: () => { readonly length: number }) => {
      cursors.length = 0
      const { length } = question()
      read.push(cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0))
      return length
    }
    expect(ask(() => loans.forks())).toBe(200)
    expect(ask(() => [...loans.lentOf(names)])).toBe(50)
    expect(ask(() => loans.takeBack('fork-7', names))).toBe(0)
    expect(ask(() => loans.takeBack('fork-7', names.slice(1)))).toBe(1)
    for (const [index, most] of [201, 101, 52, 60].entries()) expect(read[index], `${index}`).toBeLessThanOrEqual(most)
  }))

test('[V6] books of an older version are found by name and by fork', () =>
  inFreshObject((storage) => {
    const row = { first: 0, last: 0, committedAt: 0, checkpoint: 0, ledger: '[]', body: new Uint8Array(3), start: 0 }
    new SqliteTape(storage).append({ rows: [row], retired: [], newEpoch: 'e' })
    open(storage).lend('f', ['x', 'y'])
    open(storage).lend('g', ['y'])
    toVersion(storage.sql, 5)
    const loans = open(storage)
    expect([loans.forks(), [...loans.lentOf(['x', 'y', 'z'])]]).toEqual([
      ['f', 'g'],
      ['x', 'y'],
    ])
    expect([loans.takeBack('f'), loans.takeBack('g', ['y']), [...open(storage).lentOf(['x', 'y'])]]).toEqual([['x', 'y'], [], ['y']])
  }))
