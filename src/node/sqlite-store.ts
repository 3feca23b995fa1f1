/**
 * A store in a file of SQLite, for programs. All SQL of it is here, but for the migrations. Every call does its work at
 * once, so the order of the calls is the order of the transactions; several processes may have the file open.
 */
import { type ClientStore, foldKept, KeptSizes, type Saved, type SavedChange, StoreFailure, type StoreTrouble } from '../client/index.ts'
import { groupByObject, objectKey, type TapeEvent } from '../protocol/index.ts'
import { SqliteFile } from './sqlite-file.ts'
import { readObject, readOutboxRow, readTape } from './sqlite-rows.ts'

export class SqliteStore implements ClientStore {
  readonly isDurable: boolean = true
  readonly #path: string
  #tables: Tables | undefined
  #owner: string | undefined

  /** `path` is the file's: one for each stream and user. It is made when it is not there, its folder is not. */
  constructor(path: string) {
    this.#path = path
  }

  async claim(owner: string): Promise<void> {
    this.#run((tables) => tables.claim(owner))
    this.#owner = owner
  }

  async load(): Promise<Saved | undefined> {
    return this.#run((tables) => tables.load())
  }

  async events(): Promise<readonly TapeEvent[]> {
    return this.#run((tables) => tables.events())
  }

  async save(change: SavedChange): Promise<void> {
    this.#run((tables) => tables.save(change, this.#owner))
  }

  async close(): Promise<void> {
    this.#tables?.close()
    this.#tables = undefined
  }

  #run<T>(work: (tables: Tables) => T): T {
    try {
      this.#tables ??= new Tables(this.#path)
      return work(this.#tables)
    } catch (error) {
      throw error instanceof StoreFailure ? error : new StoreFailure(troubleOf(error), { cause: error })
    }
  }
}

const tapeColumns = 'epoch, latest_seq, accounted, unreadable, anew_to, parts, mark'

/** The tables in an open file. */
class Tables {
  readonly #file: SqliteFile
  readonly #sizes = new KeptSizes()

  constructor(path: string) {
    this.#file = new SqliteFile(path)
  }

  close(): void {
    this.#file.close()
  }

  claim(owner: string): void {
    this.#sizes.forget()
    this.#file.write(() => {
      this.#file.change('INSERT INTO client (only, owner) VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET owner = excluded.owner', owner)
    })
  }

  load(): Saved | undefined {
    return this.#file.read(() => {
      const [row] = this.#file.rows(`SELECT client, next_counter, ${tapeColumns} FROM client`)
      if (row === undefined || row.client === null) return undefined
      const rows = this.#file.rows('SELECT * FROM outbox ORDER BY place')
      const outbox = rows.map(readOutboxRow).filter((entry) => entry !== undefined)
      return {
        client: row.client as string,
        nextCounter: row.next_counter as number,
        tape: readTape(row),
        tabs: Object.fromEntries(this.#file.rows('SELECT tab, taken FROM tabs').map(({ tab, taken }) => [tab, taken])),
        outbox,
        unreadable: rows.length - outbox.length,
        lastPlace: Math.max(0, Number(rows.at(-1)?.place ?? 0)),
      }
    })
  }

  events(): readonly TapeEvent[] {
    return this.#file.read(() => {
      const [row] = this.#file.rows(`SELECT ${tapeColumns} FROM client`)
      const tape = row === undefined ? undefined : readTape(row)
      const tails = this.#file.rows('SELECT collection, identifier, events FROM tails ORDER BY number')
      const beside = groupByObject(tails.flatMap(({ events }) => readObject(events)))
      const kept = this.#file.rows('SELECT collection, identifier, events FROM objects').flatMap(({ collection, identifier, events }) => {
        const base = readObject(events)
        const more = beside.get(objectKey({ collection: String(collection), identifier: String(identifier) }))
        return more === undefined ? base : foldKept([...base, ...more], tape)
      })
      return kept.sort((a, b) => a.seq - b.seq)
    })
  }

  save(change: SavedChange, owner: string | undefined): void {
    this.#file.beStrict(givesCounters(change))
    this.#file.write(() => {
      const [row] = this.#file.rows('SELECT owner FROM client')
      if (owner === undefined || row?.owner !== owner)
        throw new StoreFailure(owner !== undefined && row === undefined ? 'cleared' : 'fenced')
      this.#saveClient(change)
      this.#saveEvents(change)
      this.#saveOutbox(change)
    })
    if (change.forgetEvents === true) this.#file.wipe()
  }

  #saveClient({ client, nextCounter, tape, tabs }: SavedChange): void {
    if (client !== undefined) this.#file.change('UPDATE client SET client = ?', client)
    if (nextCounter !== undefined) this.#file.change('UPDATE client SET next_counter = ?', nextCounter)
    if (tape !== undefined) {
      const { epoch, latestSeq, accounted, unreadable = [], anewTo = null, parts, mark = null } = tape
      this.#file.change(
        'UPDATE client SET epoch = ?, latest_seq = ?, accounted = ?, unreadable = ?, anew_to = ?, parts = ?, mark = ?',
        ...[
          epoch,
          latestSeq,
          JSON.stringify(accounted),
          JSON.stringify(unreadable),
          anewTo,
          parts === undefined ? null : JSON.stringify(parts),
          mark,
        ],
      )
    }
    if (tabs === undefined) return
    this.#file.change('DELETE FROM tabs')
    for (const [tab, taken] of Object.entries(tabs)) this.#file.change('INSERT INTO tabs (tab, taken) VALUES (?, ?)', tab, taken)
  }

  #saveEvents({ forgetEvents = false, events = [], tape }: SavedChange): void {
    if (forgetEvents) {
      this.#file.change('DELETE FROM objects')
      this.#file.change('DELETE FROM tails')
      this.#sizes.forget()
    }
    for (const [key, group] of groupByObject(events)) {
      const { collection, identifier } = group[0] as TapeEvent
      if (!this.#sizes.knows(key)) this.#sizes.learn(key, this.#sizesOf(collection, identifier))
      const text = JSON.stringify(group)
      if (this.#sizes.goesBeside(key, text.length)) {
        this.#file.change('INSERT INTO tails (collection, identifier, events) VALUES (?, ?, ?)', collection, identifier, text)
        this.#sizes.keptBeside(key, text.length)
        continue
      }
      const kept = this.#file.rows(`${ofObject('objects')} UNION ALL ${ofObject('tails')}`, collection, identifier, collection, identifier)
      const folded = JSON.stringify(foldKept([...kept.flatMap((row) => readObject(row.events)), ...group], tape))
      this.#file.change('REPLACE INTO objects (collection, identifier, events) VALUES (?, ?, ?)', collection, identifier, folded)
      if (kept.length > 1) this.#file.change('DELETE FROM tails WHERE collection = ? AND identifier = ?', collection, identifier)
      this.#sizes.folded(key, folded.length)
    }
  }

  #sizesOf(collection: string, identifier: string): Parameters<KeptSizes['learn']>[1] {
    const lengths = (table: 'objects' | 'tails') =>
      this.#file.rows(
        `SELECT COALESCE(SUM(LENGTH(events)), 0) AS length, COUNT(*) AS rows FROM ${table} WHERE collection = ? AND identifier = ?`,
        ...[collection, identifier],
      )[0]
    const [base, tails] = [lengths('objects'), lengths('tails')]
    return { base: Number(base?.length), tail: Number(tails?.length), tails: Number(tails?.rows) }
  }

  #saveOutbox({ put = [], remove = [] }: SavedChange): void {
    for (const { place, draft, madeAt, folded, counter = null, refused = null, refusal } of put) {
      const notes = refusal === undefined ? null : JSON.stringify(refusal)
      this.#file.change(
        'REPLACE INTO outbox (place, draft, made_at, folded_drafts, folded_bytes, counter, refused, refusal) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ...[place, JSON.stringify(draft), madeAt, folded.drafts, folded.bytes, counter, refused, notes],
      )
    }
    for (const place of remove) this.#file.change('DELETE FROM outbox WHERE place = ?', place)
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
