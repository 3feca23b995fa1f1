/**
 * What a run of the torture writes down: one line of history, in which every client says what it did and what it was
 * told. Plain data, so that a child process or a page can write it, and so that a wrong history can be made by hand.
 */
import type { ShownObject } from '../../src/models/index.ts'
import type { Change, TapeEvent } from '../../src/protocol/index.ts'

/**
 * Who makes what, so that drafts which fold can still be accounted for:
 * - `marks`: an insert of an object of its own, which nothing folds with. Each is one event, exactly.
 * - `shared`: updates of objects that are always there; each client writes the field that bears its name, with rising
 *   numbers. What counts is the last.
 * - `own`: inserts, updates and deletes of a few objects that only this client writes. What counts is the end.
 */
export const collections = ['marks', 'shared', 'own'] as const
export type Collection = (typeof collections)[number]

/** The objects of all collections, as a model shows them. */
export type Shown = Readonly<Record<Collection, readonly ShownObject[]>>

export type Entry =
  /** `who` is about to publish this. */
  | { readonly type: 'made'; readonly who: string; readonly change: Change }
  /** Its store has said that these are saved. */
  | { readonly type: 'saved'; readonly who: string; readonly changes: readonly Change[] }
  /** It says that all it has made so far would outlive it. */
  | { readonly type: 'kept'; readonly who: string }
  | { readonly type: 'delivered'; readonly who: string; readonly events: readonly TapeEvent[] }
  /** It says that nothing of its own is waiting any more. */
  | { readonly type: 'emptied'; readonly who: string }
  /** It was told that the tape begins anew. */
  | { readonly type: 'reset'; readonly who: string }
  | { readonly type: 'refused'; readonly who: string; readonly code: string }
  /** Something that nobody's input should cause was reported to the application. */
  | { readonly type: 'reported'; readonly who: string; readonly what: string }
  /** A process of this name ended without having been asked; what it had not saved may be gone. */
  | { readonly type: 'killed'; readonly who: string }
  | { readonly type: 'restarted'; readonly who: string }
  /** All is quiet, and this is what it shows. */
  | { readonly type: 'drained'; readonly who: string; readonly pending: number; readonly shown: Shown }
  /** It did not come to rest in the time it had. */
  | { readonly type: 'stuck'; readonly who: string; readonly status: string }

export type History = readonly Entry[]
