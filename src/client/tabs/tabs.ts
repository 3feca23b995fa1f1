/**
 * How tabs of one browser share a stream: one lock, which makes a tab the owner of socket and outbox until it ends, and
 * a channel. The store is what they have in common; the channel carries, numbered, the changes that the owner has
 * saved, so whoever missed one, or hears another owner, reads the store.
 */
import type { Change, Json, ObjectFilter } from '../../protocol/index.ts'
import type { Leaving } from '../outbox/outbox-entry.ts'
import type { SideReport, Whisper } from '../side.ts'
import type { SavedChange } from '../storage/store.ts'

export interface Tabs {
  readonly channel: TabChannel
  /** Set by whoever is to hear that the tab goes, maybe for good and without closing, or that it is there again. */
  onPresence: ((isHere: boolean) => void) | undefined
  /**
   * Resolves when this tab has become the owner, with what ends that; until then it waits its turn. Gives undefined when
   * the tabs are closed meanwhile, and with `ifFree` instead of waiting. A tab that dies ends its ownership within a second.
   */
  own(options?: { readonly ifFree: boolean }): Promise<(() => void) | undefined>

  /** Says, hears and waits for nothing more. */
  close(): void
}

export interface TabChannel {
  /** To every other tab of the stream, in order, or not at all. Takes what can be cloned. */
  post(message: TabMessage): void
  /** Set by whoever listens. */
  onMessage: ((message: TabMessage) => void) | undefined
}

/** A draft of a tab that works through another one, until that has taken it. */
export interface TabDraft {
  readonly change: Change
  readonly seen: number
  /** Under which `seen` means something. */
  readonly epoch: string | null
  /** Of one with deltas: the highest place of the outbox that the tab had heard of, as they lie on all of that. */
  readonly knownPlace?: number | undefined
  /** The refused draft that it publishes again, and whose place it takes: of several that say so, the first does. */
  readonly retries?: number | undefined
}

export type TabMessage =
  /** From the owner. */
  | { readonly type: 'owner'; readonly owner: string; readonly revision: number }
  | { readonly type: 'news'; readonly owner: string; readonly revision: number; readonly news: TabNews }
  | {
      readonly type: 'report'
      readonly owner: string
      readonly revision: number
      readonly report: SideReport
      readonly client: string
      readonly latestSeq: number
    }
  /** So many drafts of the tab are taken: those after it are to be sent again. */
  | { readonly type: 'taken'; readonly tab: string; readonly drafts: number }
  | { readonly type: 'heard'; readonly whisper: Whisper }
  /** The owner's store is no use to others: each tab gets along by itself. */
  | { readonly type: 'alone' }
  /** To the owner. */
  | { readonly type: 'hello' }
  /** The drafts of a tab are numbered 1, 2, 3 …; `first` is the number of the first of these. */
  | { readonly type: 'drafts'; readonly tab: string; readonly first: number; readonly drafts: readonly TabDraft[] }
  | { readonly type: 'order'; readonly order: TabOrder }

export type TabOrder =
  | { readonly type: 'discard'; readonly place: number }
  | { readonly type: 'whisper'; readonly data: Json }
  /** Nothing, when the tab is gone. */
  | { readonly type: 'want'; readonly tab: string; readonly filters: readonly ObjectFilter[] | undefined }
  | { readonly type: 'nudge' | 'pause' | 'resume' }

/** What has just been saved, and what the store does not tell. */
export interface TabNews {
  readonly change: SavedChange
  /** Where the drafts of tabs are now; no place for those of which folding left nothing. */
  readonly placed: readonly Placed[]
  readonly leaving: readonly Leaving[]
}

export interface Placed {
  readonly tab: string
  readonly draft: number
  readonly place: number | undefined
  /** It was to publish a refused draft again that is not there any more: nothing came of it. */
  readonly isDiscarded?: boolean | undefined
}
