/** An editor without a page, and a text without a line, for tests. */

import { history } from '@codemirror/commands'
import { Compartment, EditorState, type Extension, type Transaction, type TransactionSpec } from '@codemirror/state'
import { TextBinding } from '../../src/codemirror/sync-text.ts'
import { Text } from '../../src/models/index.ts'
import type { Change, Draft, TapeEvent } from '../../src/protocol/index.ts'

/** What a view does with its state, and that it takes nothing in the middle of an update. */
export class PlayedView {
  readonly readOnly = new Compartment()
  readonly errors: unknown[] = []
  readonly binding: TextBinding
  state: EditorState
  /** What the page does in the middle of an update, as in a plugin of its own. */
  onUpdate = () => {}
  /** What it does right after one, as in an update listener: then the view takes what it is told. */
  onUpdated = () => {}
  #isUpdating = false

  constructor(text: Text, doc = text.value, extra: Extension = []) {
    this.state = EditorState.create({
      doc,
      extensions: [EditorState.lineSeparator.of('\n'), this.readOnly.of(EditorState.readOnly.of(!text.isReady)), history(), extra],
    })
    this.binding = new TextBinding(text, this, { readOnly: this.readOnly, onError: (error) => this.onError(error) })
  }

  onError(error: unknown): void {
    this.errors.push(error)
  }

  /** Several transactions are one update. */
  dispatch(...specs: readonly (TransactionSpec | Transaction)[]): void {
    if (this.#isUpdating) throw new Error('Calls to update are not allowed while an update is in progress.')
    const transactions = specs.map((spec) => {
      const transaction = 'startState' in spec ? (spec as Transaction) : this.state.update(spec)
      this.state = transaction.state
      return transaction
    })
    this.#isUpdating = true
    try {
      this.binding.update({ transactions })
      this.onUpdate()
    } finally {
      this.#isUpdating = false
    }
    this.onUpdated()
  }

  type(offset: number, removed: number, insert: string): void {
    this.dispatch({
      changes: { from: offset, to: offset + removed, insert },
      selection: { anchor: offset + insert.length },
      userEvent: 'input.type',
    })
  }

  get shown(): string {
    return this.state.doc.toString()
  }
}

/** A text whose drafts come on the tape at once. */
export function live(client = 'me') {
  const text = new Text('notes')
  const events: TapeEvent[] = []
  const context = { client, holes: [] }
  const put = (by: string, change: Change) => {
    events.push({ seq: events.length, client: by, counter: events.length + 1, seen: events.length - 1, ...change })
    text.apply(events.slice(-1), [], context)
  }
  text.receiver = { didCreateDraft: (change) => put(client, change) }
  text.apply([], [], context)
  const other = (deltas: NonNullable<Draft['deltas']>[string]) =>
    put('other', { type: 'update', collection: 'notes', identifier: 'text', deltas: { text: deltas } })
  return { text, other, put, events }
}

/** After the microtasks that are due now. */
export const settle = () => Promise.resolve()

/** After those that they add, too. */
export const rest = () => new Promise<void>((resolve) => setImmediate(resolve))
