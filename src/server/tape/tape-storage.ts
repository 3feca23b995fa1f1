/**
 * What the server asks of its storage. SQLite in the object, and memory in tests and simulations, keep this contract.
 *
 * Everything is synchronous: a group is decided and appended in one run, so nothing can come between.
 */

import type { Expiry } from '../../protocol/settings.ts'
import type { IndexStorage, Member } from '../filters/indexes.ts'
import type { Fork } from '../forks/fork.ts'
import type { ContentEntry } from '../sealed/contents.ts'
import type { Snapshots } from '../sealed/snapshot.ts'

/** How far a client has published, and whose it is. */
export interface LedgerEntry {
  /** The last counter taken from it. */
  readonly counter: number
  readonly sub: string
}

/** One group of events, or a part of one that would be too large for a row. */
export interface TapeRow {
  readonly first: number
  readonly last: number
  /** The events of first … last as JSON, one a line, joined by `,\n`. */
  readonly body: Uint8Array
}

export interface NewRow extends TapeRow {
  /** Wall clock, ms since 1970, of the commit: for people and for expiry, never for order. */
  readonly committedAt: number
  /** The clients of this row, or of all the tape when the row is a checkpoint, as the ledger encodes them. */
  readonly ledger: string
  /** `last` of the newest row whose ledger is a checkpoint: this row's own, perhaps. */
  readonly checkpoint: number
  /** Bytes of all bodies before this row, sealed ones too. */
  readonly start: number
  /** See `Marks`; absent in rows of a time without them. */
  readonly writer?: number | undefined
}

/** The state of a stream that has been published to. */
export interface TapeHead {
  readonly epoch: string
  /** −1 right after the stream was made. */
  readonly latestSeq: number
  readonly checkpoint: number
  /** Bytes of all bodies, sealed ones too. */
  readonly bytes: number
  /** Where the rows begin: all before it is sealed. */
  readonly hot: { readonly first: number; readonly start: number }
  /** Nothing more is taken. */
  readonly isClosed: boolean
  readonly expires?: Expiry | undefined
  /** When the newest row was committed or, without any, the settings were, in ms since 1970. */
  readonly touchedAt: number
  /** An import into it has begun and is not finished; absent otherwise. */
  readonly isImporting?: true
  /** What its marks are made with; absent until the first row is stored that has one. */
  readonly secret?: string | undefined
  /** Of the newest row. */
  readonly writer?: number | undefined
}

/** A part of the tape that has left the rows, compressed, for good. */
export interface SegmentEntry {
  readonly first: number
  readonly last: number
  /** The events of first … last as lines of JSON, as in a row. */
  readonly plain: ContentEntry
  /** The same folded; absent where that is hardly shorter. */
  readonly folded?: ContentEntry | undefined
  /** Which of its seqs are about which object: see `SegmentPlaces`. Absent in segments of a time without. */
  readonly places?: ContentEntry | undefined
}

export interface Seal {
  readonly segment: SegmentEntry
  /** All recent clients, as a checkpoint of the ledger has them; absent where the newest checkpoint stays in a row. */
  readonly ledger: string | undefined
  readonly retired: Append['retired']
}

export interface Append {
  readonly rows: readonly NewRow[]
  /** Clients that left the ledger's memory: [client, entry], to be found again with `findClient`. */
  readonly retired: readonly (readonly [string, LedgerEntry])[]
  /** The epoch of a stream that this append makes. */
  readonly newEpoch: string | undefined
  /** What the rows make of objects, where the stream has indexes. */
  readonly members?: readonly Member[]
  /** These rows are the first of an import. */
  readonly beginsImport?: boolean
  /** Of a stream that has none yet. */
  readonly secret?: string | undefined
}

export interface Configuration {
  readonly isClosed: boolean
  readonly expires: Expiry | undefined
  /** ms since 1970. */
  readonly at: number
  /** The epoch of a stream that this makes, and its secret. */
  readonly newEpoch: string | undefined
  readonly secret?: string | undefined
}

export interface Rewrite {
  /** The epoch from now on. */
  readonly epoch: string
  /** Rows with their new bodies. */
  readonly rows: readonly TapeRow[]
  /** In the place of those of the same seqs. */
  readonly segments: readonly SegmentEntry[]
  readonly snapshots: Snapshots
  readonly note: RedactionNote
}

/** What is remembered of a redaction: not what it was about. */
export interface RedactionNote {
  /** ms since 1970. */
  readonly at: number
  readonly sub: string
  readonly reason: string
  /** How many events say less than before. */
  readonly redacted: number
}

export interface TapeStorage extends IndexStorage {
  /** The stream's state; undefined when nothing has been published, `deleted` for ever after `erase`. Writes nothing. */
  head(): TapeHead | 'deleted' | undefined

  /** Appends in one transaction: after a throw nothing of it is stored, and the object must `head()` again. */
  append(append: Append): void

  /** The stream is no longer being imported. */
  endImport(): void

  /** The rows that hold seq `from` and later ones, in order, read as they are taken. Ends when the tape does. Not what is sealed. */
  rowsFrom(from: number): Iterator<TapeRow>

  /** All rows, the newest first, read as they are taken. */
  rowsBack(): Iterator<TapeRow>

  /** The ledgers of the row that ends at `checkpoint` and of those after it, in order; for what is sealed of them, that of the seal. */
  ledgersFrom(checkpoint: number): Iterable<string>

  /** Puts a segment in the place of the rows up to its last, which begin where it does, in one transaction. One row stays at least. Gives where the rows begin now. */
  seal(seal: Seal): TapeHead['hot']

  /** Keeps settings; makes the stream, under this epoch, where there is none. */
  configure(configuration: Configuration): void

  /** Rewrites what was stored, in one transaction. */
  rewrite(rewrite: Rewrite): void

  /** Looks through the whole tape anew for all indexes: values of before may be gone, or others have come. */
  rebuildIndexes(): void

  /** Puts the stream under another epoch. */
  renew(epoch: string): void

  /** Who wrote the row that holds a seq, sealed or not; undefined when that is not known, or there is none. */
  writerOf(seq: number): number | undefined

  /** All that have been, oldest first. */
  redactions(): readonly RedactionNote[]

  /** Overwrites what is left of rows that were changed or removed, as far as that can be done. */
  scrub(): Promise<void>

  /** The segments that hold seq `from` and later ones, in order, as they are taken. */
  segmentsFrom(from: number): Iterator<SegmentEntry>

  /** The snapshots, as they were kept last. */
  snapshots(): Snapshots

  keepSnapshots(snapshots: Snapshots): void

  /** A client that the ledger retired, or undefined. */
  findClient(client: string): LedgerEntry | undefined

  /** Some of those, in the order of their ids, behind the one that is given. Writes nothing; there is a stream. */
  clientsAfter(id: string, limit: number): readonly (readonly [string, LedgerEntry])[]

  /** What the stream is a fork of; undefined when it is none. */
  fork(): Fork | undefined

  /** Makes the stream as a fork, or makes it anew, under this epoch: empty, and importing; in one transaction. */
  beginFork(fork: Fork, epoch: string): void

  keepFork(fork: Fork): void

  /** Lays segments behind those that are there, in order. There are no rows yet. */
  adopt(segments: readonly SegmentEntry[]): void

  /** Removes everything, in one transaction, and remembers only that the stream was deleted. */
  erase(): void
}
