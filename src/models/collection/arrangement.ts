/** Where the records of a list stand, and what has to be written to put one at another place. */
import type { Place } from './collection-options.ts'
import { type Placement, placeAt } from './positions.ts'
import type { Listed } from './shown-list.ts'

/** The list as far as it matters here. */
export interface Arranged {
  readonly size: number
  indexOf(identifier: string): number
  at(index: number): Pick<Listed<{ readonly identifier: string }>, 'item' | 'position'> | undefined
}

/** New positions: of the record in question, and of others that have to make room. */
export interface Arrangement {
  readonly position: string
  readonly others: readonly { readonly identifier: string; readonly position: string }[]
}

/** What puts a record, in the list or not, at a place; `there` when it is there, undefined when what it should be beside is not. */
export function arrange(list: Arranged, identifier: string, place: Place): Arrangement | 'there' | undefined {
  const own = list.indexOf(identifier)
  const indexInList = (index: number) => (own >= 0 && index >= own ? index + 1 : index)
  const length = own < 0 ? list.size : list.size - 1
  const index = indexOfPlace({ list, own, length }, place)
  if (index === undefined) return undefined
  if (index === own) return 'there'
  const { position, others } = placeAt({ length, positionAt: (at) => list.at(indexInList(at))?.position }, index)
  return { position, others: others.map((other) => named(list, indexInList(other[0]), other)) }
}

/** Counted without the record itself. */
function indexOfPlace(where: { list: Arranged; own: number; length: number }, place: Place): number | undefined {
  const { list, own, length } = where
  if (place === 'first') return 0
  if (place === 'last') return length
  const isBefore = 'before' in place
  const index = list.indexOf(isBefore ? place.before : place.after)
  if (index < 0) return undefined
  if (index === own) return own
  return (own >= 0 && own < index ? index - 1 : index) + (isBefore ? 0 : 1)
}

function named(list: Arranged, index: number, [, position]: Placement['others'][number]) {
  const identifier = list.at(index)?.item.identifier
  if (identifier === undefined) throw new RangeError('A neighbour is beyond the list.')
  return { identifier, position }
}
