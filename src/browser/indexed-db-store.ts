/**
 * A store in IndexedDB: it outlives the page, and the tabs of an origin share it. One database per stream.
 *
 * Everything is done in turn, each save in one transaction over all it touches.
 */
import type { IDBPTransaction, StoreNames } from 'idb'
import {
  blankOf,
  type ClientStore,
  foldKept,
  KeptSizes,
  type LocalTape,
  type Saved,
  type SavedChange,
  StoreFailure,
} from '../client/index.ts'
import { groupByObject, objectKey, type TapeEvent } from '../protocol/index.ts'
import { clientKey, IndexedDbConnection, nameOf, type ObjectKey, type Tables } from './indexed-db-connection.ts'
import { isOutboxRow, readClientRow, readObjectRow, readTailRow } from './indexed-db-rows.ts'

type Transaction<Mode extends IDBTransactionMode> = IDBPTransaction<Tables, StoreNames<Tables>[], Mode>

type Saving = ReturnType<ClientStore['save']>

export class IndexedDbStore implements ClientStore {
  readonly isDurable: boolean = true
  readonly #connection: IndexedDbConnection
  #owner: string | undefined
  /** There was no room for the tape. Parts of it would pretend to be all, so nothing of it is kept until it begins anew. */
  #hasShed = false
  readonly #sizes = new KeptSizes()
  #turn: Promise<unknown> = Promise.resolve()

  /** `name` is the database's: one for each stream and user, like `tapeline:https://host/v1/streams/x`. */
  constructor(name: string) {
    this.#connection = new IndexedDbConnection(name)
  }

  claim(owner: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#transact('readwrite', 'relaxed', async (transaction) => {
        const table = transaction.objectStore('client')
        await table.put({ ...readClientRow(await table.get(clientKey)), owner }, clientKey)
      })
      this.#owner = owner
      this.#hasShed = false
      this.#sizes.forget()
    })
  }

  load(): Promise<Saved | undefined> {
    return this.#inTurn(() =>
      this.#transact('readonly', 'relaxed', async (transaction) => {
        const table = transaction.objectStore('outbox')
        const [row, rows, places] = await Promise.all([
          transaction.objectStore('client').get(clientKey),
          table.getAll(),
          table.getAllKeys(),
        ])
        const { client, nextCounter, tape, tabs } = readClientRow(row)
        if (client === undefined) return undefined
        const outbox = rows.filter(isOutboxRow)
        return {
          client,
          nextCounter,
          tape,
          tabs,
          outbox,
          unreadable: rows.length - outbox.length,
          lastPlace: Math.max(0, places.findLast((place) => typeof place === 'number') ?? 0),
        }
      }),
    )
  }

  events(): Promise<readonly TapeEvent[]> {
    return this.#inTurn(() =>
      this.#transact('readonly', 'relaxed', async (transaction) => {
        const [row, rows, tails] = await Promise.all([
          transaction.objectStore('client').get(clientKey),
          transaction.objectStore('objects').getAll(),
          transaction.objectStore('tails').getAll(),
        ])
        const { tape } = readClientRow(row)
        const beside = groupByObject(tails.flatMap(readTailRow))
        const kept = rows.flatMap((each) => {
          const base = readObjectRow(each)
          const more = base[0] === undefined ? undefined : beside.get(objectKey(base[0]))
          return more === undefined ? base : foldKept([...base, ...more], tape)
        })
        return kept.sort((a, b) => a.seq - b.seq)
      }),
    )
  }

  save(change: SavedChange): Saving {
    return this.#inTurn(() => this.#saveOrShed(change))
  }

  close(): Promise<void> {
    return this.#inTurn(async () => this.#connection.close())
  }

  async #saveOrShed(change: SavedChange): Saving {
    if (this.#hasShed && change.forgetEvents !== true) return this.#saveShed(change)
    try {
      await this.#write(change)
      this.#hasShed = false
    } catch (error) {
      if (!(error instanceof StoreFailure) || error.trouble !== 'full') throw error
      // The server has the tape, and nobody else has the outbox.
      return this.#saveShed(change)
    }
  }

  async #saveShed(change: SavedChange): Saving {
    await this.#write({ ...change, events: [], forgetEvents: true }, true)
    this.#hasShed = true
    return { shed: true }
  }

  #write(change: SavedChange, sheds = false): Promise<void> {
    return this.#transact('readwrite', durabilityOf(change), (transaction) =>
      write(transaction, change, { owner: this.#owner, sheds, sizes: this.#sizes }),
    )
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  /** When `work` or the transaction fails, nothing of it is done, and the `StoreFailure` says why. */
  async #transact<Mode extends IDBTransactionMode, T>(
    mode: Mode,
    durability: IDBTransactionDurability,
    work: (transaction: Transaction<Mode>) => Promise<T>,
  ): Promise<T> {
    const database = await this.#connection.open()
    let transaction: Transaction<Mode>
    try {
      transaction = database.transaction(['client', 'outbox', 'objects', 'tails'], mode, { durability })
    } catch (error) {
      // The browser has closed the connection and not said so yet.
      this.#connection.close()
      throw new StoreFailure('failed', { cause: error })
    }
    const worked = work(transaction).catch((error: unknown) => {
      abort(transaction)
      throw error
    })
    const [result, end] = await Promise.allSettled([worked, transaction.done])
    if (result.status === 'fulfilled' && end.status === 'fulfilled') return result.value
    throw failureOf([transaction.error, ...[result, end].map((outcome) => (outcome.status === 'rejected' ? outcome.reason : null))])
  }
}

/**
 * A counter that was sent and then lost in a power cut would be given twice, so a change that gives one waits for the
 * disk. All else can be read or sent again, and waits for the operating system alone, which outlives the browser.
 */
function durabilityOf({ nextCounter, put = [] }: SavedChange): IDBTransactionDurability {
  return nextCounter !== undefined || put.some(({ counter }) => counter !== undefined) ? 'strict' : 'relaxed'
}

interface Writing {
  readonly owner: string | undefined
  readonly sheds: boolean
  readonly sizes: KeptSizes
}

async function write(transaction: Transaction<'readwrite'>, change: SavedChange, { owner, sheds, sizes }: Writing): Promise<void> {
  const [clients, outbox] = [transaction.objectStore('client'), transaction.objectStore('outbox')]
  const { forgetEvents = false, put = [], remove = [] } = change
  const row = await clients.get(clientKey)
  const before = readClientRow(row)
  if (owner === undefined || before.owner !== owner) throw new StoreFailure(owner !== undefined && row === undefined ? 'cleared' : 'fenced')

  const { client = before.client, nextCounter = before.nextCounter, tape = before.tape, tabs = before.tabs } = change
  const writes: (() => Promise<unknown>)[] = [
    () => clients.put({ owner, client, nextCounter, tape: sheds ? blankOf(tape) : tape, tabs }, clientKey),
    ...put.map((entry) => () => outbox.put(entry)),
    ...remove.map((place) => () => outbox.delete(place)),
  ]
  if (forgetEvents) {
    sizes.forget()
    await Promise.all([transaction.objectStore('objects').clear(), transaction.objectStore('tails').clear()])
  }
  for (const [key, events] of groupByObject(change.events ?? [])) {
    writes.push(() => keep(transaction, events, { key, sizes, tape }))
  }
  // One that cannot even be asked for becomes a rejection like the others, so that all of them are waited for.
  await Promise.all(writes.map(async (write) => write()))
}

/** Keeps what has come of an object: folded with what is kept, or, of a large one, beside it. */
async function keep(
  transaction: Transaction<'readwrite'>,
  events: readonly TapeEvent[],
  { key, sizes, tape }: { readonly key: string; readonly sizes: KeptSizes; readonly tape: LocalTape },
): Promise<void> {
  const [objects, tails] = [transaction.objectStore('objects'), transaction.objectStore('tails')]
  const object = keyOf(events)
  const { length } = JSON.stringify(events)
  if (sizes.goesBeside(key, length)) {
    await tails.add({ object, events })
    return sizes.keptBeside(key, length)
  }
  const [base, beside, numbers] = await Promise.all([
    objects.get(object),
    tails.index('object').getAll(object),
    tails.index('object').getAllKeys(object),
  ])
  const folded = foldKept([...readObjectRow(base ?? []), ...beside.flatMap(readTailRow), ...events], tape)
  await Promise.all([objects.put(folded, object), ...numbers.map((number) => tails.delete(number))])
  sizes.folded(key, JSON.stringify(folded).length)
}

function keyOf(events: readonly TapeEvent[]): ObjectKey {
  const { collection, identifier } = events[0] as TapeEvent
  return [collection, identifier]
}

function abort(transaction: Transaction<IDBTransactionMode>): void {
  try {
    transaction.abort()
  } catch {
    // It has ended by itself.
  }
}

/** The one reason that counts: a request that an abort takes along says no more than that. */
function failureOf(errors: readonly unknown[]): StoreFailure {
  const failure = errors.find((error) => error instanceof StoreFailure)
  if (failure !== undefined) return failure
  const quota = errors.find((error) => nameOf(error) === 'QuotaExceededError')
  const cause = quota ?? errors.find((error) => error !== null)
  return new StoreFailure(quota === undefined ? 'failed' : 'full', { cause })
}
