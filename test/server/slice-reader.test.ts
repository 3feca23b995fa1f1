/** Reading ranges off rows: whatever the rows, the ranges and the page, it is what a plain list of events would give. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seqMax } from '../../src/protocol/limits.ts'
import { includes, normalize, type SeqRanges, subtract, union } from '../../src/protocol/seq-ranges.ts'
import { joinSlice, type Page, readPage, toNdjson } from '../../src/server/tape/slice-reader.ts'
import type { TapeRow } from '../../src/server/tape/tape-storage.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface Line {
  readonly seq: number
  readonly text: string
}

/** Rows in memory that count how often each is taken. */
class CountedRows {
  readonly rows: readonly TapeRow[]
  readonly taken: number[] = []
  seeks = 0

  constructor(lines: readonly Line[], cuts: readonly number[]) {
    const rows: TapeRow[] = []
    for (let first = 0; first < lines.length; ) {
      const size = Math.max(1, cuts[rows.length % Math.max(1, cuts.length)] ?? 1)
      const part = lines.slice(first, first + size)
      rows.push({ first, last: first + part.length - 1, body: encoder.encode(part.map((line) => JSON.stringify(line)).join(',\n')) })
      first += part.length
    }
    this.rows = rows
  }

  *rowsFrom(from: number): Generator<TapeRow> {
    this.seeks++
    for (const row of this.rows) {
      if (row.last < from) continue
      this.taken.push(row.first)
      yield row
    }
  }
}

function linesOf(page: Page): Line[] {
  return JSON.parse(decoder.decode(joinSlice('{"covers":[]', page.pieces))).events as Line[]
}

const texts = fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 60 })
const cutsOf = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 })
const rangesOf: fc.Arbitrary<SeqRanges> = fc
  .array(
    fc.tuple(fc.nat(70), fc.oneof(fc.nat(70), fc.constant(seqMax))).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
    { minLength: 1, maxLength: 12 },
  )
  .map(normalize)
const runs = { seed: 33, numRuns: 1000 }

describe('reading slices', () => {
  test('[S1][H2][T2] covers and events are those of a plain list, cut at latestSeq', () => {
    fc.assert(
      fc.property(texts, cutsOf, rangesOf, fc.integer({ min: -1, max: 60 }), (words, cuts, ranges, anyLatest) => {
        const lines = words.map((text, seq) => ({ seq, text }))
        const latestSeq = Math.min(anyLatest, lines.length - 1)
        const page = readPage(new CountedRows(lines, cuts), ranges, { latestSeq, bytesMax: Number.POSITIVE_INFINITY })
        expect(linesOf(page)).toEqual(lines.filter(({ seq }) => seq <= latestSeq && includes(ranges, seq)))
        expect(page.covers).toEqual(subtract(ranges, [[latestSeq + 1, seqMax]]))
      }),
      runs,
    )
  })

  test('[T2] each row is taken once at most, however many ranges fall into it', () => {
    fc.assert(
      fc.property(texts, cutsOf, rangesOf, (words, cuts, ranges) => {
        const storage = new CountedRows(
          words.map((text, seq) => ({ seq, text })),
          cuts,
        )
        readPage(storage, ranges, { latestSeq: words.length - 1, bytesMax: Number.POSITIVE_INFINITY })
        expect(storage.taken).toEqual([...new Set(storage.taken)])
        const needed = storage.rows.filter((row) => ranges.some(([first, last]) => first <= row.last && last >= row.first))
        expect(storage.taken).toEqual(needed.map(({ first }) => first))
      }),
      runs,
    )
  })

  test('[H2][S2] pages of any size, asked for by what is still missing, come to the whole and end', () => {
    fc.assert(
      fc.property(texts, cutsOf, rangesOf, fc.integer({ min: 0, max: 400 }), (words, cuts, ranges, bytesMax) => {
        const lines = words.map((text, seq) => ({ seq, text }))
        const latestSeq = lines.length - 1
        const storage = new CountedRows(lines, cuts)
        const wanted = subtract(ranges, [[latestSeq + 1, seqMax]])
        let covered: SeqRanges = []
        const found: Line[] = []
        for (let rest = wanted, pages = 0; rest.length > 0; rest = subtract(wanted, covered)) {
          expect(++pages).toBeLessThanOrEqual(lines.length)
          const page = readPage(storage, rest, { latestSeq, bytesMax })
          const size = page.pieces.reduce((sum, piece) => sum + piece.length, 0)
          if (page.pieces.length > 1) expect(size).toBeLessThanOrEqual(bytesMax)
          expect(page.covers.length).toBeGreaterThan(0)
          found.push(...linesOf(page))
          covered = union(covered, page.covers)
        }
        expect(covered).toEqual(wanted)
        expect(found).toEqual(lines.filter(({ seq }) => includes(wanted, seq)))
      }),
      runs,
    )
  })

  test('[S1] covers rise and stand apart also where pieces of one range come from many rows', () => {
    const lines = Array.from({ length: 20 }, (_, seq) => ({ seq, text: 'x' }))
    const page = readPage(
      new CountedRows(lines, [3]),
      [
        [1, 8],
        [10, 10],
        [12, seqMax],
      ],
      { latestSeq: 18, bytesMax: Number.POSITIVE_INFINITY },
    )
    expect(page.covers).toEqual([
      [1, 8],
      [10, 10],
      [12, 18],
    ])
  })

  test('[H1] an empty tape gives an empty page and touches no row', () => {
    const storage = new CountedRows([], [1])
    expect(readPage(storage, [[0, seqMax]], { latestSeq: -1, bytesMax: 100 })).toEqual({ covers: [], pieces: [] })
    expect(storage.seeks).toBe(0)
  })

  test('[H6] NDJSON has each event on a line of its own, whatever it holds', () => {
    fc.assert(
      fc.property(texts, cutsOf, rangesOf, (words, cuts, ranges) => {
        const lines = words.map((text, seq) => ({ seq, text: `${text},\n` }))
        const page = readPage(new CountedRows(lines, cuts), ranges, { latestSeq: lines.length - 1, bytesMax: Number.POSITIVE_INFINITY })
        const text = decoder.decode(toNdjson(page.pieces))
        const wanted = lines.filter(({ seq }) => includes(ranges, seq))
        expect(text === '' || text.endsWith('\n')).toBe(true)
        expect(
          text
            .split('\n')
            .slice(0, -1)
            .map((line) => JSON.parse(line)),
        ).toEqual(wanted)
      }),
      { seed: 34, numRuns: 300 },
    )
  })

  test('[E1] a row that is missing or lies about its events is an error, never a wrong answer', () => {
    const row = (first: number, last: number): TapeRow => ({ first, last, body: encoder.encode('{"seq":0}') })
    const storage = (rows: readonly TapeRow[]) => ({ rowsFrom: (from: number) => rows.filter(({ last }) => last >= from).values() })
    const read = (rows: readonly TapeRow[], ranges: SeqRanges) => () => readPage(storage(rows), ranges, { latestSeq: 9, bytesMax: 1000 })
    expect(read([], [[0, 3]])).toThrow('no row for seq 0')
    expect(read([row(5, 9)], [[3, 6]])).toThrow('no row for seq 3')
    expect(read([row(0, 9)], [[3, 6]])).toThrow('fewer events')
  })
})
