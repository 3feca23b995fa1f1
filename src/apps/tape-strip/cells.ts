/** The strip as values: what stands at each of the newest seqs, and what waits beyond the end of the tape. */
import type { OutboxItem, SeqRange, SeqRanges, TapeEvent } from '../../browser/index.ts'
import { loggedSeqsMax, type TapeLog } from './tape-log.ts'

export type Cell =
  | { readonly type: 'event'; readonly key: string; readonly seq: number; readonly event: TapeEvent; readonly isOwn: boolean }
  /** A seq that this window lacks. */
  | { readonly type: 'hole'; readonly key: string; readonly seq: number; readonly hole: SeqRange }
  /** A seq that is accounted for without an event of its own: `into` carries it, or it has been overwritten. */
  | { readonly type: 'folded'; readonly key: string; readonly seq: number; readonly into: TapeEvent | undefined }
  | { readonly type: 'pending'; readonly key: string; readonly item: OutboxItem }

export interface TapeView {
  readonly latestSeq: number
  readonly holes: SeqRanges
  /** This device's client. */
  readonly client: string
  /** What waits to be on the tape, oldest first. */
  readonly outbox: readonly OutboxItem[]
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

export function cellsOf({ latestSeq, holes, client, outbox }: TapeView, log: TapeLog): Cells {
  const first = Math.max(0, latestSeq - loggedSeqsMax + 1)
  const cells: Cell[] = []
  for (let seq = first; seq <= latestSeq; seq++) cells.push(cellAt(seq, holes, log, client))
  for (const item of outbox.slice(0, pendingShownMax)) cells.push({ type: 'pending', key: `pending-${item.place}`, item })
  return { earlier: first, cells, later: Math.max(0, outbox.length - pendingShownMax) }
}

function cellAt(seq: number, holes: SeqRanges, log: TapeLog, client: string): Cell {
  const key = `seq-${seq}`
  const event = log.event(seq)
  if (event !== undefined) return { type: 'event', key, seq, event, isOwn: event.client === client }
  const hole = holes.find(([first, last]) => first <= seq && seq <= last)
  return hole === undefined ? { type: 'folded', key, seq, into: log.carrier(seq) } : { type: 'hole', key, seq, hole }
}

/** What a cell is, in one line. */
export function cellName(cell: Cell): string {
  switch (cell.type) {
    case 'event': {
      const { type, collection, stamps } = cell.event
      const others = stamps === undefined ? '' : ', with later changes folded into it'
      return `seq ${cell.seq}: ${type} in ${collection}, by ${makerName(cell.event, cell.isOwn)}${others}`
    }
    case 'hole':
      return `seq ${cell.seq}: a hole, not here yet`
    case 'folded':
      return `seq ${cell.seq}: ${cell.into === undefined ? 'overwritten by what came later' : `folded into seq ${cell.into.seq}`}`
    case 'pending': {
      const { state, draft, folded } = cell.item
      const several = folded.drafts > 1 ? `, ${folded.drafts} changes folded into one` : ''
      const text = state === 'sent' ? 'sent, not seen on the tape yet' : 'waits to be sent'
      return `pending: ${draft.type} in ${draft.collection}${several}, ${text}`
    }
  }
}

export function makerName({ client }: TapeEvent, isOwn: boolean): string {
  if (isOwn) return 'this device'
  return client === undefined ? 'a script' : `client ${client.slice(0, 8)}`
}
