/**
 * The tape in the Durable Object's SQLite: all SQL of the project is here.
 *
 * A row is a group of events under its last seq, so the end of the tape and the row of any seq are one lookup in
 * the primary key. There is no other index, because each would be a second row written per group.
 */
import type { Append, LedgerEntry, TapeHead, TapeRow, TapeStorage } from './tape-storage.ts'

/** Each entry takes a database from the version of its index to the next. Entries are never changed, only added. */
const migrations: readonly string[] = [
  `CREATE TABLE stream (
     id INTEGER PRIMARY KEY CHECK (id = 0), version INTEGER NOT NULL, epoch TEXT, deleted INTEGER NOT NULL DEFAULT 0
   );
   CREATE TABLE tape (
     last INTEGER PRIMARY KEY, first INTEGER NOT NULL, committed_at INTEGER NOT NULL,
     checkpoint INTEGER NOT NULL, ledger TEXT NOT NULL, body BLOB NOT NULL
   );
   CREATE TABLE client (id TEXT PRIMARY KEY, counter INTEGER NOT NULL, sub TEXT NOT NULL) WITHOUT ROWID;`,
]

export class SqliteTape implements TapeStorage {
  readonly #storage: DurableObjectStorage
  readonly #sql: SqlStorage
  #hasTables = false

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.#sql = storage.sql
  }

  head(): TapeHead | 'deleted' | undefined {
    if (!this.#findTables()) return undefined
    const [stream] = this.#sql
      .exec<{ epoch: string | null; deleted: number; latestSeq: number | null; checkpoint: number | null }>(
        `SELECT epoch, deleted, tape.last AS latestSeq, tape.checkpoint FROM stream
         LEFT JOIN tape ON tape.last = (SELECT max(last) FROM tape)`,
      )
      .toArray()
    if (stream === undefined) return undefined
    if (stream.deleted === 1 || stream.epoch === null) return 'deleted'
    return { epoch: stream.epoch, latestSeq: stream.latestSeq ?? -1, checkpoint: stream.checkpoint ?? -1 }
  }

  append({ rows, retired, newEpoch }: Append): void {
    this.#storage.transactionSync(() => {
      if (newEpoch !== undefined) this.#create(newEpoch)
      for (const { last, first, committedAt, checkpoint, ledger, body } of rows) {
        this.#sql.exec('INSERT INTO tape VALUES (?, ?, ?, ?, ?, ?)', last, first, committedAt, checkpoint, ledger, body)
      }
      for (const [client, { counter, sub }] of retired) {
        this.#sql.exec('INSERT OR REPLACE INTO client VALUES (?, ?, ?)', client, counter, sub)
      }
    })
  }

  *rowsFrom(from: number): Generator<TapeRow> {
    yield* toRows(this.#sql.exec('SELECT first, last, body FROM tape WHERE last >= ? ORDER BY last', from))
  }

  *rowsBack(): Generator<TapeRow> {
    if (this.#findTables()) yield* toRows(this.#sql.exec('SELECT first, last, body FROM tape ORDER BY last DESC'))
  }

  *ledgersFrom(checkpoint: number): Generator<string> {
    const cursor = this.#sql.exec('SELECT ledger FROM tape WHERE last >= ? ORDER BY last', checkpoint)
    for (const [ledger] of cursor.raw<[string]>()) yield ledger
  }

  findClient(client: string): LedgerEntry | undefined {
    if (!this.#findTables()) return undefined
    return this.#sql.exec<{ counter: number; sub: string }>('SELECT counter, sub FROM client WHERE id = ?', client).toArray()[0]
  }

  erase(): void {
    this.#storage.transactionSync(() => {
      if (!this.#findTables()) this.#migrate(0)
      this.#sql.exec('DELETE FROM tape; DELETE FROM client; DELETE FROM stream;')
      this.#sql.exec('INSERT INTO stream (id, version, deleted) VALUES (0, ?, 1)', migrations.length)
    })
  }

  #create(epoch: string): void {
    this.#migrate(0)
    this.#sql.exec('INSERT INTO stream (id, version, epoch) VALUES (0, ?, ?)', migrations.length, epoch)
  }

  #migrate(version: number): void {
    for (const step of migrations.slice(version)) this.#sql.exec(step)
  }

  /** Whether there are tables; those of an older version are brought to this one. */
  #findTables(): boolean {
    if (this.#hasTables) return true
    if (this.#sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'stream'").toArray().length === 0) return false
    const { version } = this.#sql.exec<{ version: number }>('SELECT version FROM stream').one()
    if (version < migrations.length) {
      this.#storage.transactionSync(() => {
        this.#migrate(version)
        this.#sql.exec('UPDATE stream SET version = ?', migrations.length)
      })
    }
    this.#hasTables = true
    return true
  }
}

function* toRows(cursor: SqlStorageCursor<Record<string, SqlStorageValue>>): Generator<TapeRow> {
  for (const [first, last, body] of cursor.raw<[number, number, ArrayBuffer]>()) {
    yield { first, last, body: new Uint8Array(body) }
  }
}
