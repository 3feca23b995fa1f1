/**
 * A publish: a batch of drafts that is stored as a whole or not at all. The same rules hold for a request's body,
 * for a frame and, before anything is sent, for the client's own outbox.
 */
import * as v from 'valibot'
import { Refusal } from './codes.ts'
import { checkContents } from './contents.ts'
import { check, checkSize } from './decode.ts'
import { anonymousDraftSchema, type Change, clientSchema, type Draft, draftSchema, type NumberedDraft, seenSchema } from './event.ts'
import { batchDraftsMax, clientLengthMax, eventBytesMax, seqMax } from './limits.ts'

/** `latestSeq`: the tape ends there. `unchanged`: nobody else has written the objects of the batch since `seen`. */
const expectSchema = v.pipe(
  // A list has all of no members, and would pass for an object that expects nothing.
  v.custom<object>((input) => typeof input === 'object' && input !== null && !Array.isArray(input), 'Expected an object of preconditions'),
  v.strictObject({
    latestSeq: v.optional(seenSchema),
    unchanged: v.optional(v.literal(true)),
  }),
)
export type Expect = v.InferOutput<typeof expectSchema>

const expectEntry = { expect: v.optional(expectSchema), epoch: v.optional(v.string()) }

export const clientPublishSchema = v.strictObject({
  ...expectEntry,
  client: clientSchema,
  drafts: v.pipe(v.array(draftSchema), v.minLength(1), v.maxLength(batchDraftsMax)),
})

export const anonymousPublishSchema = v.strictObject({
  ...expectEntry,
  drafts: v.pipe(v.array(anonymousDraftSchema), v.minLength(1), v.maxLength(batchDraftsMax)),
})

/** A batch that has passed every check that needs no tape. */
export interface Publish {
  /** Absent for a script, whose drafts have no counters and are not deduplicated. */
  readonly client?: string
  readonly drafts: readonly (Draft & Partial<NumberedDraft>)[]
  readonly expect?: Expect | undefined
  readonly epoch?: string | undefined
}

/** Checks a publish that has been parsed already; throws a `Refusal` for what no tape would take. */
export function checkPublish(value: unknown): Publish {
  const hasClient = typeof value === 'object' && value !== null && 'client' in value
  const publish: Publish = hasClient ? check(value, clientPublishSchema) : check(value, anonymousPublishSchema)
  let previous = 0
  publish.drafts.forEach((draft, index) => {
    checkDraft(draft, `drafts[${index}]`)
    if (draft.counter === undefined) return
    if (previous !== 0 && draft.counter !== previous + 1) {
      throw new Refusal('counter-order', { at: `drafts[${index}].counter`, counter: draft.counter, expected: previous + 1 })
    }
    previous = draft.counter
  })
  return publish
}

function checkDraft(draft: Change & { readonly counter?: number }, at: string): void {
  try {
    checkContents(draft)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal(error.code, {
      ...error.details,
      at: `${at}.${error.details.at}`,
      ...(draft.counter === undefined ? {} : { counter: draft.counter }),
    })
  }
}

/**
 * Checks a change that an application makes, so that a mistake shows where it is made and not at the server. Gives a
 * copy, so that what is published is what was checked, whatever happens to the original.
 */
export function checkedCopy(change: Change): Change {
  check({ ...change, seen: -1 }, anonymousDraftSchema)
  checkDraft(change, 'change')
  const { type, collection, identifier, version, values, deltas } = JSON.parse(encodeLargest(change)) as Change
  const unchanged = change.expect?.unchanged
  const expect = unchanged === undefined ? {} : { expect: { unchanged: unchanged === true ? unchanged : [...unchanged] } }
  const model = version === undefined ? {} : { version }
  return { type, collection, identifier, ...model, values, ...(deltas === undefined ? {} : { deltas }), ...expect }
}

/** The change as the largest event that it may become. Throws `too-large`. */
function encodeLargest(change: Change): string {
  try {
    return encodeEvent(seqMax, 'c'.repeat(clientLengthMax), { ...change, seen: seqMax, counter: seqMax })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { counter: _, ...details } = error.details
    throw new Refusal(error.code, { at: 'change', ...details })
  }
}

/** An event as it is stored and sent, on one line: JSON has no line breaks of its own. Throws when it is too large. */
export function encodeEvent(seq: number, client: string | undefined, draft: Publish['drafts'][number]): string {
  const { counter, seen, type, collection, identifier, version, values, deltas } = draft
  const maker = client === undefined ? '' : `"client":"${client}","counter":${counter},`
  const model = version === undefined ? '' : `,"version":${version}`
  const contents = values === undefined ? '' : `,"values":${JSON.stringify(values)}`
  const inside = deltas === undefined ? '' : `,"deltas":${JSON.stringify(deltas)}`
  const text = `{"seq":${seq},${maker}"seen":${seen},"type":"${type}","collection":${JSON.stringify(collection)},"identifier":${JSON.stringify(identifier)}${model}${contents}${inside}}`
  checkSize(text, eventBytesMax, counter === undefined ? {} : { counter })
  return text
}
