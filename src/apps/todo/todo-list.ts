/**
 * The to-do list: a collection of tasks that can be moved, and the history of what was done here. It owns what a step of
 * that history is; everything else it hands to the two.
 */
import { Collection, type Conflict, History, type UndoOutcome } from '../../models/index.ts'
import type { PlaceBeside } from './drop-place.ts'
import { type Overwrite, Overwrites } from './overwrites.ts'
import { type ColorLabel, type Task, type TaskValues, taskSchema } from './task.ts'

export class TodoList {
  /** What a stream is attached to: it hands the tasks what comes in. */
  readonly history: History
  readonly #tasks: Collection<typeof taskSchema>
  readonly #overwrites: Overwrites
  readonly #listeners: (() => void)[] = []

  constructor() {
    this.#tasks = new Collection('tasks', { schema: taskSchema, position: 'position' })
    this.history = new History(this.#tasks)
    this.#overwrites = new Overwrites({
      titleOf: (identifier) => this.task(identifier)?.values.title,
      rename: (identifier, title) => this.rename(identifier, title),
      onChange: () => this.#tell(),
    })
    this.#tasks.subscribe(() => this.#overwrites.prune())
  }

  get isAttached(): boolean {
    return this.history.receiver !== undefined
  }

  /** In order: the same array until one of them changes. */
  get tasks(): readonly Task[] {
    return this.#tasks.list
  }

  /** What others wrote at the same time, or while an edit went on here, and nobody has decided. */
  get conflicts(): readonly (Conflict | Overwrite)[] {
    return [...this.#tasks.conflicts, ...this.#overwrites.list]
  }

  readonly task = (identifier: string): Task | undefined => this.#tasks.get(identifier)

  /** Adds a task to the end of the list. */
  create(title: string, label: ColorLabel): void {
    this.history.group(() => this.#tasks.insert({ completed: false, title: title.toWellFormed(), label }))
  }

  rename(identifier: string, title: string): boolean {
    return this.#tasks.update(identifier, { title: title.toWellFormed() })
  }

  /**
   * Saves an edit of a task, given as it was when the edit began. One that somebody has removed meanwhile is made anew;
   * what somebody has called it meanwhile is overwritten, and can be decided otherwise.
   */
  saveEdit({ identifier, values }: Task, title: string): void {
    const before = this.task(identifier)?.values.title
    if (before === undefined) return this.create(title, values.label)
    const isRenamed = this.rename(identifier, title)
    if (isRenamed && before !== values.title) this.#overwrites.add(identifier, before)
  }

  /** False when there is no such task, or it is so already. */
  update(identifier: string, changes: Partial<Omit<TaskValues, 'title'>>): boolean {
    return this.#tasks.update(identifier, changes)
  }

  remove(identifier: string): boolean {
    return this.#tasks.remove(identifier)
  }

  move(identifier: string, place: PlaceBeside): boolean {
    let hasMoved = false
    // Others may have to make room.
    this.history.group(() => {
      hasMoved = this.#tasks.move(identifier, place)
    })
    return hasMoved
  }

  markAll(completed: boolean): void {
    this.history.group(() => {
      for (const { identifier, values } of this.tasks) if (values.completed !== completed) this.update(identifier, { completed })
    })
  }

  clearCompleted(): void {
    this.history.group(() => {
      for (const { identifier, values } of this.tasks) if (values.completed) this.remove(identifier)
    })
  }

  undo(): UndoOutcome | undefined {
    return this.history.undo()
  }

  redo(): UndoOutcome | undefined {
    return this.history.redo()
  }

  /** Calls `listener` when something of all this may have changed. */
  subscribe(listener: () => void): void {
    this.#tasks.subscribe(listener)
    this.history.subscribe(listener)
    this.#listeners.push(listener)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
