/**
 * Reads slices off the tape as they are stored. A row's body is lines of JSON, so a range is cut out by counting
 * line breaks; nothing is parsed, and whole rows are not even scanned.
 */
import { intersect, type SeqRange, type SeqRanges } from '../protocol/seq-ranges.ts'
import type { TapeRow, TapeStorage } from './tape-storage.ts'

/** The events of `covers` as lines of JSON: each piece is one or more lines joined by `,\n`. */
export interface Page {
  readonly covers: SeqRanges
  readonly pieces: readonly Uint8Array[]
}

/** Scattered ranges may touch a row of a megabyte each for a few bytes: a page ends when it has read so much. */
const bytesReadMax = 8 * 1024 * 1024

const lineBreak = 0x0a
const separator = new TextEncoder().encode(',\n')

/**
 * Reads `ranges`, cut at `latestSeq`, until the page holds `bytesMax`; at least one row's worth, if there is one.
 * Each row is read once, however many ranges fall into it.
 */
export function readPage(storage: Pick<TapeStorage, 'rowsFrom'>, ranges: SeqRanges, bounds: { latestSeq: number; bytesMax: number }): Page {
  const covers: SeqRange[] = []
  const pieces: Uint8Array[] = []
  const rows = new RowReader(storage)
  let bytes = 0
  for (const [first, last] of bounds.latestSeq < 0 ? [] : intersect(ranges, [[0, bounds.latestSeq]])) {
    for (let from = first; from <= last; ) {
      const { piece, to } = rows.cut(from, last)
      const isFull = bytes + piece.length > bounds.bytesMax || rows.bytesRead > bytesReadMax
      if (bytes > 0 && isFull) return { covers, pieces }
      bytes += piece.length + separator.length
      pieces.push(piece)
      const open = covers.at(-1)
      if (open !== undefined && open[1] === from - 1) covers[covers.length - 1] = [open[0], to]
      else covers.push([from, to])
      from = to + 1
    }
  }
  return { covers, pieces }
}

/** Walks the rows forward, seeking only where the next seq is not in the row at hand or the one after it. */
class RowReader {
  readonly #storage: Pick<TapeStorage, 'rowsFrom'>
  #rows: Iterator<TapeRow> | undefined
  #row: TapeRow | undefined
  /** Of all rows so far, whatever little was cut out of them. */
  bytesRead = 0
  /** A line of the row at hand whose offset is known, so that cutting further on does not scan from the start. */
  #knownSeq = 0
  #knownOffset = 0

  constructor(storage: Pick<TapeStorage, 'rowsFrom'>) {
    this.#storage = storage
  }

  /** The lines of `from` up to `last` or the row's end. */
  cut(from: number, last: number): { piece: Uint8Array; to: number } {
    const row = this.#rowOf(from)
    const to = Math.min(last, row.last)
    if (from === row.first && to === row.last) return { piece: row.body, to }
    const start = this.#offsetOf(row, from)
    const end = to === row.last ? row.body.length : this.#offsetOf(row, to + 1) - separator.length
    // A small piece is copied, so that it does not hold on to the whole row.
    const isSmall = (end - start) * 2 < row.body.length
    return { piece: isSmall ? row.body.slice(start, end) : row.body.subarray(start, end), to }
  }

  #rowOf(seq: number): TapeRow {
    if (this.#row !== undefined && seq <= this.#row.last) return this.#row
    if (this.#rows === undefined || this.#row === undefined || seq !== this.#row.last + 1) this.#rows = this.#storage.rowsFrom(seq)
    const next = this.#rows.next()
    if (next.done === true || seq < next.value.first) throw new Error(`The tape has no row for seq ${seq}.`)
    this.#row = next.value
    this.bytesRead += next.value.body.length
    this.#knownSeq = next.value.first
    this.#knownOffset = 0
    return next.value
  }

  #offsetOf(row: TapeRow, seq: number): number {
    for (; this.#knownSeq < seq; this.#knownSeq++) {
      const end = row.body.indexOf(lineBreak, this.#knownOffset)
      if (end < 0) throw new Error(`The row that ends at ${row.last} has fewer events than it says.`)
      this.#knownOffset = end + 1
    }
    return this.#knownOffset
  }
}

/** A slice's JSON around the stored lines: `head` is the JSON of its other members, without the closing brace. */
export function joinSlice(head: string, pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [encoder.encode(`${head},"events":[\n`)]
  pieces.forEach((piece, index) => {
    if (index > 0) parts.push(separator)
    parts.push(piece)
  })
  parts.push(encoder.encode(']}'))
  return concat(parts)
}

/** The page's events one a line, as NDJSON has them: the commas before line breaks go. */
export function toNdjson(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = []
  for (const piece of pieces) {
    let from = 0
    for (let end = piece.indexOf(lineBreak); end >= 0; end = piece.indexOf(lineBreak, from)) {
      parts.push(piece.subarray(from, end - 1), newline)
      from = end + 1
    }
    parts.push(piece.subarray(from), newline)
  }
  return concat(parts)
}

const encoder = new TextEncoder()
const newline = encoder.encode('\n')

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
