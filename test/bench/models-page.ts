/** In a page of the bench: does the work of a task, which the browser measures from outside. What it gives stays, so that it can be weighed. */
import { prepareTask, type Task } from './models-work.ts'

let work: () => unknown = () => {}
let kept: unknown

Object.assign(globalThis, {
  prepare: (task: Task) => {
    kept = undefined
    work = prepareTask(task)
  },
  warm: () => void work(),
  run: () => {
    kept = work()
  },
  kept: () => kept,
})
