/**
 * Redaction: events say no more what they said. Segments that hold such events are made anew first, while everything goes
 * on; then, in one transaction, they and the rows change, the snapshot goes, and the stream is under another epoch. What
 * is left of the old is removed afterwards, by whoever waits for it or, after a kill, by the alarm.
 */
import { Refusal } from '../../protocol/codes.ts'
import { seqMax } from '../../protocol/limits.ts'
import { type Redaction, redactedEvent } from '../../protocol/redaction.ts'
import { intersect } from '../../protocol/seq-ranges.ts'
import { parseLines, toLines } from '../tape/lines.ts'
import type { RowSource } from '../tape/slice-reader.ts'
import type { SegmentEntry, TapeRow } from '../tape/tape-storage.ts'
import type { Contents } from './contents.ts'
import { storeSegment } from './sealer.ts'
import { filtersNaming, Sought } from './segment-places.ts'
import { readPlaces } from './sparse-reader.ts'

/** What lines of events are to be instead, and how many of them change; undefined when none does. */
export type Rewriting = (lines: Uint8Array) => { readonly lines: Uint8Array<ArrayBuffer>; readonly count: number } | undefined

/** What is redacted: see `SealedPast`. */
export interface Redactable {
  readonly epoch: string | undefined
  segmentsFrom(from: number): Iterable<SegmentEntry>
  /**
   * Puts segments in the place of those of the same seqs, and rewrites rows; all in one transaction, under a new epoch if
   * anything changes. Gives how many events did, with those of the segments.
   */
  rewrite(segments: readonly SegmentEntry[], rewriting: Rewriting, by: RedactionBy): number
}

export interface RedactionBy {
  readonly sub: string
  readonly reason: string
  /** How many events of the segments change. */
  readonly sealed: number
}

/**
 * Gives how many events say less than before. Rejects when what may be concerned cannot be read; then nothing has changed.
 * `beforeStoring` is awaited before there is anything that nothing may speak of in the end.
 */
export async function redact(
  tape: Redactable,
  contents: Contents,
  redaction: Redaction,
  { sub, beforeStoring }: { readonly sub: string; readonly beforeStoring: () => Promise<void> },
): Promise<number> {
  const { epoch } = tape
  if (epoch === undefined) return 0
  const rewriting = rewritingOf(redaction)
  const segments: SegmentEntry[] = []
  let sealed = 0
  // Rows may be sealed meanwhile, behind these: when all segments have been looked at, the rest happens at once.
  for (let next = concerned(tape, redaction, 0); next !== undefined; next = concerned(tape, redaction, next.last + 1)) {
    const { first, last, plain } = next
    if (!(await mayConcern(next, redaction, contents))) continue
    const changed = rewriting(await contents.get(plain))
    if (changed === undefined) continue
    if (segments.length === 0) await beforeStoring()
    sealed += changed.count
    segments.push(await storeSegment({ first, last, body: changed.lines }, contents))
  }
  if (tape.epoch !== epoch) throw new Refusal('unavailable', { detail: 'The stream has changed meanwhile. Redact again.' })
  return tape.rewrite(segments, rewriting, { sub, reason: redaction.reason, sealed })
}

/** The rows that change. */
export function rewriteRows(
  source: RowSource,
  first: number,
  rewriting: Rewriting,
): { readonly rows: readonly TapeRow[]; readonly count: number } {
  const rows: TapeRow[] = []
  let count = 0
  const iterator = source.rowsFrom(first)
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
    const changed = rewriting(next.value.body)
    if (changed === undefined) continue
    rows.push({ ...next.value, body: changed.lines })
    count += changed.count
  }
  return { rows, count }
}

/** The next segment to be looked at, from a seq on. */
function concerned(tape: Redactable, redaction: Redaction, from: number): SegmentEntry | undefined {
  const seq = 'seq' in redaction ? intersect(redaction.seq, [[from, seqMax]])[0]?.[0] : from
  if (seq === undefined) return undefined
  const [segment] = tape.segmentsFrom(seq)
  return segment
}

/** Whether a segment may hold something of it: most do not speak of an object at all. */
async function mayConcern(segment: SegmentEntry, redaction: Redaction, contents: Contents): Promise<boolean> {
  if ('seq' in redaction) return true
  const places = await readPlaces(contents, segment)
  return places === undefined || places.seqsOf(new Sought({ any: filtersNaming([redaction]) })).length > 0
}

function rewritingOf(redaction: Redaction): Rewriting {
  // Most parts do not speak of the object at all, and need not be parsed for that.
  const name = 'seq' in redaction ? '' : JSON.stringify(redaction.identifier)
  return (lines) => {
    if (!decoder.decode(lines).includes(name)) return undefined
    let count = 0
    const events = parseLines(lines).map((event) => {
      const left = redactedEvent(event, redaction)
      if (left !== event) count++
      return left
    })
    return count === 0 ? undefined : { lines: toLines(events), count }
  }
}

const decoder = new TextDecoder()
