/** Cutting a group into rows: nothing is lost, nothing is moved, and no row is larger than storage and frames allow. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventBytesMax } from '../../src/protocol/limits.ts'
import { cutRows, rowBytesMax } from '../../src/server/tape/row-cutter.ts'

const encoder = new TextEncoder()
const bytesOf = (text: string) => encoder.encode(text).length

describe('rows', () => {
  test('[P8][T1] a group that fits is one row', () => {
    expect(cutRows(7, ['{"a":1}', '{"b":2}'])).toMatchObject([{ first: 7, last: 8, text: '{"a":1},\n{"b":2}' }])
    expect(cutRows(0, ['{}'])).toMatchObject([{ first: 0, last: 0, text: '{}' }])
  })

  test('[P8][T1] a group that does not is cut at 1 MB, between events', () => {
    const line = 'x'.repeat(rowBytesMax / 4 - 2)
    expect(
      cutRows(
        0,
        Array.from({ length: 4 }, () => line),
      ).map(({ first, last }) => [first, last]),
    ).toEqual([[0, 3]])
    expect(
      cutRows(
        5,
        Array.from({ length: 9 }, () => line),
      ).map(({ first, last }) => [first, last]),
    ).toEqual([
      [5, 8],
      [9, 12],
      [13, 13],
    ])
    const longer = `${line}x`
    expect(
      cutRows(
        0,
        Array.from({ length: 4 }, () => longer),
      ).map(({ first, last }) => [first, last]),
    ).toEqual([
      [0, 2],
      [3, 3],
    ])
  })

  test('[P8][T1] rows follow one another without gaps and give the lines back, in characters of any width', () => {
    const line = fc
      .tuple(fc.constantFrom('x', 'ü', '€', '😀'), fc.integer({ min: 1, max: eventBytesMax / 4 }))
      .map(([unit, count]) => unit.repeat(count))
    fc.assert(
      fc.property(fc.nat(1000), fc.array(line, { minLength: 1, maxLength: 20 }), (first, lines) => {
        const rows = cutRows(first, lines)
        let next = first
        for (const row of rows) {
          expect(row.first).toBe(next)
          expect(row.text.split(',\n')).toHaveLength(row.last - row.first + 1)
          expect(row.body).toEqual(new TextEncoder().encode(row.text))
          expect(row.body.length).toBeLessThanOrEqual(rowBytesMax)
          next = row.last + 1
        }
        expect(next).toBe(first + lines.length)
        const joined = rows.map(({ text }) => text).join(',\n')
        expect(joined === lines.join(',\n')).toBe(true)
        rows.slice(1).forEach((row, index) => {
          const head = row.text.split(',\n')[0] ?? ''
          expect(bytesOf(rows[index]?.text ?? '') + bytesOf(head) + 4).toBeGreaterThan(rowBytesMax)
        })
      }),
      { seed: 1_000_000, numRuns: 40 },
    )
  })
})
