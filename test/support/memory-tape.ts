/** The tape's storage in memory: the double for tests and simulations, under the same contract as SQLite's. */
import type { Built, Index, Member } from '../../src/server/filters/indexes.ts'
import type { Fork } from '../../src/server/forks/fork.ts'
import { noSnapshots, type Snapshots } from '../../src/server/sealed/snapshot.ts'
import type {
  Append,
  Configuration,
  LedgerEntry,
  NewRow,
  RedactionNote,
  Rewrite,
  Seal,
  SegmentEntry,
  TapeHead,
  TapeRow,
  TapeStorage,
} from '../../src/server/tape/tape-storage.ts'
import { runsOf, type WriterRuns, writerIn } from '../../src/server/tape/writer-runs.ts'

export class MemoryTape implements TapeStorage {
  readonly #rows: NewRow[] = []
  readonly #clients = new Map<string, LedgerEntry>()
  readonly #segments: (SegmentEntry & { readonly runs?: WriterRuns })[] = []
  #sealedLedger: string | undefined
  #snapshots = noSnapshots
  #indexes: Index[] = []
  readonly #members = new Map<string, number>()
  #settings: Omit<Configuration, 'newEpoch'> = { isClosed: false, expires: undefined, at: 0 }
  readonly #redactions: RedactionNote[] = []
  #epoch: string | undefined
  #isDeleted = false
  #isImporting = false
  #fork: Fork | undefined
  #secret: string | undefined

  head(): TapeHead | 'deleted' | undefined {
    if (this.#isDeleted) return 'deleted'
    if (this.#epoch === undefined) return undefined
    const end = this.#rows.at(-1)
    const first = this.#rows[0]
    return {
      epoch: this.#epoch,
      latestSeq: end?.last ?? -1,
      checkpoint: end?.checkpoint ?? -1,
      bytes: end === undefined ? 0 : end.start + end.body.length,
      hot: { first: first?.first ?? 0, start: first?.start ?? 0 },
      isClosed: this.#settings.isClosed,
      expires: this.#settings.expires,
      touchedAt: end?.committedAt ?? this.#settings.at,
      ...(this.#isImporting ? { isImporting: true } : {}),
      secret: this.#secret,
      writer: end?.writer,
    }
  }

  append({ rows, retired, newEpoch, beginsImport = false, members = [], secret }: Append): void {
    this.noteMembers(members)
    this.#epoch ??= newEpoch
    this.#secret ??= secret
    this.#isImporting ||= beginsImport
    this.#rows.push(...rows)
    for (const [client, entry] of retired) this.#clients.set(client, entry)
  }

  endImport(): void {
    this.#isImporting = false
  }

  *rowsFrom(from: number): Generator<TapeRow> {
    for (let i = this.#indexOf(from); i < this.#rows.length; i++) yield this.#rows[i] as NewRow
  }

  *rowsBack(): Generator<TapeRow> {
    for (let i = this.#rows.length - 1; i >= 0; i--) yield this.#rows[i] as NewRow
  }

  *ledgersFrom(checkpoint: number): Generator<string> {
    if (this.#sealedLedger !== undefined && checkpoint < (this.#rows[0]?.first ?? 0)) yield this.#sealedLedger
    for (let i = this.#indexOf(checkpoint); i < this.#rows.length; i++) yield (this.#rows[i] as NewRow).ledger
  }

  seal({ segment, ledger, retired }: Seal): TapeHead['hot'] {
    const count = this.#indexOf(segment.last + 1)
    if (this.#rows[0]?.first !== segment.first || this.#rows[count - 1]?.last !== segment.last || count === this.#rows.length) {
      throw new Error(`There are no rows of ${segment.first} … ${segment.last} to seal.`)
    }
    this.#segments.push({ ...segment, runs: runsOf(this.#rows.splice(0, count)) })
    this.#sealedLedger = ledger ?? this.#sealedLedger
    for (const [client, entry] of retired) this.#clients.set(client, entry)
    const { first, start } = this.#rows[0] as NewRow
    return { first, start }
  }

  indexes(): readonly Index[] {
    return this.#indexes
  }

  addIndex(index: Omit<Index, 'id'>): void {
    this.#indexes.push({ ...index, id: this.#indexes.length })
  }

  noteMembers(members: readonly Member[], built?: Built): void {
    for (const { index, value, object, since } of members) {
      const key = JSON.stringify([index, value, object])
      this.#members.set(key, Math.min(since, this.#members.get(key) ?? since))
    }
    if (built === undefined) return
    const { indexes, to } = built
    this.#indexes = this.#indexes.map((index) => (indexes.includes(index.id) ? { ...index, builtTo: to } : index))
  }

  membersSince(index: number, values: readonly string[], objects: readonly string[]): ReadonlyMap<string, number> {
    const found = new Map<string, number>()
    for (const object of objects) {
      const seqs = values.flatMap((value) => this.#members.get(JSON.stringify([index, value, object])) ?? [])
      if (seqs.length > 0) found.set(object, Math.min(...seqs))
    }
    return found
  }

  membersOf(index: number, value: string, countMax: number): readonly string[] {
    const members = [...this.#members.keys()].map((key) => JSON.parse(key) as [number, string, string])
    return members.flatMap(([of, has, object]) => (of === index && has === value ? [object] : [])).slice(0, countMax)
  }

  configure({ newEpoch, secret, ...settings }: Configuration): void {
    this.#epoch ??= newEpoch
    this.#secret ??= secret
    this.#settings = settings
  }

  rewrite({ epoch, rows, segments, snapshots, note }: Rewrite): void {
    this.#redactions.push(note)
    this.#epoch = epoch
    this.rebuildIndexes()
    for (const { last, body } of rows) {
      const index = this.#indexOf(last)
      this.#rows[index] = { ...(this.#rows[index] as NewRow), body }
    }
    for (const segment of segments) {
      const index = this.#segments.findIndex(({ last }) => last === segment.last)
      const { runs = [] } = this.#segments[index] ?? {}
      this.#segments[index] = { ...segment, runs }
    }
    this.#snapshots = snapshots
  }

  rebuildIndexes(): void {
    this.#members.clear()
    this.#indexes = this.#indexes.map((index) => ({ ...index, declaredAt: this.#rows.at(-1)?.last ?? -1, builtTo: -1 }))
  }

  renew(epoch: string): void {
    this.#epoch = epoch
  }

  writerOf(seq: number): number | undefined {
    const row = this.#rows[this.#indexOf(seq)]
    if (row !== undefined && row.first <= seq) return row.writer
    return writerIn(this.#segments.find(({ last }) => last >= seq)?.runs ?? [], seq)
  }

  redactions(): readonly RedactionNote[] {
    return this.#redactions
  }

  async scrub(): Promise<void> {}

  *segmentsFrom(from: number): Generator<SegmentEntry> {
    for (const { runs: _, ...segment } of this.#segments) if (segment.last >= from) yield segment
  }

  snapshots(): Snapshots {
    return this.#snapshots
  }

  keepSnapshots(snapshots: Snapshots): void {
    this.#snapshots = snapshots
  }

  findClient(client: string): LedgerEntry | undefined {
    return this.#clients.get(client)
  }

  clientsAfter(id: string, limit: number): readonly (readonly [string, LedgerEntry])[] {
    return [...this.#clients]
      .filter(([client]) => client > id)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
  }

  fork(): Fork | undefined {
    return this.#fork
  }

  beginFork(fork: Fork, epoch: string): void {
    this.#empty()
    this.#epoch = epoch
    this.#isImporting = true
    this.#fork = fork
  }

  keepFork(fork: Fork): void {
    this.#fork = fork
  }

  adopt(segments: readonly SegmentEntry[]): void {
    this.#segments.push(...segments)
  }

  /** Another tape of the same contents: as a platform keeps it to set storage back to. */
  copy(): MemoryTape {
    const copy = new MemoryTape()
    copy.#rows.push(...this.#rows)
    for (const [client, entry] of this.#clients) copy.#clients.set(client, entry)
    copy.#segments.push(...this.#segments)
    for (const [key, since] of this.#members) copy.#members.set(key, since)
    copy.#redactions.push(...this.#redactions)
    copy.#sealedLedger = this.#sealedLedger
    copy.#snapshots = this.#snapshots
    copy.#indexes = [...this.#indexes]
    copy.#settings = this.#settings
    copy.#epoch = this.#epoch
    copy.#secret = this.#secret
    copy.#fork = this.#fork
    copy.#isDeleted = this.#isDeleted
    copy.#isImporting = this.#isImporting
    return copy
  }

  erase(): void {
    this.#empty()
    this.#fork = undefined
    this.#secret = undefined
    this.#indexes = []
    this.#members.clear()
    this.#redactions.length = 0
    this.#isDeleted = true
  }

  #empty(): void {
    this.#rows.length = 0
    this.#clients.clear()
    this.#segments.length = 0
    this.#sealedLedger = undefined
    this.#snapshots = noSnapshots
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
