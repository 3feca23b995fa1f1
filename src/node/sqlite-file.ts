/** A file of SQLite that is open: its migrations, its transactions, and the statements on it. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { StoreFailure } from '../client/index.ts'
import { migrations } from './sqlite-migrations.ts'
import type { Row } from './sqlite-rows.ts'

/** What other processes write takes milliseconds. Waiting stops the whole program, so it is short: the client tries again. */
const busyMsMax = 250

export class SqliteFile {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #isStrict = false

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: busyMsMax })
    try {
      if (this.#version() < migrations.length) this.#migrate()
      if (this.#version() > migrations.length) throw new StoreFailure('newer')
      this.#database.exec('PRAGMA synchronous = NORMAL')
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  close(): void {
    this.#database.close()
  }

  change(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#prepare(sql).run(...values)
  }

  rows(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#prepare(sql).all(...values)
  }

  /** One transaction that reads. */
  read<T>(work: () => T): T {
    return this.#together('BEGIN', work)
  }

  /** One transaction that writes, and has the file to itself. */
  write(work: () => void): void {
    this.#together('BEGIN IMMEDIATE', work)
  }

  /**
   * A counter that was sent and then lost in a power cut would be given twice, so a change that gives one waits for the
   * disk. All else can be read or sent again, and waits for the operating system alone, which outlives this process.
   */
  beStrict(isStrict: boolean): void {
    if (isStrict === this.#isStrict) return
    this.#database.exec(`PRAGMA synchronous = ${isStrict ? 'FULL' : 'NORMAL'}`)
    this.#isStrict = isStrict
  }

  /** What was forgotten may have been redacted: it is not to stay in free pages, nor in the write-ahead log. */
  wipe(): void {
    try {
      this.#database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE);')
    } catch {
      // Another process is reading; it forgets the same, and wipes when it has.
    }
  }

  #migrate(): void {
    // Readers and the writer then do not wait for each other, and a commit appends to one file.
    this.#database.exec('PRAGMA journal_mode = WAL')
    this.write(() => {
      // Another process may have been faster.
      for (const migration of migrations.slice(this.#version())) this.#database.exec(migration)
      this.#database.exec(`PRAGMA user_version = ${Math.max(this.#version(), migrations.length)}`)
    })
  }

  #version(): number {
    return this.#database.prepare('PRAGMA user_version').get()?.user_version as number
  }

  #together<T>(begin: string, work: () => T): T {
    this.#database.exec(begin)
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      // Of some errors the transaction dies by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
