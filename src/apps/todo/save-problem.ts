/** What could not be saved, and why: said beside the field that keeps the text, until something else succeeds. */
import { html, nothing, type TemplateResult } from 'lit-html'
import { keyed } from 'lit-html/directives/keyed.js'
import { type Code, codeTexts, Refusal } from '../../browser/index.ts'
import type { TodoList } from './todo-list.ts'

/** The input for new tasks, or the one in a row. */
export type Field = 'new' | 'edit'

export class SaveProblem {
  #refused: { readonly field: Field; readonly code: Code } | undefined

  constructor({ history }: TodoList) {
    history.subscribe(() => this.forget())
  }

  /** False when no tape would take what is to be saved. */
  attempt(field: Field, save: () => void): boolean {
    try {
      save()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#refused = { field, code: error.code }
      return false
    }
    this.forget()
    return true
  }

  forget(field = this.#refused?.field): void {
    if (this.#refused?.field === field) this.#refused = undefined
  }

  of(field: Field): TemplateResult | undefined {
    const refused = this.#refused
    if (refused?.field !== field) return undefined
    // The same words again are news only as another element.
    return html`${keyed(refused, noteOf(refusalText(refused.code)))}`
  }
}

/** Told to whoever listens as soon as it is there. */
export function noteOf(text: string): TemplateResult {
  return html`<p class="field-note" role="alert" aria-live="polite">${text}</p>`
}

/** Below a row, as an item of its own: the row's text is its title and nothing else. */
export function noteBeside(note: TemplateResult | undefined): TemplateResult | typeof nothing {
  return note === undefined ? nothing : html`<li class="row-note">${note}</li>`
}

function refusalText(code: Code): string {
  const reason = code === 'too-large' ? 'This is too long for one task: shorten it and try again.' : codeTexts(code).title
  return `Not saved. ${reason}`
}
