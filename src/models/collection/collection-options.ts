/** What an application says when it makes a collection, and what a collection tells it. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Draft, DraftExpect, TapeEvent, Values } from '../../protocol/index.ts'
import type { Conflict } from '../objects/conflict.ts'

/** Without a schema the values are shown as they are. */
export type PlainSchema = StandardSchemaV1<Values, Values>

export interface CollectionOptions<Schema extends StandardSchemaV1 = PlainSchema> {
  /**
   * Of a whole record: what it gives is shown. It must answer at once; a promise is a problem. What it does not accept is
   * quarantined. One that never ends hangs the application, which nothing here can help.
   */
  readonly schema?: Schema | undefined
  /** Of the model: 1 when absent. Above 1 it stands on all that the collection vends. */
  readonly version?: number | undefined
  /**
   * By the version that it reads: gives the same in the next version's terms. It is called with one field of one write at
   * a time, in a copy: an update brings some of the fields, and a folded event what was left of them. What it gives as
   * undefined is left out. A name that an older version has used never means something else later: to fold, it is one field.
   */
  readonly upcast?: Readonly<Record<number, (values: Values) => Values>> | undefined
  /**
   * What to do about what a newer version wrote, or one that no upcaster leads on from: count it and go on without it; stop
   * and hold back what comes after it; or go on and call this, once for each. How much is missing without it may differ
   * from client to client: of a folded event, what was overwritten by it is gone.
   */
  readonly onUnknown?: 'ignore' | 'stop' | ((unknown: UnknownEvent) => void) | undefined
  /** The field that a record's place is in: the list is in that order, and records can be moved. */
  readonly position?: string | undefined
  /** Whether objects are shown that depend on a hole, or only once they are complete. */
  readonly partial?: 'show' | 'hide' | undefined
  /** What is never to be overwritten silently: drafts that write it expect that nobody else has. True for everything. */
  readonly unchanged?: true | readonly string[] | undefined
  /** A concurrent overwrite between this client and another. Called before the listeners are. */
  readonly onConflict?: ((conflict: Conflict) => void) | undefined
  /** Without it, what a listener throws is thrown by `apply`, once all have been told. */
  readonly onProblem?: ((problem: Problem) => void) | undefined
  /** Gives identifiers that nobody else has. At random by default. */
  readonly newIdentifier?: (() => string) | undefined
}

/** A new value whenever it changes. */
export interface ShownRecord<T> {
  readonly identifier: string
  readonly values: T
  /** Whether drafts that are not on the tape yet have a part in it. */
  readonly isPending: boolean
}

/** What one applied run changed. When listeners hear of it, a listener before them may have changed more. */
export interface Changes {
  readonly inserted: readonly string[]
  readonly updated: readonly string[]
  readonly removed: readonly string[]
  /** The tape began anew: everything is gone, and removed. */
  readonly isReset: boolean
}

/** A record that is on the tape, or pending, and cannot be shown. */
export interface Quarantined {
  readonly identifier: string
  /** As they stand, in the terms of this version as far as they could be read. */
  readonly values: Values
  readonly problem: string
  /** Of the newest event that had a part in it when that was noticed; undefined when a pending draft had. */
  readonly seq: number | undefined
}

export type Problem =
  /** The record was quarantined, or is so for another reason than before. */
  | { readonly type: 'record'; readonly quarantined: Quarantined }
  /** An upcaster threw, or gave what are no fields. */
  | { readonly type: 'upcaster'; readonly event: Draft | TapeEvent; readonly error: unknown }
  /** What the application wants to be told by threw. */
  | { readonly type: 'listener'; readonly error: unknown }

export interface UnknownEvent {
  readonly event: Draft | TapeEvent
  /** A newer version of the model wrote it, or an older one that no upcaster leads on from. */
  readonly reason: 'newer' | 'no-upcaster'
}

/** How much was left out. A new value whenever it changes. */
export interface UnknownEvents {
  readonly count: number
  readonly last?: UnknownEvent
}

export interface Expecting {
  /** In place of what `unchanged` in the collection's options makes of it. */
  readonly expect?: DraftExpect | undefined
}

/** A place among the records of a list. */
export type Place = 'first' | 'last' | { readonly before: string } | { readonly after: string }

export interface Inserting extends Expecting {
  readonly identifier?: string | undefined
  readonly before?: string | undefined
  readonly after?: string | undefined
}
