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
import { entryFromText, entryToText } from '../sealed/entry-text.ts'
import { dropScrubbed, notePeak, scrub } from '../sealed/scrub.ts'
import { noSnapshots, type Snapshots } from '../sealed/snapshot.ts'
import { SqliteSchema } from './sqlite-schema.ts'
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
import { decodeRuns, encodeRuns, runsOf, writerIn } from './writer-runs.ts'

/**
 * Whoever reads may stop anywhere, and a cursor that is not read to its end keeps SQLite from ever moving its log into
 * the database: so each question is read whole, and is a short one.
 */
const segmentsAtOnce = 64

/** With a list in JSON. */
const among = 'IN (SELECT value FROM json_each(?))'

export class SqliteTape implements TapeStorage {
  readonly #storage: DurableObjectStorage
  readonly #sql: SqlStorage
  readonly #schema: SqliteSchema
  readonly #snapshots: SqliteSnapshots

  constructor(storage: DurableObjectStorage, schema = new SqliteSchema(storage)) {
    this.#storage = storage
    this.#sql = storage.sql
    this.#schema = schema
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
      if (members.length > 0) this.noteMembers(members)
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
      this.#insertSegment(segment, encodeRuns(runsOf(rows), first))
      notePeak(this.#sql)
      this.#sql.exec('DELETE FROM tape WHERE last <= ?', last)
      if (ledger !== undefined) this.#sql.exec('UPDATE stream SET sealed_ledger = ?', ledger)
      this.#retire(retired)
      return this.#sql.exec<TapeHead['hot'] & Record<string, number>>('SELECT first, start FROM tape ORDER BY last LIMIT 1').one()
    })
  }

  indexes(): readonly Index[] {
    if (!this.#schema.find()) return []
    return this.#sql
      .exec<Index & Record<string, SqlStorageValue>>(
        'SELECT id, name, pointer, declared_at AS declaredAt, built_to AS builtTo FROM attribute ORDER BY id',
      )
      .toArray()
  }

  addIndex({ name, pointer, declaredAt, builtTo }: Omit<Index, 'id'>): void {
    this.#sql.exec(
      'INSERT INTO attribute (name, pointer, declared_at, built_to) VALUES (?, ?, ?, ?)',
      ...[name, pointer, declaredAt, builtTo],
    )
  }

  noteMembers(members: readonly Member[], built?: Built): void {
    this.#storage.transactionSync(() => {
      for (const { index, value, object, since } of members) {
        this.#sql.exec(
          `INSERT INTO member VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET since = excluded.since WHERE excluded.since < member.since`,
          ...[index, value, object, since],
        )
      }
      if (built === undefined) return
      this.#sql.exec(`UPDATE attribute SET built_to = ? WHERE id ${among}`, built.to, JSON.stringify(built.indexes))
    })
  }

  membersSince(index: number, values: readonly string[], objects: readonly string[]): ReadonlyMap<string, number> {
    // A live row is mostly one event, and most filters name one value: that is found in a fraction of the time.
    const isOne = values.length === 1 && objects.length === 1
    const where = isOne ? 'value = ? AND object = ?' : `value ${among} AND object ${among}`
    const bindings = isOne ? [values[0], objects[0]] : [JSON.stringify(values), JSON.stringify(objects)]
    const cursor = this.#sql.exec(
      `SELECT object, min(since) FROM member WHERE attribute = ? AND ${where} GROUP BY object`,
      ...[index, ...bindings],
    )
    return new Map(cursor.raw<[string, number]>())
  }

  membersOf(index: number, value: string, countMax: number): readonly string[] {
    return this.#sql
      .exec<{ object: string }>('SELECT object FROM member WHERE attribute = ? AND value = ? LIMIT ?', index, value, countMax)
      .toArray()
      .map(({ object }) => object)
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
      for (const { last, plain, folded } of segments) {
        const texts = [entryToText(plain), folded === undefined ? null : entryToText(folded)]
        this.#sql.exec('UPDATE segment SET plain = ?, folded = ? WHERE last = ?', ...texts, last)
      }
      this.#sql.exec('UPDATE stream SET epoch = ?', epoch)
      this.rebuildIndexes()
      this.keepSnapshots(snapshots)
      this.#sql.exec('INSERT INTO redaction (at, sub, reason, redacted) VALUES (?, ?, ?, ?)', note.at, note.sub, note.reason, note.redacted)
    })
  }

  rebuildIndexes(): void {
    this.#sql.exec('DELETE FROM member; UPDATE attribute SET built_to = -1, declared_at = (SELECT max(last) FROM tape)')
  }

  renew(epoch: string): void {
    this.#sql.exec('UPDATE stream SET epoch = ?', epoch)
  }

  writerOf(seq: number): number | undefined {
    if (!this.#schema.find()) return undefined
    const find = <Row extends Record<string, SqlStorageValue>>(sql: string) => this.#sql.exec<Row>(sql, seq).toArray()[0]
    const row = find<{ first: number; writer: number | null }>('SELECT first, writer FROM tape WHERE last >= ? ORDER BY last LIMIT 1')
    if (row !== undefined && row.first <= seq) return row.writer ?? undefined
    const segment = find<{ first: number; writers: ArrayBuffer | null }>(
      'SELECT first, writers FROM segment WHERE last >= ? ORDER BY last LIMIT 1',
    )
    return segment?.writers ? writerIn(decodeRuns(segment.writers), seq - segment.first) : undefined
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
    if (!this.#schema.find()) return
    // Most want one alone.
    for (let [next, limit] = [from, 1]; ; limit = segmentsAtOnce) {
      const cursor = this.#sql.exec('SELECT first, last, plain, folded FROM segment WHERE last >= ? ORDER BY last LIMIT ?', next, limit)
      const some = [...cursor.raw<[number, number, string, string | null]>()]
      for (const [first, last, plain, folded] of some) {
        yield { first, last, plain: entryFromText(plain), ...(folded === null ? {} : { folded: entryFromText(folded) }) }
        next = last + 1
      }
      if (some.length < limit) return
    }
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
      for (const segment of segments) this.#insertSegment(segment, null)
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

  #insertSegment({ first, last, plain, folded }: SegmentEntry, writers: ArrayBuffer | null): void {
    const texts = [entryToText(plain), folded === undefined ? null : entryToText(folded)]
    this.#sql.exec('INSERT INTO segment VALUES (?, ?, ?, ?, ?)', last, first, ...texts, writers)
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
