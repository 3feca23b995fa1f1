/** A dialog in which a file's text, or its path, is changed. */
import { html, render } from 'lit-html'

export interface Question {
  readonly title: string
  readonly label: string
  readonly value: string
  readonly isLong: boolean
}

export class Editor {
  readonly #dialog: HTMLDialogElement

  constructor(dialog: HTMLDialogElement) {
    this.#dialog = dialog
  }

  /** What it was changed to; undefined when it was left as it is. */
  ask({ title, label, value, isLong }: Question): Promise<string | undefined> {
    const dialog = this.#dialog
    return new Promise((resolve) => {
      const save = (event: Event) => {
        event.preventDefault()
        const field = dialog.querySelector<HTMLTextAreaElement | HTMLInputElement>('.editor-field')
        resolve(field?.value)
        dialog.close()
      }
      render(
        html`<form @submit=${save}>
          <h2 id="editor-title">${title}</h2>
          <label class="editor-label" for="editor-field">${label}</label>
          ${
            isLong
              ? html`<textarea id="editor-field" class="editor-field" rows="16" spellcheck="false" .value=${value}></textarea>`
              : html`<input id="editor-field" class="editor-field" type="text" .value=${value} />`
          }
          <p class="editor-buttons">
            <button class="button" type="submit">Save</button>
            <button class="quiet-button" type="button" @click=${() => dialog.close()}>Cancel</button>
          </p>
        </form>`,
        dialog,
      )
      // After `save` this says nothing new.
      dialog.addEventListener('close', () => resolve(undefined), { once: true })
      dialog.showModal()
    })
  }
}
