/** Many changes of one field, one after the other: a text is brought there without copying it for each. */
import type { Json } from '../event.ts'
import { ChunkedContent } from './chunked-content.ts'
import { applyDeltas, type Deltas, readDeltas } from './delta.ts'

/** For fewer, copying is quicker. */
const manyMin = 8

/**
 * The field after these deltas, each meant for what those before it leave; those that do not fit it are left out. `last` is
 * the index of the last that was not, −1 when none fitted.
 */
export function applyInOrder(
  value: Json | undefined,
  lists: readonly Deltas[],
): { readonly value: Json | undefined; readonly last: number } {
  if (typeof value === 'string' && lists.length >= manyMin) return applyToText(new ChunkedContent(value), lists)
  let after = value
  let last = -1
  for (const [index, deltas] of lists.entries()) {
    const next = applyDeltas(after, deltas)
    if (next === undefined) continue
    const isBegun = after === undefined && typeof next === 'string'
    after = next
    last = index
    if (!isBegun || lists.length - index <= manyMin) continue
    const rest = applyToText(new ChunkedContent(next as string), lists.slice(index + 1))
    return { value: rest.value, last: rest.last < 0 ? index : index + 1 + rest.last }
  }
  return { value: after, last }
}

function applyToText(text: ChunkedContent<string>, lists: readonly Deltas[]): { readonly value: string; readonly last: number } {
  let last = -1
  for (const [index, deltas] of lists.entries()) {
    const splices = readDeltas(deltas)
    if (!text.fits(splices)) continue
    text.splice(splices)
    last = index
  }
  return { value: text.whole, last }
}
