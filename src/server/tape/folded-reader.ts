/** Reads ranges off the tape folded: as few events as have the effect of all of them. */
import type { TapeEvent } from '../../protocol/event.ts'
import { Folding } from '../../protocol/fold.ts'
import { seqMax } from '../../protocol/limits.ts'
import { intersect, type SeqRange, type SeqRanges, subtract, union } from '../../protocol/seq-ranges.ts'
import type { Contents } from '../sealed/contents.ts'
import { readFolded, readSealedPage, segmentOf } from '../sealed/sealed-reader.ts'
import type { Wanted } from '../sealed/segment-places.ts'
import { parseChunk, type Snapshot, sizeOf } from '../sealed/snapshot.ts'
import { type EventsPage, eventsOf, SparseReader } from '../sealed/sparse-reader.ts'
import { parseLines } from './lines.ts'
import type { TapeStorage } from './tape-storage.ts'

/** So much is parsed between two pauses, in some 20 ms. */
const pageBytes = 2 * 1024 * 1024
/** A snapshot of so much is a start worth having; a larger one is for those who fetch its chunks one by one. */
const startBytesMax = 16 * 1024 * 1024

/** So much is looked through for one answer, in about a second, which then covers less than was asked. */
const bytesReadMax = 64 * 1024 * 1024
/** So much of it is gathered: in memory it is twice as much, and an object has 128 MB. */
const gatheredBytesMax = 16 * 1024 * 1024

export interface FoldedPage {
  readonly covers: SeqRanges
  readonly events: readonly TapeEvent[]
  readonly isCutShort?: boolean
}

/** What of the tape is wanted, where that is not all. */
export interface FoldedSelection {
  /** Where much else is, it is not read: see `SparseReader`. */
  readonly wanted: Wanted
  readonly select: (piece: EventsPage) => readonly TapeEvent[]
}

export class FoldedReader {
  readonly #storage: Pick<TapeStorage, 'rowsFrom' | 'segmentsFrom' | 'snapshots'>
  readonly #contents: Contents

  constructor(storage: Pick<TapeStorage, 'rowsFrom' | 'segmentsFrom' | 'snapshots'>, contents: Contents) {
    this.#storage = storage
    this.#contents = contents
  }

  /**
   * `between` is awaited between two steps, and throws when the tape is not the same any more. Of what is not selected
   * nothing comes.
   */
  async read(ranges: SeqRanges, latestSeq: number, between: () => Promise<void>, selection?: FoldedSelection): Promise<FoldedPage> {
    const folding = new Folding()
    const wanted: SeqRanges = latestSeq < 0 ? [] : intersect(ranges, [[0, latestSeq]])
    let covers: SeqRanges = []
    let [count, bytes] = [0, 0]
    for await (const piece of this.pieces(wanted, { between, wanted: selection?.wanted }, await this.#readStart(wanted))) {
      const some = selection?.select(piece) ?? piece.events
      covers = union(covers, piece.covers)
      folding.add(some, covers)
      if (some.length === 0) continue
      count += some.length
      bytes += (piece.bytes * some.length) / piece.events.length
      if ((folding.size * bytes) / count >= gatheredBytesMax) break
    }
    const events = folding.finish(covers)
    await between()
    return { covers, events, ...(subtract(wanted, covers).length === 0 ? {} : { isCutShort: true }) }
  }

  /** Ranges of the tape in pieces, folded or not, each as short as it is stored; less of them where that is much. `between` as above. */
  async *pieces(
    ranges: SeqRanges,
    { between, wanted }: { readonly between: () => Promise<void>; readonly wanted?: Wanted | undefined },
    start?: EventsPage,
  ): AsyncGenerator<EventsPage, void> {
    const sources = { storage: this.#storage, contents: this.#contents }
    const sparse = wanted && new SparseReader(sources, wanted, { takesFolded: true })
    let rest = ranges
    let piece = start
    for (let bytes = 0; rest.length > 0 && bytes < bytesReadMax; piece = undefined) {
      piece ??= (await sparse?.next(rest, pageBytes)) ?? (await this.#next(rest))
      await between()
      rest = subtract(rest, piece.covers)
      bytes += piece.bytesRead
      yield piece
    }
  }

  /** The snapshot, for whoever wants all that it folds: of that nothing is below it, so its deletes are not missed. */
  #start(rest: SeqRanges): Snapshot | undefined {
    const { current } = this.#storage.snapshots()
    const isWanted = current !== undefined && subtract([[0, current.through]], rest).length === 0
    return isWanted && sizeOf(current.chunks) <= startBytesMax ? current : undefined
  }

  /** Undefined also when a part of it is lost: the segments do as well. */
  async #readStart(rest: SeqRanges): Promise<EventsPage | undefined> {
    const start = this.#start(rest)
    if (start === undefined) return undefined
    const { through, chunks } = start
    const contents = await Promise.all(chunks.map((chunk) => this.#contents.get(chunk))).catch(() => undefined)
    const bytes = sizeOf(chunks)
    return contents && { covers: [[0, through]], events: contents.flatMap(parseChunk), bytes, bytesRead: bytes }
  }

  /** A whole segment, folded already where it has been; otherwise a page of events. */
  async #next(rest: SeqRanges): Promise<EventsPage> {
    const [from, to] = rest[0] as SeqRange
    const segment = segmentOf(this.#storage, from)
    if (segment !== undefined && segment.first === from && segment.last <= to) {
      const content = await readFolded(this.#contents, segment)
      return { covers: [[from, segment.last]], events: parseLines(content), bytes: content.length, bytesRead: content.length }
    }
    const wanted = segment === undefined ? rest : intersect(rest, [[from, segment.last]])
    const page = await readSealedPage(this.#storage, this.#contents, wanted, { latestSeq: seqMax, bytesMax: pageBytes })
    return eventsOf(page)
  }
}
