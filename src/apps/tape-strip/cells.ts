/** The strip as values: what stands at each of the newest seqs, and what waits beyond the end of the tape. */
import type { Draft, SeqRange, SeqRanges, TapeEvent } from '../../browser/index.ts'
import { loggedSeqsMax, type TapeLog } from './tape-log.ts'

export type Cell =
  | { readonly type: 'event'; readonly key: string; readonly seq: number; readonly event: TapeEvent; readonly isOwn: boolean }
  /** A seq that this window lacks. */
  | { readonly type: 'hole'; readonly key: string; readonly seq: number; readonly hole: SeqRange }
  /** A seq that is accounted for without an event of its own: its effect came with others. */
  | { readonly type: 'folded'; readonly key: string; readonly seq: number }
  | { readonly type: 'pending'; readonly key: string; readonly draft: Draft }

export interface TapeView {
  readonly latestSeq: number
  readonly holes: SeqRanges
  /** This window's client. */
  readonly client: string
}

/** More would only push the tape out of sight. */
const pendingShownMax = 24

export interface Cells {
  /** How many seqs lie before the first cell. */
  readonly earlier: number
  /** Oldest first, pending ones last. */
  readonly cells: readonly Cell[]
  /** How many pending drafts lie beyond the last cell. */
  readonly later: number
}

export function cellsOf({ latestSeq, holes, client }: TapeView, log: TapeLog): Cells {
  const first = Math.max(0, latestSeq - loggedSeqsMax + 1)
  const cells: Cell[] = []
  for (let seq = first; seq <= latestSeq; seq++) cells.push(cellAt(seq, holes, log, client))
  for (const draft of log.pending.slice(0, pendingShownMax)) cells.push({ type: 'pending', key: `pending-${log.placeOf(draft)}`, draft })
  return { earlier: first, cells, later: Math.max(0, log.pending.length - pendingShownMax) }
}

function cellAt(seq: number, holes: SeqRanges, log: TapeLog, client: string): Cell {
  const key = `seq-${seq}`
  const event = log.event(seq)
  if (event !== undefined) return { type: 'event', key, seq, event, isOwn: event.client === client }
  const hole = holes.find(([first, last]) => first <= seq && seq <= last)
  return hole === undefined ? { type: 'folded', key, seq } : { type: 'hole', key, seq, hole }
}

/** What a cell is, in one line. */
export function cellName(cell: Cell): string {
  switch (cell.type) {
    case 'event':
      return `seq ${cell.seq}: ${cell.event.type} in ${cell.event.collection}, by ${makerName(cell.event, cell.isOwn)}`
    case 'hole':
      return `seq ${cell.seq}: a hole, not here yet`
    case 'folded':
      return `seq ${cell.seq}: came folded into others`
    case 'pending':
      return `pending: ${cell.draft.type} in ${cell.draft.collection}, not on the tape yet`
  }
}

export function makerName({ client }: TapeEvent, isOwn: boolean): string {
  if (isOwn) return 'this window'
  return client === undefined ? 'a script' : `client ${client.slice(0, 8)}`
}
