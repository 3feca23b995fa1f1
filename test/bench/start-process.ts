/** A process of the bench: prepares a file, or starts from it and says what that took. */
import { DatabaseSync } from 'node:sqlite'
import { SqliteStore } from '../../src/node/index.ts'
import { makeRecords, objects, saveEvents, startTapeline } from './start-data.ts'

export interface StartReport {
  readonly ms: number
  readonly cpuMs: number
  readonly heapBytes: number
  readonly residentBytes: number
}

const [task, contender, path = ''] = process.argv.slice(2)
if (task === 'prepare') await prepare()
else console.log(JSON.stringify(await measure()))
// Nobody answers at the address, and the client would try for ever.
process.exit()

async function prepare(): Promise<void> {
  if (contender === 'Tapeline') return saveEvents(new SqliteStore(path))
  const database = new DatabaseSync(path)
  database.exec('CREATE TABLE records (identifier TEXT PRIMARY KEY, "values" TEXT NOT NULL) STRICT; BEGIN')
  const insert = database.prepare('INSERT INTO records VALUES (?, ?)')
  for (const { identifier, values } of makeRecords()) insert.run(identifier, JSON.stringify(values))
  database.exec('COMMIT')
  database.close()
}

async function measure(): Promise<StartReport> {
  // Node loads it when it is first asked for, which is no weight of the model's.
  if (globalThis.WebSocket === undefined) throw new Error('This Node has no WebSocket.')
  globalThis.gc?.()
  const heapBefore = process.memoryUsage().heapUsed
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const started = await (contender === 'Tapeline' ? startTapeline(new SqliteStore(path)) : startLimit())
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuBefore)
  const residentBytes = process.memoryUsage().rss
  // A turn later nothing is on its way any more.
  await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc?.()
  const heapBytes = process.memoryUsage().heapUsed - heapBefore
  if (started === undefined) throw new Error('Nothing was started.')
  return { ms, cpuMs: (user + system) / 1000, heapBytes, residentBytes }
}

function startLimit(): unknown {
  const rows = new DatabaseSync(path).prepare('SELECT identifier, "values" FROM records').all()
  const map = new Map(rows.map(({ identifier, values }) => [identifier, { identifier, values: JSON.parse(String(values)) }]))
  if (map.size !== objects) throw new Error(`${map.size} records.`)
  return map
}
