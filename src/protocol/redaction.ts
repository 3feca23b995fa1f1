/**
 * Redaction: events that are to say no more than that they were there. What remains keeps its seq, its maker and
 * its counter, so that nothing about the order of the tape or about duplicates changes.
 */
import * as v from 'valibot'
import { Refusal } from './codes.ts'
import { check } from './decode.ts'
import { nameSchema, type TapeEvent } from './event.ts'
import { rangesMax, reasonTextMax } from './limits.ts'
import { checkRange, includes, normalize, type SeqRanges } from './seq-ranges.ts'

const reasonSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(reasonTextMax))
export const redactionSchema = v.union([
  v.strictObject({
    seq: v.pipe(v.array(v.strictTuple([v.number(), v.number()])), v.minLength(1), v.maxLength(rangesMax)),
    reason: reasonSchema,
  }),
  v.strictObject({ collection: nameSchema, identifier: nameSchema, reason: reasonSchema }),
])

export type Redaction = { readonly reason: string } & (
  | { readonly seq: SeqRanges }
  | { readonly collection: string; readonly identifier: string }
)

/** Throws a `Refusal` (`invalid`, `bad-ranges`, `lone-surrogate`) for what is none. */
export function checkRedaction(value: unknown): Redaction {
  const redaction = check(value, redactionSchema)
  // The reason is kept beside the tape.
  if (!redaction.reason.isWellFormed()) throw new Refusal('lone-surrogate', { at: 'reason' })
  if (!('seq' in redaction)) return redaction
  return { ...redaction, seq: normalize(redaction.seq.map(([first, last]) => checkRange(first, last))) }
}

/** What redacted objects are called: nobody learns from the tape which they were. */
export const redactedIdentifier = 'redacted'

/**
 * What is left of an event; the same event where it says nothing that is to go. A single event keeps its object, which
 * goes on to live without what it said. Of a whole object not even its name is left, and so no object.
 */
export function redactedEvent(event: TapeEvent, redaction: Redaction): TapeEvent {
  const { values: _, deltas: __, version: ___, ...rest } = event
  if ('seq' in redaction) {
    const saysNothing = event.type === 'delete' || event.redacted !== undefined
    if (saysNothing || !includes(redaction.seq, event.seq)) return event
    return { ...rest, values: {}, redacted: true }
  }
  if (event.collection !== redaction.collection || event.identifier !== redaction.identifier) return event
  if (event.identifier === redactedIdentifier && event.redacted !== undefined) return event
  return { ...rest, type: 'update', identifier: redactedIdentifier, values: {}, redacted: true }
}
