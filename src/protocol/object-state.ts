/**
 * The stamp rule: what events make of one object, in whatever order and however often they come.
 *
 * An object keeps `since`, the seq of its last insert or delete, and for each field written since then the seq that
 * wrote it, its stamp. It is visible when `since` was an insert. Whatever is older than `since` can never show again,
 * so nothing of it is kept. From these numbers alone follow last writer wins, events above a hole, repetition, and
 * conflicts; no clock takes part.
 */
import type { Change, Json } from './event.ts'

export interface StampedField {
  /** The seq that wrote it. */
  readonly stamp: number
  readonly value: Json
}

export interface ObjectState {
  /** The seq of the last insert or delete; −1 before the first. */
  readonly since: number
  /** Whether that was an insert: only then the object shows. */
  readonly isAlive: boolean
  /** None has a stamp below `since`. */
  readonly fields: ReadonlyMap<string, StampedField>
}

/** A change at its seq. `stamps` are there when it stands for several events (see `fold.ts`). */
export interface StampedChange extends Change {
  readonly stamps?: Readonly<Record<string, number>> | undefined
}

const noFields: ObjectState['fields'] = new Map()

export const unborn: ObjectState = { since: -1, isAlive: false, fields: noFields }

/** The object after one more change at `seq`; the same object when the change has no effect. */
export function applyToObject(state: ObjectState, change: StampedChange, seq: number): ObjectState {
  switch (change.type) {
    case 'delete':
      return seq > state.since ? { since: seq, isAlive: false, fields: younger(state, seq) } : state
    case 'insert': {
      const reborn = seq > state.since ? { since: seq, isAlive: true, fields: younger(state, seq) } : state
      // One that an older insert cannot bring back may still, folded, carry writes that came after its death.
      return write(reborn, change, seq)
    }
    case 'update':
      return write(state, change, seq)
  }
}

function younger({ fields }: ObjectState, seq: number): ObjectState['fields'] {
  if (fields.size === 0) return fields
  const kept = [...fields].filter(([, field]) => field.stamp > seq)
  return kept.length === fields.size ? fields : new Map(kept)
}

function write(state: ObjectState, { values = {}, stamps }: StampedChange, seq: number): ObjectState {
  let fields: Map<string, StampedField> | undefined
  for (const name of Object.keys(values)) {
    const stamp = stamps !== undefined && Object.hasOwn(stamps, name) ? (stamps[name] ?? seq) : seq
    if (stamp < state.since || stamp <= (state.fields.get(name)?.stamp ?? -1)) continue
    fields ??= new Map(state.fields)
    fields.set(name, { stamp, value: values[name] as Json })
  }
  return fields === undefined ? state : { ...state, fields }
}
