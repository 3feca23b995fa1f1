/** The quiet badge in a page's corner: how this window stands to the tape. Screen readers hear of it politely. */
import { html, nothing, render } from 'lit-html'
import type { StatusSummary } from './status-summary.ts'

/** A draft is usually on the tape before one could read that it was pending. */
const settleMs = 300

export class StatusBadge {
  readonly #element: HTMLElement
  #shownState: StatusSummary['state'] | undefined
  #summary: StatusSummary | undefined
  #timer: number | undefined

  constructor(element: HTMLElement) {
    this.#element = element
  }

  /** A new state shows at once; a new number when it has stood for a moment, so that nothing flickers. */
  show(summary: StatusSummary): void {
    this.#summary = summary
    if (summary.state !== this.#shownState) return this.#render()
    this.#timer ??= setTimeout(() => this.#render(), settleMs)
  }

  #render(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#summary === undefined) return
    const { state, text, progress, pending } = this.#summary
    this.#shownState = state
    this.#element.dataset.state = state
    render(
      html`<span class="badge-light" aria-hidden="true"></span><span>${text}</span>${
        progress === undefined
          ? nothing
          : html`<progress aria-label="Catching up" max=${progress.total} .value=${progress.have}></progress>`
      }${pending === 0 ? nothing : html`<span class="visually-hidden">, </span><span class="badge-pending">pending ${pending}</span>`}`,
      this.#element,
    )
  }
}
