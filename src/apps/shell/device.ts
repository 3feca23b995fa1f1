/**
 * Which device a window plays. The windows of a browser on one stream are one client: one outbox, one connection. One
 * that is opened with `&device=` another name is a client of its own, as if on another machine.
 */
import { randomId } from './random-id.ts'

const deviceName = /^[a-z0-9-]{1,32}$/

/** Undefined is the browser's own. What is no name counts as none. */
export function readDevice(search: string): string | undefined {
  const device = new URLSearchParams(search).get('device')
  return device !== null && deviceName.test(device) ? device : undefined
}

/** A name that nobody has, short enough to be told apart from others. */
export function newDevice(): string {
  return randomId(3)
}
