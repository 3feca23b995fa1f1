/** What is in use of all that is stored. */
import { nameOf } from './contents.ts'
import type { Snapshotted } from './snapshot.ts'

/** The names of all contents that the stream speaks of. */
export function namesOf(tape: Pick<Snapshotted, 'segmentsFrom' | 'snapshots'>): readonly string[] {
  const { current, draft, leaving } = tape.snapshots()
  const segments = Array.from(tape.segmentsFrom(0), ({ plain, folded }) => (folded === undefined ? [plain] : [plain, folded]))
  const entries = [...segments.flat(), ...(current?.chunks ?? []), ...(draft?.chunks ?? [])]
  return [...entries.map(nameOf), ...leaving]
}
