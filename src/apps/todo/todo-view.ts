/**
 * The list on the page: markup and behaviour of the TodoMVC specification over a `TodoList`. It owns what is this
 * window's alone: the filter, the edit in progress, where the focus goes. Everything else is the model's.
 */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { repeat } from 'lit-html/directives/repeat.js'
import { type Edit, shownTasks } from './edit.ts'
import { filterOf, filters } from './filter.ts'
import { keepFocus } from './focus-keeper.ts'
import type { LabelMenu } from './label-menu.ts'
import type { Task } from './task.ts'
import { type TaskRowActions, taskRow } from './task-row.ts'
import type { TodoList } from './todo-list.ts'

export interface TodoViewParts {
  readonly list: TodoList
  /** Everything below the input for new tasks is rendered to its end. */
  readonly section: HTMLElement
  readonly newTodo: HTMLInputElement
  readonly labelMenu: LabelMenu
}

export class TodoView {
  readonly #list: TodoList
  readonly #section: HTMLElement
  readonly #newTodo: HTMLInputElement
  readonly #actions: TaskRowActions
  #edit: Edit | undefined
  #isRendering = false
  #isRenderDue = false

  constructor({ list, section, newTodo, labelMenu }: TodoViewParts) {
    this.#list = list
    this.#section = section
    this.#newTodo = newTodo
    this.#actions = {
      toggle: ({ identifier }, completed) => list.update(identifier, { completed }),
      remove: (task) => this.#remove(task),
      chooseLabel: ({ identifier, label }, button) => labelMenu.open(button, label, (chosen) => list.update(identifier, { label: chosen })),
      beginEdit: (task) => this.#beginEdit(task),
      editKey: (event) => this.#onEditKey(event),
      saveEdit: (text) => this.#saveEdit(text),
    }
    list.onChange = () => this.#renderSoon()
    newTodo.addEventListener('keydown', (event) => this.#onNewKey(event))
    addEventListener('hashchange', () => this.#render())
    this.#render()
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
    this.#isRendering = true
    keepFocus(() => render(this.#template(), this.#section))
    this.#isRendering = false
  }

  #template(): TemplateResult | typeof nothing {
    const { tasks } = this.#list
    const filter = filterOf(location.hash)
    const rows = shownTasks(tasks, filter, this.#edit)
    if (tasks.length === 0 && rows.length === 0) return nothing
    const remaining = tasks.filter(({ completed }) => !completed).length
    return html`<section class="main">
        <div class="toggle-all-row">
          <input id="toggle-all" class="toggle-all" type="checkbox" .checked=${live(remaining === 0)} @change=${this.#onToggleAll} />
          <label for="toggle-all">Mark all as complete</label>
        </div>
        <ul class="todo-list">
          ${repeat(
            rows,
            ({ identifier }) => identifier,
            (task, index) => taskRow({ task, index, edit: this.#editOf(task), actions: this.#actions }),
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

  #editOf({ identifier }: Task): Edit | undefined {
    return this.#edit?.task.identifier === identifier ? this.#edit : undefined
  }

  #onNewKey(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.isComposing) return
    const title = this.#newTodo.value.trim()
    if (title === '' || this.#list.receiver === undefined) return
    this.#list.create(title, 'none')
    this.#newTodo.value = ''
  }

  readonly #onToggleAll = (event: Event): void => {
    const completed = event.target instanceof HTMLInputElement && event.target.checked
    for (const task of this.#list.tasks) if (task.completed !== completed) this.#list.update(task.identifier, { completed })
  }

  readonly #onClearCompleted = (): void => {
    for (const { completed, identifier } of this.#list.tasks) if (completed) this.#list.remove(identifier)
    this.#newTodo.focus()
  }

  /** Whoever removes with the keyboard goes on from the next row. */
  #remove({ identifier }: Task): void {
    const row = this.#rowOf(identifier)
    const neighbour = row?.nextElementSibling ?? row?.previousElementSibling
    const next = row?.contains(document.activeElement) ? (neighbour?.querySelector<HTMLElement>('.toggle') ?? this.#newTodo) : undefined
    this.#list.remove(identifier)
    this.#render()
    next?.focus()
  }

  #beginEdit(task: Task): void {
    const rows = [...this.#section.querySelectorAll('.todo-list > li')]
    const row = this.#rowOf(task.identifier)
    this.#edit = { task, index: row === undefined ? 0 : rows.indexOf(row) }
    this.#render()
    const input = this.#rowOf(task.identifier)?.querySelector<HTMLInputElement>('.edit')
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
    if (edit !== undefined) this.#rowOf(edit.task.identifier)?.querySelector<HTMLElement>('.toggle')?.focus()
  }

  #saveEdit(text: string): void {
    const edit = this.#edit
    // Taking the input off the page, or moving it, blurs it: neither is a wish to save.
    if (edit === undefined || this.#isRendering) return
    const { identifier, title: before, label } = edit.task
    const title = text.trim()
    if (title === '') this.#list.remove(identifier)
    else if (title !== before && !this.#list.update(identifier, { title })) this.#list.create(title, label)
    this.#endEdit()
  }

  #endEdit(): void {
    this.#edit = undefined
    this.#render()
  }

  #rowOf(identifier: string): Element | undefined {
    return [...this.#section.querySelectorAll('.todo-list > li')].find((row) => row instanceof HTMLElement && row.dataset.id === identifier)
  }
}
