/** Ready-made parts of models. Each could have been written by an application. */
export type { Collision } from './collisions.ts'
export type { Conflict } from './conflict.ts'
export { History, type UndoableModel, type UndoOutcome } from './history.ts'
export { type Applied, type ShownObject, StampedObjects, type StampedObjectsOptions } from './stamped-objects.ts'
