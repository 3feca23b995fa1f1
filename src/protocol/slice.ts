/**
 * The slice: a piece of the tape. It accounts for the seqs in `covers` and carries the events needed for that.
 * A reader adds `covers` to what it has; what is missing up to `latestSeq` is the next thing to ask for.
 *
 * A reader may be older than the events that it reads: those that it does not understand are set aside one by one.
 */
import * as v from 'valibot'
import { Refusal } from './codes.ts'
import { checkDeltas, checkMembers } from './contents.ts'
import { check, parseJson } from './decode.ts'
import { eventSchema, foldedEntries, seenSchema, seqSchema, type TapeEvent } from './event.ts'
import type { SeqRanges } from './seq-ranges.ts'

export const sliceEntries = {
  epoch: v.nullable(v.string()),
  latestSeq: seenSchema,
  mark: v.optional(v.string()),
  covers: v.array(v.tuple([seqSchema, seqSchema])),
  events: v.array(eventSchema),
  closed: v.optional(v.literal(true)),
  own: v.optional(v.array(v.tuple([seqSchema, seqSchema]))),
}

export const sliceSchema = v.object(sliceEntries)

export interface Slice {
  /** Made with the stream, and anew when its past had to change. `null` while nothing has been published. */
  readonly epoch: string | null
  /** The tape reaches at least to this seq; −1 when it is empty. */
  readonly latestSeq: number
  /** On the live socket: by it the stream knows the row again that ends at `latestSeq`. */
  readonly mark?: string | undefined
  readonly covers: SeqRanges
  /** In order of seq. */
  readonly events: readonly TapeEvent[]
  /** Events that came with the others and are not understood here. Absent when there are none. */
  readonly unreadable?: readonly UnreadableEvent[] | undefined
  /** Of a filtered slice: the seqs of the reader's own events in it that do not belong to the filter. */
  readonly own?: SeqRanges | undefined
  /** Nothing more comes on the tape. */
  readonly closed?: true | undefined
}

export interface UnreadableEvent {
  readonly seq: number
  /** What is not understood, for people. */
  readonly problem: string
}

/** A slice of which the events have not been looked at. */
export const unreadSliceEntries = { ...sliceEntries, events: v.array(v.unknown()) }
const unreadSliceSchema = v.object(unreadSliceEntries)

/** A member that is not known here may say anything of the event: what was changed besides, or that it was not. */
const readableSchema = v.strictObject(eventSchema.entries)
const foldedSchema = v.strictObject(foldedEntries)

/**
 * Reads a slice from the server, of folded events when those were asked for; throws a `Refusal` (`malformed-json`,
 * `invalid`) for what is not one.
 */
export function decodeSlice(text: string, isFolded = false): Slice {
  const { events, ...slice } = check(parseJson(text), unreadSliceSchema)
  return { ...slice, ...readEvents(events, isFolded) }
}

/** Where a snapshot is: all its chunks together are the events of a slice that covers `covers`. Both are empty without one. */
export interface SnapshotIndex {
  readonly epoch: string | null
  readonly latestSeq: number
  readonly covers: SeqRanges
  readonly chunks: readonly { readonly hash: string; readonly bytes: number; readonly events: number }[]
}

const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const snapshotSchema = v.object({
  epoch: v.nullable(v.string()),
  latestSeq: seenSchema,
  covers: v.array(v.tuple([seqSchema, seqSchema])),
  chunks: v.array(v.object({ hash: v.string(), bytes: countSchema, events: countSchema })),
})

/** Throws a `Refusal` (`malformed-json`, `invalid`) for what is none. */
export function decodeSnapshotIndex(text: string): SnapshotIndex {
  return check(parseJson(text), snapshotSchema)
}

/** About how many bytes reads of some seqs take. */
export interface Sizes {
  /** Of the events, as they are. */
  readonly plain: number
  /** Folded: less, where the same objects are changed again and again all over them. */
  readonly folded: number
  /** Of all chunks of the snapshot, compressed as they are; 0 without one. */
  readonly snapshot: number
}

/** What a client needs of them. */
export type ReadSizes = Pick<Sizes, 'plain' | 'folded'>

const readSizesSchema = v.object({ plain: countSchema, folded: countSchema })

/** Throws a `Refusal` for what are none. */
export function decodeSizes(text: string): ReadSizes {
  return check(parseJson(text), readSizesSchema)
}

/** Objects that belong to a filter, as 0 … latestSeq has made them. */
export interface ObjectList {
  readonly epoch: string | null
  readonly latestSeq: number
  readonly objects: readonly (readonly [collection: string, identifier: string])[]
}

const objectListSchema = v.object({
  epoch: v.nullable(v.string()),
  latestSeq: seenSchema,
  objects: v.array(v.tuple([v.string(), v.string()])),
})

/** Throws a `Refusal` for what is none. */
export function decodeObjectList(text: string): ObjectList {
  return check(parseJson(text), objectListSchema)
}

const hashSchema = v.object({ hash: v.string() })

/** Throws a `Refusal` for what is none. */
export function decodeHash(text: string): { readonly hash: string } {
  return check(parseJson(text), hashSchema)
}

/** The events of a chunk. Throws a `Refusal` for what is none. */
export function decodeChunk(text: string): Pick<Slice, 'events' | 'unreadable'> {
  return readEvents(check(parseJson(text), v.array(v.unknown())), true)
}

/** Keeps the events that are understood, and says which are not. Throws `invalid` for what does not even have a seq. */
export function readEvents(values: readonly unknown[], isFolded = false): Pick<Slice, 'events' | 'unreadable'> {
  const events: TapeEvent[] = []
  const unreadable: UnreadableEvent[] = []
  values.forEach((value, index) => {
    try {
      events.push(readTapeEvent(value, isFolded))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      unreadable.push({ seq: seqOf(value, index), problem: error.message })
    }
  })
  return unreadable.length === 0 ? { events } : { events, unreadable }
}

function readTapeEvent(value: unknown, isFolded: boolean): TapeEvent {
  const event = check(value, isFolded ? foldedSchema : readableSchema)
  checkMembers(event)
  if (event.deltas !== undefined) checkDeltas(event.deltas, event.values)
  return event
}

function seqOf(value: unknown, index: number): number {
  const seq = typeof value === 'object' && value !== null && 'seq' in value ? value.seq : undefined
  if (!v.is(seqSchema, seq)) throw new Refusal('invalid', { at: `events[${index}].seq`, detail: 'Every event has a seq.' })
  return seq
}
