/** Takes the deltas of an outbox over what others have done, and gathers what becomes of them. */
import type { FieldDeltas, TapeEvent } from '../../protocol/index.ts'
import { GatheredChange } from '../storage/gathered-change.ts'
import { isInTheWay } from './judging.ts'
import type { OutboxEntries } from './outbox-entries.ts'
import { type Entry, type Leaving, type OutboxStep, toSaved } from './outbox-entry.ts'
import { rebase } from './rebase.ts'

export interface TakeOverOptions {
  /** Whose drafts they are. */
  readonly client: string
  /** What an entry's deltas were meant for was replaced, by the event with this seq. */
  readonly refuse: (entry: Entry, conflict: number) => OutboxStep
  /** So much of an event shows on top of what is pending. */
  readonly onShown: (event: TapeEvent, deltas: FieldDeltas) => void
  /** Nothing is left for it to do. */
  readonly drop: (entry: Entry) => OutboxStep
}

/** `events`: of others, in the order of the tape. */
export function takeOver(
  entries: OutboxEntries,
  events: readonly TapeEvent[],
  { client, refuse, drop, onShown }: TakeOverOptions,
): OutboxStep {
  const change = new GatheredChange()
  const leaving: Leaving[] = []
  let isRebased = false
  const take = (step: OutboxStep) => {
    change.add(step.change)
    for (const each of step.leaving) leaving.push(each)
  }
  for (const event of events) {
    if (event.deltas === undefined && !entries.haveDeltas && !entries.haveExpectations) continue
    const own = entries.of(event)
    const drafts = Array.from(own, ({ draft }) => draft)
    // Deltas lie on all that their object was where they were made: they have been taken over what comes a second time.
    const isKnown = drafts.some(({ deltas, seen }) => deltas !== undefined && seen >= event.seq)
    const { drafts: rebased, shows } = isKnown ? { drafts, shows: {} } : rebase(drafts, event, client)
    if (Object.keys(shows).length > 0) onShown(event, shows)
    for (const [index, entry] of own.entries()) {
      const draft = rebased[index]
      if (draft === undefined || draft === entry.draft) {
        const isNews = entry.draft.seen < event.seq
        if (entry.isClear === true && isNews && isInTheWay(entry.draft, event)) entries.replace([{ ...entry, isClear: false }])
        continue
      }
      isRebased = true
      if (draft === 'lost') take(refuse(entry, event.seq))
      else if (draft === 'moot') take(drop(entry))
      else take({ change: { put: [toSaved(entries.put({ ...entry, draft: { ...draft, seen: event.seq } }))] }, leaving: [] })
    }
  }
  return { change: change.change, leaving, isRebased }
}
