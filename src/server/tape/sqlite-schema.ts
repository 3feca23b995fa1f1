/** The tables of a Durable Object: made at the first authorised write, and brought to this version when an older one wakes. */

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
  `ALTER TABLE tape ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
   UPDATE tape SET start = before.start FROM (
     SELECT last, sum(length(body)) OVER (ORDER BY last) - length(body) AS start FROM tape
   ) AS before WHERE before.last = tape.last;
   ALTER TABLE stream ADD COLUMN sealed_ledger TEXT;
   ALTER TABLE stream ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE stream ADD COLUMN expires TEXT;
   ALTER TABLE stream ADD COLUMN configured_at INTEGER;
   CREATE TABLE segment (last INTEGER PRIMARY KEY, first INTEGER NOT NULL, plain TEXT NOT NULL, folded TEXT);
   CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 0), state TEXT NOT NULL);
   CREATE TABLE redaction (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, sub TEXT NOT NULL, reason TEXT NOT NULL, redacted INTEGER NOT NULL
   );
   CREATE TABLE attribute (
     id INTEGER PRIMARY KEY, name TEXT NOT NULL, pointer TEXT NOT NULL, declared_at INTEGER NOT NULL, built_to INTEGER NOT NULL
   );
   CREATE TABLE member (
     attribute INTEGER NOT NULL, value TEXT NOT NULL, object TEXT NOT NULL, since INTEGER NOT NULL,
     PRIMARY KEY (attribute, value, object)
   ) WITHOUT ROWID;
   CREATE TABLE blob (name TEXT PRIMARY KEY, body BLOB NOT NULL);`,
  'ALTER TABLE stream ADD COLUMN importing INTEGER NOT NULL DEFAULT 0;',
  `ALTER TABLE stream ADD COLUMN fork TEXT;
   CREATE TABLE lent (name TEXT NOT NULL, fork TEXT NOT NULL, PRIMARY KEY (name, fork)) WITHOUT ROWID;
   CREATE TABLE lender (id TEXT PRIMARY KEY, stream TEXT NOT NULL, borrower TEXT NOT NULL, due INTEGER NOT NULL) WITHOUT ROWID;`,
  // `writers`: see `encodeRuns`.
  `ALTER TABLE stream ADD COLUMN secret TEXT;
   ALTER TABLE tape ADD COLUMN writer INTEGER;
   ALTER TABLE segment ADD COLUMN writers BLOB;`,
  // `peak`: see `notePeak`.
  `ALTER TABLE stream ADD COLUMN peak INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE lent_by_fork (fork TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (fork, name)) WITHOUT ROWID;
   INSERT INTO lent_by_fork SELECT fork, name FROM lent;`,
  // `places`: see `SegmentPlaces`.
  'ALTER TABLE segment ADD COLUMN places TEXT;',
]

export class SqliteSchema {
  readonly #storage: DurableObjectStorage
  readonly #sql: SqlStorage
  #hasTables = false

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.#sql = storage.sql
  }

  /** Whether there are tables; those of an older version are brought to this one. */
  find(): boolean {
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

  /** Makes the tables, and a stream under this epoch. */
  create(epoch: string): void {
    this.#migrate(0)
    this.#sql.exec('INSERT INTO stream (id, version, epoch) VALUES (0, ?, ?)', migrations.length, epoch)
  }

  /** What is left of a stream that was deleted. */
  createDeleted(): void {
    if (!this.find()) this.#migrate(0)
    this.#sql.exec('DELETE FROM stream')
    this.#sql.exec('INSERT INTO stream (id, version, deleted) VALUES (0, ?, 1)', migrations.length)
  }

  #migrate(version: number): void {
    for (const step of migrations.slice(version)) this.#sql.exec(step)
  }
}
