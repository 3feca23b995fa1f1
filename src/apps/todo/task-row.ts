/**
 * One task in the list, with the markup of the TodoMVC specification. The item's text is its title and nothing else,
 * so everything beside it speaks through attributes.
 */
import { html, nothing, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import type { Edit } from './edit.ts'
import type { RowShift } from './row-mover.ts'
import type { Task } from './task.ts'
import { shorten } from './wording.ts'

export interface TaskRowActions {
  readonly toggle: (task: Task, completed: boolean) => void
  readonly remove: (task: Task) => void
  readonly chooseLabel: (task: Task, button: HTMLElement) => void
  /** A press on the handle: the row is to follow the pointer. */
  readonly grab: (event: PointerEvent, task: Task) => void
  /** A key somewhere in the row at rest, which may move it. */
  readonly moveKey: (event: KeyboardEvent, task: Task) => void
  readonly beginEdit: (task: Task) => void
  /** A key in the edit's input: Enter saves, Escape cancels. */
  readonly editKey: (event: KeyboardEvent) => void
  readonly saveEdit: (text: string) => void
}

export interface TaskRow {
  readonly task: Task
  readonly index: number
  /** The edit, if it is this task's. */
  readonly edit: Edit | undefined
  /** What a drag is doing to it. */
  readonly drag: RowShift | undefined
  readonly actions: TaskRowActions
}

export function taskRow({ task, index, edit, drag, actions }: TaskRow): TemplateResult {
  const { title, completed, label } = task.values
  const titleId = `todo-title-${index}`
  const classes = [completed ? 'completed' : '', edit === undefined ? '' : 'editing'].filter(Boolean).join(' ')
  const onKey = (event: KeyboardEvent) => {
    const isEditKey = event.key === 'F2' || (event.key === 'Enter' && event.target instanceof HTMLInputElement)
    // The key that ended an edit arrives here, too, when the row is at rest again.
    if (edit !== undefined || event.defaultPrevented) return
    if (!isEditKey) return actions.moveKey(event, task)
    event.preventDefault()
    actions.beginEdit(task)
  }
  // No white space between these elements: it would be text of the item.
  return html`<li data-testid="todo-item" data-id=${task.identifier} data-label=${label} data-drag=${drag ?? nothing} class=${classes || nothing} @keydown=${onKey}><div class="view"><button
    class="handle"
    type="button"
    aria-label=${nameOf('Move', title)}
    aria-keyshortcuts="ArrowUp ArrowDown Home End"
    title="Drag, or press the up and down arrow keys"
    @pointerdown=${(event: PointerEvent) => actions.grab(event, task)}
  ></button><input
    class="toggle"
    type="checkbox"
    aria-label="Toggle Todo"
    aria-describedby=${titleId}
    aria-keyshortcuts="F2"
    .checked=${live(completed)}
    @change=${(event: Event) => actions.toggle(task, event.target instanceof HTMLInputElement && event.target.checked)}
  ><label data-testid="todo-title" id=${titleId} dir="auto" @dblclick=${() => actions.beginEdit(task)}>${title}</label><button
    class="color-label"
    type="button"
    aria-label=${nameOf(`Colour: ${label}`, title)}
    aria-haspopup="true"
    @click=${(event: Event) => event.currentTarget instanceof HTMLElement && actions.chooseLabel(task, event.currentTarget)}
  ></button><button class="destroy" type="button" aria-label=${nameOf('Delete', title)} @click=${() => actions.remove(task)}></button></div>${
    edit === undefined ? nothing : editInput(edit, actions)
  }</li>`
}

/** Which of the many rows a button is in. The checkbox has the name that TodoMVC gives it, and its task as a description. */
function nameOf(action: string, title: string): string {
  const about = shorten(title)
  return about === '' ? action : `${action}, ${about}`
}

/** Its value is set once: what is typed stays, whatever arrives. */
function editInput(edit: Edit, { editKey, saveEdit }: TaskRowActions): TemplateResult {
  return html`<input
    class="edit"
    aria-label="Edit"
    autocomplete="off"
    dir="auto"
    value=${edit.task.values.title}
    @keydown=${editKey}
    @blur=${(event: Event) => event.target instanceof HTMLInputElement && saveEdit(event.target.value)}
  />`
}
