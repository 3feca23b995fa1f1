/**
 * The list on the page: markup and behaviour of the TodoMVC specification over a `TodoList`. It owns what is this
 * window's alone: the filter, the edit in progress, where the focus goes. Everything else is the model's.
 */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { repeat } from 'lit-html/directives/repeat.js'
import type { Announcer } from './announcer.ts'
import { type Edit, shownTasks } from './edit.ts'
import { filterOf, filters } from './filter.ts'
import { keepFocus } from './focus-keeper.ts'
import type { LabelMenu } from './label-menu.ts'
import type { RemarkPlaces } from './remark-places.ts'
import { remarksAbove, remarksBeside } from './remark-view.ts'
import { Remarks, remarkElements } from './remarks.ts'
import { RowMover } from './row-mover.ts'
import { noteBeside, noteOf, SaveProblem } from './save-problem.ts'
import type { Task } from './task.ts'
import { type TaskRowActions, taskRow } from './task-row.ts'
import type { TodoList } from './todo-list.ts'
import { UndoControls } from './undo-controls.ts'
import { TypingWatch } from './undo-keys.ts'

export interface TodoViewParts {
  readonly list: TodoList
  /** Everything below the input for new tasks is rendered to its end. */
  readonly section: HTMLElement
  readonly newTodo: HTMLInputElement
  readonly labelMenu: LabelMenu
  readonly undoBar: HTMLElement
  readonly announcer: Announcer
}

export class TodoView {
  readonly #list: TodoList
  readonly #section: HTMLElement
  readonly #newTodo: HTMLInputElement
  readonly #actions: TaskRowActions
  readonly #remarks: Remarks
  readonly #mover: RowMover
  readonly #undo: UndoControls
  readonly #typing: TypingWatch
  readonly #problem: SaveProblem
  #edit: Edit | undefined
  #isRendering = false
  #isRenderDue = false

  constructor(parts: TodoViewParts) {
    const { list, section, newTodo, labelMenu } = parts
    this.#list = list
    this.#section = section
    this.#newTodo = newTodo
    this.#typing = new TypingWatch(newTodo)
    this.#problem = new SaveProblem(list)
    this.#remarks = this.#createRemarks(parts)
    this.#mover = this.#createMover(parts)
    this.#undo = new UndoControls({ ...parts, element: parts.undoBar, typing: this.#typing, onRun: () => this.#render() })
    this.#actions = {
      toggle: ({ identifier }, completed) => list.update(identifier, { completed }),
      remove: ({ identifier }) => this.#remove(identifier),
      chooseLabel: ({ identifier, values }, button) => labelMenu.open(button, values.label, (label) => list.update(identifier, { label })),
      grab: (event, task) => this.#mover.grab(event, task),
      moveKey: (event, task) => this.#mover.onKey(event, task),
      beginEdit: (task) => this.#beginEdit(task),
      editKey: (event) => this.#onEditKey(event),
      saveEdit: (text) => this.#saveEdit(text),
    }
    list.subscribe(() => this.#renderSoon())
    newTodo.addEventListener('keydown', (event) => this.#onNewKey(event))
    addEventListener('hashchange', () => this.#render())
    this.#render()
  }

  #createRemarks({ list, announcer }: TodoViewParts): Remarks {
    return new Remarks({
      list,
      announcer,
      onChange: () => this.#render(),
      onFocusLost: (index, identifier) => this.#focusNearRemark(index, identifier),
    })
  }

  #createMover({ list, section, announcer }: TodoViewParts): RowMover {
    return new RowMover({
      list,
      section,
      announcer,
      rows: () => this.#rows(),
      render: () => this.#render(),
      renderSoon: () => this.#renderSoon(),
    })
  }

  /** Many changes in one turn are one rendering. */
  #renderSoon(): void {
    if (this.#isRenderDue) return
    this.#isRenderDue = true
    queueMicrotask(() => {
      this.#isRenderDue = false
      this.#render()
    })
  }

  #render(): void {
    const index = this.#rows().findIndex((row) => row.contains(document.activeElement))
    this.#isRendering = true
    keepFocus(() => render(this.#template(), this.#section))
    this.#isRendering = false
    this.#mover.didRender()
    // Whose row has gone goes on from the one that took its place.
    if (index >= 0 && document.activeElement === document.body) this.#focusRow(this.#rows().at(index) ?? this.#rows().at(-1))
  }

  #template(): TemplateResult {
    const { tasks } = this.#list
    const filter = filterOf(location.hash)
    const rows = shownTasks(tasks, filter, this.#edit)
    const places = this.#remarks.place(rows)
    const above = html`${this.#problem.of('new') ?? nothing}${this.#undo.line()}${remarksAbove(places, this.#remarks.actions)}`
    if (tasks.length === 0 && rows.length === 0) return above
    const remaining = tasks.filter(({ values }) => !values.completed).length
    return html`${above}<section class="main">
        <div class="toggle-all-row">
          <input id="toggle-all" class="toggle-all" type="checkbox" .checked=${live(remaining === 0)} @change=${this.#onToggleAll} />
          <label for="toggle-all">Mark all as complete</label>
        </div>
        <ul class="todo-list">
          ${repeat(
            rows,
            ({ identifier }) => identifier,
            (task, index) => this.#row(task, index, places),
          )}
        </ul>
      </section>
      <footer class="footer">
        <span class="todo-count" data-testid="todo-count"><strong>${remaining}</strong> ${remaining === 1 ? 'item' : 'items'} left</span>
        <ul class="filters">
          ${filters.map(
            ({ hash, name }) =>
              html`<li>
                <a href=${hash} class=${hash === filter.hash ? 'selected' : nothing} aria-current=${hash === filter.hash ? 'true' : nothing}>${name}</a>
              </li>`,
          )}
        </ul>
        ${
          remaining === tasks.length
            ? nothing
            : html`<button class="clear-completed" type="button" @click=${this.#onClearCompleted}>Clear completed</button>`
        }
      </footer>`
  }

  #row(task: Task, index: number, { beside }: RemarkPlaces): TemplateResult {
    const drag = this.#mover.dragOf(task, index)
    const edit = this.#edit?.task.identifier === task.identifier ? this.#edit : undefined
    const row = taskRow({ task, index, edit, drag, actions: this.#actions })
    return html`${row}${noteBeside(edit && this.#editNote(edit))}${remarksBeside(beside.get(task.identifier), drag, this.#remarks.actions)}`
  }

  /** What whoever edits has to know. */
  #editNote({ task }: Edit): TemplateResult | undefined {
    const isGone = this.#list.task(task.identifier) === undefined
    return (
      this.#problem.of('edit') ?? (isGone ? noteOf('Deleted elsewhere while you edit it. Saving a changed title adds it anew.') : undefined)
    )
  }

  #onNewKey(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.isComposing) return
    const title = this.#newTodo.value.trim()
    if (title === '' || !this.#list.isAttached) return
    if (!this.#problem.attempt('new', () => this.#list.create(title, 'none'))) return this.#render()
    this.#newTodo.value = ''
    this.#typing.forget()
  }

  readonly #onToggleAll = (event: Event): void => {
    this.#list.markAll(event.target instanceof HTMLInputElement && event.target.checked)
  }

  readonly #onClearCompleted = (): void => {
    this.#list.clearCompleted()
    this.#newTodo.focus()
  }

  #remove(identifier: string): void {
    this.#list.remove(identifier)
    this.#render()
  }

  #beginEdit(task: Task): void {
    // One that could not be saved keeps its text.
    if (this.#edit !== undefined) return this.#focusEdit()
    this.#edit = {
      task,
      index: Math.max(
        0,
        this.#rows().findIndex(({ dataset }) => dataset.id === task.identifier),
      ),
    }
    this.#render()
    this.#focusEdit()
  }

  #focusEdit(): void {
    const input = this.#section.querySelector<HTMLInputElement>('.edit')
    input?.focus()
    input?.setSelectionRange(input.value.length, input.value.length)
  }

  #onEditKey(event: KeyboardEvent): void {
    if (event.isComposing || !(event.target instanceof HTMLInputElement)) return
    const edit = this.#edit
    if (event.key === 'Enter') this.#saveEdit(event.target.value)
    else if (event.key === 'Escape') this.#endEdit()
    else return
    event.preventDefault()
    // The keyboard goes on from the row that was edited.
    if (edit !== undefined && this.#edit === undefined) this.#focusRow(this.#rowOf(edit.task.identifier))
  }

  #saveEdit(text: string): void {
    const edit = this.#edit
    // Taking the input off the page, or moving it, blurs it: neither is a wish to save.
    if (edit === undefined || this.#isRendering) return
    const { identifier, values } = edit.task
    const title = text.trim()
    if (title === '') this.#list.remove(identifier)
    else if (title !== values.title && !this.#problem.attempt('edit', () => this.#list.saveEdit(edit.task, title))) return this.#render()
    this.#endEdit()
  }

  #endEdit(): void {
    this.#edit = undefined
    this.#problem.forget('edit')
    this.#render()
  }

  #rows(): readonly HTMLElement[] {
    return [...this.#section.querySelectorAll<HTMLElement>('.todo-list > li[data-id]')]
  }

  #rowOf(identifier: string): HTMLElement | undefined {
    return this.#rows().find((row) => row.dataset.id === identifier)
  }

  #focusRow(row: HTMLElement | undefined): void {
    const toggle = row?.querySelector<HTMLElement>('.toggle') ?? this.#newTodo
    toggle.focus({ preventScroll: true })
  }

  /** The next remark, the task that it was about, or the page's beginning. */
  #focusNearRemark(index: number, identifier: string): void {
    const remarks = remarkElements()
    const next = remarks[Math.min(index, remarks.length - 1)]?.querySelector('button')
    if (next === null || next === undefined) this.#focusRow(this.#rowOf(identifier))
    else next.focus()
  }
}
