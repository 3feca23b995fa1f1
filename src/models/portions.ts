/**
 * From an edit to the drafts that carry it: what is too much for one event goes in several, and what is far cheaper to
 * send whole is sent whole.
 */
import { cutsPair, join, type Splice, type Splices, utf8Length, writeDeltas } from '../protocol/index.ts'

/** Whoever saves less than that need not spoil what others are writing in between. */
const savingMin = 256

/**
 * The splices, or one in their place that replaces all that they span, where that takes less than half the bytes: the
 * headings of many small splices may outweigh the text between them. `slice` gives a part of the text before.
 */
export function cheapest<C extends string | Uint8Array>(splices: Splices<C>, slice: (from: number, to: number) => C): Splices<C> {
  const [first, last] = [splices[0], splices.at(-1)]
  if (first === undefined || last === undefined || first === last) return splices
  const to = last.offset + last.removed
  // Longer than all that could be saved.
  if (to - first.offset > splices.length * 100) return splices
  const parts: C[] = []
  let from = first.offset
  for (const each of splices) {
    parts.push(slice(from, each.offset))
    if (each.inserted !== undefined) parts.push(each.inserted)
    from = each.offset + each.removed
  }
  const inserted = join(parts, slice(0, 0))
  const whole = [{ offset: first.offset, removed: to - first.offset, inserted: inserted.length === 0 ? undefined : inserted }]
  const [before, after] = [bytesOf(splices), bytesOf(whole)]
  return before - after >= savingMin && after * 2 < before ? whole : splices
}

function bytesOf(splices: Splices): number {
  return utf8Length(JSON.stringify(writeDeltas(splices)))
}

/** What an event can carry. */
export interface PortionBounds {
  /** Units of text, or bytes. */
  readonly insertedMax: number
  readonly splicesMax: number
}

/** Cuts an edit of a text or of bytes into portions that an event can carry, each meant for what those before it leave. */
export function portionsOf<C extends string | Uint8Array>(splices: Splices<C>, bounds: PortionBounds): readonly Splices<C>[] {
  const portions: Splice<C>[][] = []
  let units = 0
  // From the end, so that no portion moves what the next one is meant for.
  for (const splice of splices.toReversed()) {
    for (const piece of piecesOf(splice, bounds.insertedMax)) {
      const length = piece.inserted?.length ?? 0
      const open = portions.at(-1)
      const isFull =
        open === undefined || open.length >= bounds.splicesMax || units + length > bounds.insertedMax || open[0]?.offset === piece.offset
      if (isFull) portions.push([piece])
      else open.unshift(piece)
      units = isFull ? length : units + length
    }
  }
  return portions
}

/** A splice as one, or, where it puts much in, as several at the same offset: the end of it first. */
function piecesOf<C extends string | Uint8Array>({ offset, removed, inserted }: Splice<C>, insertedMax: number): Splices<C> {
  if (inserted === undefined || inserted.length <= insertedMax) return [{ offset, removed, inserted }]
  const pieces: Splice<C>[] = []
  for (let to = inserted.length; to > 0; ) {
    let from = Math.max(0, to - insertedMax)
    if (typeof inserted === 'string' && cutsPair(inserted, from)) from++
    pieces.push({ offset, removed: pieces.length === 0 ? removed : 0, inserted: inserted.slice(from, to) as C })
    to = from
  }
  return pieces
}
