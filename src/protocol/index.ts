/** What travels: the words of the wire, their checks, and the rules that both sides share. Runs anywhere. */
export { toBase64url } from './base64.ts'
export * from './causality.ts'
export { type CodeTexts, codeTexts } from './code-texts.ts'
export * from './codes.ts'
export * from './collision.ts'
export { utf8Length } from './decode.ts'
export { ChunkedContent } from './deltas/chunked-content.ts'
export {
  applyDeltas,
  type Base64,
  cutsPair,
  type Delta,
  type Deltas,
  type DeltaValues,
  fits,
  isDeltaValues,
  isSameKind,
  readDeltas,
  toContent,
  toValues,
  writeDeltas,
} from './deltas/delta.ts'
export { diff } from './deltas/diff.ts'
export {
  type Content,
  compose,
  composeAll,
  invert,
  join,
  movePlace,
  type Splice,
  type Splices,
  splice,
  transform,
} from './deltas/splices.ts'
export {
  type Change,
  type Draft,
  type DraftExpect,
  type EventType,
  type FieldDeltas,
  type Json,
  type NumberedDraft,
  readDraft,
  readEvent,
  type TapeEvent,
  type Values,
} from './event.ts'
export * from './filter.ts'
export * from './fold.ts'
export * from './frames.ts'
export { freeze } from './freeze.ts'
export * from './import.ts'
export * from './limits.ts'
export * from './object-state.ts'
export { checkedCopy, checkPublish, type Expect, type Publish } from './publish.ts'
export * from './seq-ranges.ts'
export {
  decodeChunk,
  decodeHash,
  decodeObjectList,
  decodeSizes,
  decodeSlice,
  decodeSnapshotIndex,
  type ObjectList,
  type ReadSizes,
  type Sizes,
  type Slice,
  type SnapshotIndex,
  sliceSchema,
  type UnreadableEvent,
} from './slice.ts'
export { type ObjectHash, objectHashes, stateHash } from './state-hash.ts'
