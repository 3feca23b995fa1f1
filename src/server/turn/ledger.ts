/**
 * Who has published how far: for each client its last counter and the sub that it belongs to.
 *
 * The ledger costs no rows of its own. Each row of the tape carries the entries it changed; now and then, when
 * those have grown as large as the whole, a row carries all recent entries instead, a checkpoint. A waking object
 * reads from the last checkpoint on. Clients that have been quiet longest are retired into a table when memory
 * would grow without bound.
 */
import { utf8Length } from '../../protocol/decode.ts'
import type { LedgerEntry, TapeStorage } from '../tape/tape-storage.ts'

export interface LedgerRecord {
  readonly text: string
  readonly isCheckpoint: boolean
  readonly retired: readonly (readonly [string, LedgerEntry])[]
}

export interface LedgerPage {
  readonly clients: readonly (readonly [string, LedgerEntry])[]
  readonly isEnd: boolean
}

/** Of the clients in the table so many come in a page, beside the recent ones among them. */
const retiredAtOnce = 2000

/** A checkpoint shares a row of 2 MB with a body of up to 1 MB. Some 8,000 clients fit. */
const checkpointBytesMax = 512 * 1024

/** Below this a checkpoint is not worth its bytes: reading so much at a wake-up takes well under a millisecond. */
const checkpointBytesMin = 16 * 1024

type EncodedEntry = readonly [client: string, counter: number, sub: string]

export class Ledger {
  readonly #storage: Pick<TapeStorage, 'findClient'>
  /** In order of last use: the first is the one to retire. */
  readonly #recent = new Map<string, LedgerEntry>()
  #sinceCheckpoint = 0
  #checkpointSize = 0

  /** An empty ledger, of a stream that is about to be made. */
  constructor(storage: Pick<TapeStorage, 'findClient'>) {
    this.#storage = storage
  }

  static load(storage: TapeStorage, checkpoint: number): Ledger {
    const ledger = new Ledger(storage)
    for (const text of storage.ledgersFrom(checkpoint)) {
      for (const [client, counter, sub] of JSON.parse(text) as readonly EncodedEntry[]) {
        ledger.#touch(client, { counter, sub })
      }
      if (ledger.#checkpointSize === 0) ledger.#checkpointSize = text.length
      else ledger.#sinceCheckpoint += text.length
    }
    return ledger
  }

  /** Some clients behind the one that is given, in the order of their ids, retired ones too. Those that are left are none when `isEnd`. */
  static page(storage: TapeStorage, checkpoint: number, after: string): LedgerPage {
    const retired = storage.clientsAfter(after, retiredAtOnce)
    const isEnd = retired.length < retiredAtOnce
    const last = retired.at(-1)?.[0] ?? after
    const recent = [...Ledger.load(storage, checkpoint).#recent].filter(([client]) => client > after && (isEnd || client <= last))
    return { clients: [...new Map([...retired, ...recent])].sort(([a], [b]) => (a < b ? -1 : 1)), isEnd }
  }

  lookup(client: string): LedgerEntry | undefined {
    return this.#recent.get(client) ?? this.#storage.findClient(client)
  }

  /** Takes the entries that a group changed; gives what its last row has to carry. */
  record(changed: ReadonlyMap<string, LedgerEntry>): LedgerRecord {
    for (const [client, entry] of changed) this.#touch(client, entry)
    const text = encode(changed)
    this.#sinceCheckpoint += text.length
    const isDue = this.#sinceCheckpoint > Math.max(checkpointBytesMin, this.#checkpointSize)
    return isDue ? this.checkpoint() : { text, isCheckpoint: false, retired: [] }
  }

  /** All recent clients. */
  checkpoint(): LedgerRecord {
    const retired: (readonly [string, LedgerEntry])[] = []
    let whole = encode(this.#recent)
    while (utf8Length(whole) > checkpointBytesMax) {
      const oldest = [...this.#recent].slice(0, Math.ceil(this.#recent.size / 4))
      for (const [client] of oldest) this.#recent.delete(client)
      retired.push(...oldest)
      whole = encode(this.#recent)
    }
    this.#checkpointSize = whole.length
    this.#sinceCheckpoint = 0
    return { text: whole, isCheckpoint: true, retired }
  }

  #touch(client: string, entry: LedgerEntry): void {
    this.#recent.delete(client)
    this.#recent.set(client, entry)
  }
}

function encode(entries: ReadonlyMap<string, LedgerEntry>): string {
  return JSON.stringify(Array.from(entries, ([client, { counter, sub }]): EncodedEntry => [client, counter, sub]))
}
