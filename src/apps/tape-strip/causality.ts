/** What an event or a draft had seen, and what it is concurrent with, in words. */
import type { SeqRange, SeqRanges } from '../../browser/index.ts'
import type { Cell, Cells } from './cells.ts'
import { type Relation, relationOf } from './relations.ts'

/** Sentences for the cell that is looked at; none when it is neither an event nor a draft. */
export function causalityOf(subject: Cell, { earlier, cells }: Cells, ownClient: string): readonly string[] {
  if (subject.type !== 'event' && subject.type !== 'pending') return []
  const { seen } = subject.type === 'event' ? subject.event : subject.item.draft
  const end = subject.type === 'event' ? subject.seq : Number.POSITIVE_INFINITY
  const at = (relation: Relation) => cells.filter((cell) => relationOf(subject, cell, ownClient) === relation)
  const concurrent = at('concurrent')
  const seqs = seqsOf(concurrent)
  // What is not drawn any more may have been made at the same time, too.
  const lastUndrawn = Math.min(end, earlier) - 1
  const undrawn: SeqRanges = seen < lastUndrawn ? [[seen + 1, lastUndrawn]] : []
  const unknown = [...undrawn, ...rangesOf(seqsOf(at('unknown')))]
  return [
    seen < 0 ? 'It had seen nothing of the tape.' : `It had seen the tape up to seq ${seen}.`,
    ...concurrentText({
      unseen: rangesOf(seqs.filter((seq) => seq < end)),
      unaware: rangesOf(seqs.filter((seq) => seq > end)),
      waiting: concurrent.length - seqs.length,
      isSure: unknown.length === 0,
    }),
    ...(unknown.length === 0 ? [] : [`Of ${rangesText(unknown)} this strip cannot tell: it does not have them as they were written.`]),
  ]
}

interface Concurrent {
  /** Lower seqs. */
  readonly unseen: SeqRanges
  /** Higher seqs. */
  readonly unaware: SeqRanges
  /** How many drafts. */
  readonly waiting: number
  /** Whether there can be no others. */
  readonly isSure: boolean
}

function concurrentText({ unseen, unaware, waiting, isSure }: Concurrent): readonly string[] {
  const drafts = waiting === 0 ? [] : [waiting === 1 ? 'one that waits here' : `${waiting} that wait here`]
  const later = listText([...textsOf(unaware), ...drafts])
  const parts = [
    ...(unseen.length === 0 ? [] : [`as ${rangesText(unseen)}, which it had not seen`]),
    ...(later === '' ? [] : [`as ${later}, which had not seen it`]),
  ]
  if (parts.length > 0) return [`It was made at the same time ${parts.join(', and ')}.`]
  return isSure ? ['Nothing else was made at the same time.'] : []
}

function seqsOf(cells: readonly Cell[]): readonly number[] {
  return cells.flatMap((cell) => (cell.type === 'pending' ? [] : [cell.seq]))
}

/** Rising seqs as ranges. */
function rangesOf(seqs: readonly number[]): SeqRanges {
  const ranges: SeqRange[] = []
  for (const seq of seqs) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === seq - 1) ranges[ranges.length - 1] = [last[0], seq]
    else ranges.push([seq, seq])
  }
  return ranges
}

/** As one reads them: "17 and 19", "3, 5 to 7 and 9". */
export function rangesText(ranges: SeqRanges): string {
  return listText(textsOf(ranges))
}

function textsOf(ranges: SeqRanges): readonly string[] {
  return ranges.flatMap(([first, last]) => {
    if (last === first) return [`${first}`]
    return last === first + 1 ? [`${first}`, `${last}`] : [`${first} to ${last}`]
  })
}

function listText(texts: readonly string[]): string {
  const end = texts.at(-1) ?? ''
  return texts.length < 2 ? end : `${texts.slice(0, -1).join(', ')} and ${end}`
}

/** What a cell's name says of how it stands to the one that is looked at. */
export function relationName(relation: Relation | undefined, subject: Cell | undefined): string {
  const other = subject === undefined || subject.type === 'pending' ? 'the pending one' : `seq ${subject.seq}`
  switch (relation) {
    case 'before':
      return `, seen by ${other}`
    case 'concurrent':
      return `, made at the same time as ${other}`
    case 'after':
    case 'unknown':
    case undefined:
      return ''
  }
}
