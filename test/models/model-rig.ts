/** A stream for one model that the test plays by hand: what the model vends is pending at once, and goes on the tape when the test says so. */
import type { ModelReconciler, OutboundEventReceiver } from '../../src/client/index.ts'
import {
  type Change,
  checkedCopy,
  type Draft,
  type EventType,
  type SeqRanges,
  type TapeEvent,
  type Values,
} from '../../src/protocol/index.ts'

export const collection = 'things'

export function eventOf(seq: number, type: EventType, identifier: string, values?: Values, more: Partial<TapeEvent> = {}): TapeEvent {
  const fields = type === 'delete' ? {} : { values: values ?? {} }
  return { seq, client: 'other', counter: seq + 1, seen: seq - 1, type, collection, identifier, ...fields, ...more }
}

export class ModelRig<Model extends ModelReconciler> implements OutboundEventReceiver {
  readonly model: Model
  pending: readonly Draft[] = []
  holes: SeqRanges = []
  /** What the model has vended. */
  readonly vended: Change[] = []
  nextSeq = 0

  constructor(model: Model) {
    this.model = model
    model.receiver = this
    this.apply([])
  }

  didCreateDraft(change: Change): void {
    const copy = checkedCopy(change)
    this.vended.push(copy)
    this.pending = [...this.pending, { ...copy, seen: this.nextSeq - 1 }]
    this.apply([])
  }

  didCreateDrafts(changes: readonly Change[]): void {
    const copies = changes.map(checkedCopy)
    this.vended.push(...copies)
    this.pending = [...this.pending, ...copies.map((copy) => ({ ...copy, seen: this.nextSeq - 1 }))]
    this.apply([])
  }

  apply(events: readonly TapeEvent[]): void {
    for (const { seq } of events) this.nextSeq = Math.max(this.nextSeq, seq + 1)
    this.model.apply(events, this.pending, { client: 'me', holes: this.holes })
  }

  /** Somebody else's event comes next on the tape. */
  receive(type: EventType, identifier: string, values?: Values, more: Partial<TapeEvent> = {}): void {
    this.apply([eventOf(this.nextSeq, type, identifier, values, more)])
  }

  /** The oldest pending draft is on the tape now. */
  confirm(): void {
    const [oldest, ...rest] = this.pending
    if (oldest === undefined) throw new Error('Nothing is pending.')
    const { expect: _, ...draft } = oldest
    this.pending = rest
    this.apply([{ ...draft, seq: this.nextSeq, client: 'me', counter: this.nextSeq + 1 }])
  }

  /** The oldest pending draft was refused. */
  refuse(): void {
    this.pending = this.pending.slice(1)
    this.apply([])
  }
}
