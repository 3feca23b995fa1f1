/** The tape's storage in memory: the double for tests and simulations, under the same contract as SQLite's. */
import type { Append, LedgerEntry, NewRow, TapeHead, TapeRow, TapeStorage } from './tape-storage.ts'

export class MemoryTape implements TapeStorage {
  readonly #rows: NewRow[] = []
  readonly #clients = new Map<string, LedgerEntry>()
  #epoch: string | undefined
  #isDeleted = false

  head(): TapeHead | 'deleted' | undefined {
    if (this.#isDeleted) return 'deleted'
    if (this.#epoch === undefined) return undefined
    const end = this.#rows.at(-1)
    return { epoch: this.#epoch, latestSeq: end?.last ?? -1, checkpoint: end?.checkpoint ?? -1 }
  }

  append({ rows, retired, newEpoch }: Append): void {
    this.#epoch ??= newEpoch
    this.#rows.push(...rows)
    for (const [client, entry] of retired) this.#clients.set(client, entry)
  }

  *rowsFrom(from: number): Generator<TapeRow> {
    for (let i = this.#indexOf(from); i < this.#rows.length; i++) yield this.#rows[i] as NewRow
  }

  *rowsBack(): Generator<TapeRow> {
    for (let i = this.#rows.length - 1; i >= 0; i--) yield this.#rows[i] as NewRow
  }

  *ledgersFrom(checkpoint: number): Generator<string> {
    for (let i = this.#indexOf(checkpoint); i < this.#rows.length; i++) yield (this.#rows[i] as NewRow).ledger
  }

  findClient(client: string): LedgerEntry | undefined {
    return this.#clients.get(client)
  }

  erase(): void {
    this.#rows.length = 0
    this.#clients.clear()
    this.#isDeleted = true
  }

  /** The first row that ends at `seq` or later. */
  #indexOf(seq: number): number {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#rows[middle] as NewRow).last < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
