/**
 * How the cells of the tape stand to the one that is looked at: what it had seen, and what was made at the same time,
 * neither knowing of the other.
 */
import { happenedBefore } from '../../browser/index.ts'
import type { Cell } from './cells.ts'

/** Of a cell: made before the one that is looked at, after it, at the same time, or not to be told from what is here. */
export type Relation = 'before' | 'concurrent' | 'after' | 'unknown'

/** Undefined for the cell itself, and where the one that is looked at is neither an event nor a draft. */
export function relationOf(subject: Cell, cell: Cell, ownClient: string): Relation | undefined {
  if (subject.key === cell.key || subject.type === 'hole' || subject.type === 'folded') return undefined
  const [origin, other] = [originOf(subject, ownClient), originOf(cell, ownClient)]
  if (happenedBefore(other, origin)) return 'before'
  if (happenedBefore(origin, other)) return 'after'
  // A lower seq cannot have seen this one, whatever else it had seen.
  const isKnown = other.knows === 'all' || (other.knows === 'maker' && other.seq < origin.seq)
  return isKnown ? 'concurrent' : 'unknown'
}

interface Origin {
  readonly seq: number
  readonly client: string | undefined
  readonly counter: number | undefined
  readonly seen: number
  /** What this window knows of it, beside the seq. */
  readonly knows: 'all' | 'maker' | 'nothing'
}

/** Drafts come after all that is on the tape, in their order. */
const pendingSeq = 2 ** 52

function originOf(cell: Cell, ownClient: string): Origin {
  switch (cell.type) {
    case 'event': {
      const { seq, client, counter, seen } = cell.event
      return { seq, client, counter, seen, knows: 'all' }
    }
    case 'pending':
      return { seq: pendingSeq + cell.item.place, client: ownClient, counter: undefined, seen: cell.item.draft.seen, knows: 'all' }
    case 'folded':
      return { seq: cell.seq, counter: undefined, seen: -1, ...makerAt(cell) }
    case 'hole':
      return { seq: cell.seq, client: undefined, counter: undefined, seen: -1, knows: 'nothing' }
  }
}

/** Who wrote what another event carries, as far as that says so. */
function makerAt({ seq, into }: Extract<Cell, { type: 'folded' }>): Pick<Origin, 'client' | 'knows'> {
  const field = Object.entries(into?.stamps ?? {}).find(([, stamp]) => stamp === seq)?.[0]
  if (into === undefined || field === undefined) return { client: undefined, knows: 'nothing' }
  const maker = into.makers !== undefined && Object.hasOwn(into.makers, field) ? into.makers[field] : into.client
  return { client: maker ?? undefined, knows: 'maker' }
}
