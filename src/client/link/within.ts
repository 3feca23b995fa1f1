import type { Environment } from '../environment.ts'
import { ReadFailure } from './transport.ts'

/** Waits for work that should not take longer: rejects with a `ReadFailure` when it does, whatever becomes of the work. */
export function within<T>({ setTimer, clearTimer }: Environment, ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimer(() => reject(new ReadFailure(`This took too long: more than ${Math.round(ms / 1000)} seconds.`)), ms)
    work.finally(() => clearTimer(timer)).then(resolve, reject)
  })
}
