/** Which snapshots there are, as SQLite keeps that: in one row, of 2 MB at most. */
import { noSnapshots, type Snapshots } from '../sealed/snapshot.ts'

export class SqliteSnapshots {
  readonly #sql: SqlStorage
  /** The list may be long, and is asked for twice a second: what has not changed is not parsed again. */
  #known: { readonly text: string; readonly snapshots: Snapshots } | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  read(): Snapshots {
    const [kept] = this.#sql.exec<{ state: string }>('SELECT state FROM snapshot').toArray()
    if (kept === undefined) return noSnapshots
    if (this.#known?.text !== kept.state) this.#known = { text: kept.state, snapshots: JSON.parse(kept.state) as Snapshots }
    return this.#known.snapshots
  }

  keep(snapshots: Snapshots): void {
    this.#sql.exec('INSERT OR REPLACE INTO snapshot VALUES (0, ?)', JSON.stringify(snapshots))
  }
}
