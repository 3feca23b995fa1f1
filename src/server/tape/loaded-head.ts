/** What the core keeps in memory of a stream: where it stands, who has published how far, and its marks. */
import { Refusal } from '../../protocol/codes.ts'
import { Ledger } from '../turn/ledger.ts'
import { Marks, type RandomBytes } from './marks.ts'
import type { TapeHead, TapeStorage } from './tape-storage.ts'

export interface LoadedHead extends TapeHead {
  readonly ledger: Ledger
  readonly marks: Marks
}

/** Of a stream that is not there. */
export const emptyHead = { latestSeq: -1, checkpoint: -1, bytes: 0, hot: { first: 0, start: 0 }, isClosed: false, touchedAt: 0 }

/** Undefined while there is no stream. Throws `stream-deleted`. */
export function loadHead(storage: TapeStorage, randomBytes: RandomBytes): LoadedHead | undefined {
  const head = storage.head()
  if (head === 'deleted') throw new Refusal('stream-deleted')
  return head && { ...head, ledger: Ledger.load(storage, head.checkpoint), marks: new Marks(head, randomBytes) }
}

/** Of a stream that is about to be made. */
export function newHead(epoch: string, storage: TapeStorage, randomBytes: RandomBytes): LoadedHead {
  const head = { ...emptyHead, epoch }
  return { ...head, ledger: new Ledger(storage), marks: new Marks(head, randomBytes) }
}
