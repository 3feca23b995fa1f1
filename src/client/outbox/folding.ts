/** Which of the drafts that wait a new one may be folded with, and what that leaves. */
import { areAlike, type Draft, eventBytesMax, type FoldedDrafts, foldDraft } from '../../protocol/index.ts'
import { bytesOf, type Entry } from './outbox-entry.ts'

/** The entries at the end of those of the draft's object, oldest first, that are unsent and like it. */
export function windowOf(entries: readonly Entry[], draft: Draft): readonly Entry[] {
  const start = entries.findLastIndex(({ counter, draft: waiting }) => counter !== undefined || !areAlike(upToDate(waiting, draft), draft))
  return entries.slice(start + 1)
}

export function foldOnto(waiting: readonly Entry[], draft: Draft, isKnown: boolean): FoldedDrafts {
  const drafts = waiting.map((entry) => entry.draft)
  const step = foldDraft(drafts, draft, isKnown)
  const grown = step.last ?? (step.newest === draft ? undefined : step.newest)
  // No event may be larger than that; what stands around the draft takes less than a sixteenth.
  const isTooLarge = grown !== undefined && bytesOf(grown) > (eventBytesMax * 15) / 16
  return isTooLarge ? { gone: 0, newest: draft } : step
}

/** Deltas that wait are taken over whatever comes: they have seen what a newer draft of their object has. */
function upToDate(waiting: Draft, { deltas, seen }: Draft): Draft {
  return deltas === undefined || waiting.deltas === undefined || waiting.values !== undefined ? waiting : { ...waiting, seen }
}
