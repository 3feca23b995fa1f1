/**
 * What a Durable Object keeps, in Node: SQLite in memory, and an alarm. As on the platform, what is written in one turn is
 * there as a whole or not at all, its alarm included: the test says when a turn ends.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

type Row = Record<string, SqlStorageValue>

export class ObjectDisk {
  readonly #database = new DatabaseSync(':memory:')
  readonly #statements = new Map<string, StatementSync>()
  #alarm: number | undefined
  /** As this turn has set it. */
  #newAlarm: number | undefined
  #ringing: number | undefined
  /** Whether this turn has written anything. */
  hasWritten = false
  /** So that each epoch is another one. */
  epochs = 0

  readonly sql: SqlStorage = (() => {
    const disk = this
    return {
      exec: <T extends Row>(query: string, ...bindings: unknown[]) => disk.#exec(query, bindings) as SqlStorageCursor<T>,
      get databaseSize() {
        return Number(disk.#all('SELECT page_count * page_size AS size FROM pragma_page_count, pragma_page_size', [])[0]?.size)
      },
    }
  })()

  /** When the alarm rings, in ms; undefined for never, and while it does. */
  get alarm(): number | undefined {
    return this.#newAlarm ?? this.#alarm
  }

  setAlarm(at: number): void {
    this.#write()
    this.#newAlarm = at
  }

  /** It rings, once: unless whoever answers is killed before any other was set. */
  ring(): void {
    this.#ringing = this.#alarm
    this.#alarm = undefined
  }

  answered(): void {
    this.#ringing = undefined
  }

  /** Whatever comes from now on is undone by the function that it gives, as often as that is called. */
  keep(): () => void {
    this.#database.exec('SAVEPOINT kept')
    const [alarm, epochs] = [this.#alarm, this.epochs]
    return () => {
      if (this.hasWritten) this.kill()
      this.#database.exec('ROLLBACK TO kept')
      this.#alarm = alarm
      this.epochs = epochs
    }
  }

  /** The turn has ended well. */
  commit(): void {
    if (!this.hasWritten) return
    this.#database.exec('RELEASE turn')
    this.#alarm = this.#newAlarm ?? this.#alarm
    this.#endTurn()
  }

  /** The process has been killed. */
  kill(): void {
    if (this.hasWritten) this.#database.exec('ROLLBACK TO turn; RELEASE turn')
    this.#endTurn()
    this.#alarm ??= this.#ringing
    this.#ringing = undefined
  }

  transactionSync<Result>(run: () => Result): Result {
    this.#write()
    this.#database.exec('SAVEPOINT inner')
    try {
      const result = run()
      this.#database.exec('RELEASE inner')
      return result
    } catch (error) {
      this.#database.exec('ROLLBACK TO inner; RELEASE inner')
      throw error
    }
  }

  /** The names of all tables. */
  get tables(): readonly string[] {
    return this.#all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name", []).map(({ name }) =>
      String(name),
    )
  }

  /** Everything in all rows, as one text. */
  get text(): string {
    const decoder = new TextDecoder()
    const textOf = (value: unknown) => (value instanceof Uint8Array ? decoder.decode(value) : String(value))
    const rows = this.tables.flatMap((name) => this.#all(`SELECT * FROM ${name}`, []))
    return rows.map((row) => Object.values(row).map(textOf).join('\t')).join('\n')
  }

  #endTurn(): void {
    this.hasWritten = false
    this.#newAlarm = undefined
  }

  #write(): void {
    if (!this.hasWritten) this.#database.exec('SAVEPOINT turn')
    this.hasWritten = true
  }

  #exec(asked: string, bindings: readonly unknown[]): SqlStorageCursor<Row> {
    // Nobody looks at free pages here, so they need not be filled.
    const query = asked.replace(/zeroblob\(\d+\)/, 'zeroblob(1)')
    if (/^\s*SELECT/i.test(query)) return cursorOf(this.#all(query, bindings).map(withBuffers))
    this.#write()
    if (bindings.length === 0) this.#database.exec(query)
    else this.#statement(query).run(...bindings.map(toInput))
    return cursorOf([])
  }

  #all(query: string, bindings: readonly unknown[]): Record<string, unknown>[] {
    return this.#statement(query).all(...bindings.map(toInput))
  }

  #statement(query: string): StatementSync {
    const statement = this.#statements.get(query) ?? this.#database.prepare(query)
    this.#statements.set(query, statement)
    return statement
  }
}

/** The platform takes and gives blobs as buffers, SQLite here as bytes. */
function toInput(value: unknown): SQLInputValue {
  return (value instanceof ArrayBuffer ? new Uint8Array(value) : value) as SQLInputValue
}

function withBuffers(row: Record<string, unknown>): Row {
  const given = Object.entries(row).map(([name, value]) => [name, value instanceof Uint8Array ? value.slice().buffer : value])
  return Object.fromEntries(given) as Row
}

function cursorOf(rows: Row[]): SqlStorageCursor<Row> {
  return {
    toArray: () => rows,
    one: () => {
      if (rows.length !== 1) throw new Error(`Expected one row, got ${rows.length}.`)
      return rows[0] as Row
    },
    raw: <Values extends SqlStorageValue[]>() => rows.map((row) => Object.values(row) as Values).values(),
    [Symbol.iterator]: () => rows.values(),
  }
}
