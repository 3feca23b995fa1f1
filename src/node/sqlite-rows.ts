/** The rows of the tables, read back: their columns have the types of their tables, what is JSON in them may be anything. */
import type { SQLOutputValue } from 'node:sqlite'
import { areParts, type LocalTape, type OutboxEntry, readRefusalNotes, StoreFailure } from '../client/index.ts'
import { areRanges, isCode, readDraft, readEvent, type SeqRanges, type TapeEvent } from '../protocol/index.ts'

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
  refusal,
}: Row): OutboxEntry | undefined {
  const draft = readDraft(parse(text))
  if (draft === undefined || (refused !== null && !isCode(refused))) return undefined
  const notes = refusal === null ? undefined : readRefusalNotes(parse(refusal))
  if (refusal !== null && notes === undefined) return undefined
  return {
    place: place as number,
    draft,
    madeAt: made_at as number,
    folded: { drafts: folded_drafts as number, bytes: folded_bytes as number },
    ...(counter === null ? {} : { counter: counter as number }),
    ...(refused === null ? {} : { refused }),
    ...(notes === undefined ? {} : { refusal: notes }),
  }
}

/** Throws `unreadable`. */
export function readTape({ epoch, latest_seq, accounted, unreadable, anew_to: anewTo, parts: text, mark }: Row): LocalTape {
  const setAside = readRanges(unreadable)
  const parts = text === null ? undefined : parse(text)
  if (parts !== undefined && !areParts(parts)) throw new StoreFailure('unreadable')
  return {
    epoch: epoch as string | null,
    latestSeq: latest_seq as number,
    accounted: readRanges(accounted),
    ...(setAside.length === 0 ? {} : { unreadable: setAside }),
    ...(anewTo === null ? {} : { anewTo: anewTo as number }),
    ...(parts === undefined ? {} : { parts }),
    ...(mark === null ? {} : { mark: mark as string }),
  }
}

/** Throws `unreadable`. */
function readRanges(text: unknown): SeqRanges {
  const ranges = parse(text)
  if (!areRanges(ranges)) throw new StoreFailure('unreadable')
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
