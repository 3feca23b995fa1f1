/**
 * Recognizes on the tape what was published from here: an event under our id, with the counter of a draft that waits, is
 * that draft. Where its contents are others, or nobody here has given its counter, somebody else publishes under our id.
 * It compares; what becomes of the drafts is the outbox's to do.
 */
import type { Draft, TapeEvent } from '../../protocol/index.ts'
import type { OutboxEntries } from './outbox-entries.ts'
import type { Leaving } from './outbox-entry.ts'

export interface Arrival {
  /** What has come, in whatever order. */
  readonly events: readonly TapeEvent[]
  /** What is in order now. Above a hole deltas show nothing yet, so they wait until their event is among these. */
  readonly inOrder: readonly TapeEvent[]
}

export interface Recognized {
  /** The drafts that are on the tape. */
  readonly leaving: readonly Leaving[]
  /** Whether there are deltas among them. */
  readonly hadDeltas: boolean
  /** False when an event has one of our counters and other contents than our draft. */
  readonly isOurs: boolean
  /** The highest of our counters among the events; 0 when there is none. */
  readonly counter: number
}

/** `next`: the first counter that has not been given under this id. */
export function recognize(
  entries: OutboxEntries,
  { events, inOrder }: Arrival,
  { client, next }: { readonly client: string; readonly next: number },
): Recognized {
  const entryOf = (event: TapeEvent) =>
    event.client !== client || event.counter === undefined ? undefined : entries.withCounter(event.counter)
  const leaving: Leaving[] = []
  let hadDeltas = false
  let isOurs = true
  let highest = 0
  for (const event of events) {
    if (event.client !== client) continue
    const { counter = 0, seq } = event
    if (counter > highest) highest = counter
    const entry = entryOf(event)
    if (entry === undefined) isOurs &&= counter < next
    else if (!isSame(entry.draft, event)) isOurs = false
    else if (entry.draft.deltas === undefined) leaving.push({ type: 'on-tape', place: entry.place, seq })
  }
  if (isOurs && entries.haveDeltas) {
    for (const event of inOrder) {
      const entry = entryOf(event)
      if (entry?.draft.deltas === undefined) continue
      hadDeltas = true
      leaving.push({ type: 'on-tape', place: entry.place, seq: event.seq })
    }
  }
  return { leaving, hadDeltas, isOurs, counter: highest }
}

/** Whether the event is this draft, numbered; of one that has been redacted there is nothing that says otherwise. */
function isSame(draft: Draft, event: TapeEvent): boolean {
  if (event.redacted !== undefined) return true
  return (
    draft.type === event.type &&
    draft.collection === event.collection &&
    draft.identifier === event.identifier &&
    (draft.version ?? 1) === (event.version ?? 1) &&
    JSON.stringify(draft.values) === JSON.stringify(event.values) &&
    JSON.stringify(draft.deltas) === JSON.stringify(event.deltas)
  )
}
