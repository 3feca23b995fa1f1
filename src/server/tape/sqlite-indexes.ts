/** The declared attributes, and which objects have had which values of them, as SQLite keeps that: see `IndexStorage`. */
import type { Built, Index, Member } from '../filters/indexes.ts'

/** With a list in JSON. */
const among = 'IN (SELECT value FROM json_each(?))'

export class SqliteIndexes {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  all(): readonly Index[] {
    return this.#sql
      .exec<Index & Record<string, SqlStorageValue>>(
        'SELECT id, name, pointer, declared_at AS declaredAt, built_to AS builtTo FROM attribute ORDER BY id',
      )
      .toArray()
  }

  add({ name, pointer, declaredAt, builtTo }: Omit<Index, 'id'>): void {
    this.#sql.exec(
      'INSERT INTO attribute (name, pointer, declared_at, built_to) VALUES (?, ?, ?, ?)',
      ...[name, pointer, declaredAt, builtTo],
    )
  }

  /** In one transaction of the caller. */
  note(members: readonly Member[], built?: Built): void {
    for (const { index, value, object, since } of members) {
      this.#sql.exec(
        `INSERT INTO member VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET since = excluded.since WHERE excluded.since < member.since`,
        ...[index, value, object, since],
      )
    }
    if (built === undefined) return
    this.#sql.exec(`UPDATE attribute SET built_to = ? WHERE id ${among}`, built.to, JSON.stringify(built.indexes))
  }

  membersSince(index: number, values: readonly string[], objects: readonly string[]): ReadonlyMap<string, number> {
    // A live row is mostly one event, and most filters name one value: that is found in a fraction of the time.
    const isOne = values.length === 1 && objects.length === 1
    const where = isOne ? 'value = ? AND object = ?' : `value ${among} AND object ${among}`
    const bindings = isOne ? [values[0], objects[0]] : [JSON.stringify(values), JSON.stringify(objects)]
    const cursor = this.#sql.exec(
      `SELECT object, min(since) FROM member WHERE attribute = ? AND ${where} GROUP BY object`,
      ...[index, ...bindings],
    )
    return new Map(cursor.raw<[string, number]>())
  }

  membersOf(index: number, value: string, countMax: number): readonly string[] {
    return this.#sql
      .exec<{ object: string }>('SELECT object FROM member WHERE attribute = ? AND value = ? LIMIT ?', index, value, countMax)
      .toArray()
      .map(({ object }) => object)
  }

  rebuild(): void {
    this.#sql.exec('DELETE FROM member; UPDATE attribute SET built_to = -1, declared_at = (SELECT max(last) FROM tape)')
  }
}
