/** What travels: the words of the wire, their checks, and the rules that both sides share. Runs anywhere. */
export * from './codes.ts'
export type { Change, Draft, EventType, Json, NumberedDraft, TapeEvent, Values } from './event.ts'
export * from './frames.ts'
export * from './limits.ts'
export * from './object-state.ts'
export { checkedCopy, checkPublish, type Expect, type Publish } from './publish.ts'
export * from './seq-ranges.ts'
export { decodeSlice, type Slice, sliceSchema } from './slice.ts'
