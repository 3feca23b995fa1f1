/**
 * Ties an editor of CodeMirror to a text: what is typed becomes splices, what others write appears without moving the
 * selection, and undo takes back what was typed here alone.
 *
 *   transaction of the editor ─► splices ─► text.edit ─┐
 *   transaction marked as the text's ◄── splices ◄── text, for everybody's changes but the editor's own
 */
import { Annotation, Compartment, EditorState, type Extension, Transaction, type TransactionSpec } from '@codemirror/state'
import { logException, type PluginValue, ViewPlugin } from '@codemirror/view'
import type { EditableText } from '../browser/editable-text.ts'
import { diff, type Splices } from '../protocol/index.ts'

export interface SyncTextOptions {
  /** Told of what cannot be in the text: it is gone from the editor again. Logs by default. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** What is needed of a view. */
export interface EditableView {
  readonly state: EditorState
  dispatch(spec: TransactionSpec): void
}

/** What a view tells of an update. */
interface ViewChange {
  readonly transactions: readonly Pick<Transaction, 'docChanged' | 'changes' | 'annotation'>[]
}

/** Marks what comes from the text, and need not go there. */
const fromText = Annotation.define<boolean>()

/**
 * The extension for one editor. It shows the text, whatever document it began with, and can be written in as soon as the
 * text is ready. Line breaks stay as they are in the text: all but `\n` are characters like any other.
 */
export function syncText(text: EditableText, { onError }: SyncTextOptions = {}): Extension {
  const readOnly = new Compartment()
  const plugin = ViewPlugin.define((view): PluginValue => {
    return new TextBinding(text, view, { readOnly, onError: onError ?? ((error) => logException(view.state, error, 'syncText')) })
  })
  return [EditorState.lineSeparator.of('\n'), readOnly.of(EditorState.readOnly.of(!text.isReady)), plugin]
}

export class TextBinding {
  readonly #text: EditableText
  readonly #view: EditableView
  readonly #readOnly: Compartment
  readonly #onError: (error: unknown) => void
  readonly #unsubscribe: () => void
  #isReady: boolean
  #isTaking = false
  #isEnded = false

  constructor(
    text: EditableText,
    view: EditableView,
    options: { readonly readOnly: Compartment; readonly onError: (error: unknown) => void },
  ) {
    this.#text = text
    this.#view = view
    this.#readOnly = options.readOnly
    this.#onError = options.onError
    this.#isReady = text.isReady
    this.#unsubscribe = text.subscribe(({ splices }) => this.#changed(splices))
    // A view that is being made cannot be told anything yet.
    this.#mendSoon()
  }

  update({ transactions }: ViewChange): void {
    for (const transaction of transactions) {
      if (!transaction.docChanged || transaction.annotation(fromText) === true) continue
      this.#take(splicesOf(transaction))
    }
  }

  destroy(): void {
    this.#isEnded = true
    this.#unsubscribe()
  }

  #take(splices: Splices<string>): void {
    this.#isTaking = true
    try {
      this.#text.edit(splices)
    } catch (error) {
      this.#onError(error)
    } finally {
      this.#isTaking = false
    }
    // In the middle of an update nothing can be put right.
    if (this.#text.value.length !== this.#view.state.doc.length) this.#mendSoon()
  }

  #changed(splices: Splices<string>): void {
    // The editor has it already.
    if (this.#isTaking) return
    try {
      this.#show(splices)
    } catch {
      // The view is in the middle of an update, in which the page changed the text; or it had something else.
      this.#mendSoon()
    }
  }

  #mendSoon(): void {
    queueMicrotask(() => {
      if (!this.#isEnded) this.#show(diff(this.#view.state.doc.toString(), this.#text.value))
    })
  }

  #show(splices: Splices<string>): void {
    const { isReady } = this.#text
    const isNews = isReady !== this.#isReady
    if (splices.length === 0 && !isNews) return
    this.#view.dispatch({
      changes: splices.map(({ offset, removed, inserted = '' }) => ({ from: offset, to: offset + removed, insert: inserted })),
      ...(isNews ? { effects: this.#readOnly.reconfigure(EditorState.readOnly.of(!isReady)) } : {}),
      annotations: [fromText.of(true), Transaction.remote.of(true), Transaction.addToHistory.of(false)],
    })
    this.#isReady = isReady
  }
}

function splicesOf({ changes }: Pick<Transaction, 'changes'>): Splices<string> {
  const splices: { offset: number; removed: number; inserted: string | undefined }[] = []
  changes.iterChanges((from, to, _, __, inserted) => {
    splices.push({ offset: from, removed: to - from, inserted: inserted.length === 0 ? undefined : inserted.toString() })
  })
  return splices
}
