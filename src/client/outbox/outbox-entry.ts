/** What an outbox is made of: its entries, what their changes come to, and how much they are. */
import { type Change, type Code, utf8Length } from '../../protocol/index.ts'
import type { OutboxItem, RefusedDraft } from '../status.ts'
import type { OutboxEntry, RefusalNotes, SavedChange } from '../storage/store.ts'

export interface Entry extends OutboxEntry {
  /** How often the server has refused it because others were faster. */
  readonly attempts?: number
  /** Of one with a precondition: that nobody else has written what stands in its way is known, as far as the tape is. */
  readonly isClear?: boolean | undefined
  /** The frame that carries it on the present link; undefined while it waits to be sent. */
  ref: number | undefined
  /** What it has to send. */
  readonly bytes: number
}

export interface Amount {
  readonly drafts: number
  readonly bytes: number
}

export const nothing: Amount = { drafts: 0, bytes: 0 }

/** What became of the drafts that an operation took out of the outbox. */
export type Leaving =
  | { readonly type: 'on-tape'; readonly place: number; readonly seq: number | undefined }
  /** Folded into the draft at `into`; into nothing when that is undefined. */
  | { readonly type: 'folded'; readonly place: number; readonly into: number | undefined }
  | { readonly type: 'refused'; readonly place: number; readonly code: Code }
  /** A refused draft is published again, by the draft at `into`. */
  | { readonly type: 'retried'; readonly place: number; readonly into: number | undefined }
  | { readonly type: 'discarded'; readonly place: number }

export interface OutboxStep {
  readonly change: SavedChange
  readonly leaving: readonly Leaving[]
  /** Whether pending drafts have been taken over an event: they show right only together with it. */
  readonly isRebased?: boolean
}

export function toSaved({ ref: _, bytes: __, attempts: ___, isClear: ____, ...entry }: Entry): OutboxEntry {
  return entry
}

export function sum(a: Amount, b: Amount): Amount {
  return { drafts: a.drafts + b.drafts, bytes: a.bytes + b.bytes }
}

export function bytesOf(draft: Change): number {
  return utf8Length(JSON.stringify(draft))
}

/** The bytes of what an entry has to send. */
export function sizeOf({ draft, folded }: OutboxEntry): number {
  return folded.drafts === 1 ? folded.bytes : bytesOf(draft)
}

export function itemOf({ place, draft, madeAt, folded }: OutboxEntry, isSent: boolean): OutboxItem {
  return { place, draft, madeAt, folded, state: isSent ? 'sent' : 'queued' }
}

export function refusedOf({ place, draft, refused = 'invalid', refusal }: OutboxEntry): RefusedDraft {
  return { place, draft, code: refused, ...refusal }
}

/** What is kept of what the server says about a refusal. */
export function notesOf({ reason, detail, conflicts }: RefusalNotes): RefusalNotes | undefined {
  if (reason === undefined && detail === undefined && conflicts === undefined) return undefined
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
    ...(conflicts === undefined ? {} : { conflicts }),
  }
}
