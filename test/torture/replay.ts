/** What a tape, or the changes of one client alone, make of objects; and in what two such views differ. */
import { isDeepStrictEqual } from 'node:util'
import type { ShownObject } from '../../src/models/index.ts'
import type { Change, Json, TapeEvent } from '../../src/protocol/index.ts'
import { collections, type Shown } from './history.ts'
import { ShownObjects } from './shown-objects.ts'

export function replay(tape: readonly TapeEvent[]): Shown {
  const objects = new ShownObjects()
  objects.apply(tape, [])
  return objects.shown
}

/** Changes that nobody else interferes with, one after the other. */
export function sequential(changes: readonly Change[]): readonly ShownObject[] {
  return replay(changes.map((change, seq) => ({ ...change, seq, seen: -1 }))).own
}

/** A client's own objects: their identifiers begin with its name. */
export function ownOf(who: string, objects: readonly ShownObject[]): Readonly<Record<string, Readonly<Record<string, Json>>>> {
  return Object.fromEntries(
    objects.filter(({ identifier }) => identifier.startsWith(`${who}.`)).map(({ identifier, values }) => [identifier, values]),
  )
}

/** The first object that differs, in words. */
export function firstDifference(found: Shown, expected: Shown): string | undefined {
  for (const collection of collections) {
    const [have, should] = [found[collection], expected[collection]]
    if (isDeepStrictEqual(have, should)) continue
    const index = Math.max(
      0,
      should.findIndex((object, i) => !isDeepStrictEqual(object, have[i])),
    )
    const at = have.length > should.length && should.every((object, i) => isDeepStrictEqual(object, have[i])) ? should.length : index
    return `shows ${have.length} ${collection}, the tape makes ${should.length}; at ${at} ${JSON.stringify(have[at])} instead of ${JSON.stringify(should[at])}.`
  }
  return undefined
}
