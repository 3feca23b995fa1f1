/**
 * Lays events that came off another tape on an empty one, as they stand, batch by batch, until all is said to be there.
 * How far it got is what the tape holds: nothing else is remembered, so it goes on after any interruption.
 *
 *   batch ─► empty, or being imported? ─► no gap? ─► what is there already the same? ─► not closed? ─► counters? ─► append
 *
 * It reads what is stored, perhaps sealed, and so awaits: then it looks again at how far the tape goes by now.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { toBase64url } from '../protocol/base64.ts'
import { Refusal } from '../protocol/codes.ts'
import { countersAfter, type ImportBatch, type ImportFinish } from '../protocol/import.ts'
import type { StreamCore } from './stream-core.ts'
import { toNdjson } from './tape/slice-reader.ts'
import type { LedgerEntry } from './tape/tape-storage.ts'
import { unclaimed } from './turn/owners.ts'

/** So much is read and compared, or hashed, at once: some ten milliseconds. */
const pieceBytesMax = 2 * 1024 * 1024

export class Importer {
  readonly #core: StreamCore

  constructor(core: StreamCore) {
    this.#core = core
  }

  /** Takes all of a batch that is not there yet. Throws `not-empty`, `stream-closed`, `import-gap`, `import-mismatch` or `counter-order`. */
  async take(batch: ImportBatch): Promise<void> {
    const { first, lines } = batch
    for (let next = first; ; ) {
      const known = Math.min(this.#latestSeqOf(batch), first + lines.length - 1)
      if (next > known) break
      await this.#compare(batch, next, known)
      next = known + 1
    }
    this.#append(batch)
  }

  /** Throws `import-mismatch` when something else is there than what was to be imported, and `not-empty` when nothing was. */
  async finish({ latestSeq, hash }: ImportFinish): Promise<void> {
    // Whoever missed the answer asks again. Others may have published since, so only the hash can tell.
    if (!this.#core.isImporting && hash === undefined) throw this.#mismatch('finish', 'No import is under way.')
    this.#checkEnd(latestSeq)
    if (hash !== undefined && (await this.#hashUpTo(latestSeq)) !== hash) {
      throw this.#mismatch('hash', `The events 0 … ${latestSeq} have another hash.`)
    }
    this.#checkEnd(latestSeq)
    if (this.#core.isImporting) this.#core.endImport()
  }

  /** Of a stream that takes this batch. */
  #latestSeqOf({ first }: ImportBatch): number {
    const { latestSeq } = this.#core.state
    if (latestSeq >= 0 && !this.#core.isImporting) throw new Refusal('not-empty', { latestSeq })
    if (first > latestSeq + 1) throw new Refusal('import-gap', { at: 'events[0].seq', latestSeq, expected: latestSeq + 1 })
    return latestSeq
  }

  #checkEnd(wanted: number): void {
    const { latestSeq } = this.#core.state
    if (wanted === latestSeq || (wanted < latestSeq && !this.#core.isImporting)) return
    throw this.#mismatch('latestSeq', `The tape ends at ${latestSeq}, not at ${wanted}.`)
  }

  /** A stream that is not being imported has what others published. */
  #mismatch(at: string, detail: string): Refusal {
    const { latestSeq } = this.#core.state
    return new Refusal(this.#core.isImporting || latestSeq < 0 ? 'import-mismatch' : 'not-empty', { at, latestSeq, detail })
  }

  #append(batch: ImportBatch): void {
    const skipped = this.#latestSeqOf(batch) + 1 - batch.first
    const lines = batch.lines.slice(skipped)
    if (lines.length === 0) return
    if (this.#core.state.closed) throw new Refusal('stream-closed')
    const counters = countersAfter(batch.events.slice(skipped), (client) => this.#core.lookup(client)?.counter ?? 0, skipped)
    const clients = new Map<string, LedgerEntry>()
    for (const [client, counter] of counters) clients.set(client, { counter, sub: this.#subOf(client, batch) })
    this.#core.import({ lines, clients })
  }

  #subOf(client: string, { subs }: ImportBatch): string {
    const known = this.#core.lookup(client)?.sub ?? unclaimed
    const said = Object.hasOwn(subs, client) ? subs[client] : undefined
    if (said === undefined || said === known) return known
    if (known === unclaimed) return said
    throw new Refusal('import-mismatch', { at: 'subs', detail: `${client} belonged to another sub before.` })
  }

  async #compare({ first, lines }: ImportBatch, from: number, to: number): Promise<void> {
    let seq = from
    for await (const piece of this.#stored(from, to)) {
      for (const line of decoder.decode(piece).trimEnd().split('\n')) {
        if (line !== lines[seq - first]) {
          throw this.#mismatch(`events[${seq - first}]`, `Event ${seq} is another one here.`)
        }
        seq++
      }
    }
  }

  async #hashUpTo(latestSeq: number): Promise<string> {
    const hash = sha256.create()
    for await (const piece of this.#stored(0, latestSeq)) hash.update(piece)
    return toBase64url(hash.digest())
  }

  /** The stored events one a line. Throws `damaged` when one of them cannot be read. */
  async *#stored(from: number, to: number): AsyncGenerator<Uint8Array> {
    const epoch = this.#core.state.epoch ?? undefined
    for (let seq = from; seq <= to; ) {
      const { covers, pieces } = await this.#core.reads.read([[seq, to]], { bytesMax: pieceBytesMax, epoch })
      const [first, last] = covers[0] ?? []
      if (first !== seq || last === undefined || covers.length > 1) {
        throw new Refusal('damaged', { detail: `Not all of the events ${seq} … ${to} can be read.` })
      }
      yield toNdjson(pieces)
      seq = last + 1
    }
  }
}

const decoder = new TextDecoder()
