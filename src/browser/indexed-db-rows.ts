/** The rows of the tables, read back from `unknown`: other scripts, older versions and bad disks write them, too. */
import * as v from 'valibot'
import { areParts, blankTape, type LocalTape, type OutboxEntry, readRefusalNotes, StoreFailure, type TapePart } from '../client/index.ts'
import { areRanges, isCode, readDraft, readEvent, type SeqRanges, type TapeEvent } from '../protocol/index.ts'

const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const rangesSchema = v.custom<SeqRanges>(areRanges)

/** All that a client keeps beside its outbox and the objects. */
export interface ClientRow {
  readonly owner: string
  /** Absent until the client has saved anything. */
  readonly client?: string | undefined
  readonly nextCounter: number
  readonly tape: LocalTape
  readonly tabs: Readonly<Record<string, number>>
}

export const blankClientRow: ClientRow = { owner: '', nextCounter: 1, tape: blankTape, tabs: {} }

const clientRowSchema = v.object({
  owner: v.string(),
  client: v.optional(v.string()),
  nextCounter: countSchema,
  tape: v.object({
    epoch: v.nullable(v.string()),
    latestSeq: v.pipe(v.number(), v.safeInteger(), v.minValue(-1)),
    accounted: rangesSchema,
    unreadable: v.optional(rangesSchema),
    anewTo: v.optional(v.number()),
    parts: v.optional(v.custom<readonly TapePart[]>(areParts)),
    mark: v.optional(v.string()),
  }),
  tabs: v.record(v.string(), countSchema),
})

/** Gives the blank row where there is none. Throws `unreadable`. */
export function readClientRow(row: unknown): ClientRow {
  if (row === undefined) return blankClientRow
  if (!v.is(clientRowSchema, row)) throw new StoreFailure('unreadable')
  return row
}

const outboxRowSchema = v.object({
  place: countSchema,
  draft: v.custom((draft) => readDraft(draft) !== undefined),
  madeAt: v.number(),
  folded: v.object({ drafts: countSchema, bytes: countSchema }),
  counter: v.optional(countSchema),
  refused: v.optional(v.custom(isCode)),
  refusal: v.optional(v.custom((notes) => readRefusalNotes(notes) !== undefined)),
})

export function isOutboxRow(row: unknown): row is OutboxEntry {
  return v.is(outboxRowSchema, row)
}

/** The folded events of one object. Throws `unreadable`. */
export function readObjectRow(row: unknown): readonly TapeEvent[] {
  if (!Array.isArray(row) || row.some((event) => readEvent(event) === undefined)) throw new StoreFailure('unreadable')
  return row
}

/** What came of an object since that was written. Throws `unreadable`. */
export function readTailRow(row: unknown): readonly TapeEvent[] {
  return readObjectRow(typeof row === 'object' && row !== null && 'events' in row ? row.events : undefined)
}
