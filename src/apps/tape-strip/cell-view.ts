/** One cell of the tape, drawn. */
import { html, nothing, type TemplateResult } from 'lit-html'
import type { Change } from '../../browser/index.ts'
import { relationName } from './causality.ts'
import { type Cell, cellName } from './cells.ts'
import { type Maker, makerOf } from './maker.ts'
import type { Relation } from './relations.ts'

/** Of the sentences about the cell that is looked at. */
export const causalityId = 'tape-causality'

const marks = { insert: '+', update: '~', delete: '×' } as const

export interface CellView {
  readonly cell: Cell
  /** How it stands to the one that is looked at. */
  readonly relation: Relation | undefined
  readonly lookedAt: Cell | undefined
  /** Whether it is the one that Tab reaches. */
  readonly isCurrent: boolean
  readonly isSelected: boolean
  readonly onSelect: () => void
  readonly onHover: () => void
}

export function cellView({ cell, relation, lookedAt, isCurrent, isSelected, onSelect, onHover }: CellView): TemplateResult {
  const { change, maker, tag, foot, isOwn = false, isStack = false, state } = looksOf(cell)
  return html`<div
    class="cell"
    role="option"
    data-type=${cell.type}
    data-change=${change?.type ?? nothing}
    data-colour=${maker?.colour ?? nothing}
    data-pattern=${maker?.pattern ?? nothing}
    data-state=${state ?? nothing}
    data-relation=${relation ?? nothing}
    ?data-own=${isOwn}
    ?data-stack=${isStack}
    data-key=${cell.key}
    tabindex=${isCurrent ? 0 : -1}
    aria-selected=${isSelected}
    aria-label=${cellName(cell) + relationName(relation, lookedAt)}
    aria-describedby=${cell === lookedAt ? causalityId : nothing}
    @focus=${onSelect}
    @pointerenter=${onHover}
  ><span class="cell-tag" aria-hidden="true">${tag ?? nothing}</span><span class="cell-block" aria-hidden="true">${
    change === undefined ? nothing : html`<span class="cell-mark">${marks[change.type]}</span>`
  }</span><span class="cell-seq" aria-hidden="true">${foot}</span></div>`
}

interface Looks {
  readonly foot: string
  readonly tag?: string
  readonly change?: Change
  readonly maker?: Maker
  readonly isOwn?: boolean
  /** Whether it stands for several. */
  readonly isStack?: boolean
  readonly state?: string
}

function looksOf(cell: Cell): Looks {
  switch (cell.type) {
    case 'event': {
      const { event, isOwn, seq } = cell
      const maker = makerOf(event.client)
      return { change: event, maker, tag: isOwn ? 'you' : maker.tag, foot: String(seq), isOwn, isStack: event.stamps !== undefined }
    }
    case 'pending': {
      const { draft, state, folded } = cell.item
      const isStack = folded.drafts > 1
      return { change: draft, tag: isStack ? `×${folded.drafts}` : 'you', foot: state === 'sent' ? '↑' : '…', isStack, state }
    }
    case 'folded':
      return { foot: String(cell.seq), state: cell.into === undefined ? 'overwritten' : 'carried' }
    case 'hole':
      return { foot: String(cell.seq) }
  }
}
