/**
 * Reads slices off the tape as they are stored. A row's body is lines of JSON, so a range is cut out by counting
 * line breaks; nothing is parsed, and whole rows are not even scanned.
 */
import { intersect, type SeqRange, type SeqRanges } from '../../protocol/seq-ranges.ts'
import type { TapeRow } from './tape-storage.ts'

/** The events of `covers` as lines of JSON: each piece is one or more lines joined by `,\n`. */
export interface Page {
  readonly covers: SeqRanges
  readonly pieces: readonly Uint8Array[]
  /** Whether it ends where it does for what it took to read, which may be less another time. */
  readonly isCutShort?: boolean
  /** The seqs of events that are given for whose they are: they do not belong to what was selected. */
  readonly own?: SeqRanges
}

/** Where rows are read from. */
export interface RowSource {
  /** The row that holds seq `from` and those after it, in order, read as they are taken. Ends when the tape does. */
  rowsFrom(from: number): Iterator<TapeRow>
}

export interface PageBounds {
  readonly latestSeq: number
  /** The page holds as many events as fit, and one at least. */
  readonly bytesMax: number
}

/** Scattered ranges may touch a row of a megabyte each for a few bytes: a page ends when it has read so much. */
const bytesReadMax = 8 * 1024 * 1024

const lineBreak = 0x0a
const separator = new TextEncoder().encode(',\n')

/** Reads `ranges`, cut at `latestSeq`. What comes does not depend on the rows; each is read once, however many ranges fall into it. */
export function readPage(source: RowSource, ranges: SeqRanges, bounds: PageBounds): Page {
  const draft = new PageDraft(ranges, bounds)
  const rows = new RowWalk(source)
  for (let seq = draft.next; seq !== undefined; seq = draft.next) draft.take(rows.rowOf(seq))
  return draft.page
}

/** Walks rows forward, seeking only where the next seq is not in the row after the one at hand. */
class RowWalk {
  readonly #source: RowSource
  #rows: Iterator<TapeRow> | undefined
  #last = -1

  constructor(source: RowSource) {
    this.#source = source
  }

  rowOf(seq: number): TapeRow {
    if (this.#rows === undefined || seq !== this.#last + 1) this.#rows = this.#source.rowsFrom(seq)
    const next = this.#rows.next()
    if (next.done === true || seq < next.value.first) throw new Error(`The tape has no row for seq ${seq}.`)
    this.#last = next.value.last
    return next.value
  }
}

/** A page that is being read: whoever has the row of `next` gives it, until nothing more is wanted. */
export class PageDraft {
  readonly #ranges: SeqRanges
  readonly #covers: SeqRange[] = []
  readonly #pieces: Uint8Array[] = []
  /** The range that is being read, and from where. */
  #index = 0
  #from: number
  #room: number
  #bytesRead = 0
  #isFull = false
  #isCutShort = false

  constructor(ranges: SeqRanges, { latestSeq, bytesMax }: PageBounds) {
    this.#ranges = latestSeq < 0 ? [] : intersect(ranges, [[0, latestSeq]])
    this.#from = this.#ranges[0]?.[0] ?? 0
    this.#room = bytesMax
  }

  /** The seq that is wanted next; undefined when the page is done. */
  get next(): number | undefined {
    return this.#isFull || this.#index === this.#ranges.length ? undefined : this.#from
  }

  get page(): Page {
    const page = { covers: this.#covers, pieces: this.#pieces }
    return this.#isCutShort ? { ...page, isCutShort: true } : page
  }

  /** Leaves out what is wanted up to a seq: it cannot be read now. */
  skipTo(seq: number): void {
    this.#isCutShort = true
    while (this.#index < this.#ranges.length && this.#from <= seq) {
      const [, last] = this.#ranges[this.#index] as SeqRange
      if (last > seq) this.#from = seq + 1
      else this.#from = this.#ranges[++this.#index]?.[0] ?? 0
    }
  }

  take(row: TapeRow): void {
    if (this.#bytesRead > bytesReadMax) {
      this.#isFull = this.#isCutShort = true
      return
    }
    this.#bytesRead += row.body.length
    const lines = new Lines(row)
    for (let seq = this.next; seq !== undefined && seq <= row.last; seq = this.next) {
      const [, last] = this.#ranges[this.#index] as SeqRange
      this.#cut(lines, seq, Math.min(last, row.last))
    }
  }

  /** Adds the lines of `from` up to `last`, or as many as have room. */
  #cut(lines: Lines, from: number, last: number): void {
    const to = lines.lastWithin(from, last, this.#room, this.#pieces.length === 0)
    if (to < last) this.#isFull = true
    if (to < from) return
    const piece = lines.cut(from, to)
    this.#room -= piece.length + separator.length
    this.#pieces.push(piece)
    const open = this.#covers.at(-1)
    if (open !== undefined && open[1] === from - 1) this.#covers[this.#covers.length - 1] = [open[0], to]
    else this.#covers.push([from, to])
    this.#from = to + 1
    if (this.#from <= (this.#ranges[this.#index] as SeqRange)[1]) return
    this.#index++
    this.#from = this.#ranges[this.#index]?.[0] ?? 0
  }
}

/** The lines of a row, found by counting line breaks, forward only. */
class Lines {
  readonly #row: TapeRow
  /** A line whose offset is known. */
  #seq: number
  #offset = 0

  constructor(row: TapeRow) {
    this.#row = row
    this.#seq = row.first
  }

  /** The last line up to which those from `from` have room; `from − 1` for none, unless one is needed. */
  lastWithin(from: number, last: number, room: number, needsOne: boolean): number {
    const { first, last: end, body } = this.#row
    if (from === first && last === end && body.length <= room) return last
    const { start, ...known } = { start: this.#offsetOf(from), seq: this.#seq, offset: this.#offset }
    let to = needsOne ? from : from - 1
    while (to < last && this.#endOf(to + 1) - start <= room) to++
    this.#seq = known.seq
    this.#offset = known.offset
    return to
  }

  cut(from: number, to: number): Uint8Array {
    const { first, last, body } = this.#row
    if (from === first && to === last) return body
    const start = this.#offsetOf(from)
    const end = this.#endOf(to)
    // A small piece is copied, so that it does not hold on to the whole row.
    return (end - start) * 2 < body.length ? body.slice(start, end) : body.subarray(start, end)
  }

  #endOf(seq: number): number {
    return seq === this.#row.last ? this.#row.body.length : this.#offsetOf(seq + 1) - separator.length
  }

  #offsetOf(seq: number): number {
    const { body, last } = this.#row
    for (; this.#seq < seq; this.#seq++) {
      const end = body.indexOf(lineBreak, this.#offset)
      if (end < 0) throw new Error(`The row that ends at ${last} has fewer events than it says.`)
      this.#offset = end + 1
    }
    return this.#offset
  }
}

/** Pieces or bodies, which are lines joined by `,\n`, as one. */
export function joinLines(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(pieces.flatMap((piece, index) => (index === 0 ? [piece] : [separator, piece])))
}

/** A slice's JSON around the stored lines: `head` is the JSON of its other members, without the closing brace. */
export function joinSlice(head: string, pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = pieces.flatMap((piece, index) => (index === 0 ? [piece] : [separator, piece]))
  return concat([encoder.encode(`${head},"events":[\n`), ...parts, encoder.encode(']}')])
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
