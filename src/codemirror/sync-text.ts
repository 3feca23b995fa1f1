/**
 * Ties an editor of CodeMirror to a text: what is typed becomes splices, what others write appears without moving the
 * selection, and undo takes back what was typed here alone.
 *
 *   transaction of the editor ─► splices ─► text.edit ─┐
 *   transaction marked as the text's ◄── splices ◄── text, for everybody's changes but the editor's own
 *
 * The two are compared after each change. Where they are not the same, because the text took something else or the editor
 * could not be told in the middle of an update, the editor is behind, until it is mended as soon as nothing runs.
 */
import { Annotation, Compartment, EditorState, type Extension, Prec, Transaction, type TransactionSpec } from '@codemirror/state'
import { logException, type PluginValue, ViewPlugin } from '@codemirror/view'
import type { EditableText, TextChange } from '../browser/editable-text.ts'
import { compose, diff, invert, type Splices, transform } from '../protocol/index.ts'

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
  readonly transactions: readonly Pick<Transaction, 'docChanged' | 'changes' | 'annotation' | 'startState' | 'newDoc'>[]
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
  return [EditorState.lineSeparator.of('\n'), readOnly.of(readOnlyUntil(text.isReady)), plugin]
}

/** Once it is ready the page decides. */
function readOnlyUntil(isReady: boolean): Extension {
  return isReady ? [] : Prec.highest(EditorState.readOnly.of(true))
}

export class TextBinding {
  readonly #text: EditableText
  readonly #view: EditableView
  readonly #readOnly: Compartment
  readonly #onError: (error: unknown) => void
  readonly #unsubscribe: () => void
  /** What leads from the document to the text: what the editor lacks. */
  #missed: Splices<string>
  /** What the editor was made for; undefined while that is not known. */
  #isReady: boolean | undefined
  #isTaking = false
  /** Whether the text told of more than what it took. */
  #hasMore = false
  /** Changes of the text that it has told of in this turn. */
  #told = 0
  #willRetry = false
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
    this.#missed = diff(view.state.doc.toString(), text.value)
    this.#unsubscribe = text.subscribe((change) => this.#changed(change))
    // A view that is being made cannot be told anything yet.
    queueMicrotask(() => this.#show())
  }

  update({ transactions }: ViewChange): void {
    for (const transaction of transactions) {
      if (transaction.docChanged && transaction.annotation(fromText) !== true) this.#take(transaction)
    }
    // In the middle of an update nothing can be shown.
    if (this.#missed.length > 0) queueMicrotask(() => this.#show())
  }

  destroy(): void {
    this.#isEnded = true
    this.#unsubscribe()
  }

  /** Brings what was typed to where the text is, and what the editor lacks of that to where the document is now. */
  #take(transaction: ViewChange['transactions'][number]): void {
    const typed = splicesOf(transaction)
    const told = this.#told
    this.#isTaking = true
    this.#hasMore = false
    try {
      this.#text.edit(transform(typed, this.#missed, 'later'))
      this.#missed = transform(this.#missed, typed, 'earlier')
      // Somebody answered to it at once, or the text had not told yet of what others did.
      if (this.#told !== told + 1 || this.#hasMore) this.#missed = diff(transaction.newDoc.toString(), this.#text.value)
    } catch (error) {
      // The document has it, and the text has not.
      this.#missed = compose(invert(typed, transaction.startState.doc.toString()), this.#missed)
      this.#tell(error)
    } finally {
      this.#isTaking = false
      this.#told = told
    }
  }

  #tell(error: unknown): void {
    try {
      this.#onError(error)
    } catch (own) {
      console.error(own)
    }
  }

  #changed({ splices, isOwn }: TextChange): void {
    this.#told++
    if (this.#isTaking) {
      // The editor has it already.
      this.#hasMore ||= !isOwn
      return
    }
    // Before it is shown: meanwhile the page may change the text again.
    if (this.#told === 1) queueMicrotask(() => this.#check())
    this.#missed = compose(this.#missed, splices)
    this.#show()
  }

  /** Whoever answers to a change at once, while others are still to be told of it, is heard before it. */
  #check(): void {
    const isInOrder = this.#told === 1
    this.#told = 0
    if (isInOrder) return
    this.#missed = diff(this.#view.state.doc.toString(), this.#text.value)
    this.#show()
  }

  #show(isRetry = false): void {
    const { isReady } = this.#text
    const isNews = isReady !== this.#isReady
    const missed = this.#missed
    if (this.#isEnded || (missed.length === 0 && !isNews)) return
    // Taken out first: what the page does to the text or the editor during the update is meant for an editor that has it.
    this.#missed = []
    this.#isReady = isReady
    try {
      this.#view.dispatch({
        changes: missed.map(({ offset, removed, inserted = '' }) => ({ from: offset, to: offset + removed, insert: inserted })),
        ...(isNews ? { effects: this.#readOnly.reconfigure(readOnlyUntil(isReady)) } : {}),
        annotations: [fromText.of(true), Transaction.remote.of(true), Transaction.addToHistory.of(false)],
        // What others wrote is not for the page to filter.
        filter: false,
      })
    } catch (error) {
      this.#missed = compose(missed, this.#missed)
      this.#isReady = undefined
      // The view is in the middle of an update, in which the page changed the text. If it is not that, it is told.
      if (isRetry) this.#tell(error)
      else this.#retry()
    }
  }

  /** As soon as nothing runs, once for all that could not be shown until then. */
  #retry(): void {
    if (this.#willRetry) return
    this.#willRetry = true
    queueMicrotask(() => {
      this.#willRetry = false
      this.#missed = diff(this.#view.state.doc.toString(), this.#text.value)
      this.#show(true)
    })
  }
}

function splicesOf({ changes }: Pick<Transaction, 'changes'>): Splices<string> {
  const splices: { offset: number; removed: number; inserted: string | undefined }[] = []
  changes.iterChanges((from, to, _, __, inserted) => {
    splices.push({ offset: from, removed: to - from, inserted: inserted.length === 0 ? undefined : inserted.toString() })
  })
  return splices
}
