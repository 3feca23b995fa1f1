/** The changes that the server refused, each with the reason and the two things that can be done about it. */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import { repeat } from 'lit-html/directives/repeat.js'
import { codeTexts, type Draft, type StreamStatus } from '../../browser/index.ts'

type Refused = StreamStatus['refused'][number]

export interface RefusedActions {
  readonly retry: (place: number) => void
  readonly discard: (place: number) => void
}

/** More would only push the page out of sight; they come up when these are dealt with. */
const shownMax = 5
const valuesLengthMax = 80

export class RefusedDrafts {
  readonly #element: HTMLElement
  readonly #actions: RefusedActions
  #shown: StreamStatus['refused'] = []

  constructor(element: HTMLElement, actions: RefusedActions) {
    this.#element = element
    this.#actions = actions
  }

  show(refused: StreamStatus['refused']): void {
    if (refused === this.#shown) return
    this.#shown = refused
    const index = [...this.#element.querySelectorAll('li')].findIndex((item) => item.contains(document.activeElement))
    render(refused.length === 0 ? nothing : this.#list(refused), this.#element)
    if (index >= 0 && !this.#element.contains(document.activeElement)) this.#focusNear(index)
  }

  #list(refused: readonly Refused[]): TemplateResult {
    const more = refused.length - shownMax
    return html`<section class="refused" aria-labelledby="refused-title">
      <p id="refused-title" class="refused-title">The server refused ${refused.length === 1 ? 'a change' : `${refused.length} changes`} of yours</p>
      <ul>
        ${repeat(
          refused.slice(0, shownMax),
          ({ place }) => place,
          (each) => this.#item(each),
        )}
      </ul>
      ${more > 0 ? html`<p>${more} more after these.</p>` : nothing}
    </section>`
  }

  #item({ place, draft, code }: Refused): TemplateResult {
    const { title, hint } = codeTexts(code)
    const id = `refused-${place}`
    return html`<li>
      <p id=${id} class="refused-draft">${describe(draft)}</p>
      <p><strong>${title}</strong> ${hint}</p>
      <button class="quiet-button" type="button" aria-describedby=${id} @click=${() => this.#actions.retry(place)}>Try again</button>
      <button class="quiet-button" type="button" aria-describedby=${id} @click=${() => this.#actions.discard(place)}>Discard</button>
    </li>`
  }

  /** The keyboard goes on from the one that took the place of the one dealt with, or from the page's beginning. */
  #focusNear(index: number): void {
    const items = this.#element.querySelectorAll('li')
    const next = items[Math.min(index, items.length - 1)]?.querySelector('button') ?? this.#element
    next.focus()
  }
}

function describe({ type, collection, values }: Draft): string {
  const text = values === undefined ? '' : JSON.stringify(values)
  const shown = text.length > valuesLengthMax ? `${text.slice(0, valuesLengthMax).toWellFormed()}…` : text
  return `${type} in ${collection.slice(0, valuesLengthMax).toWellFormed()} ${shown}`
}
