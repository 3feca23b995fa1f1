/**
 * Reads the snapshot of a tape: all its chunks, some at once, as one slice. When that fails halfway, what has come is kept,
 * and the rest is read when it is asked for again. Nothing is given before all is here: chunks of two snapshots do not mix.
 */
import { Refusal, type Slice } from '../../protocol/index.ts'
import { ask } from '../link/ask.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import { type ChunkEvents, ReadFailure } from '../link/transport.ts'

/** As many as pages. */
const requestsMax = 4

export class SnapshotReader {
  readonly #parts: ClientParts
  /** Those that are here, and those that are under way. */
  readonly #chunks = new Map<string, Promise<ChunkEvents>>()
  /** What is still to be asked for. Each attempt has a list of its own, and takes the place of the one before it. */
  #waiting: string[] = []

  constructor(parts: ClientParts) {
    this.#parts = parts
  }

  /** Undefined when there is none of this epoch that folds no more than 0 … latestSeq. Rejects like a read. */
  async read({ epoch, latestSeq }: { readonly epoch: string; readonly latestSeq: number }): Promise<Slice | undefined> {
    const index = await orMissing(ask(this.#parts, (asking) => this.#parts.transport.readSnapshot(asking)))
    if (index === undefined) return undefined
    if (index.epoch !== epoch) throw new Refusal('wrong-epoch', { epoch: index.epoch })
    const hashes = index.chunks.map(({ hash }) => hash)
    for (const hash of this.#chunks.keys()) if (!hashes.includes(hash)) this.#chunks.delete(hash)
    if (index.covers.length === 0 || (index.covers.at(-1)?.[1] ?? 0) > latestSeq) return undefined
    this.stop()
    const waiting = this.#waiting
    waiting.push(...hashes)
    await Promise.all(Array.from({ length: requestsMax }, () => this.#readAll(waiting)))
    if (waiting !== this.#waiting) throw new ReadFailure('The snapshot is not read any more.')
    const chunks = await Promise.all(hashes.map((hash) => this.#chunk(hash)))
    this.forget()
    return { epoch, latestSeq: index.latestSeq, covers: index.covers, ...joined(chunks) }
  }

  /** Asks for nothing more. */
  stop(): void {
    this.#waiting.length = 0
    this.#waiting = []
  }

  /** Nobody needs what has come. */
  forget(): void {
    this.stop()
    this.#chunks.clear()
  }

  /** Takes one after the other off the list until it is empty; when one does not come, nobody takes any more. */
  async #readAll(waiting: string[]): Promise<void> {
    try {
      for (let hash = waiting.shift(); hash !== undefined; hash = waiting.shift()) await this.#chunk(hash)
    } catch (error) {
      waiting.length = 0
      throw error
    }
  }

  #chunk(hash: string): Promise<ChunkEvents> {
    const known = this.#chunks.get(hash)
    if (known !== undefined) return known
    const chunk = this.#readChunk(hash)
    this.#chunks.set(hash, chunk)
    chunk.catch(() => this.#chunks.delete(hash))
    return chunk
  }

  async #readChunk(hash: string): Promise<ChunkEvents> {
    const chunk = await orMissing(ask(this.#parts, (asking) => this.#parts.transport.readChunk({ ...asking, hash })))
    if (chunk === undefined) throw new ReadFailure('A newer snapshot has taken the place of this one.')
    return chunk
  }
}

/** Undefined for what is not there: no stream that may be read is lacking for that. */
function orMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'not-found') return undefined
    throw error
  })
}

function joined(chunks: readonly ChunkEvents[]): Pick<Slice, 'events' | 'unreadable'> {
  const events = chunks.flatMap((chunk) => chunk.events).sort((a, b) => a.seq - b.seq)
  const unreadable = chunks.flatMap((chunk) => chunk.unreadable ?? [])
  return unreadable.length === 0 ? { events } : { events, unreadable }
}
