/**
 * The books in the object's SQLite. What is lent is noted twice, to be found by name and by fork; a note without a name says
 * that the fork is made of this stream.
 */
import type { SqliteSchema } from '../tape/sqlite-schema.ts'
import type { Debt, Lender, Loans } from './loans.ts'

export class SqliteLoans implements Loans {
  readonly #sql: SqlStorage
  readonly #schema: SqliteSchema

  constructor(sql: SqlStorage, schema: SqliteSchema) {
    this.#sql = sql
    this.#schema = schema
  }

  lend(fork: string, names: readonly string[]): void {
    for (const some of piecesOf(['', ...names])) {
      this.#sql.exec('INSERT OR IGNORE INTO lent SELECT value, ? FROM json_each(?)', fork, some)
      this.#sql.exec('INSERT OR IGNORE INTO lent_by_fork SELECT ?, value FROM json_each(?)', fork, some)
    }
  }

  forks(): readonly string[] {
    if (!this.#schema.find()) return []
    return firstOf(this.#sql.exec("SELECT fork FROM lent WHERE name = '' ORDER BY fork"))
  }

  lentOf(names: readonly string[]): ReadonlySet<string> {
    if (!this.#schema.find()) return new Set()
    const question = 'SELECT DISTINCT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM lent WHERE name = value)'
    return new Set(piecesOf(names).flatMap((some) => firstOf(this.#sql.exec(question, some))))
  }

  takeBack(fork: string, kept?: readonly string[]): readonly string[] {
    if (!this.#schema.find()) return []
    const stays = new Set(kept === undefined ? [] : ['', ...kept])
    const back = firstOf(this.#sql.exec('SELECT name FROM lent_by_fork WHERE fork = ?', fork)).filter((name) => !stays.has(name))
    for (const some of piecesOf(back)) {
      for (const table of ['lent', 'lent_by_fork']) {
        this.#sql.exec(`DELETE FROM ${table} WHERE fork = ? AND name IN (SELECT value FROM json_each(?))`, fork, some)
      }
    }
    return back.filter((name) => name !== '')
  }

  debts(): readonly Debt[] {
    if (!this.#schema.find()) return []
    return this.#sql
      .exec<{ id: string; stream: string; borrower: string; due: number }>('SELECT id, stream, borrower, due FROM lender ORDER BY id')
      .toArray()
      .map(({ due, ...debt }) => ({ ...debt, isDue: due === 1 }))
  }

  owe(lenders: readonly Lender[], borrower: string): void {
    for (const { id, stream } of lenders) this.#sql.exec('INSERT OR REPLACE INTO lender VALUES (?, ?, ?, 1)', id, stream, borrower)
  }

  settle(id: string): void {
    this.#sql.exec('UPDATE lender SET due = 0 WHERE id = ?', id)
  }

  forgive(id: string): void {
    this.#sql.exec('DELETE FROM lender WHERE id = ?', id)
  }
}

/** A text of SQLite holds 2 MB, and a name takes up to 50 bytes. */
const namesAtOnce = 10_000

/** The names as lists in JSON that SQLite takes. */
function piecesOf(names: readonly string[]): readonly string[] {
  return Array.from({ length: Math.ceil(names.length / namesAtOnce) }, (_, i) =>
    JSON.stringify(names.slice(i * namesAtOnce, (i + 1) * namesAtOnce)),
  )
}

/** The first column. */
function firstOf(cursor: SqlStorageCursor<Record<string, SqlStorageValue>>): readonly string[] {
  return [...cursor.raw<[string]>()].map(([value]) => value)
}
