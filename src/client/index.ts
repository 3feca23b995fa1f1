/** The reconciling client without a platform: bring a transport, a store and an environment. */
export type { Environment } from './environment.ts'
export type { Asking, ChunkEvents, Closing, Link, LinkEvents, LinkRequest, ReadRequest, Transport } from './link/transport.ts'
export { ReadFailure } from './link/transport.ts'
export type { Unsubscribe } from './listeners.ts'
export { type DraftState, Publication } from './outbox/publications.ts'
export type { ApplyContext, ModelReconciler, OutboundEventReceiver } from './reconciler.ts'
export type { Whisper } from './side.ts'
export type { OutboxItem, RefusedDraft, StorageStatus, StreamStatus } from './status.ts'
export { KeptSizes } from './storage/kept-sizes.ts'
export { MemoryStore } from './storage/memory-store.ts'
export {
  areParts,
  blankOf,
  blankTape,
  type ClientStore,
  type LocalTape,
  type OutboxEntry,
  type RefusalNotes,
  readRefusalNotes,
  type Saved,
  type SavedChange,
  StoreFailure,
  type StoreTrouble,
  type TapePart,
} from './storage/store.ts'
export { Stream } from './stream.ts'
export type { StreamOptions } from './stream-options.ts'
export type { TabChannel, TabMessage, Tabs } from './tabs/tabs.ts'
export { foldKept } from './tape/local-tape.ts'
export type { Verification } from './tape/verifier.ts'
