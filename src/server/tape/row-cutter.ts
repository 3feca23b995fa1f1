/** Cuts a group's lines into rows that fit the storage's bound, and gives each as text (to send) and bytes (to store). */
import { utf8Length } from '../../protocol/decode.ts'

/** A row of SQLite holds 2 MB and a frame 1 MiB: this leaves room in both for what stands around the events. */
export const rowBytesMax = 1_000_000

export interface CutRow {
  readonly first: number
  readonly last: number
  /** The lines, joined by `,\n`. */
  readonly text: string
  /** The text in UTF-8. */
  readonly body: Uint8Array
}

export function cutRows(first: number, lines: readonly string[]): CutRow[] {
  const whole = createRow(first, lines)
  if (whole.body.length <= rowBytesMax) return [whole]
  const isAscii = whole.body.length === whole.text.length
  const rows: CutRow[] = []
  let start = 0
  let bytes = 0
  for (const [index, line] of lines.entries()) {
    const size = (isAscii ? line.length : utf8Length(line)) + separator.length
    if (bytes + size > rowBytesMax && index > start) {
      rows.push(createRow(first + start, lines.slice(start, index)))
      start = index
      bytes = 0
    }
    bytes += size
  }
  rows.push(createRow(first + start, lines.slice(start)))
  return rows
}

function createRow(first: number, lines: readonly string[]): CutRow {
  const text = lines.join(separator)
  return { first, last: first + lines.length - 1, text, body: encoder.encode(text) }
}

const separator = ',\n'
const encoder = new TextEncoder()
