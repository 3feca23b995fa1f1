/** What a part of the client takes from outside, in virtual time. */
import type { Environment } from '../../src/client/index.ts'
import type { VirtualTime } from './virtual-time.ts'

export function virtualEnvironment(time: VirtualTime, more: Partial<Environment> = {}): Environment {
  return {
    now: () => time.now,
    setTimer: (run, afterMs) => time.set(run, afterMs),
    clearTimer: (timer) => time.clear(timer),
    random: () => 1,
    newId: () => 'id',
    report: () => {},
    ...more,
  }
}
