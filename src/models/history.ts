/**
 * Undo and redo of what this client did to a model. It stands between the model and the stream, as a reconciler to the
 * one and a receiver to the other, and sees each change as it is made.
 *
 *   model ─ change ─► history (keeps what was before) ─► stream
 *
 * To undo is to vend a further change: events are never taken back. It respects what others did since: only what still
 * stands as this client wrote it is set back, an object that others have written to is not removed, and one that others
 * have brought back is not replaced. What was undone is a step of its own, so that to redo is to undo that.
 */
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from '../client/reconciler.ts'
import {
  type Change,
  type Draft,
  isSameJson,
  type Json,
  type ObjectState,
  type TapeEvent,
  type Values,
  writeOf,
} from '../protocol/index.ts'
import { Listeners } from './listeners.ts'

/** A model whose changes can be undone: it can tell how an object stands, pending drafts included. */
export interface UndoableModel extends ModelReconciler {
  readonly collections: readonly string[]
  stateOf(object: Pick<Change, 'collection' | 'identifier'>): ObjectState
  /** Whether what it would leave is as the model wants it; a model without it takes everything. */
  accepts?(change: Change): boolean
}

/** What became of a step. */
export interface UndoOutcome {
  readonly undone: number
  /** Changes of which some fields were set back, because others have changed the rest since. */
  readonly partly: number
  /** Changes of which nothing was set back, because it does not stand any more, or the model would not take it. */
  readonly left: number
}

interface MadeChange {
  readonly change: Change
  readonly before: ObjectState
}

/** Changes that were made together, oldest first. */
type Step = readonly MadeChange[]

/** More than anybody remembers to have done. */
const stepsMax = 100

export class History implements ModelReconciler, OutboundEventReceiver {
  receiver: OutboundEventReceiver | undefined
  readonly #model: UndoableModel
  readonly #listeners = new Listeners()
  #undo: readonly Step[] = []
  #redo: readonly Step[] = []
  /** Where changes are gathered that belong together. */
  #group: MadeChange[] | undefined
  #client = ''
  /** Steps on what is let go of are to be forgotten, once it is known what stays. */
  #isNarrowed = false

  constructor(model: UndoableModel) {
    this.#model = model
    model.receiver = this
  }

  get collections(): readonly string[] {
    return this.#model.collections
  }

  get canUndo(): boolean {
    return this.#undo.length > 0
  }

  get canRedo(): boolean {
    return this.#redo.length > 0
  }

  /** Calls `listener` when `canUndo` or `canRedo` may have changed, until the function that it gives is called. */
  readonly subscribe = this.#listeners.subscribe

  /**
   * What is changed meanwhile is one step, also when it ends by throwing. Gives what the function gives. Throws a TypeError
   * for one that goes on later: what comes then is no part of it.
   */
  group<T>(change: () => T): T {
    if (this.#group !== undefined) return change()
    const group: MadeChange[] = []
    this.#group = group
    try {
      const result = change()
      if (result instanceof Promise) throw new TypeError('What is grouped is done at once: a promise was given.')
      return result
    } finally {
      this.#group = undefined
      if (group.length > 0) this.#set([...this.#undo, group], [])
    }
  }

  /** Sets the newest step back; undefined when there is none. */
  undo(): UndoOutcome | undefined {
    const step = this.#undo.at(-1)
    if (step === undefined) return undefined
    const { inverse, outcome } = this.#invert(step)
    this.#set(this.#undo.slice(0, -1), inverse.length === 0 ? this.#redo : [...this.#redo, inverse])
    return outcome
  }

  /** Makes again what was undone last; undefined when there is nothing. */
  redo(): UndoOutcome | undefined {
    const step = this.#redo.at(-1)
    if (step === undefined) return undefined
    const { inverse, outcome } = this.#invert(step)
    this.#set(inverse.length === 0 ? this.#undo : [...this.#undo, inverse], this.#redo.slice(0, -1))
    return outcome
  }

  didCreateDraft(change: Change): void {
    if (this.receiver === undefined) throw new Error('Attach the history to a stream first: stream.attach(history).')
    const made = { change, before: this.#model.stateOf(change) }
    this.receiver.didCreateDraft(change)
    if (this.#group === undefined) this.#set([...this.#undo, [made]], [])
    else this.#group.push(made)
  }

  didCreateDrafts(changes: readonly Change[]): void {
    this.group(() => {
      for (const change of changes) this.didCreateDraft(change)
    })
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext): void {
    this.#client = context.client
    this.#model.apply(events, pending, context)
    if (!this.#isNarrowed) return
    this.#isNarrowed = false
    this.#set(this.#staying(this.#undo), this.#staying(this.#redo))
  }

  reset(isNarrowed = false): void {
    this.#isNarrowed = isNarrowed
    this.#model.reset(isNarrowed)
    if (!isNarrowed) this.#set([], [])
  }

  #staying(steps: readonly Step[]): readonly Step[] {
    const stays = ({ change }: MadeChange) => this.#model.stateOf(change).since.seq >= 0
    return steps.map((step) => step.filter(stays)).filter((step) => step.length > 0)
  }

  /** Vends what sets a step back, newest change first; gives that as a step, and what became of the changes. */
  #invert(step: Step): { readonly inverse: Step; readonly outcome: UndoOutcome } {
    const inverse: MadeChange[] = []
    let partly = 0
    this.#group = inverse
    try {
      for (const made of step.toReversed()) {
        const change = this.#inverseOf(made)
        if (change === undefined || this.#model.accepts?.(change) === false) continue
        this.didCreateDraft(change)
        if (change.type === 'update' && fieldsOf(change) < fieldsOf(made.change)) partly++
      }
    } finally {
      this.#group = undefined
    }
    return { inverse, outcome: { undone: inverse.length - partly, partly, left: step.length - inverse.length } }
  }

  /** What sets a change back, as far as it still stands; undefined when nothing of it does. */
  #inverseOf({ change, before }: MadeChange): Change | undefined {
    const { type, collection, identifier, version } = change
    const object = { collection, identifier, ...(version === undefined ? {} : { version }) }
    const now = this.#model.stateOf(object)
    if (type === 'update') {
      const values = now.isAlive ? this.#standing(change, before, now) : {}
      return Object.keys(values).length === 0 ? undefined : { type, ...object, values }
    }
    // Whatever others wrote since was written to this object, and is theirs.
    if (now.isAlive !== (type === 'insert') || !this.#isOwn(now)) return undefined
    return before.isAlive ? { type: 'insert', ...object, values: before.values } : { type: 'delete', collection, identifier }
  }

  /**
   * What the fields were before, of those that stand as this client wrote them. No write takes a field away: one that was
   * not there becomes null.
   */
  #standing({ values = {} }: Change, before: ObjectState, now: ObjectState): Values {
    const restored: Record<string, Json> = {}
    for (const [field, value] of Object.entries(values)) {
      const isOwn = Object.hasOwn(now.values, field) && writeOf(now, field).client === this.#client
      if (!isOwn || !isSameJson(now.values[field] as Json, value)) continue
      restored[field] = Object.hasOwn(before.values, field) ? (before.values[field] as Json) : null
    }
    return restored
  }

  #isOwn({ since, later }: ObjectState): boolean {
    return since.client === this.#client && Object.values(later).every(({ client }) => client === this.#client)
  }

  #set(undo: readonly Step[], redo: readonly Step[]): void {
    this.#undo = undo.slice(-stepsMax)
    this.#redo = redo.slice(-stepsMax)
    this.#listeners.tell()
  }
}

function fieldsOf({ values = {} }: Change): number {
  return Object.keys(values).length
}
