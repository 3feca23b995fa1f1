/** A database as older versions left it: what the migrations since have done is undone. */

/** What takes a database from a version to the one before, the newest first. */
const undone: readonly (readonly [version: number, sql: string])[] = [
  [7, 'ALTER TABLE segment DROP COLUMN places'],
  [6, 'ALTER TABLE stream DROP COLUMN peak; DROP TABLE lent_by_fork'],
  [5, 'ALTER TABLE stream DROP COLUMN secret; ALTER TABLE tape DROP COLUMN writer; ALTER TABLE segment DROP COLUMN writers'],
  [4, 'DROP TABLE lent; DROP TABLE lender; ALTER TABLE stream DROP COLUMN fork'],
  [3, 'ALTER TABLE stream DROP COLUMN importing'],
]

export function toVersion(sql: SqlStorage, version: number): void {
  const known = sql.exec<{ version: number }>('SELECT version FROM stream').one().version
  if (known !== undone[0]?.[0]) throw new Error(`How version ${known} is undone stands here first.`)
  for (const [since, statements] of undone) if (since > version) sql.exec(statements)
  sql.exec('UPDATE stream SET version = ?', version)
}
