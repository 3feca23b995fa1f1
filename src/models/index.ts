/** Ready-made parts of models. Each could have been written by an application. */

export { Collection } from './collection/collection.ts'
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
} from './collection/collection-options.ts'
export { type Issue, SchemaError } from './collection/schema-error.ts'
export { Counter, type CounterOptions, type Malformed } from './counter.ts'
export { hashOf } from './folder/file-record.ts'
export { Folder } from './folder/folder.ts'
export {
  FolderError,
  type FolderErrorCode,
  type FolderFile,
  type FolderOptions,
  type FolderProblem,
  fileBytesMax,
  type NewFile,
  type WriteOptions,
  type Written,
} from './folder/folder-options.ts'
export { type KeepBesideOptions, keepBeside, type RefusingStream } from './folder/keep-beside.ts'
export { foldersOf, problemOfPath, twinKey } from './folder/paths.ts'
export type { Happening } from './happenings.ts'
export { History, type UndoableModel, type UndoOutcome } from './history.ts'
export { type Attendance, type Member, type MemberChanges, Members, memberIdentifier } from './members.ts'
export { type CollectionModel, Models, type ModelsOptions, type Unhandled } from './models.ts'
export type { Collision } from './objects/collisions.ts'
export type { Conflict } from './objects/conflict.ts'
export { type Applied, type ShownObject, StampedObjects, type StampedObjectsOptions } from './objects/stamped-objects.ts'
export { Bytes } from './spliced/bytes.ts'
export type { SplicedChange, SplicedOptions, SplicedProblem, TrackedRange } from './spliced/spliced-options.ts'
export { Text } from './spliced/text.ts'
export { Value, type ValueOptions } from './value.ts'
