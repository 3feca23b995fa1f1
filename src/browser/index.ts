/** Tapeline for applications in a browser (and in Node): open a stream, attach models. */
export * from '../client/index.ts'
export type { Change, Code, Draft, DraftExpect, FilterLike, Json, SeqRange, SeqRanges, TapeEvent, Values } from '../protocol/index.ts'
export { areConcurrent, codeTexts, happenedBefore, Refusal } from '../protocol/index.ts'
export { bindTextarea } from './bind-textarea.ts'
export type { EditableText } from './editable-text.ts'
export { IndexedDbStore } from './indexed-db-store.ts'
export { type OpenStreamOptions, openStream } from './open-stream.ts'
export { warnBeforeLeaving } from './warn-before-leaving.ts'
