/** The list of segments, as SQLite keeps it. */
import { entryFromText, entryToText } from '../sealed/entry-text.ts'
import type { SegmentEntry } from './tape-storage.ts'
import { decodeRuns, writerIn } from './writer-runs.ts'

/**
 * Whoever reads may stop anywhere, and a cursor that is not read to its end keeps SQLite from ever moving its log into
 * the database: so each question is read whole, and is a short one.
 */
const segmentsAtOnce = 64

type Texts = [plain: string, folded: string | null, places: string | null]

export class SqliteSegments {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** `writers`: see `encodeRuns`. */
  insert(segment: SegmentEntry, writers: ArrayBuffer | null): void {
    const { first, last } = segment
    this.#sql.exec(
      'INSERT INTO segment (last, first, plain, folded, places, writers) VALUES (?, ?, ?, ?, ?, ?)',
      ...[last, first, ...toTexts(segment), writers],
    )
  }

  /** In the place of the one of the same seqs. */
  replace(segment: SegmentEntry): void {
    this.#sql.exec('UPDATE segment SET plain = ?, folded = ?, places = ? WHERE last = ?', ...toTexts(segment), segment.last)
  }

  *from(from: number): Generator<SegmentEntry> {
    // Most want one alone.
    for (let [next, limit] = [from, 1]; ; limit = segmentsAtOnce) {
      const cursor = this.#sql.exec(
        'SELECT first, last, plain, folded, places FROM segment WHERE last >= ? ORDER BY last LIMIT ?',
        ...[next, limit],
      )
      const some = [...cursor.raw<[first: number, last: number, ...Texts]>()]
      for (const [first, last, ...texts] of some) {
        yield { first, last, ...fromTexts(texts) }
        next = last + 1
      }
      if (some.length < limit) return
    }
  }

  writerOf(seq: number): number | undefined {
    const [segment] = this.#sql
      .exec<{ first: number; writers: ArrayBuffer | null }>('SELECT first, writers FROM segment WHERE last >= ? ORDER BY last LIMIT 1', seq)
      .toArray()
    return segment?.writers ? writerIn(decodeRuns(segment.writers), seq - segment.first) : undefined
  }
}

function toTexts({ plain, folded, places }: SegmentEntry): Texts {
  return [entryToText(plain), folded === undefined ? null : entryToText(folded), places === undefined ? null : entryToText(places)]
}

function fromTexts([plain, folded, places]: Texts): Omit<SegmentEntry, 'first' | 'last'> {
  return {
    plain: entryFromText(plain),
    ...(folded === null ? {} : { folded: entryFromText(folded) }),
    ...(places === null ? {} : { places: entryFromText(places) }),
  }
}
