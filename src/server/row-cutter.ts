/** Cuts a group's lines into rows that fit the storage's bound, and gives each as text (to send) and bytes (to store). */
import { utf8Length } from '../protocol/decode.ts'

/** A row of SQLite holds 2 MB and a frame 1 MiB: this leaves room in both for what stands around the events. */
export const rowBytesMax = 1_000_000

export interface CutRow {
  readonly first: number
  readonly last: number
  /** The lines, joined by `,\n`. */
  readonly text: string
}

export function cutRows(first: number, lines: readonly string[]): CutRow[] {
  const whole = lines.join(',\n')
  if (whole.length * 3 <= rowBytesMax) return [{ first, last: first + lines.length - 1, text: whole }]
  const rows: CutRow[] = []
  let start = 0
  let bytes = 0
  lines.forEach((line, index) => {
    const size = utf8Length(line) + 2
    if (bytes + size > rowBytesMax && index > start) {
      rows.push({ first: first + start, last: first + index - 1, text: lines.slice(start, index).join(',\n') })
      start = index
      bytes = 0
    }
    bytes += size
  })
  rows.push({ first: first + start, last: first + lines.length - 1, text: lines.slice(start).join(',\n') })
  return rows
}
