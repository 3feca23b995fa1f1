/** The books in SQLite, inside the real object. */
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { SqliteLoans } from '../../../src/server/forks/sqlite-loans.ts'
import { SqliteSchema } from '../../../src/server/tape/sqlite-schema.ts'
import { SqliteTape } from '../../../src/server/tape/sqlite-tape.ts'
import { describeLoans } from '../../contract/loans.ts'
import { stubOf } from './objects.ts'

let made = 0

function inFreshObject(run: (storage: DurableObjectStorage) => void): Promise<void> {
  return runInDurableObject(stubOf(`loans-${++made}`), (_, { storage }) => run(storage))
}

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
