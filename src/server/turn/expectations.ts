/**
 * Preconditions: whether the tape is as the maker of a batch thinks. Looked at before anything of the batch is laid on
 * the tape, so that its drafts are not in each other's way; what the same group took before it is.
 */
import { type Code, Refusal, type RefusalDetails } from '../../protocol/codes.ts'
import { objectKey } from '../../protocol/fold.ts'
import type { Publish } from '../../protocol/publish.ts'
import { normalize } from '../../protocol/seq-ranges.ts'
import { type Recent, recentEventsMax } from './recent.ts'

/** The tape with what the group has taken so far. */
export interface ExpectedTape {
  readonly latestSeq: number
  /** What the newest events wrote, so many of them where the bounds allow. */
  reaching(depth: number): Recent
}

/** The refusal of a batch whose preconditions do not hold, by those of its drafts that are not duplicates. */
export function findUnexpected(tape: ExpectedTape, publish: Publish, fresh: Publish['drafts']): Refusal | undefined {
  const { latestSeq } = tape
  const { expect, client } = publish
  if (expect?.latestSeq !== undefined && expect.latestSeq !== latestSeq) return new Refusal('expect-failed', { latestSeq })
  if (expect?.unchanged === true) {
    const refusal = findChange(tape, fresh, client)
    if (refusal !== undefined) return refusal
  }
  for (const draft of fresh) {
    if (draft.seen === latestSeq) continue
    const fields = expectedOf(draft)
    if (fields === undefined) continue
    const counter = draft.counter === undefined ? {} : { counter: draft.counter }
    const recent = whatFollows(tape, draft.seen)
    if (recent === undefined) return refuse('catch-up-first', { latestSeq, ...counter })
    const conflicts = recent.othersSince(draft, fields, { seen: draft.seen, client })
    if (conflicts.length > 0) return refuse('expect-failed', { latestSeq, ...counter }, conflicts)
  }
  return undefined
}

/** What nobody else may have written since the draft's `seen`: what it says itself, and the fields that it has deltas for. */
function expectedOf({ expect, deltas }: Publish['drafts'][number]): true | readonly string[] | undefined {
  if (deltas === undefined || expect?.unchanged === true) return expect?.unchanged
  return [...(expect?.unchanged ?? []), ...Object.keys(deltas)]
}

/** `unchanged` of a whole batch: all of its objects, each since the least that a draft of it had seen. */
function findChange(tape: ExpectedTape, fresh: Publish['drafts'], client: string | undefined): Refusal | undefined {
  const { latestSeq } = tape
  const since = Math.min(...fresh.map(({ seen }) => seen))
  if (since === latestSeq) return undefined
  const recent = whatFollows(tape, since)
  if (recent === undefined) return refuse('catch-up-first', { latestSeq })
  const leastSeen = new Map<string, (typeof fresh)[number]>()
  for (const draft of fresh) {
    const key = objectKey(draft)
    if (draft.seen < (leastSeen.get(key)?.seen ?? Number.POSITIVE_INFINITY)) leastSeen.set(key, draft)
  }
  const conflicts = [...leastSeen.values()].flatMap((draft) => recent.othersSince(draft, true, { seen: draft.seen, client }))
  return conflicts.length === 0 ? undefined : refuse('expect-failed', { latestSeq }, conflicts)
}

/** What was written after `seen`, all of it; undefined when that is too much to look through. */
function whatFollows(tape: ExpectedTape, seen: number): Recent | undefined {
  const depth = tape.latestSeq - seen
  if (depth > recentEventsMax) return undefined
  const recent = tape.reaching(depth)
  return recent.floorOf(recentEventsMax) > seen + 1 ? undefined : recent
}

function refuse(code: Code, details: RefusalDetails, seqs: readonly number[] = []): Refusal {
  if (seqs.length === 0) return new Refusal(code, details)
  return new Refusal(code, { ...details, conflicts: normalize(seqs.map((seq) => [seq, seq])) })
}
