/**
 * Reads over HTTP what is lacking of the tape: as it is, folded where that is much less, or out of the snapshot where
 * nothing is here yet. Owns what has come of a snapshot, and which holes are not worth folding. It does not choose what is
 * read, and tries nothing again.
 */
import { type SeqRanges, type Slice, union } from '../../protocol/index.ts'
import { ask, readDeadlineMs } from '../link/ask.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import type { ReadRequest } from '../link/transport.ts'
import { SnapshotReader } from './snapshot-reader.ts'

/** Folded events come at once, not in pages that others share: they are worth it where they are so much less. */
const foldedShareMax = 0.5

/** What a page takes at most: a larger answer is waited for so much longer. */
const pageBytes = 2 ** 21

export type HoleRequest = Omit<ReadRequest, 'token' | 'withinMs' | 'epoch'> & { readonly epoch: string }

export class HoleReader {
  readonly #parts: ClientParts
  readonly #latestSeq: () => number
  readonly #snapshots: SnapshotReader
  #plain: SeqRanges = []
  /** Answers from further on the tape than the link has told of. */
  #ahead: { readonly latestSeq: number; readonly resolve: () => void }[] = []

  /** `latestSeq`: how far the link has told of the tape. */
  constructor(parts: ClientParts, latestSeq: () => number) {
    this.#parts = parts
    this.#latestSeq = latestSeq
    this.#snapshots = new SnapshotReader(parts)
  }

  /** Long holes of which the folded events take about as much as they do as they are. */
  get plain(): SeqRanges {
    return this.#plain
  }

  /** A link begins: what is folded may be shorter by now. */
  begin(): void {
    this.#plain = []
  }

  /** The link is down: what waits for it does not go on. */
  stop(): void {
    this.#ahead = []
    this.#snapshots.stop()
  }

  /** The link may have told of more of the tape. */
  heard(): void {
    const known = this.#latestSeq()
    for (const { latestSeq, resolve } of this.#ahead) if (latestSeq <= known) resolve()
    this.#ahead = this.#ahead.filter(({ latestSeq }) => latestSeq > known)
  }

  /** Something of the tape is here: what has come of a snapshot is of no use any more. */
  forgetSnapshot(): void {
    this.#snapshots.forget()
  }

  /** Rejects, as all reads here, like the transport's. `bytes`: what is known to come. */
  read(request: HoleRequest, bytes = 0): Promise<Slice> {
    const withinMs = readDeadlineMs * Math.max(1, bytes / pageBytes)
    return ask(this.#parts, (asking) => this.#parts.transport.read({ ...asking, ...request }), withinMs)
  }

  /**
   * A part leaves to those before it what belongs to them as the tape is then: it counts when the link has told of all of
   * that. Else what an object takes to another part with it could be thought to be here.
   */
  async readPart(request: HoleRequest): Promise<Slice> {
    const slice = await this.read(request)
    const { latestSeq } = slice
    if (latestSeq > this.#latestSeq()) await new Promise<void>((resolve) => this.#ahead.push({ latestSeq, resolve }))
    return slice
  }

  /** Of a tape of which nothing is here, the snapshot, if there is one; else the same as `readShorter`. */
  async readBlank(request: HoleRequest): Promise<Slice | undefined> {
    const snapshot = await this.#snapshots.read({ epoch: request.epoch, latestSeq: this.#latestSeq() })
    return snapshot ?? (await this.readShorter(request))
  }

  /** Folded, where that is much less. Otherwise nothing comes: in pages it is as quick, and a cache has them. */
  async readShorter(request: HoleRequest): Promise<Slice | undefined> {
    const { plain, folded } = await ask(this.#parts, (asking) => this.#parts.transport.readSizes({ ...asking, ...request }))
    if (folded <= plain * foldedShareMax) return this.read({ ...request, isFolded: true }, folded)
    this.#plain = union(this.#plain, request.ranges)
    return undefined
  }
}
