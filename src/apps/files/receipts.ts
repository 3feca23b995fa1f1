/** What each change took, the newest first, and what could not be done. */
import { html, render } from 'lit-html'

export interface Receipt {
  readonly path: string
  readonly text: string
  readonly isProblem: boolean
}

const shownMax = 8

export class Receipts {
  readonly #element: HTMLElement
  #list: readonly Receipt[] = []

  constructor(element: HTMLElement) {
    this.#element = element
    this.#show()
  }

  add(receipt: Receipt): void {
    this.#list = [receipt, ...this.#list].slice(0, shownMax)
    this.#show()
  }

  #show(): void {
    if (this.#list.length === 0) {
      render(html`<p>Add a file, change one line of it, and add it again: here you see what was sent.</p>`, this.#element)
      return
    }
    render(
      html`<ul class="receipts-list">
        ${this.#list.map(({ path, text, isProblem }) => html`<li ?data-problem=${isProblem}><b>${path}</b> ${text}</li>`)}
      </ul>`,
      this.#element,
    )
  }
}
