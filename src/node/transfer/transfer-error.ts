/** Why a stream could not be exported or imported, in sentences for whoever asked for it. */
export class TransferError extends Error {}

/** The server has said no, for good. */
export class RefusedTransfer extends TransferError {}

/** The server said nothing for too long. What was sent last may have arrived. */
export class UnansweredTransfer extends TransferError {}

/** How far it has got. */
export interface TransferProgress {
  readonly events: number
  /** Of the events' lines. */
  readonly bytes: number
  /** Of the events; undefined while that is not known. */
  readonly total?: number | undefined
}
