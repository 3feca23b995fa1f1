/**
 * The connection to one database: its tables, and everything that can come between. It is opened on first use, and
 * again after it was closed: by the browser, or by us to make way for a newer version or for a deletion.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import { StoreFailure } from '../client/index.ts'

/** What is read is `unknown`: whoever reads it checks it (see indexed-db-rows.ts). */
export interface Tables extends DBSchema {
  client: { key: typeof clientKey; value: unknown }
  outbox: { key: number; value: unknown }
  objects: { key: ObjectKey; value: unknown }
  /** What came of a large object since that was written, each with its object's key. */
  tails: { key: number; value: unknown; indexes: { object: ObjectKey } }
}

export type ObjectKey = [collection: string, identifier: string]

/** The only key of the table `client`. */
export const clientKey = 'client'

/** 3 has no other tables than 2; whoever knows 2 alone would take a tape of which a part is held for one that is held whole. */
const version = 3

/**
 * An open waits for as long as another tab holds an older version open, or while a deletion waits for such a tab, of
 * which nothing is said to those behind it. So it is the wait that tells; opening takes milliseconds otherwise.
 */
const openMsMax = 5_000

export class IndexedDbConnection {
  readonly #name: string
  #opening: Promise<IDBPDatabase<Tables>> | undefined

  constructor(name: string) {
    this.#name = name
  }

  /** Rejects with a `StoreFailure`; what is under way then goes on, and the next call waits for it again. */
  async open(): Promise<IDBPDatabase<Tables>> {
    try {
      this.#opening ??= this.#connect()
      return await within(openMsMax, this.#opening)
    } catch (error) {
      throw error instanceof StoreFailure ? error : new StoreFailure(troubleOfOpening(error), { cause: error })
    }
  }

  /** Transactions that are under way are finished. */
  close(): void {
    this.#opening?.then(
      (database) => database.close(),
      () => {},
    )
    this.#opening = undefined
  }

  #connect(): Promise<IDBPDatabase<Tables>> {
    const forget = () => {
      if (this.#opening === opening) this.#opening = undefined
    }
    const opening = openDB<Tables>(this.#name, version, {
      upgrade: (database, before) => {
        if (before < 1) {
          database.createObjectStore('client')
          database.createObjectStore('outbox', { keyPath: 'place' })
          database.createObjectStore('objects')
        }
        if (before < 2) database.createObjectStore('tails', { autoIncrement: true }).createIndex('object', 'object')
      },
      blocking: (_current, _next, event) => {
        forget()
        ;(event.target as IDBDatabase).close()
      },
      terminated: forget,
    })
    opening.catch(forget)
    return opening
  }
}

function troubleOfOpening(error: unknown) {
  switch (nameOf(error)) {
    case 'VersionError':
      return 'newer'
    case 'QuotaExceededError':
      return 'full'
    default:
      return 'unavailable'
  }
}

export function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new StoreFailure('blocked')), ms)
    work.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}
