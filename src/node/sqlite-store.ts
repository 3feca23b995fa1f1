/**
 * A store in a file of SQLite, for programs. All SQL of it is here. Every call does its work at once, so the order of
 * the calls is the order of the transactions; several processes may have the file open.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { type ClientStore, KeptSizes, type Saved, type SavedChange, StoreFailure, type StoreTrouble } from '../client/index.ts'
import { foldEvents, groupByObject, objectKey, type TapeEvent } from '../protocol/index.ts'
import { type Row, readObject, readOutboxRow, readRanges, readTape } from './sqlite-rows.ts'

/** Each takes a database from the version that is its index to the next one. Rows that break their table's word cannot be. */
const migrations = [
  `CREATE TABLE client (
     only INTEGER PRIMARY KEY CHECK (only = 1),
     owner TEXT NOT NULL,
     client TEXT,
     next_counter INTEGER NOT NULL DEFAULT 1,
     epoch TEXT,
     latest_seq INTEGER NOT NULL DEFAULT -1,
     accounted TEXT NOT NULL DEFAULT '[]'
   ) STRICT;
   CREATE TABLE tabs (tab TEXT PRIMARY KEY, taken INTEGER NOT NULL) STRICT;
   CREATE TABLE outbox (
     place INTEGER PRIMARY KEY,
     draft TEXT NOT NULL,
     made_at REAL NOT NULL,
     folded_drafts INTEGER NOT NULL,
     folded_bytes INTEGER NOT NULL,
     counter INTEGER,
     refused TEXT
   ) STRICT;
   CREATE TABLE objects (collection TEXT, identifier TEXT, events TEXT NOT NULL, PRIMARY KEY (collection, identifier)) STRICT;`,
  `ALTER TABLE client ADD COLUMN unreadable TEXT NOT NULL DEFAULT '[]';
   ALTER TABLE outbox ADD COLUMN refusal TEXT;`,
  `CREATE TABLE tails (number INTEGER PRIMARY KEY, collection TEXT NOT NULL, identifier TEXT NOT NULL, events TEXT NOT NULL) STRICT;
   CREATE INDEX tails_of_object ON tails (collection, identifier);`,
  'ALTER TABLE client ADD COLUMN parts TEXT;',
  'ALTER TABLE client ADD COLUMN mark TEXT;',
]

/** What other processes write takes milliseconds. Waiting stops the whole program, so it is short: the client tries again. */
const busyMsMax = 250

export class SqliteStore implements ClientStore {
  readonly isDurable: boolean = true
  readonly #path: string
  #database: Database | undefined
  #owner: string | undefined

  /** `path` is the file's: one for each stream and user. It is made when it is not there, its folder is not. */
  constructor(path: string) {
    this.#path = path
  }

  async claim(owner: string): Promise<void> {
    this.#run((database) => database.claim(owner))
    this.#owner = owner
  }

  async load(): Promise<Saved | undefined> {
    return this.#run((database) => database.load())
  }

  async events(): Promise<readonly TapeEvent[]> {
    return this.#run((database) => database.events())
  }

  async save(change: SavedChange): Promise<void> {
    this.#run((database) => database.save(change, this.#owner))
  }

  async close(): Promise<void> {
    this.#database?.close()
    this.#database = undefined
  }

  #run<T>(work: (database: Database) => T): T {
    try {
      this.#database ??= new Database(this.#path)
      return work(this.#database)
    } catch (error) {
      throw error instanceof StoreFailure ? error : new StoreFailure(troubleOf(error), { cause: error })
    }
  }
}

/** An open file, and the statements on it. */
class Database {
  readonly #database: DatabaseSync
  readonly #sizes = new KeptSizes()
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

  claim(owner: string): void {
    this.#sizes.forget()
    this.#atOnce(() => {
      this.#change('INSERT INTO client (only, owner) VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET owner = excluded.owner', owner)
    })
  }

  load(): Saved | undefined {
    return this.#together('BEGIN', () => {
      const [row] = this.#rows('SELECT client, next_counter, epoch, latest_seq, accounted, unreadable, parts, mark FROM client')
      if (row === undefined || row.client === null) return undefined
      const rows = this.#rows('SELECT * FROM outbox ORDER BY place')
      const outbox = rows.map(readOutboxRow).filter((entry) => entry !== undefined)
      return {
        client: row.client as string,
        nextCounter: row.next_counter as number,
        tape: readTape(row),
        tabs: Object.fromEntries(this.#rows('SELECT tab, taken FROM tabs').map(({ tab, taken }) => [tab, taken])),
        outbox,
        unreadable: rows.length - outbox.length,
        lastPlace: Math.max(0, Number(rows.at(-1)?.place ?? 0)),
      }
    })
  }

  events(): readonly TapeEvent[] {
    return this.#together('BEGIN', () => {
      const [row] = this.#rows('SELECT accounted FROM client')
      const accounted = row === undefined ? [] : readRanges(row.accounted)
      const tails = this.#rows('SELECT collection, identifier, events FROM tails ORDER BY number')
      const beside = groupByObject(tails.flatMap(({ events }) => readObject(events)))
      const kept = this.#rows('SELECT collection, identifier, events FROM objects').flatMap(({ collection, identifier, events }) => {
        const base = readObject(events)
        const more = beside.get(objectKey({ collection: String(collection), identifier: String(identifier) }))
        return more === undefined ? base : foldEvents([...base, ...more], accounted)
      })
      return kept.sort((a, b) => a.seq - b.seq)
    })
  }

  save(change: SavedChange, owner: string | undefined): void {
    this.#beStrict(givesCounters(change))
    this.#atOnce(() => {
      const [row] = this.#rows('SELECT owner FROM client')
      if (owner === undefined || row?.owner !== owner)
        throw new StoreFailure(owner !== undefined && row === undefined ? 'cleared' : 'fenced')
      this.#saveClient(change)
      this.#saveEvents(change)
      this.#saveOutbox(change)
    })
    if (change.forgetEvents === true) this.#wipe()
  }

  /** What was forgotten may have been redacted: it is not to stay in free pages, nor in the write-ahead log. */
  #wipe(): void {
    try {
      this.#database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE);')
    } catch {
      // Another process is reading; it forgets the same, and wipes when it has.
    }
  }

  #saveClient({ client, nextCounter, tape, tabs }: SavedChange): void {
    if (client !== undefined) this.#change('UPDATE client SET client = ?', client)
    if (nextCounter !== undefined) this.#change('UPDATE client SET next_counter = ?', nextCounter)
    if (tape !== undefined) {
      const { epoch, latestSeq, accounted, unreadable = [], parts, mark = null } = tape
      this.#change(
        'UPDATE client SET epoch = ?, latest_seq = ?, accounted = ?, unreadable = ?, parts = ?, mark = ?',
        ...[
          epoch,
          latestSeq,
          JSON.stringify(accounted),
          JSON.stringify(unreadable),
          parts === undefined ? null : JSON.stringify(parts),
          mark,
        ],
      )
    }
    if (tabs === undefined) return
    this.#change('DELETE FROM tabs')
    for (const [tab, taken] of Object.entries(tabs)) this.#change('INSERT INTO tabs (tab, taken) VALUES (?, ?)', tab, taken)
  }

  #saveEvents({ forgetEvents = false, events = [], tape }: SavedChange): void {
    if (forgetEvents) {
      this.#change('DELETE FROM objects')
      this.#change('DELETE FROM tails')
      this.#sizes.forget()
    }
    for (const [key, group] of groupByObject(events)) {
      const { collection, identifier } = group[0] as TapeEvent
      if (!this.#sizes.knows(key)) this.#sizes.learn(key, this.#sizesOf(collection, identifier))
      const text = JSON.stringify(group)
      if (this.#sizes.goesBeside(key, text.length)) {
        this.#change('INSERT INTO tails (collection, identifier, events) VALUES (?, ?, ?)', collection, identifier, text)
        this.#sizes.keptBeside(key, text.length)
        continue
      }
      const kept = this.#rows(`${ofObject('objects')} UNION ALL ${ofObject('tails')}`, collection, identifier, collection, identifier)
      const folded = JSON.stringify(foldEvents([...kept.flatMap((row) => readObject(row.events)), ...group], tape?.accounted))
      this.#change('REPLACE INTO objects (collection, identifier, events) VALUES (?, ?, ?)', collection, identifier, folded)
      if (kept.length > 1) this.#change('DELETE FROM tails WHERE collection = ? AND identifier = ?', collection, identifier)
      this.#sizes.folded(key, folded.length)
    }
  }

  #sizesOf(collection: string, identifier: string): Parameters<KeptSizes['learn']>[1] {
    const lengths = (table: 'objects' | 'tails') =>
      this.#rows(
        `SELECT COALESCE(SUM(LENGTH(events)), 0) AS length, COUNT(*) AS rows FROM ${table} WHERE collection = ? AND identifier = ?`,
        ...[collection, identifier],
      )[0]
    const [base, tails] = [lengths('objects'), lengths('tails')]
    return { base: Number(base?.length), tail: Number(tails?.length), tails: Number(tails?.rows) }
  }

  #saveOutbox({ put = [], remove = [] }: SavedChange): void {
    for (const { place, draft, madeAt, folded, counter = null, refused = null, refusal } of put) {
      const notes = refusal === undefined ? null : JSON.stringify(refusal)
      this.#change(
        'REPLACE INTO outbox (place, draft, made_at, folded_drafts, folded_bytes, counter, refused, refusal) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ...[place, JSON.stringify(draft), madeAt, folded.drafts, folded.bytes, counter, refused, notes],
      )
    }
    for (const place of remove) this.#change('DELETE FROM outbox WHERE place = ?', place)
  }

  #migrate(): void {
    // Readers and the writer then do not wait for each other, and a commit appends to one file.
    this.#database.exec('PRAGMA journal_mode = WAL')
    this.#atOnce(() => {
      // Another process may have been faster.
      for (const migration of migrations.slice(this.#version())) this.#database.exec(migration)
      this.#database.exec(`PRAGMA user_version = ${Math.max(this.#version(), migrations.length)}`)
    })
  }

  #version(): number {
    return this.#database.prepare('PRAGMA user_version').get()?.user_version as number
  }

  /**
   * A counter that was sent and then lost in a power cut would be given twice, so a change that gives one waits for the
   * disk. All else can be read or sent again, and waits for the operating system alone, which outlives this process.
   */
  #beStrict(isStrict: boolean): void {
    if (isStrict === this.#isStrict) return
    this.#database.exec(`PRAGMA synchronous = ${isStrict ? 'FULL' : 'NORMAL'}`)
    this.#isStrict = isStrict
  }

  #atOnce(work: () => void): void {
    this.#together('BEGIN IMMEDIATE', work)
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

  #change(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#prepare(sql).run(...values)
  }

  #rows(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#prepare(sql).all(...values)
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

function ofObject(table: 'objects' | 'tails'): string {
  return `SELECT events FROM ${table} WHERE collection = ? AND identifier = ?`
}

function givesCounters({ nextCounter, put = [] }: SavedChange): boolean {
  return nextCounter !== undefined || put.some(({ counter }) => counter !== undefined)
}

/** By SQLite's primary result codes. */
function troubleOf(error: unknown): StoreTrouble {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
  switch (code) {
    case 3: // PERM
    case 8: // READONLY
    case 14: // CANTOPEN
    case 23: // AUTH
      return 'unavailable'
    case 11: // CORRUPT
    case 26: // NOTADB
      return 'unreadable'
    case 13: // FULL
      return 'full'
    // Among them BUSY and LOCKED: whoever has the file lets go of it, so it is worth another attempt.
    default:
      return 'failed'
  }
}
