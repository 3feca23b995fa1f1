/** What a stream shows of its outbox, on whichever side it is. */
import type { Draft } from '../../protocol/index.ts'
import type { OutboxItem, RefusedDraft, StreamStatus } from '../status.ts'

export interface OutboxView {
  /** The drafts that wait, oldest first: the same array until one is added, changed or gone. */
  readonly pending: readonly Draft[]
  /** The same drafts as an application sees them: the same array until something in it changes. */
  readonly items: readonly OutboxItem[]
  readonly amount: StreamStatus['outbox']
  /** When the oldest of the drafts that wait was made. */
  readonly oldestAt: number | undefined
  readonly refused: readonly RefusedDraft[]
}
