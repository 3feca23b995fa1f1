/**
 * The stamp rule: what events make of one object, in whatever order and however often they come.
 *
 * An object keeps `born` and `died`, the seqs of its last insert and its last delete, and for each field the seq
 * that wrote it. It is visible when born > died. From these numbers alone follow last writer wins, events above
 * a hole, repetition, and conflicts; no clock takes part.
 */
import type { Change, Json } from './event.ts'

export interface StampedField {
  /** The seq that wrote it. */
  readonly stamp: number
  readonly value: Json
}

export interface ObjectState {
  readonly born: number
  readonly died: number
  readonly fields: ReadonlyMap<string, StampedField>
}

export const unborn: ObjectState = { born: -1, died: -1, fields: new Map() }

export function isVisible(state: ObjectState): boolean {
  return state.born > state.died
}

/** The object after one more change at `seq`; the same object when the change has no effect. */
export function applyToObject(state: ObjectState, change: Change, seq: number): ObjectState {
  switch (change.type) {
    case 'delete':
      return seq > state.died ? { ...state, died: seq } : state
    case 'insert': {
      if (seq <= state.born) return state
      const younger = [...state.fields].filter(([, field]) => field.stamp > seq)
      return { ...state, born: seq, fields: write(new Map(younger), change, seq) }
    }
    case 'update': {
      const isOlder = ([name]: [string, Json]) => seq <= (state.fields.get(name)?.stamp ?? -1)
      if (seq < state.born || Object.entries(change.values ?? {}).every(isOlder)) return state
      return { ...state, fields: write(new Map(state.fields), change, seq) }
    }
  }
}

function write(fields: Map<string, StampedField>, change: Change, seq: number): ReadonlyMap<string, StampedField> {
  for (const [name, value] of Object.entries(change.values ?? {})) {
    const stamp = fields.get(name)?.stamp ?? -1
    if (seq > stamp) fields.set(name, { stamp: seq, value })
  }
  return fields
}
