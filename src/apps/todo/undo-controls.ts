/** Undo and redo in this window: buttons, keys, and a line about what others have stood in the way of. */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import type { UndoOutcome } from '../../models/index.ts'
import type { Announcer } from './announcer.ts'
import type { TodoList } from './todo-list.ts'
import { type TypingWatch, undoKey } from './undo-keys.ts'

export interface UndoControlsParts {
  readonly list: TodoList
  /** The buttons' place. */
  readonly element: HTMLElement
  readonly newTodo: HTMLInputElement
  readonly typing: TypingWatch
  readonly announcer: Announcer
  /** The list and the line are to be shown at once. */
  readonly onRun: () => void
}

type Verb = 'undo' | 'redo'

export class UndoControls {
  readonly #parts: UndoControlsParts
  #note: string | undefined
  #isRunning = false

  constructor(parts: UndoControlsParts) {
    this.#parts = parts
    parts.list.history.subscribe(() => {
      // What is done next is about something else.
      if (!this.#isRunning) this.#note = undefined
      this.#render()
    })
    document.addEventListener('keydown', (event) => this.#onKey(event))
    this.#render()
  }

  /** What there is to say about the last step; nothing when all of it was done. */
  line(): TemplateResult | typeof nothing {
    return this.#note === undefined ? nothing : html`<p class="undo-note">${this.#note}</p>`
  }

  #run(verb: Verb): void {
    const { list, announcer, onRun } = this.#parts
    this.#isRunning = true
    const outcome = verb === 'undo' ? list.undo() : list.redo()
    this.#isRunning = false
    if (outcome === undefined) return announcer.say(`There is nothing to ${verb}.`)
    this.#note = undoNote(verb, outcome)
    onRun()
    announcer.say(this.#note ?? (verb === 'undo' ? 'Undone.' : 'Redone.'))
  }

  #onKey(event: KeyboardEvent): void {
    const verb = undoKey(event)
    if (verb === undefined || event.defaultPrevented || this.#isTyping(event.target)) return
    event.preventDefault()
    this.#run(verb)
  }

  /** Whether the browser has something of its own to undo there. */
  #isTyping(target: EventTarget | null): boolean {
    const { newTodo, typing } = this.#parts
    return target === newTodo ? typing.hasTyped : target instanceof HTMLInputElement && target.type === 'text'
  }

  #render(): void {
    const { canUndo, canRedo } = this.#parts.list.history
    render(
      html`${this.#button('undo', canUndo, 'M9 4 4 9l5 5M4.5 9H14a5.5 5.5 0 0 1 0 11h-3')}${this.#button('redo', canRedo, 'm15 4 5 5-5 5M19.5 9H10a5.5 5.5 0 0 0 0 11h3')}`,
      this.#parts.element,
    )
  }

  /** One that can do nothing keeps its place and the focus. */
  #button(verb: Verb, isAble: boolean, path: string): TemplateResult {
    const [name, title, keys] = verb === 'undo' ? undoNames : redoNames
    return html`<button
      class="undo-button"
      type="button"
      aria-label=${name}
      title=${title}
      aria-keyshortcuts=${keys}
      aria-disabled=${!isAble}
      @click=${() => this.#run(verb)}
    ><svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg></button>`
  }
}

const undoNames = ['Undo', 'Undo (Ctrl+Z, ⌘Z)', 'Control+Z Meta+Z'] as const
const redoNames = ['Redo', 'Redo (Ctrl+Y, ⇧⌘Z)', 'Control+Y Control+Shift+Z Meta+Shift+Z'] as const

/** Undefined when all of the step was done. */
function undoNote(verb: Verb, { undone, partly, left }: UndoOutcome): string | undefined {
  if (partly + left === 0) return undefined
  const did = verb === 'undo' ? 'undone' : 'redone'
  if (undone + partly + left === 1 && partly === 1) return `Only a part was ${did}: what was changed elsewhere since stays as it is.`
  if (undone + partly === 0) return `Nothing was ${did}: the same was changed elsewhere since.`
  return `${undone} of ${undone + partly + left} changes ${undone === 1 ? 'was' : 'were'} ${did}: what was changed elsewhere since stays as it is.`
}
