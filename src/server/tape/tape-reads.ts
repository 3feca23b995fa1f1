/**
 * Everything that is read off a tape: plain, folded, some objects alone, and hashes of what it comes to. What is sealed
 * takes time; each read sees to it that the tape is still the same when it has come.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { Selection } from '../../protocol/filter.ts'
import type { SeqRanges } from '../../protocol/seq-ranges.ts'
import type { Sizes } from '../../protocol/slice.ts'
import { hashesOf, type ObjectHash, stateHash } from '../../protocol/state-hash.ts'
import { Filter } from '../filters/filter.ts'
import { type FilteredReading, readFiltered, readFilteredFolded } from '../filters/filtered-reader.ts'
import type { Indexes } from '../filters/indexes.ts'
import { PastReader } from '../filters/past-reader.ts'
import type { Contents } from '../sealed/contents.ts'
import { readSealedPage } from '../sealed/sealed-reader.ts'
import type { Wanted } from '../sealed/segment-places.ts'
import { sizesOf } from '../sealed/sizes.ts'
import { SparseReader } from '../sealed/sparse-reader.ts'
import { FoldedReader } from './folded-reader.ts'
import { toLines } from './lines.ts'
import { OneAtATime } from './one-at-a-time.ts'
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

interface FilteredAsking {
  readonly epoch?: string | undefined
  /** Whoever reads is told with the answer how far the tape goes: otherwise it knows of no more than it asks for. */
  readonly isToldOfEnd?: boolean
}

export interface HashAt {
  readonly seq: number
  readonly hash: string
  readonly objects: number
}

/** So many take some 20 ms. */
const hashesAtOnce = 2048

export class TapeReads {
  readonly #tape: ReadTape
  readonly #storage: TapeStorage
  readonly #contents: Contents
  readonly #pause: () => Promise<void>
  readonly #folded: FoldedReader
  readonly #past: PastReader
  readonly #heavy = new OneAtATime()
  /** Hashes that are being worked out, for all who ask for the same. */
  readonly #hashing = new Map<string, Promise<HashAt>>()

  constructor(tape: ReadTape, { storage, contents, pause }: ReadSources) {
    this.#tape = tape
    this.#storage = storage
    this.#contents = contents
    this.#pause = pause
    this.#folded = new FoldedReader(storage, contents)
    this.#past = new PastReader(storage, contents, this.#folded)
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
    return this.#heavy.run(async () => {
      const { events, ...page } = await this.#folded.read(ranges, latestSeq, this.#betweenUnder(before))
      return { ...page, pieces: events.length === 0 ? [] : [toLines(events)] }
    })
  }

  /** The same of some objects alone: see `readFiltered`. Throws for a filter what `Filter` does, and rejects like `read`. */
  readFiltered(
    selection: Selection,
    ranges: SeqRanges,
    { bytesMax, own, ...asked }: FilteredAsking & { readonly bytesMax: number; readonly own?: string | undefined },
  ): Promise<Page> {
    const reading = this.#filteredReading(ranges, asked)
    const readPage = (some: SeqRanges, max: number) => this.read(some, { bytesMax: max })
    const sparse = (wanted: Wanted) => new SparseReader({ storage: this.#storage, contents: this.#contents }, wanted)
    return readFiltered(this.filterOf(selection), ranges, { ...reading, bytesMax, own, sparse, readPage })
  }

  /** And folded. */
  async readFilteredFolded(selection: Selection, ranges: SeqRanges, asked: FilteredAsking): Promise<Page> {
    const reading = this.#filteredReading(ranges, asked)
    const filter = this.filterOf(selection)
    return this.#heavy.run(() => readFilteredFolded(filter, ranges, reading))
  }

  /** Throws what `Filter` does. */
  filterOf(selection: Selection): Filter {
    this.#tape.checkEpoch(undefined)
    return new Filter(selection, this.#tape.indexes, this.#storage)
  }

  #filteredReading(ranges: SeqRanges, { epoch: asked, isToldOfEnd = false }: FilteredAsking): FilteredReading {
    this.#tape.checkEpoch(asked)
    const { epoch, latestSeq } = this.#tape.state
    const knownTo = isToldOfEnd ? latestSeq : Math.min(latestSeq, ranges.at(-1)?.[1] ?? -1)
    const isHot = ranges.every(([first]) => first >= this.#tape.end.hotFirst)
    return { latestSeq, knownTo, isHot, folded: this.#folded, past: this.#past, between: this.#betweenUnder(epoch) }
  }

  #betweenUnder(epoch: string | null): () => Promise<void> {
    return async () => {
      await this.#pause()
      this.#tape.checkEpoch(epoch ?? undefined)
    }
  }

  /** What reading these seqs would take. Throws `stream-deleted`, and `wrong-epoch`. */
  sizes(ranges: SeqRanges, epoch: string | undefined): Sizes {
    this.#tape.checkEpoch(epoch)
    return sizesOf(this.#storage, ranges)
  }

  /** A hash of what 0 … seq has made of all objects; of the whole tape when it ends before. Rejects like `read`. */
  async hashAt(seq: number, underEpoch: string | undefined): Promise<HashAt> {
    this.#tape.checkEpoch(underEpoch)
    const { epoch, latestSeq } = this.#tape.state
    const through = Math.min(seq, latestSeq)
    const key = `${through} ${epoch}`
    const hashing = this.#hashing.get(key) ?? this.#heavy.run(() => this.#hash(through, epoch)).finally(() => this.#hashing.delete(key))
    this.#hashing.set(key, hashing)
    return hashing
  }

  async #hash(through: number, epoch: string | null): Promise<HashAt> {
    const between = this.#betweenUnder(epoch)
    const { events, covers } = await this.#folded.read(through < 0 ? [] : [[0, through]], through, between)
    if (through >= 0 && covers.at(-1)?.[1] !== through) {
      throw new Refusal('too-large', { detail: 'The tape up to there is too long to be folded at once.' })
    }
    const objects: ObjectHash[] = []
    for (const object of hashesOf(events, through)) if (objects.push(object) % hashesAtOnce === 0) await between()
    return { seq: through, hash: stateHash(objects), objects: objects.length }
  }
}
