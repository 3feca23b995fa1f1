/** What a directory is kept in step with, and what is told of that. */
import type { StreamStatus } from '../../client/index.ts'
import type { Folder } from '../../models/index.ts'

/** What is needed of a stream. */
export interface SyncStream {
  readonly status: StreamStatus
  subscribe(listener: () => void): () => void
  discard(place: number): void
}

export type SyncNews =
  /** `bytes`: what the change took. */
  | { readonly type: 'sent'; readonly path: string; readonly bytes: number; readonly size: number }
  | { readonly type: 'received'; readonly path: string; readonly size: number }
  | { readonly type: 'renamed' | 'removed'; readonly path: string; readonly to?: string }
  /** Somebody else has changed it, too: what was here is at `to`, in both. */
  | { readonly type: 'kept'; readonly path: string; readonly to: string }
  /** It is left alone. */
  | { readonly type: 'problem'; readonly path: string; readonly problem: string }
  | { readonly type: 'trouble'; readonly error: unknown }

export interface FolderSyncOptions {
  readonly folder: Folder
  readonly stream: SyncStream
  readonly onNews?: ((news: SyncNews) => void) | undefined
}
