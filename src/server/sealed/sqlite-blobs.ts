/** Blobs as rows of the object, for deployments without a bucket. Each is below the 2 MB of a row. */
import type { Blobs } from './blobs.ts'

/** Their table is made with the tape's: see `SqliteTape`. */
export class SqliteBlobs implements Blobs {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  async put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#sql.exec('INSERT OR REPLACE INTO blob VALUES (?, ?)', name, body)
  }

  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const [found] = this.#sql.exec<{ body: ArrayBuffer }>('SELECT body FROM blob WHERE name = ?', name).toArray()
    return found === undefined ? undefined : new Uint8Array(found.body)
  }

  /** Those that are there, now. */
  known(names: readonly string[]): ReadonlySet<string> {
    const cursor = this.#sql.exec('SELECT name FROM blob WHERE name IN (SELECT value FROM json_each(?))', JSON.stringify(names))
    return new Set([...cursor.raw<[string]>()].map(([name]) => name))
  }

  async remove(names: readonly string[]): Promise<void> {
    this.#sql.exec('DELETE FROM blob WHERE name IN (SELECT value FROM json_each(?))', JSON.stringify(names))
  }

  async list(after = ''): Promise<readonly string[]> {
    const cursor = this.#sql.exec('SELECT name FROM blob WHERE name > ? ORDER BY name LIMIT 1000', after)
    return Array.from(cursor.raw<[string]>(), ([name]) => name)
  }
}
