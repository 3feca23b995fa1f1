/** Remarks on the page: beside a task, as items between the rows, or above the list, and what is said of the rest. */
import { html, nothing, type TemplateResult } from 'lit-html'
import { repeat } from 'lit-html/directives/repeat.js'
import type { Choice, Side } from './remark.ts'
import type { PlacedRemark, RemarkPlaces } from './remark-places.ts'
import type { RowShift } from './row-mover.ts'

export interface RemarkActions {
  readonly decide: (placed: PlacedRemark, side: Side) => void
  readonly dismiss: (placed: PlacedRemark) => void
  readonly showMore: () => void
  readonly dismissAll: () => void
}

const conflictOf = ({ conflict }: PlacedRemark) => conflict

/** They go where their task goes while rows are dragged. */
export function remarksBeside(remarks: readonly PlacedRemark[] | undefined, drag: RowShift | undefined, actions: RemarkActions): unknown {
  if (remarks === undefined) return nothing
  return repeat(remarks, conflictOf, (placed) => html`<li class="remark" data-drag=${drag ?? nothing}>${remark(placed, actions)}</li>`)
}

/** Remarks without a row, and how many more there are. */
export function remarksAbove({ above, more }: RemarkPlaces, actions: RemarkActions): TemplateResult | typeof nothing {
  if (above.length === 0 && more === 0) return nothing
  return html`<section class="remarks" aria-label="Changed elsewhere at the same time">
    ${above.length === 0 ? nothing : html`<ul>${repeat(above, conflictOf, (placed) => html`<li class="remark">${remark(placed, actions)}</li>`)}</ul>`}
    ${
      more === 0
        ? nothing
        : html`<p class="remarks-more">
            <span>and ${more.toLocaleString('en')} more ${more === 1 ? 'conflict' : 'conflicts'}</span>
            <button class="quiet-button" type="button" @click=${actions.showMore}>Show more</button>
            <button class="quiet-button" type="button" @click=${actions.dismissAll}>Leave all as it is</button>
          </p>`
    }
  </section>`
}

function remark(placed: PlacedRemark, actions: RemarkActions): TemplateResult {
  const { title, text, choices } = placed.remark
  const isNamed = title === undefined || text.includes(title)
  return html`<div role="group" aria-label="Conflict about ${title ?? 'a task'}">
    <p class="remark-text">${isNamed ? nothing : html`<strong>${title}</strong> `}${text}</p>
    <div class="remark-choices">
      ${choices.map((choice) => choiceButton(choice, () => actions.decide(placed, choice.side)))}
      <button class="remark-dismiss" type="button" aria-label="Dismiss" title="Dismiss" @click=${() => actions.dismiss(placed)}></button>
    </div>
  </div>`
}

function choiceButton({ name, stands }: Choice, onClick: () => void): TemplateResult {
  return html`<button class="quiet-button" type="button" data-stands=${stands || nothing} @click=${onClick}>
    ${name}${stands ? html`<span class="visually-hidden"> (stands now)</span>` : nothing}
  </button>`
}
