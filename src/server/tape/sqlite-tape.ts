/**
 * The tape in the Durable Object's SQLite.
 *
 * A row is a group of events under its last seq, so the end of the tape and the row of any seq are one lookup in
 * the primary key. There is no other index, because each would be a second row written per group.
 */
import { seqMax } from '../../protocol/limits.ts'
import type { Expiry } from '../../protocol/settings.ts'
import type { Built, Index, Member } from '../filters/indexes.ts'
import type { Fork } from '../forks/fork.ts'
import { dropScrubbed, notePeak, scrub } from '../sealed/scrub.ts'
import { noSnapshots, type Snapshots } from '../sealed/snapshot.ts'
import { SqliteIndexes } from './sqlite-indexes.ts'
import { SqliteSchema } from './sqlite-schema.ts'
import { SqliteSegments } from './sqlite-segments.ts'
import { SqliteSnapshots } from './sqlite-snapshots.ts'
import type {
  Append,
  Configuration,
  LedgerEntry,
  RedactionNote,
  Rewrite,
  Seal,
  SegmentEntry,
  TapeHead,
  TapeRow,
  TapeStorage,
} from './tape-storage.ts'
import { encodeRuns, runsOf } from './writer-runs.ts'

export class SqliteTape implements TapeStorage {
  readonly #storage: DurableObjectStorage
  readonly #sql: SqlStorage
  readonly #schema: SqliteSchema
  readonly #segments: SqliteSegments
  readonly #indexes: SqliteIndexes
  readonly #snapshots: SqliteSnapshots

  constructor(storage: DurableObjectStorage, schema = new SqliteSchema(storage)) {
    this.#storage = storage
    this.#sql = storage.sql
    this.#schema = schema
    this.#segments = new SqliteSegments(storage.sql)
    this.#indexes = new SqliteIndexes(storage.sql)
    this.#snapshots = new SqliteSnapshots(storage.sql)
  }

  head(): TapeHead | 'deleted' | undefined {
    if (!this.#schema.find()) return undefined
    const [stream] = this.#sql
      .exec<{ [column: string]: number | string | null; epoch: string | null; secret: string | null; deleted: number }>(
        `SELECT epoch, deleted, importing, newest.last AS latestSeq, newest.checkpoint, newest.start + length(newest.body) AS bytes,
           oldest.first, oldest.start, closed, expires, secret, newest.writer, coalesce(newest.committed_at, configured_at, 0) AS touchedAt
         FROM stream
         LEFT JOIN tape AS newest ON newest.last = (SELECT max(last) FROM tape)
         LEFT JOIN tape AS oldest ON oldest.last = (SELECT min(last) FROM tape)`,
      )
      .toArray()
    if (stream === undefined) return undefined
    if (stream.deleted === 1 || stream.epoch === null) return 'deleted'
    const { epoch, closed, importing, expires, secret, ...numbers } = stream
    const { latestSeq, checkpoint, bytes, first, start, touchedAt, writer } = numbers as Record<string, number | null>
    return {
      epoch,
      latestSeq: latestSeq ?? -1,
      checkpoint: checkpoint ?? -1,
      bytes: bytes ?? 0,
      hot: { first: first ?? 0, start: start ?? 0 },
      isClosed: closed === 1,
      expires: expires === null ? undefined : (JSON.parse(String(expires)) as Expiry),
      touchedAt: touchedAt ?? 0,
      ...(importing === 1 ? { isImporting: true } : {}),
      secret: secret ?? undefined,
      writer: writer ?? undefined,
    }
  }

  append({ rows, retired, newEpoch, beginsImport = false, members = [], secret }: Append): void {
    this.#storage.transactionSync(() => {
      if (newEpoch !== undefined) this.#schema.create(newEpoch)
      if (beginsImport) this.#sql.exec('UPDATE stream SET importing = 1')
      if (secret !== undefined) this.#sql.exec('UPDATE stream SET secret = ?', secret)
      for (const { last, first, committedAt, checkpoint, ledger, body, start, writer = null } of rows) {
        const values = [last, first, committedAt, checkpoint, ledger, body, start, writer]
        this.#sql.exec('INSERT INTO tape VALUES (?, ?, ?, ?, ?, ?, ?, ?)', ...values)
      }
      this.#retire(retired)
      this.#indexes.note(members)
    })
  }

  endImport(): void {
    this.#sql.exec('UPDATE stream SET importing = 0')
  }

  seal({ segment, ledger, retired }: Seal): TapeHead['hot'] {
    const { first, last } = segment
    return this.#storage.transactionSync(() => {
      const { from, to } = this.#sql
        .exec<{ from: number; to: number }>('SELECT min(first) AS "from", max(last) AS "to" FROM tape WHERE last <= ?', last)
        .one()
      const { end } = this.#sql.exec<{ end: number }>('SELECT max(last) AS "end" FROM tape').one()
      if (from !== first || to !== last || to === end) throw new Error(`There are no rows of ${first} … ${last} to seal.`)
      const rows = this.#sql.exec<{ first: number; writer: number | null }>(
        'SELECT first, writer FROM tape WHERE last <= ? ORDER BY last',
        last,
      )
      this.#segments.insert(segment, encodeRuns(runsOf(rows), first))
      notePeak(this.#sql)
      this.#sql.exec('DELETE FROM tape WHERE last <= ?', last)
      if (ledger !== undefined) this.#sql.exec('UPDATE stream SET sealed_ledger = ?', ledger)
      this.#retire(retired)
      return this.#sql.exec<TapeHead['hot'] & Record<string, number>>('SELECT first, start FROM tape ORDER BY last LIMIT 1').one()
    })
  }

  indexes(): readonly Index[] {
    return this.#schema.find() ? this.#indexes.all() : []
  }

  addIndex(index: Omit<Index, 'id'>): void {
    this.#indexes.add(index)
  }

  noteMembers(members: readonly Member[], built?: Built): void {
    this.#storage.transactionSync(() => this.#indexes.note(members, built))
  }

  membersSince(index: number, values: readonly string[], objects: readonly string[]): ReadonlyMap<string, number> {
    return this.#indexes.membersSince(index, values, objects)
  }

  membersOf(index: number, value: string, countMax: number): readonly string[] {
    return this.#indexes.membersOf(index, value, countMax)
  }

  configure({ isClosed, expires, at, newEpoch, secret }: Configuration): void {
    this.#storage.transactionSync(() => {
      if (newEpoch !== undefined) this.#schema.create(newEpoch)
      if (secret !== undefined) this.#sql.exec('UPDATE stream SET secret = ?', secret)
      const text = expires === undefined ? null : JSON.stringify(expires)
      this.#sql.exec('UPDATE stream SET closed = ?, expires = ?, configured_at = ?', isClosed ? 1 : 0, text, at)
    })
  }

  rewrite({ epoch, rows, segments, snapshots, note }: Rewrite): void {
    this.#storage.transactionSync(() => {
      for (const { last, body } of rows) this.#sql.exec('UPDATE tape SET body = ? WHERE last = ?', body, last)
      for (const segment of segments) this.#segments.replace(segment)
      this.#sql.exec('UPDATE stream SET epoch = ?', epoch)
      this.#indexes.rebuild()
      this.keepSnapshots(snapshots)
      this.#sql.exec('INSERT INTO redaction (at, sub, reason, redacted) VALUES (?, ?, ?, ?)', note.at, note.sub, note.reason, note.redacted)
    })
  }

  rebuildIndexes(): void {
    this.#indexes.rebuild()
  }

  renew(epoch: string): void {
    this.#sql.exec('UPDATE stream SET epoch = ?', epoch)
  }

  writerOf(seq: number): number | undefined {
    if (!this.#schema.find()) return undefined
    const [row] = this.#sql
      .exec<{ first: number; writer: number | null }>('SELECT first, writer FROM tape WHERE last >= ? ORDER BY last LIMIT 1', seq)
      .toArray()
    return row !== undefined && row.first <= seq ? (row.writer ?? undefined) : this.#segments.writerOf(seq)
  }

  redactions(): readonly RedactionNote[] {
    if (!this.#schema.find()) return []
    return this.#sql
      .exec<{ at: number; sub: string; reason: string; redacted: number }>('SELECT at, sub, reason, redacted FROM redaction ORDER BY id')
      .toArray()
  }

  async scrub(): Promise<void> {
    try {
      await scrub(this.#storage)
    } catch (error) {
      // To erase ends it: then there is nothing to be overwritten any more.
      if (this.head() !== 'deleted') throw error
    }
  }

  *segmentsFrom(from: number): Generator<SegmentEntry> {
    if (this.#schema.find()) yield* this.#segments.from(from)
  }

  *rowsFrom(from: number): Generator<TapeRow> {
    for (let next = from; ; ) {
      const row = toRow(this.#sql.exec('SELECT first, last, body FROM tape WHERE last >= ? ORDER BY last LIMIT 1', next))
      if (row === undefined) return
      yield row
      next = row.last + 1
    }
  }

  *rowsBack(): Generator<TapeRow> {
    if (!this.#schema.find()) return
    for (let next = seqMax; ; ) {
      const row = toRow(this.#sql.exec('SELECT first, last, body FROM tape WHERE last <= ? ORDER BY last DESC LIMIT 1', next))
      if (row === undefined) return
      yield row
      next = row.first - 1
    }
  }

  *ledgersFrom(checkpoint: number): Generator<string> {
    const [sealed] = this.#sql
      .exec<{ ledger: string }>(
        'SELECT sealed_ledger AS ledger FROM stream WHERE sealed_ledger IS NOT NULL AND ? <= (SELECT max(last) FROM segment)',
        checkpoint,
      )
      .toArray()
    if (sealed !== undefined) yield sealed.ledger
    const cursor = this.#sql.exec('SELECT ledger FROM tape WHERE last >= ? ORDER BY last', checkpoint)
    for (const [ledger] of cursor.raw<[string]>()) yield ledger
  }

  snapshots(): Snapshots {
    return this.#schema.find() ? this.#snapshots.read() : noSnapshots
  }

  keepSnapshots(snapshots: Snapshots): void {
    this.#snapshots.keep(snapshots)
    notePeak(this.#sql)
  }

  findClient(client: string): LedgerEntry | undefined {
    if (!this.#schema.find()) return undefined
    return this.#sql.exec<{ counter: number; sub: string }>('SELECT counter, sub FROM client WHERE id = ?', client).toArray()[0]
  }

  clientsAfter(id: string, limit: number): readonly (readonly [string, LedgerEntry])[] {
    const cursor = this.#sql.exec('SELECT id, counter, sub FROM client WHERE id > ? ORDER BY id LIMIT ?', id, limit)
    return [...cursor.raw<[string, number, string]>()].map(([client, counter, sub]) => [client, { counter, sub }])
  }

  fork(): Fork | undefined {
    if (!this.#schema.find()) return undefined
    const [stream] = this.#sql.exec<{ fork: string | null }>('SELECT fork FROM stream').toArray()
    return stream === undefined || stream.fork === null ? undefined : (JSON.parse(stream.fork) as Fork)
  }

  beginFork(fork: Fork, epoch: string): void {
    this.#storage.transactionSync(() => {
      if (!this.#schema.find()) this.#schema.create(epoch)
      for (const table of ['tape', 'client', 'segment', 'snapshot']) this.#sql.exec(`DELETE FROM ${table}`)
      this.#sql.exec('UPDATE stream SET epoch = ?, importing = 1', epoch)
      this.keepFork(fork)
    })
  }

  keepFork(fork: Fork): void {
    this.#sql.exec('UPDATE stream SET fork = ?', JSON.stringify(fork))
  }

  adopt(segments: readonly SegmentEntry[]): void {
    this.#storage.transactionSync(() => {
      for (const segment of segments) this.#segments.insert(segment, null)
    })
  }

  erase(): void {
    this.#storage.transactionSync(() => {
      this.#schema.createDeleted()
      // What is lent, and owed, outlives the stream.
      for (const table of ['tape', 'client', 'segment', 'blob', 'snapshot', 'redaction', 'attribute', 'member']) {
        this.#sql.exec(`DELETE FROM ${table}`)
      }
      dropScrubbed(this.#sql)
    })
  }

  #retire(clients: Append['retired']): void {
    for (const [client, { counter, sub }] of clients) {
      this.#sql.exec('INSERT OR REPLACE INTO client VALUES (?, ?, ?)', client, counter, sub)
    }
  }
}

function toRow(cursor: SqlStorageCursor<Record<string, SqlStorageValue>>): TapeRow | undefined {
  const [row] = [...cursor.raw<[number, number, ArrayBuffer]>()]
  return row && { first: row[0], last: row[1], body: new Uint8Array(row[2]) }
}
