/**
 * The conflicts of a model that somebody may want to decide otherwise than last writer wins. What is decided travels as
 * a further event, so that every client ends the same.
 */
import { type Change, isSameJson, type Json, type Values } from '../../protocol/index.ts'
import type { Collision } from './collisions.ts'
import type { StampedObjects } from './stamped-objects.ts'

/** What a decision does to the model. */
export interface ConflictActions {
  readonly collection: string
  readonly objects: Pick<StampedObjects, 'get'>
  /** Throws when the change may not be; then nothing has happened, and the conflict is still open. */
  readonly vend: (change: Change) => void
  /** A conflict was decided, and nothing of the objects may have changed. */
  readonly onChange?: (() => void) | undefined
}

/**
 * A concurrent overwrite. It is open until it is decided, or until its fields show something else, whoever wrote that.
 * To decide one that is closed has no effect.
 */
export class Conflict implements Collision {
  readonly identifier: Collision['identifier']
  readonly fields: Collision['fields']
  readonly mine: Collision['mine']
  readonly theirs: Collision['theirs']
  readonly winner: Collision['winner']
  readonly before: Collision['before']
  readonly #actions: ConflictActions
  readonly #onClose: (conflict: Conflict) => void
  /** The fields as they showed when it was found. */
  readonly #shown: Json
  #isOpen = true

  constructor(collision: Collision, actions: ConflictActions, onClose: (conflict: Conflict) => void) {
    const { identifier, fields, mine, theirs, winner, before } = collision
    this.identifier = identifier
    this.fields = fields
    this.mine = mine
    this.theirs = theirs
    this.winner = winner
    this.before = before
    this.#actions = actions
    this.#onClose = onClose
    this.#shown = this.#showing()
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether its fields show what they did when it was found. */
  get isCurrent(): boolean {
    return isSameJson(this.#showing(), this.#shown)
  }

  /** What this client wrote is to stand. */
  keepMine(): void {
    this.#keep('mine')
  }

  /** What the other wrote is to stand. */
  keepTheirs(): void {
    this.#keep('theirs')
  }

  /** These values are to stand, in an object that may have to live again for that. */
  merge(values: Values): void {
    if (!this.#isOpen) return
    this.#write(values)
    this.dismiss()
  }

  /** Leaves everything as it is. False when it was closed already. */
  dismiss(): boolean {
    if (!this.#isOpen) return false
    this.#isOpen = false
    this.#onClose(this)
    return true
  }

  #keep(side: 'mine' | 'theirs'): void {
    if (!this.#isOpen) return
    const { collection, objects, vend } = this.#actions
    const { identifier } = this
    if (this.winner !== side) {
      if (this[side].type !== 'delete') this.#write(this.#valuesOf(side))
      else if (objects.get(identifier) !== undefined) vend({ type: 'delete', collection, identifier })
    }
    this.dismiss()
  }

  #write(values: Values): void {
    const { collection, objects, vend } = this.#actions
    const { identifier } = this
    const isAlive = objects.get(identifier) !== undefined
    if (isAlive) vend({ type: 'update', collection, identifier, values })
    else vend({ type: 'insert', collection, identifier, values: { ...this.before, ...values } })
  }

  /** What one side wrote. */
  #valuesOf(side: 'mine' | 'theirs'): Values {
    const written: Record<string, Json> = {}
    for (const [field, values] of Object.entries(this.fields)) {
      const value = values[side]
      if (value !== undefined) written[field] = value
    }
    return written
  }

  /** The fields in question as they show; null when the object does not. */
  #showing(): Values | null {
    const values = this.#actions.objects.get(this.identifier)?.values
    if (values === undefined) return null
    return Object.fromEntries(Object.entries(values).filter(([field]) => Object.hasOwn(this.fields, field)))
  }
}

export class OpenConflicts {
  readonly #actions: ConflictActions
  readonly #open = new Map<string, readonly Conflict[]>()
  /** Any of them may have been let go of. */
  #isNarrowed = false
  #list: readonly Conflict[] | undefined = []

  constructor(actions: ConflictActions) {
    this.#actions = actions
  }

  /** Those that are open, oldest first for each object: the same array until one is opened or closed. */
  get list(): readonly Conflict[] {
    this.#list ??= [...this.#open.values()].flat()
    return this.#list
  }

  of(identifier: string): readonly Conflict[] {
    return this.#open.get(identifier) ?? []
  }

  /** After a run: closes what has been settled by it, and opens what it brought. Gives the new ones. */
  take({ touched, collisions }: { readonly touched: Iterable<string>; readonly collisions: readonly Collision[] }): readonly Conflict[] {
    const inQuestion = this.#isNarrowed ? [...this.#open.keys()] : this.#open.size > 0 ? touched : []
    this.#isNarrowed = false
    for (const identifier of inQuestion) for (const conflict of this.of(identifier)) if (!conflict.isCurrent) conflict.dismiss()
    return collisions.map((collision) => this.#add(collision))
  }

  reset(isNarrowed = false): void {
    this.#isNarrowed = isNarrowed
    if (isNarrowed) return
    for (const conflict of this.list) conflict.dismiss()
  }

  #add(collision: Collision): Conflict {
    // A later one about the same fields says all that is still to be decided.
    for (const older of this.of(collision.identifier)) {
      if (Object.keys(older.fields).every((field) => Object.hasOwn(collision.fields, field))) older.dismiss()
    }
    const conflict = new Conflict(collision, this.#actions, (closed) => this.#remove(closed))
    this.#put(collision.identifier, [...this.of(collision.identifier), conflict])
    return conflict
  }

  #remove(conflict: Conflict): void {
    this.#put(
      conflict.identifier,
      this.of(conflict.identifier).filter((each) => each !== conflict),
    )
    this.#actions.onChange?.()
  }

  #put(identifier: string, conflicts: readonly Conflict[]): void {
    this.#list = undefined
    if (conflicts.length > 0) this.#open.set(identifier, conflicts)
    else this.#open.delete(identifier)
  }
}
