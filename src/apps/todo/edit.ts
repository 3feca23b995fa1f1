/** An edit in progress. It outlives what others do meanwhile, even to its task. */
import type { Filter } from './filter.ts'
import type { Task } from './task.ts'

export interface Edit {
  /** The task as it was when the edit began. */
  readonly task: Task
  /** Its place in the list then: where it stays if somebody removes it. */
  readonly index: number
}

/** The tasks to show: those that the filter lets through, and the one being edited whatever became of it. */
export function shownTasks(tasks: readonly Task[], filter: Filter, edit: Edit | undefined): readonly Task[] {
  const shown = tasks.filter((task) => filter.shows(task) || task.identifier === edit?.task.identifier)
  if (edit === undefined || shown.some(({ identifier }) => identifier === edit.task.identifier)) return shown
  return shown.toSpliced(Math.min(edit.index, shown.length), 0, edit.task)
}
