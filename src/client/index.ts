/** The reconciling client without a platform: bring a transport, a store and an environment. */
export type { Environment } from './environment.ts'
export { MemoryStore } from './memory-store.ts'
export type { RefusedDraft } from './publisher.ts'
export type { ModelReconciler, OutboundEventReceiver } from './reconciler.ts'
export type { StreamStatus } from './status.ts'
export {
  blankTape,
  type ClientStore,
  type LocalTape,
  type OutboxEntry,
  type Saved,
  type SavedChange,
  StoreFailure,
  type StoreTrouble,
} from './store.ts'
export { Stream, type StreamOptions, type Unsubscribe, type Whisper } from './stream.ts'
export type { Closing, Link, LinkEvents, LinkRequest, ReadRequest, Transport } from './transport.ts'
