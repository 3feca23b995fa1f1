/** The files as a list, with what can be done with each. What others named is shown as text, and cut where it is long. */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import { repeat } from 'lit-html/directives/repeat.js'
import type { FolderFile } from '../../models/index.ts'
import { sizeText } from './sizes.ts'

/** More would only push the page out of sight. */
const shownMax = 200
/** What a textarea is good for. */
const editableBytesMax = 2 * 1024 * 1024

export interface FileActions {
  readonly download: (file: FolderFile) => void
  readonly edit: (file: FolderFile) => void
  readonly rename: (file: FolderFile) => void
  readonly remove: (file: FolderFile) => void
}

export class FileList {
  readonly #element: HTMLElement
  readonly #actions: FileActions

  constructor(element: HTMLElement, actions: FileActions) {
    this.#element = element
    this.#actions = actions
  }

  show(files: readonly FolderFile[]): void {
    const more = files.length - shownMax
    render(
      files.length === 0
        ? html`<p class="files-empty">There is nothing in it yet.</p>`
        : html`<ul class="files-list">
              ${repeat(
                files.slice(0, shownMax),
                ({ identifier }) => identifier,
                (file) => this.#row(file),
              )}
            </ul>
            ${more > 0 ? html`<p>And ${more.toLocaleString('en')} more.</p>` : nothing}`,
      this.#element,
    )
  }

  #row(file: FolderFile): TemplateResult {
    const { path, size, hash, isComplete, isPending, progress, identifier } = file
    const { download, edit, rename, remove } = this.#actions
    const id = `file-${identifier}`
    return html`<li class="file" ?data-pending=${isPending}>
      <span id=${id} class="file-path">${path}</span>
      <span class="file-facts">
        ${sizeText(size)}
        ${isComplete && hash !== undefined ? html` · <code class="file-hash" title="SHA-256">${hexOf(hash)}</code>` : nothing}
        ${isComplete ? nothing : this.#arriving(progress)}
        ${isPending ? html` · <span class="file-pending">not on the tape yet</span>` : nothing}
      </span>
      <span class="file-actions">
        <button class="quiet-button" type="button" aria-describedby=${id} ?disabled=${!isComplete} @click=${() => download(file)}>Download</button>
        ${size <= editableBytesMax ? html`<button class="quiet-button" type="button" aria-describedby=${id} ?disabled=${!isComplete} @click=${() => edit(file)}>Edit</button>` : nothing}
        <button class="quiet-button" type="button" aria-describedby=${id} @click=${() => rename(file)}>Rename</button>
        <button class="quiet-button" type="button" aria-describedby=${id} @click=${() => remove(file)}>Delete</button>
      </span>
    </li>`
  }

  #arriving({ have, total }: FolderFile['progress']): TemplateResult {
    return html` · <progress max=${total} value=${have} aria-label="On its way"></progress> ${have} of ${total} parts`
  }
}

/** As `sha256sum` prints it. */
function hexOf(base64url: string): string {
  const bytes = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return Array.from(bytes, (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}
