/**
 * Events that came off one tape, to be laid on another as they stand: with their seqs, makers, counters and what they
 * had seen. They are checked as if they were published. The same checks hold for a request and, before anything is
 * sent, for a file.
 */
import * as v from 'valibot'
import { Refusal } from './codes.ts'
import { checkContents } from './contents.ts'
import { check, within } from './decode.ts'
import { clientSchema, eventSchema, seqSchema, type TapeEvent } from './event.ts'
import { batchDraftsMax, subLengthMax } from './limits.ts'
import { encodeEvent } from './publish.ts'

/** Whose clients are, by client id. */
export type Subs = { readonly [client: string]: string }

const subSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(subLengthMax))
const isSubs = (input: unknown) =>
  typeof input === 'object' &&
  input !== null &&
  Object.entries(input).every(([client, sub]) => v.is(clientSchema, client) && v.is(subSchema, sub))
/** A record's schema would leave out a client named `constructor`, which is as good a name as any. */
export const subsSchema = v.custom<Subs>(isSubs, 'Expected an object of subs by client')

export const importBatchSchema = v.strictObject({
  events: v.pipe(v.array(v.unknown()), v.minLength(1), v.maxLength(batchDraftsMax)),
  subs: v.optional(subsSchema),
})

export const importFinishSchema = v.strictObject({
  finish: v.literal(true),
  latestSeq: seqSchema,
  hash: v.optional(v.string()),
})

/** Members that are not known, `stamps` of folded events among them, may say anything: such an event is not taken. */
export const importedEventSchema = v.strictObject(eventSchema.entries)

/** Events in order of seq, without gaps. */
export interface ImportBatch {
  readonly type: 'batch'
  readonly first: number
  readonly events: readonly TapeEvent[]
  /** The same as they are stored. */
  readonly lines: readonly string[]
  readonly subs: Subs
}

/** All is there: the tape ends at `latestSeq`, and what it holds has this hash. */
export interface ImportFinish {
  readonly type: 'finish'
  readonly latestSeq: number
  /** SHA-256 in base64url of all events as they are stored, each with a line break behind it. */
  readonly hash?: string | undefined
}

/** Checks what needs no tape. Throws a `Refusal`, whose `at` names the event. */
export function checkImport(value: unknown): ImportBatch | ImportFinish {
  if (typeof value === 'object' && value !== null && 'finish' in value) {
    const { latestSeq, hash } = check(value, importFinishSchema)
    return { type: 'finish', latestSeq, hash }
  }
  const { events: values, subs = {} } = check(value, importBatchSchema)
  const events: TapeEvent[] = []
  const lines = values.map((one, index) =>
    within(`events[${index}]`, () => {
      const event = check(one, importedEventSchema)
      const expected = (events[0]?.seq ?? event.seq) + index
      if (event.seq !== expected) throw new Refusal('import-gap', { at: 'seq', expected, detail: 'The seqs rise one by one.' })
      events.push(event)
      return lineOf(event)
    }),
  )
  return { type: 'batch', first: events[0]?.seq ?? 0, events, lines, subs }
}

/**
 * How far each client has got with these events, which follow those that `counterOf` knows of (0 for none). `skipped`
 * says how many of their batch stand before them. Throws `counter-order`.
 */
export function countersAfter(
  events: readonly TapeEvent[],
  counterOf: (client: string) => number,
  skipped = 0,
): ReadonlyMap<string, number> {
  const counters = new Map<string, number>()
  for (const [index, { client, counter }] of events.entries()) {
    if (client === undefined || counter === undefined) continue
    const expected = (counters.get(client) ?? counterOf(client)) + 1
    if (counter !== expected) {
      const detail = `The next event of ${client} has counter ${expected}.`
      throw new Refusal('counter-order', { at: `events[${skipped + index}].counter`, counter, expected, detail })
    }
    counters.set(client, counter)
  }
  return counters
}

function lineOf(event: TapeEvent): string {
  const { seq, client, counter, redacted, ...change } = event
  if ((client === undefined) !== (counter === undefined)) {
    throw new Refusal('invalid', { at: 'counter', detail: 'An event has a client and a counter, or neither.' })
  }
  if (change.seen >= seq) throw new Refusal('seen-ahead', { at: 'seen', detail: 'Nobody has seen an event before it was on the tape.' })
  checkContents(change)
  const line = encodeEvent(seq, client, { ...change, ...(counter === undefined ? {} : { counter }) })
  return redacted === undefined ? line : `${line.slice(0, -1)},"redacted":true}`
}
