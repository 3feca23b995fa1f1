/**
 * The frames of the live socket, subprotocol `tapeline.v1`: JSON text with named fields.
 * From the client: publish, fetch, token, whisper. From the server: welcome, slice, refused, token, whisper.
 */
import * as v from 'valibot'
import { type Code, codes, Refusal, type RefusalDetails } from './codes.ts'
import { check, checkJson, checkSize, parseJson } from './decode.ts'
import { clientSchema, type Json, seenSchema, seqSchema } from './event.ts'
import { frameBytesMax, rangesMax, tokenLengthMax, whisperBytesMax } from './limits.ts'
import { checkPublish, type Publish } from './publish.ts'
import { checkRange, normalize, type SeqRanges } from './seq-ranges.ts'
import { readEvents, type Slice, sliceEntries, unreadSliceEntries } from './slice.ts'

/** The name of the wire. Whoever changes a schema in a way that old peers cannot read changes it. */
export const subprotocol = 'tapeline.v1'

/** Texts that the platform answers for a sleeping object. */
export const pingText = 'ping'
export const pongText = 'pong'

const refSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const rangeSchema = v.strictTuple([v.number(), v.number()])

export const fetchFrameSchema = v.strictObject({
  type: v.literal('fetch'),
  ref: refSchema,
  seq: v.pipe(v.array(rangeSchema), v.minLength(1), v.maxLength(rangesMax)),
  fold: v.optional(v.boolean()),
})
export const tokenFrameSchema = v.strictObject({
  type: v.literal('token'),
  token: v.pipe(v.string(), v.maxLength(tokenLengthMax)),
})
export const whisperFrameSchema = v.strictObject({
  type: v.literal('whisper'),
  client: clientSchema,
  data: v.unknown(),
})

export type ClientFrame =
  | { readonly type: 'publish'; readonly ref: number; readonly publish: Publish }
  | { readonly type: 'fetch'; readonly ref: number; readonly seq: SeqRanges; readonly fold?: true }
  | { readonly type: 'token'; readonly token: string }
  | { readonly type: 'whisper'; readonly client: string; readonly data: Json }

/** A refused frame, and the `ref` of the frame that it answers, where that could be read. */
export class RefusedFrame extends Error {
  readonly refusal: Refusal
  readonly ref: number | undefined
  constructor(refusal: Refusal, ref: number | undefined) {
    super(refusal.message)
    this.name = 'RefusedFrame'
    this.refusal = refusal
    this.ref = ref
  }
}

/** Reads a frame from a client; throws `RefusedFrame`. */
export function decodeClientFrame(message: string | ArrayBuffer): ClientFrame {
  let ref: number | undefined
  try {
    if (typeof message !== 'string') throw new Refusal('binary-frame')
    checkSize(message, frameBytesMax)
    const value = parseJson(message)
    if (!isRecord(value)) throw new Refusal('unknown-frame', { detail: 'A frame is a JSON object.' })
    if (v.is(refSchema, value.ref)) ref = value.ref
    return readClientFrame(value)
  } catch (error) {
    if (error instanceof Refusal) throw new RefusedFrame(error, ref)
    throw error
  }
}

function readClientFrame(value: Record<string, unknown>): ClientFrame {
  switch (value.type) {
    case 'publish': {
      const { type, ref, ...publish } = value
      return { type: 'publish', ref: check(ref, refSchema), publish: checkPublish(publish) }
    }
    case 'fetch': {
      const { ref, seq, fold } = check(value, fetchFrameSchema)
      const ranges = normalize(seq.map(([first, last]) => checkRange(first, last)))
      return { type: 'fetch', ref, seq: ranges, ...(fold === true ? { fold } : {}) }
    }
    case 'token':
      return check(value, tokenFrameSchema)
    case 'whisper': {
      const { client, data } = check(value, whisperFrameSchema)
      // Its depth first: measuring it overflows the stack of what is nested without bound.
      checkJson(data, 'data')
      checkSize(JSON.stringify(value), whisperBytesMax)
      return { type: 'whisper', client, data: data as Json }
    }
    default:
      throw new Refusal('unknown-frame', { at: 'type' })
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const epochSchema = v.nullable(v.string())

export const serverFrameSchema = v.variant('type', [
  v.object({
    type: v.literal('welcome'),
    epoch: epochSchema,
    latestSeq: seenSchema,
    mark: v.optional(v.string()),
    expiresInMs: v.number(),
    counter: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
    follows: v.optional(v.array(v.tuple([seqSchema, seqSchema]))),
    closed: v.optional(v.literal(true)),
  }),
  v.object({ type: v.literal('slice'), ref: v.optional(refSchema), ...sliceEntries }),
  v.object({
    type: v.literal('refused'),
    ref: v.optional(refSchema),
    code: v.picklist(codes),
    title: v.optional(v.string()),
    hint: v.optional(v.string()),
    at: v.optional(v.string()),
    detail: v.optional(v.string()),
    reason: v.optional(v.string()),
    counter: v.optional(v.number()),
    expected: v.optional(v.number()),
    latestSeq: v.optional(seenSchema),
    epoch: v.optional(epochSchema),
    conflicts: v.optional(v.array(v.tuple([seqSchema, seqSchema]))),
  }),
  v.object({ type: v.literal('token'), expiresInMs: v.number() }),
  v.object({ type: v.literal('whisper'), client: v.string(), data: v.unknown() }),
])

export interface WelcomeFrame {
  readonly type: 'welcome'
  readonly epoch: string | null
  readonly latestSeq: number
  /** Of the newest row: what a client shows when it comes back. */
  readonly mark?: string | undefined
  /** The token that opened the socket is good for so long. */
  readonly expiresInMs: number
  /**
   * The last counter that the tape has taken from the client that the address names, 0 for none. Nothing that was
   * sent as that client on an older socket is taken behind it. Absent where this socket may not publish as it.
   */
  readonly counter?: number
  /** What the slice right behind this frame covers, so that nobody asks for it again. */
  readonly follows?: SeqRanges
  /** Nothing more comes on the tape. */
  readonly closed?: true
}
export type SliceFrame = { readonly type: 'slice'; readonly ref?: number } & Slice
export type RefusedServerFrame = { readonly type: 'refused'; readonly ref?: number; readonly code: Code } & RefusalDetails
export type ServerFrame =
  | WelcomeFrame
  | SliceFrame
  | RefusedServerFrame
  | { readonly type: 'token'; readonly expiresInMs: number }
  | { readonly type: 'whisper'; readonly client: string; readonly data: Json }

const unreadSliceFrameSchema = v.object({ type: v.literal('slice'), ref: v.optional(refSchema), ...unreadSliceEntries })

/**
 * Reads a frame from the server; throws a `Refusal` (`malformed-json`, `invalid`) for what is not one. Of a slice, events
 * that are not understood are set aside.
 */
export function decodeServerFrame(text: string): ServerFrame {
  const value = parseJson(text)
  if (!isRecord(value) || value.type !== 'slice') return check(value, serverFrameSchema) as ServerFrame
  const { events, ...frame } = check(value, unreadSliceFrameSchema)
  // What was asked for folded, or came folded of a filter, has stamps.
  return { ...frame, ...readEvents(events, true) } as SliceFrame
}
