/** Ready-made parts of models. Each could have been written by an application. */

export { Collection } from './collection.ts'
export type {
  Changes,
  CollectionOptions,
  Expecting,
  Inserting,
  Place,
  PlainSchema,
  Problem,
  Quarantined,
  ShownRecord,
  UnknownEvent,
  UnknownEvents,
} from './collection-options.ts'
export type { Collision } from './collisions.ts'
export type { Conflict } from './conflict.ts'
export { Counter, type CounterOptions, type Malformed } from './counter.ts'
export type { Happening } from './happenings.ts'
export { History, type UndoableModel, type UndoOutcome } from './history.ts'
export { type Attendance, type Member, type MemberChanges, Members, memberIdentifier } from './members.ts'
export { type CollectionModel, Models, type ModelsOptions, type Unhandled } from './models.ts'
export { type Issue, SchemaError } from './schema-error.ts'
export { type Applied, type ShownObject, StampedObjects, type StampedObjectsOptions } from './stamped-objects.ts'
export { Value, type ValueOptions } from './value.ts'
