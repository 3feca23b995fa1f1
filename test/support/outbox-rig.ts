/** An outbox for tests of it, the drafts that they put in, and what it had saved. */
import { Outbox } from '../../src/client/outbox/outbox.ts'
import type { OutboxEntry } from '../../src/client/storage/store.ts'
import type { Draft, EventType, TapeEvent } from '../../src/protocol/index.ts'

const draft = (type: EventType, identifier: string, values?: Draft['values'], seen = 4): Draft => ({
  seen,
  type,
  collection: 'things',
  identifier,
  ...(values === undefined ? {} : { values }),
})
export const insert = (identifier: string, values: Draft['values'] = { x: 1 }, seen = 4) => draft('insert', identifier, values, seen)
export const update = (identifier: string, values: Draft['values'] = { y: 2 }, seen = 4) => draft('update', identifier, values, seen)
export const remove = (identifier: string, seen = 4) => draft('delete', identifier, undefined, seen)

export const all = { draftsMax: 1000, bytesMax: 1e9, inFlightMax: 1e9, inFlightBytesMax: 1e9, upTo: -1, hasDeltas: true }

/** An outbox, and a replay of what it had saved. */
export class OutboxRig {
  readonly outbox = new Outbox('me')
  readonly saved = new Map<number, OutboxEntry>()

  add(each: Draft, { isOnTape = false, madeAt = 0 } = {}) {
    const step = this.outbox.add(each, madeAt, { isOnTape, upTo: -1 })
    this.keep(step.change)
    return step
  }

  keep({ put = [], remove: gone = [] }: { put?: readonly OutboxEntry[]; remove?: readonly number[] }): void {
    for (const entry of put) this.saved.set(entry.place, entry)
    for (const place of gone) this.saved.delete(place)
  }

  /** Everything is sent, in one frame. */
  send(ref: number, limits = all): readonly OutboxEntry[] {
    const batch = this.outbox.numbering.take(limits)
    this.outbox.numbering.sent(batch, ref)
    this.keep({ put: batch.map(({ ref: _, ...entry }) => entry) })
    return batch
  }

  get counters(): (number | undefined)[] {
    return Array.from(this.outbox.entries, ({ counter }) => counter)
  }

  get places(): number[] {
    return Array.from(this.outbox.entries, ({ place }) => place)
  }

  /** What the store has of the drafts that wait, in order of place. */
  get kept(): readonly Draft[] {
    const entries = [...this.saved.values()].filter(({ refused }) => refused === undefined)
    return entries.sort((a, b) => a.place - b.place).map((entry) => entry.draft)
  }
}

export const eventOf = (seq: number, counter: number, of: Draft): TapeEvent => ({ seq, client: 'me', counter, ...of })
