/** What is in use of all that is stored. */
import type { SegmentEntry } from '../tape/tape-storage.ts'
import { type ContentEntry, nameOf } from './contents.ts'
import type { Snapshotted } from './snapshot.ts'

/** The names of all contents that the stream speaks of. */
export function namesOf(tape: Pick<Snapshotted, 'segmentsFrom' | 'snapshots'>): readonly string[] {
  const { current, draft, leaving } = tape.snapshots()
  const segments = [...tape.segmentsFrom(0)].flatMap(contentsOf)
  const entries = [...segments, ...(current?.chunks ?? []), ...(draft?.chunks ?? [])]
  return [...entries.map(nameOf), ...leaving]
}

/** All that is stored of a segment. */
export function contentsOf({ plain, folded, places }: SegmentEntry): readonly ContentEntry[] {
  return [plain, folded, places].filter((entry) => entry !== undefined)
}

export function mapContents(
  { first, last, plain, folded, places }: SegmentEntry,
  map: (entry: ContentEntry) => ContentEntry,
): SegmentEntry {
  return {
    ...{ first, last, plain: map(plain) },
    ...(folded === undefined ? {} : { folded: map(folded) }),
    ...(places === undefined ? {} : { places: map(places) }),
  }
}
