/** This process as a place for the tasks of the models' bench, and how its heap is weighed. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { median } from './measure.ts'
import { type Place, prepareTask } from './models-work.ts'

setFlagsFromString('--expose-gc')
export const collectGarbage = runInNewContext('gc') as () => void

export const inNode: Place = {
  cpuUs: async (task) => {
    const work = prepareTask(task)
    // What made the load is not to be paid for here.
    collectGarbage()
    const before = process.threadCpuUsage()
    work()
    const { user, system } = process.threadCpuUsage(before)
    return user + system
  },
  bytes: async (task) => bytesOf(prepareTask(task)),
}

/** What stays on the heap of what `make` gives: the median, as the engine may free something else, of a make before, meanwhile. */
export function bytesOf(make: () => unknown): number {
  make()
  return median(Array.from({ length: 5 }, () => bytesOnce(make)))
}

function bytesOnce(make: () => unknown): number {
  const before = heapBytes()
  const kept = make()
  const after = heapBytes()
  if (kept === undefined) throw new Error('Nothing was kept.')
  return after - before
}

function heapBytes(): number {
  for (let times = 0; times < 4; times++) collectGarbage()
  return process.memoryUsage().heapUsed
}
