/**
 * Models are given the same events and drafts as each other, the store and the other tabs: what one of them changed in
 * them would be changed for all. So they are frozen, each once, before anybody has them.
 */

/** Freezes a value of JSON and all that is in it. What is frozen already was frozen as a whole. */
export function freeze(value: object): void {
  if (Object.isFrozen(value)) return
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) freeze(inner)
  }
  Object.freeze(value)
}
