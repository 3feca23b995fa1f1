/** Tapeline for applications in a browser (and in Node): open a stream, attach models. */
export * from '../client/index.ts'
export type { Change, Code, Draft, Json, SeqRange, SeqRanges, TapeEvent, Values } from '../protocol/index.ts'
export { codeFacts, Refusal } from '../protocol/index.ts'
export { type OpenStreamOptions, openStream } from './open-stream.ts'
