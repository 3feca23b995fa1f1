/**
 * Models are given the same events and drafts as each other, the store and the other tabs, and the rules of a deployment
 * the same events as each other: what one of them changed in them would be changed for all. So they are frozen, each
 * once, before anybody has them.
 */

/** Freezes JSON with all that is in it, and gives it. What is frozen already was frozen as a whole. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) if (typeof inner === 'object') freeze(inner)
  return Object.freeze(value)
}
