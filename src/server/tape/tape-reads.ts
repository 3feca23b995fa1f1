/**
 * Everything that is read off a tape: plain, folded, some objects alone, and hashes of what it comes to. What is sealed
 * takes time; each read sees to it that the tape is still the same when it has come.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { TapeEvent } from '../../protocol/event.ts'
import type { Selection } from '../../protocol/filter.ts'
import { foldEvents } from '../../protocol/fold.ts'
import type { SeqRanges } from '../../protocol/seq-ranges.ts'
import type { Sizes } from '../../protocol/slice.ts'
import { objectHashes, stateHash } from '../../protocol/state-hash.ts'
import { Filter } from '../filters/filter.ts'
import { type FilteredReading, needsPast, readFiltered, readPast } from '../filters/filtered-reader.ts'
import type { Indexes } from '../filters/indexes.ts'
import type { Contents } from '../sealed/contents.ts'
import { readSealedPage } from '../sealed/sealed-reader.ts'
import { sizesOf } from '../sealed/sizes.ts'
import { type FoldedPage, FoldedReader } from './folded-reader.ts'
import { toLines } from './lines.ts'
import { type Page, readPage } from './slice-reader.ts'
import type { TapeStorage } from './tape-storage.ts'

/** What is read: see `StreamCore`. */
export interface ReadTape {
  /** Throws `stream-deleted`. */
  readonly state: { readonly epoch: string | null; readonly latestSeq: number }
  /** Where the tape ends, and where its rows begin. Throws `stream-deleted`. */
  readonly end: { readonly latestSeq: number; readonly hotFirst: number }
  readonly indexes: Indexes
  /** Throws `stream-deleted`, and `wrong-epoch` when an epoch is given that is not the stream's. */
  checkEpoch(asked: string | undefined): void
}

export interface ReadSources {
  readonly storage: TapeStorage
  /** Where what is sealed of the tape is read from. */
  readonly contents: Contents
  /** Lets others have their turn. */
  readonly pause: () => Promise<void>
}

export class TapeReads {
  readonly #tape: ReadTape
  readonly #storage: TapeStorage
  readonly #contents: Contents
  readonly #pause: () => Promise<void>

  constructor(tape: ReadTape, { storage, contents, pause }: ReadSources) {
    this.#tape = tape
    this.#storage = storage
    this.#contents = contents
    this.#pause = pause
  }

  /**
   * What is stored of `ranges`, as much as fits `bytesMax`: at once, or when what is sealed of it has come. Throws
   * `stream-deleted`, and `wrong-epoch` under another epoch; then also rejects with `damaged` and `unavailable`.
   */
  read(ranges: SeqRanges, bounds: { bytesMax: number; epoch?: string | undefined }): Page | Promise<Page> {
    this.#tape.checkEpoch(bounds.epoch)
    return this.readHot(ranges, bounds) ?? this.#readSealed(ranges, bounds)
  }

  /** The same at once; undefined when some of it is sealed. */
  readHot(ranges: SeqRanges, { bytesMax }: { bytesMax: number }): Page | undefined {
    const { latestSeq, hotFirst } = this.#tape.end
    if (latestSeq < 0) return { covers: [], pieces: [] }
    const isHot = ranges.every(([first]) => first >= hotFirst)
    return isHot ? readPage(this.#storage, ranges, { latestSeq, bytesMax }) : undefined
  }

  async #readSealed(ranges: SeqRanges, { bytesMax }: { bytesMax: number }): Promise<Page> {
    const { epoch, latestSeq } = this.#tape.state
    // What cannot be read may have gone with its epoch: then that is the answer.
    return readSealedPage(this.#storage, this.#contents, ranges, { latestSeq, bytesMax }).finally(() => {
      this.#tape.checkEpoch(epoch ?? undefined)
    })
  }

  /** The same folded. Rejects like `read`. */
  async readFolded(ranges: SeqRanges, { epoch }: { epoch?: string | undefined }): Promise<Page> {
    this.#tape.checkEpoch(epoch)
    const { epoch: before, latestSeq } = this.#tape.state
    const { events, ...page } = await this.#fold(ranges, latestSeq, before)
    return { ...page, pieces: events.length === 0 ? [] : [toLines(events)] }
  }

  /** The same of some objects alone: see `readFiltered`. Throws for a filter what `Filter` does, and rejects like `read`. */
  readFiltered(
    selection: Selection,
    ranges: SeqRanges,
    { bytesMax, epoch, own }: { bytesMax: number; epoch?: string | undefined; own?: string | undefined },
  ): Promise<Page> {
    this.#tape.checkEpoch(epoch)
    return readFiltered(this.filterOf(selection), ranges, { ...this.#filteredReading(bytesMax), own })
  }

  /** And folded. */
  async readFilteredFolded(selection: Selection, ranges: SeqRanges, { epoch }: { epoch?: string | undefined }): Promise<Page> {
    this.#tape.checkEpoch(epoch)
    const filter = this.filterOf(selection)
    const reading = this.#filteredReading(Number.POSITIVE_INFINITY)
    const { folded, latestSeq, between } = reading
    const found: TapeEvent[] = []
    const { events, covers } = await folded.read(ranges, latestSeq, between, (some) => {
      const belonging = filter.over(some)
      const wanted = some.filter((event) => belonging.since(event) !== undefined)
      for (const event of wanted) if (needsPast(belonging, event)) found.push(event)
      return wanted
    })
    const past = await readPast(filter, found, reading)
    const all = past.length === 0 ? events : foldEvents([...past, ...events], covers)
    return { covers, pieces: all.length === 0 ? [] : [toLines(all)], isCutShort: true }
  }

  /** Throws what `Filter` does. */
  filterOf(selection: Selection): Filter {
    this.#tape.checkEpoch(undefined)
    return new Filter(selection, this.#tape.indexes, this.#storage)
  }

  #filteredReading(bytesMax: number): FilteredReading {
    const { epoch, latestSeq } = this.#tape.state
    const between = async () => {
      await this.#pause()
      this.#tape.checkEpoch(epoch ?? undefined)
    }
    const readPage = (ranges: SeqRanges, max: number) => this.read(ranges, { bytesMax: max })
    return { latestSeq, bytesMax, readPage, folded: new FoldedReader(this.#storage, this.#contents), between }
  }

  /** What reading these seqs would take. Throws `stream-deleted`, and `wrong-epoch`. */
  sizes(ranges: SeqRanges, epoch: string | undefined): Sizes {
    this.#tape.checkEpoch(epoch)
    return sizesOf(this.#storage, ranges)
  }

  /** A hash of what 0 … seq has made of all objects; of the whole tape when it ends before. Rejects like `read`. */
  async hashAt(
    seq: number,
    underEpoch: string | undefined,
  ): Promise<{ readonly seq: number; readonly hash: string; readonly objects: number }> {
    this.#tape.checkEpoch(underEpoch)
    const { epoch, latestSeq } = this.#tape.state
    const through = Math.min(seq, latestSeq)
    const { events, covers } = await this.#fold(through < 0 ? [] : [[0, through]], latestSeq, epoch)
    if (through >= 0 && covers.at(-1)?.[1] !== through) {
      throw new Refusal('too-large', { detail: 'The tape up to there is too long to be folded at once.' })
    }
    const objects = objectHashes(events, through)
    return { seq: through, hash: stateHash(objects), objects: objects.length }
  }

  #fold(ranges: SeqRanges, latestSeq: number, epoch: string | null): Promise<FoldedPage> {
    return new FoldedReader(this.#storage, this.#contents).read(ranges, latestSeq, async () => {
      await this.#pause()
      this.#tape.checkEpoch(epoch ?? undefined)
    })
  }
}
