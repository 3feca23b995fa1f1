/** The rows of the tables, read back: their columns have the types of their tables, what is JSON in them may be anything. */
import type { SQLOutputValue } from 'node:sqlite'
import { type OutboxEntry, StoreFailure } from '../client/index.ts'
import { isCode, readDraft, readEvent, type SeqRanges, type TapeEvent } from '../protocol/index.ts'

export type Row = Readonly<Record<string, SQLOutputValue>>

/** undefined for what cannot be understood. */
export function readOutboxRow({
  place,
  draft: text,
  made_at,
  folded_drafts,
  folded_bytes,
  counter,
  refused,
}: Row): OutboxEntry | undefined {
  const draft = readDraft(parse(text))
  if (draft === undefined || (refused !== null && !isCode(refused))) return undefined
  return {
    place: place as number,
    draft,
    madeAt: made_at as number,
    folded: { drafts: folded_drafts as number, bytes: folded_bytes as number },
    ...(counter === null ? {} : { counter: counter as number }),
    ...(refused === null ? {} : { refused }),
  }
}

/** Throws `unreadable`. */
export function readAccounted(text: unknown): SeqRanges {
  const ranges = parse(text)
  const isRange = (range: unknown) => Array.isArray(range) && range.length === 2 && range.every(Number.isSafeInteger)
  if (!Array.isArray(ranges) || !ranges.every(isRange)) throw new StoreFailure('unreadable')
  return ranges
}

/** The folded events of one object. Throws `unreadable`. */
export function readObject(text: unknown): readonly TapeEvent[] {
  const events = parse(text)
  if (!Array.isArray(events) || events.some((event) => readEvent(event) === undefined)) throw new StoreFailure('unreadable')
  return events
}

/** undefined for what is not JSON. */
function parse(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return undefined
  }
}
