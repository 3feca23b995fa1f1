/**
 * Drafts and events. A draft is a change that a client has made; on the tape, with a seq, it is an event.
 */
import * as v from 'valibot'
import type { Deltas } from './deltas/delta.ts'
import { clientLengthMax, expectedFieldsMax, nameLengthMax, seqMax, versionMax } from './limits.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type Values = { readonly [field: string]: Json }
/** Changes inside fields, by field. */
export type FieldDeltas = { readonly [field: string]: Deltas }
export type EventType = 'insert' | 'update' | 'delete'

export const seqSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
export const seenSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(-1))
const counterSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(seqMax))
export const nameSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(nameLengthMax))
export const clientSchema = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9._:-]+$/, 'A client id is made of A–Z a–z 0–9 . _ : -'),
  v.maxLength(clientLengthMax),
)
const isRecord = (input: unknown) => typeof input === 'object' && input !== null && !Array.isArray(input)
/** What these hold is checked by `checkContents`, which looks deeper and costs less. */
const valuesSchema = v.custom<Values>(isRecord, 'Expected an object of fields')
const deltasSchema = v.custom<FieldDeltas>(isRecord, 'Expected an object of fields')

const changeEntries = {
  seen: seenSchema,
  type: v.picklist(['insert', 'update', 'delete']),
  collection: nameSchema,
  identifier: nameSchema,
  version: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(versionMax))),
  values: v.optional(valuesSchema),
  deltas: v.optional(deltasSchema),
}

/** A precondition of one draft; it does not come on the tape. */
const draftExpectSchema = v.strictObject({
  unchanged: v.union([v.literal(true), v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(expectedFieldsMax))]),
})
const draftEntries = { ...changeEntries, expect: v.optional(draftExpectSchema) }

export const draftSchema = v.strictObject({ ...draftEntries, counter: counterSchema })

/** Of a script or webhook: no client, so no counter, and it need not have seen anything. */
export const anonymousDraftSchema = v.strictObject({ ...draftEntries, seen: v.optional(seenSchema, -1) })

/** In the order in which events are written. */
export const eventSchema = v.object({
  seq: seqSchema,
  client: v.optional(clientSchema),
  counter: v.optional(counterSchema),
  ...changeEntries,
  redacted: v.optional(v.literal(true)),
})

/** An event that may stand for several of its object. */
export const foldedEntries = {
  ...eventSchema.entries,
  stamps: v.optional(v.record(v.string(), seqSchema)),
  makers: v.optional(v.record(v.string(), v.nullable(v.string()))),
  versions: v.optional(v.record(v.string(), v.number())),
}

const keptDraftSchema = v.object(draftEntries)
const keptEventSchema = v.object(foldedEntries)

/** A change of one object: what a reconciler vends, before it has any number. */
export interface Change {
  readonly type: EventType
  readonly collection: string
  /** Made by the client. */
  readonly identifier: string
  /** The new values of the fields that change; all of them for an insert, none for a delete. */
  readonly values?: Values | undefined
  /** Of an update: changes inside other fields, each meant for what its field holds right before. Whoever makes them has seen that. */
  readonly deltas?: FieldDeltas | undefined
  /** Of the model that wrote the values: 1 when absent. */
  readonly version?: number | undefined
  readonly expect?: DraftExpect | undefined
}

/** What names an object of the model. */
export type ObjectName = Pick<Change, 'collection' | 'identifier'>

/**
 * Nobody else has written the object, or these fields of it, since what the draft had seen; otherwise it is refused with
 * `expect-failed`. An insert or a delete writes all fields.
 */
export interface DraftExpect {
  readonly unchanged: true | readonly string[]
}

/** A change with what its maker had applied: the highest seq S such that all of 0…S was, or −1. */
export interface Draft extends Change {
  readonly seen: number
}

/** A draft with its place among its client's drafts: 1, 2, 3 … */
export interface NumberedDraft extends Draft {
  readonly counter: number
}

/** A draft that is on the tape. It never changes. `client` and `counter` are absent when a script made it. */
export interface TapeEvent extends Omit<Draft, 'expect'> {
  readonly seq: number
  /** Of a folded event, which stands for several of its object: the seqs of the fields that were written after `seq`. */
  readonly stamps?: Readonly<Record<string, number>> | undefined
  /** Of those fields, who wrote them, where that is another client than the event's (null for a script). */
  readonly makers?: Readonly<Record<string, string | null>> | undefined
  /** Of those fields, the versions under which they were written, where that is another than the event's. */
  readonly versions?: Readonly<Record<string, number>> | undefined
  readonly client?: string | undefined
  readonly counter?: number | undefined
  /** It says no more what it said. */
  readonly redacted?: true | undefined
}

/** Reads a draft and an event back from where a client kept them; undefined for what is neither. */
export function readDraft(value: unknown): Draft | undefined {
  return v.is(keptDraftSchema, value) ? (value as Draft) : undefined
}

export function readEvent(value: unknown): TapeEvent | undefined {
  return v.is(keptEventSchema, value) ? (value as TapeEvent) : undefined
}
