/** In a page of the bench: prepares a database, or starts from it. What was started stays, so that it can be weighed. */
import { IndexedDbStore } from '../../src/browser/index.ts'
import { makeRecords, objects, saveEvents, startTapeline } from './start-data.ts'

/** The name that `openStream` gives its database. */
const databaseName = 'tapeline http://127.0.0.1:9/v1/streams/bench '
let started: unknown

const contenders = {
  Tapeline: { prepare: () => saveEvents(new IndexedDbStore(databaseName)), start: () => startTapeline() },
  limit: { prepare: prepareLimit, start: startLimit },
}

/** A database of one table, whose records are read at once. */
function openLimit(): Promise<IDBDatabase> {
  const request = indexedDB.open('limit', 1)
  request.onupgradeneeded = () => request.result.createObjectStore('records', { keyPath: 'identifier' })
  return resultOf(request)
}

async function prepareLimit(): Promise<void> {
  const database = await openLimit()
  const transaction = database.transaction('records', 'readwrite')
  for (const record of makeRecords()) transaction.objectStore('records').put(record)
  await new Promise((resolve) => {
    transaction.oncomplete = resolve
  })
  database.close()
}

async function startLimit(): Promise<unknown> {
  const database = await openLimit()
  const records: ReturnType<typeof makeRecords> = await resultOf(database.transaction('records').objectStore('records').getAll())
  const map = new Map(records.map((record) => [record.identifier, record]))
  if (map.size !== objects) throw new Error(`${map.size} records.`)
  return map
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

Object.assign(globalThis, {
  prepare: (name: keyof typeof contenders) => contenders[name].prepare(),
  start: async (name: keyof typeof contenders) => {
    const before = performance.now()
    started = await contenders[name].start()
    return performance.now() - before
  },
  started: () => started,
})
