/**
 * Reads the snapshot of a tape: all its chunks, some at once, as one slice. When that fails halfway, what has come is kept,
 * and the rest is read when it is asked for again. Nothing is given before all is here: chunks of two snapshots do not mix.
 */
import { Refusal, type Slice } from '../../protocol/index.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import type { ChunkEvents } from '../link/transport.ts'

/** As many as pages. */
const requestsMax = 4

export class SnapshotReader {
  readonly #parts: ClientParts
  readonly #chunks = new Map<string, ChunkEvents>()

  constructor(parts: ClientParts) {
    this.#parts = parts
  }

  /** Undefined when there is none of this epoch that folds no more than 0 … latestSeq. Rejects like a read. */
  async read({ epoch, latestSeq }: { readonly epoch: string; readonly latestSeq: number }): Promise<Slice | undefined> {
    const { transport, tokens } = this.#parts
    const index = await orMissing(transport.readSnapshot({ token: await tokens.get() }))
    if (index === undefined) return undefined
    if (index.epoch !== epoch) throw new Refusal('wrong-epoch', { epoch: index.epoch })
    const hashes = index.chunks.map(({ hash }) => hash)
    for (const hash of this.#chunks.keys()) if (!hashes.includes(hash)) this.#chunks.delete(hash)
    if (index.covers.length === 0 || (index.covers.at(-1)?.[1] ?? 0) > latestSeq) return undefined
    const missing = hashes.filter((hash) => !this.#chunks.has(hash))
    await Promise.all(Array.from({ length: requestsMax }, () => this.#readAll(missing)))
    const chunks = hashes.map((hash) => this.#chunks.get(hash) as ChunkEvents)
    this.#chunks.clear()
    return { epoch, latestSeq: index.latestSeq, covers: index.covers, ...joined(chunks) }
  }

  /** Takes one after the other off the list until it is empty. */
  async #readAll(hashes: string[]): Promise<void> {
    const { transport, tokens } = this.#parts
    for (let hash = hashes.shift(); hash !== undefined; hash = hashes.shift()) {
      const chunk = await orMissing(transport.readChunk({ token: await tokens.get(), hash }))
      if (chunk === undefined) throw new Error('A newer snapshot has taken the place of this one.')
      this.#chunks.set(hash, chunk)
    }
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
