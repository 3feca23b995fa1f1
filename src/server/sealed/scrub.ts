/**
 * Removes what SQLite leaves of rows that were changed or deleted: in free pages, in gaps of pages that are used again, and
 * in the write-ahead log. The platform does not let an object ask SQLite for that (`secure_delete`, `VACUUM`), so free pages
 * are filled with zeros, all tables copied into such pages, and what they leave behind filled again.
 */
const prefix = 'scrubbed_'

/** Fills the overflow pages of a row to their last byte, and its leaf page but for some bytes: gaps keep what they had. */
const zerosBytes = 1_002_504
/** In one transaction: more than the log keeps. */
const zerosAtOnce = 16
/** Blobs of up to 2 MB. */
const blobsAtOnce = 16

/** Notes how much is in use, if that is more than ever before: all of it that is free by now may say what it held. */
export function notePeak(sql: SqlStorage, bytes = sql.databaseSize): void {
  sql.exec('UPDATE stream SET peak = ? WHERE peak < ?', bytes, bytes)
}

/** The tables stay as they are. What is appended meanwhile is in them, too; the caller sees to it that no blob is. */
export async function scrub(storage: DurableObjectStorage): Promise<void> {
  const { sql } = storage
  const change = async (work: () => void) => {
    storage.transactionSync(work)
    await storage.sync()
  }
  await change(() => dropScrubbed(sql))
  await fill(sql, change, 0)
  await copyBlobs(sql, change)
  let free = 0
  await change(() => {
    const tables = tablesOf(sql).filter(({ name }) => !name.startsWith(prefix))
    for (const { name, create } of tables) {
      if (name === 'blob') continue
      sql.exec(create.replace(name, prefix + name))
      sql.exec(`INSERT INTO ${prefix}${name} SELECT * FROM ${name}`)
    }
    const used = sql.databaseSize
    // All copies first: what a table leaves is not to be used by the next.
    for (const { name } of tables) sql.exec(`DROP TABLE ${name}`)
    for (const { name } of tables) sql.exec(`ALTER TABLE ${prefix}${name} RENAME TO ${name}`)
    notePeak(sql, used)
    free = sql.exec<{ peak: number }>('SELECT peak FROM stream').one().peak - sql.databaseSize
  })
  await fill(sql, change, free)
}

/** Drops what a scrubbing has copied so far, which ends one that is under way. */
export function dropScrubbed(sql: SqlStorage): void {
  for (const { name } of tablesOf(sql)) if (name.startsWith(prefix)) sql.exec(`DROP TABLE ${name}`)
}

type Change = (work: () => void) => Promise<void>

function tablesOf(sql: SqlStorage): readonly { readonly name: string; readonly create: string }[] {
  return sql
    .exec<{ name: string; create: string }>(
      `SELECT name, sql AS "create" FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'`,
    )
    .toArray()
}

/** Fills so many free bytes, and some more. Pages that are filled and let go of in one transaction are never written, so these are several. */
async function fill(sql: SqlStorage, change: Change, bytes: number): Promise<void> {
  await change(() => sql.exec(`CREATE TABLE ${prefix}zeros (zeros BLOB NOT NULL)`))
  for (let left = zerosAtOnce + Math.ceil(bytes / zerosBytes); left > 0; left -= zerosAtOnce) {
    await change(() => {
      for (let i = 0; i < Math.min(left, zerosAtOnce); i++) sql.exec(`INSERT INTO ${prefix}zeros VALUES (zeroblob(${zerosBytes}))`)
    })
  }
  await change(() => sql.exec(`DROP TABLE ${prefix}zeros`))
}

async function copyBlobs(sql: SqlStorage, change: Change): Promise<void> {
  const blob = tablesOf(sql).find(({ name }) => name === 'blob')
  if (blob === undefined) return
  await change(() => sql.exec(blob.create.replace('blob', `${prefix}blob`)))
  for (let last: string | null = ''; last !== null; ) {
    const after = last
    await change(() => {
      sql.exec(`INSERT INTO ${prefix}blob SELECT * FROM blob WHERE name > ? ORDER BY name LIMIT ${blobsAtOnce}`, after)
      const newest = sql.exec<{ name: string | null }>(`SELECT max(name) AS name FROM ${prefix}blob`).one().name
      last = newest === after ? null : newest
    })
  }
}
