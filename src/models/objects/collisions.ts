/**
 * Finds out who overwrote whom: given an object as it stands and one more event about it, the writes that were made
 * concurrently by this client and by another, and what either of them lost.
 *
 * A write is concurrent with one before it on the tape when it is another client's and had not seen it. A pending draft
 * comes after everything on the tape.
 */
import {
  areConcurrent,
  collide,
  type EventType,
  type Json,
  type ObjectState,
  type TapeEvent,
  type Values,
  type Write,
  writeOf,
} from '../../protocol/index.ts'
import type { PendingDraft } from './pending-drafts.ts'

/** One concurrent overwrite between this client and another. */
export interface Collision {
  readonly identifier: string
  /** What both wrote at once, by field: undefined for whoever did not write it. */
  readonly fields: Readonly<Record<string, { readonly mine: Json | undefined; readonly theirs: Json | undefined }>>
  /** Its seq is undefined while it is pending. */
  readonly mine: { readonly type: EventType; readonly client: string; readonly seq: number | undefined }
  /** Its client is undefined when a script wrote it. */
  readonly theirs: { readonly type: EventType; readonly client: string | undefined; readonly seq: number }
  /** Whose write stands, or will once it is on the tape. */
  readonly winner: 'mine' | 'theirs'
  /** The object as it showed before, pending drafts included, or when this client deleted it; undefined when not known. */
  readonly before: Values | undefined
}

/** A change of the object, and who wrote it. */
interface Op {
  readonly type: EventType
  readonly values: Values
  readonly by: Write
}

export interface Encounter {
  /** This client's id. */
  readonly me: string
  /** The object on the tape without the event. */
  readonly state: ObjectState
  readonly event: TapeEvent
  readonly by: Write
  readonly pending: readonly PendingDraft[]
  /** The object before the run that the event came in: on the tape, and with the pending drafts of then. */
  readonly before: { readonly tape: ObjectState; readonly state: ObjectState }
  /** The object as it showed then, or when this client deleted it. */
  readonly shownBefore: Values | undefined
}

const nothing: Values = {}

/**
 * What collides with the event: at most one for each of theirs and each winner. Of what came in one run, as when a model
 * starts, only that is told of which one side was known before.
 */
export function findCollisions(encounter: Encounter): readonly Collision[] {
  const { me, state, event, by, pending, before } = encounter
  const isMine = by.client === me
  // Most events meet nothing that was made at once.
  const isMet = (other: Write) => (other.client === me) !== isMine && areConcurrent(other, by)
  if ((isMine || pending.length === 0) && !hasWrite(state, isMet)) return []
  const op: Op = { type: event.type, values: event.values ?? nothing, by }
  // What comes late, beneath a later birth or death, never lies directly beneath what is pending.
  const isBuried = by.seq < state.since.seq
  const met = isMine || isBuried ? [] : meet(encounter, op, pendingOp(pending, me, by.seq))
  if (met.length > 0) return met
  const wasPending = before.state !== before.tape
  const others = standing(state)
    .filter((other) => isMet(other.by))
    .filter((other) => wasPending || isPart(before.tape, other.by))
  return merge(others.flatMap((other) => meet(encounter, op, other)))
}

/** What one of theirs does to several of mine is one collision. */
function merge(collisions: readonly Collision[]): readonly Collision[] {
  const merged = new Map<string, Collision>()
  for (const collision of collisions) {
    const key = `${collision.theirs.seq} ${collision.winner}`
    const other = merged.get(key)
    merged.set(key, other === undefined ? collision : { ...collision, fields: { ...other.fields, ...collision.fields } })
  }
  return [...merged.values()]
}

/** What the event and another write of its object do to each other. */
function meet({ me, event: { identifier }, shownBefore }: Encounter, event: Op, other: Op | undefined): readonly Collision[] {
  if (other === undefined) return []
  const [earlier, later] = other.by.seq < event.by.seq ? [other, event] : [event, other]
  const collision = collide(earlier, later)
  if (collision === undefined) return []
  const [mine, theirs] = event.by.client === me ? [event, other] : [other, event]
  const fields = collision.fields.map((field) => [field, { mine: valueIn(mine, field), theirs: valueIn(theirs, field) }] as const)
  return [
    {
      identifier,
      fields: Object.fromEntries(fields),
      mine: { type: mine.type, client: me, seq: Number.isFinite(mine.by.seq) ? mine.by.seq : undefined },
      theirs: { type: theirs.type, client: theirs.by.client, seq: theirs.by.seq },
      winner: (collision.winner === 'earlier' ? earlier : later) === mine ? 'mine' : 'theirs',
      before: shownBefore,
    },
  ]
}

function valueIn({ values }: Op, field: string): Json | undefined {
  return Object.hasOwn(values, field) ? values[field] : undefined
}

function isPart({ since, later }: ObjectState, by: Write): boolean {
  return since === by || Object.values(later).includes(by)
}

function hasWrite({ since, later }: ObjectState, is: (write: Write) => boolean): boolean {
  if (is(since)) return true
  for (const field of Object.keys(later)) if (is(later[field] as Write)) return true
  return false
}

/** The changes that an object's state consists of. */
function standing(state: ObjectState): readonly Op[] {
  const { since, isAlive } = state
  const values = new Map<Write, Record<string, Json>>()
  if (since.seq >= 0) values.set(since, {})
  for (const field of Object.keys(state.values)) {
    const by = writeOf(state, field)
    const written = values.get(by) ?? {}
    written[field] = state.values[field] as Json
    values.set(by, written)
  }
  const typeOf = (by: Write) => (by !== since ? 'update' : isAlive ? 'insert' : 'delete')
  return Array.from(values, ([by, written]) => ({ type: typeOf(by), values: written, by }))
}

/**
 * All pending drafts of an object as one change, unless one of them knew of the event at `seq`, or has a precondition:
 * then the server decides, and its refusal tells.
 */
function pendingOp(pending: readonly PendingDraft[], me: string, seq: number): Op | undefined {
  let op: Op | undefined
  for (const { draft } of pending) {
    if (draft.seen >= seq || draft.expect !== undefined) return undefined
    const { type, values = nothing } = draft
    const by: Write = { seq: Number.POSITIVE_INFINITY, client: me, seen: draft.seen, version: 1 }
    // What is written to an object that this client deletes, or inserts, is part of that.
    if (type !== 'update' || op === undefined) op = { type, values, by }
    else if (op.type !== 'delete') op = { ...op, values: { ...op.values, ...values } }
  }
  return op
}
