/** Where objects come to belong to a filter. */
import type { TapeEvent } from '../../protocol/event.ts'

/** An object and the seq since which it belongs. */
export interface Joining {
  readonly key: string
  readonly since: number
}

/** Whether this event is the one by which its object belongs, since that seq, and says nothing of what that had been. */
export function needsPast({ type, seq }: Pick<TapeEvent, 'type' | 'seq'>, since: number | undefined): boolean {
  return type === 'update' && seq > 0 && since === seq
}
