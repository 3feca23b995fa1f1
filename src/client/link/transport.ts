/** How the client reaches the server: one live link, and reads in bulk. */
import type { Code, ObjectFilter, ObjectList, ReadSizes, Selection, SeqRanges, Slice, SnapshotIndex } from '../../protocol/index.ts'

export interface Transport {
  /**
   * Opens a live link. It never throws: a link that cannot be opened calls `onClose`, later, once.
   * After `onClose` nothing more is called.
   */
  connect(request: LinkRequest, events: LinkEvents): Link

  /**
   * Reads ranges; one that ends with the largest seq there can be reads to the end of the tape. Rejects with a `Refusal`
   * when the server refuses, and with a `ReadFailure` when the network failed. Anything else is a mistake, and is reported.
   */
  read(request: ReadRequest): Promise<Slice>

  /** Where the tape's snapshot is. Rejects like `read`. */
  readSnapshot(request: Asking): Promise<SnapshotIndex>

  /** What reads of these ranges would take. Rejects like `read`. */
  readSizes(request: Asking & { readonly ranges: SeqRanges; readonly epoch: string }): Promise<ReadSizes>

  /** The objects that belong to any of these filters. Rejects like `read`. */
  readObjects(request: Asking & { readonly filters: readonly ObjectFilter[]; readonly epoch: string }): Promise<ObjectList>

  /** The hash of what 0 … seq has made of all objects, as the server has it. Rejects like `read`. */
  readHash(request: Asking & { readonly seq: number; readonly epoch: string }): Promise<{ readonly hash: string }>

  /** A chunk of it. Rejects like `read`; with `not-found` when a newer snapshot has taken its place. */
  readChunk(request: Asking & { readonly hash: string }): Promise<ChunkEvents>
}

/** A read has failed, and nobody is to blame: the network did, or time was over. The same may be tried again. */
export class ReadFailure extends Error {
  override readonly name = 'ReadFailure'
}

/** What every read says. */
export interface Asking {
  readonly token: string
  /** How long the answer is waited for, in ms: later it need not come any more. */
  readonly withinMs?: number | undefined
}

export type ChunkEvents = Pick<Slice, 'events' | 'unreadable'>

export interface LinkRequest {
  readonly token: string
  /** The server may send what comes after this seq at once. −1 for everything. */
  readonly after: number
  readonly epoch: string | null
  /** Who will publish on this link: older links of that client are closed, and the welcome says how far it has got. */
  readonly client?: string | undefined
  /** What of the tape is wanted on it; absent for all. */
  readonly filters?: readonly ObjectFilter[] | undefined
  /** The newest mark that has come of this tape. Where the server does not know it again, the tape is another one. */
  readonly mark?: string | undefined
}

export interface LinkEvents {
  onFrame(text: string): void
  onClose(closing: Closing): void
}

/** Why a link ended: a close code of the protocol's, or what the server said when it would not open one. */
export interface Closing {
  readonly closeCode?: number
  readonly refusal?: Code
}

export interface Link {
  /** Sends a frame or the text ping. What is sent on a link that has died is lost, without an error. */
  send(text: string): void
  /** Ends the link. `onClose` is not called for it. */
  close(): void
}

export interface ReadRequest extends Asking {
  readonly ranges: SeqRanges
  /** Absent for whatever the stream is under. */
  readonly epoch?: string | undefined
  /** Whether as few events are wanted as have the effect of all of them. */
  readonly isFolded?: boolean | undefined
  /** Which objects are wanted; absent for all. */
  readonly selection?: Selection | undefined
  /** Beside what is selected, the events of this client. */
  readonly own?: string | undefined
}
