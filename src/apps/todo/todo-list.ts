/**
 * The to-do list: plain tasks in the order in which they were made, and a reconciler of its own. Its methods change
 * nothing themselves: they vend a change, and the model changes when that comes back through `apply`.
 */
import type { Change, Draft, ModelReconciler, OutboundEventReceiver, TapeEvent, Values } from '../../browser/index.ts'
import { type ShownObject, StampedObjects } from '../../models/index.ts'
import { randomId } from '../shell/random-id.ts'
import { type ColorLabel, decodeLabel, decodeTask, type Task } from './task.ts'

const collection = 'tasks'

export interface TaskChanges {
  readonly completed?: boolean | undefined
  readonly title?: string | undefined
  readonly label?: ColorLabel | undefined
}

export class TodoList implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  /** Called after each change of the tasks. */
  onChange: (() => void) | undefined
  readonly #objects = new StampedObjects(collection)
  /** A task stays the same value as long as its object does. */
  readonly #decoded = new WeakMap<ShownObject, Task>()
  #tasks: readonly Task[] | undefined

  get tasks(): readonly Task[] {
    this.#tasks ??= this.#objects.list.map((object) => this.#decode(object))
    return this.#tasks
  }

  task(identifier: string): Task | undefined {
    const object = this.#objects.get(identifier)
    return object === undefined ? undefined : this.#decode(object)
  }

  /** Adds a task to the end of the list; gives its identifier. */
  create(title: string, label: ColorLabel): string {
    const identifier = randomId()
    this.#vend({
      type: 'insert',
      collection,
      identifier,
      values: { completed: false, title: title.toWellFormed(), label: decodeLabel(label) },
    })
    return identifier
  }

  /** Changes the fields that are given. False when there is no such task, or nothing to change. */
  update(identifier: string, { completed, title, label }: TaskChanges): boolean {
    const values: Values = {
      ...(completed === undefined ? {} : { completed }),
      ...(title === undefined ? {} : { title: title.toWellFormed() }),
      ...(label === undefined ? {} : { label: decodeLabel(label) }),
    }
    if (this.task(identifier) === undefined || Object.keys(values).length === 0) return false
    this.#vend({ type: 'update', collection, identifier, values })
    return true
  }

  /** False when there is no such task. */
  remove(identifier: string): boolean {
    if (this.task(identifier) === undefined) return false
    this.#vend({ type: 'delete', collection, identifier })
    return true
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    if (this.#objects.apply(events, pending).touched.size === 0) return
    this.#tasks = undefined
    this.onChange?.()
  }

  reset(): void {
    this.#objects.reset()
    this.#tasks = undefined
    this.onChange?.()
  }

  #vend(change: Change): void {
    if (this.receiver === undefined) throw new Error('Attach the list to a stream first: stream.attach(list).')
    this.receiver.didCreateDraft(change)
  }

  #decode(object: ShownObject): Task {
    const known = this.#decoded.get(object)
    if (known !== undefined) return known
    const task = decodeTask(object.identifier, object.values)
    this.#decoded.set(object, task)
    return task
  }
}
