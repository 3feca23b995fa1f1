/** Where a task goes that is moved among the rows in sight: by pointer or by key, as pure functions of the rows. */

/** A place beside another task. */
export type PlaceBeside = { readonly before: string } | { readonly after: string }

/**
 * The place at `index` among the others, for a task that is taken from `from` to there; undefined when it stays where it
 * is. Behind the filter others may stand between two rows: what goes down comes after the row above it, what goes up
 * before the row below.
 */
export function placeAmong(others: readonly string[], from: number, index: number): PlaceBeside | undefined {
  const above = others[index - 1]
  const below = others[index]
  if (index === from) return undefined
  if (index > from) return above === undefined ? undefined : { after: above }
  return below === undefined ? undefined : { before: below }
}

/** How many of the rows, given by their middles from top to bottom, are above `y`: the place at which it would drop. */
export function dropIndex(middles: readonly number[], y: number): number {
  return middles.filter((middle) => middle < y).length
}

/** So near to the edge of the window a dragged row scrolls it. */
const edgePx = 64
const scrollMaxPx = 14

/** How far to scroll in one frame for a pointer at `y` in a window of this height. */
export function scrollStep(y: number, height: number): number {
  const edge = Math.min(edgePx, height / 4)
  if (y < edge) return -Math.ceil(scrollMaxPx * Math.min(1, (edge - y) / edge))
  if (y > height - edge) return Math.ceil(scrollMaxPx * Math.min(1, (y - (height - edge)) / edge))
  return 0
}

/** Where a key leads, from a row to its new index; undefined for other keys. With Alt from everywhere in the row. */
export function moveKey(
  { key, altKey, ctrlKey, metaKey, shiftKey }: Pick<KeyboardEvent, 'key' | 'altKey' | 'ctrlKey' | 'metaKey' | 'shiftKey'>,
  isOnHandle: boolean,
): ((from: number, count: number) => number) | undefined {
  if (ctrlKey || metaKey || shiftKey || !(altKey || isOnHandle)) return undefined
  switch (key) {
    case 'ArrowUp':
      return (from) => Math.max(0, from - 1)
    case 'ArrowDown':
      return (from, count) => Math.min(count - 1, from + 1)
    case 'Home':
      return altKey ? undefined : () => 0
    case 'End':
      return altKey ? undefined : (_, count) => count - 1
    default:
      return undefined
  }
}
