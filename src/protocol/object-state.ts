/**
 * The stamp rule: what events make of one object, in whatever order and however often they come.
 *
 * An object keeps its last insert or delete, `since`, and for each field written after it who wrote that, and where on
 * the tape: the field's stamp. It is visible when `since` was an insert. Whatever is older than `since` can never show
 * again, so nothing of it is kept. From these numbers alone follow last writer wins, events above a hole, repetition,
 * and conflicts; no clock takes part.
 */
import { applyInOrder } from './deltas/apply-in-order.ts'
import type { Deltas } from './deltas/delta.ts'
import type { Change, FieldDeltas, Json, TapeEvent, Values } from './event.ts'

/** Who wrote something, where on the tape, and what it had seen. */
export interface Write {
  readonly seq: number
  /** Undefined for a script. */
  readonly client: string | undefined
  readonly seen: number
  /** Of the model that wrote it. */
  readonly version: number
}

export interface ObjectState {
  /** The last insert or delete; its seq is −1 before the first. */
  readonly since: Write
  /** Whether that was an insert: only then the object shows. */
  readonly isAlive: boolean
  /** The fields that stand. None was written below `since`. */
  readonly values: Values
  /** The writes of those that were written after `since`, by field. The others came with it. */
  readonly later: Readonly<Record<string, Write>>
  /** Deltas that are not in the values yet, by field, in order of seq: see `settle`. Absent when there are none. */
  readonly waiting?: Readonly<Record<string, readonly WaitingDeltas[]>> | undefined
}

export interface WaitingDeltas {
  readonly by: Write
  readonly deltas: Deltas
}

/** Whether all of first … last is known, so that nothing unknown can be in between. */
export type Known = (first: number, last: number) => boolean

const nothing: Readonly<Record<string, never>> = {}
const never: Write = { seq: -1, client: undefined, seen: -1, version: 1 }

export const unborn: ObjectState = { since: never, isAlive: false, values: nothing, later: nothing }

/** Who wrote a field that stands. */
export function writeOf({ since, later }: ObjectState, field: string): Write {
  return Object.hasOwn(later, field) ? (later[field] ?? since) : since
}

export function toWrite({ seq, client, seen, version = 1 }: Pick<TapeEvent, 'seq' | 'client' | 'seen' | 'version'>): Write {
  return { seq, client, seen, version }
}

/** The object after one more event, folded or not; the same object when that has no effect. */
export function applyEvent(state: ObjectState, event: TapeEvent): ObjectState {
  if (event.stamps === undefined) return applyToObject(state, event, toWrite(event))
  let after = state
  for (const part of partsOf(event)) after = applyToObject(after, part, toWrite(part))
  return after
}

/** The object after one more change, written by `by`; the same object when the change has no effect. */
export function applyToObject(
  state: ObjectState,
  { type, values = nothing, deltas }: Pick<Change, 'type' | 'values' | 'deltas'>,
  by: Write,
): ObjectState {
  if (by.seq < state.since.seq) return state
  if (type === 'update' || by.seq === state.since.seq) {
    const written = write(state, values, by)
    return deltas === undefined ? written : wait(written, deltas, by)
  }
  const born = rise(state, by, type === 'insert')
  if (type === 'delete') return born
  return born.values === nothing ? { ...born, values } : write(born, values, by)
}

/** The object whose last insert or delete this is, with what was written after it. */
function rise(state: ObjectState, since: Write, isAlive: boolean): ObjectState {
  let values: Record<string, Json> | undefined
  let later: Record<string, Write> | undefined
  for (const field of Object.keys(state.later)) {
    const by = writeOf(state, field)
    if (by.seq <= since.seq) continue
    values ??= {}
    later ??= {}
    values[field] = state.values[field] as Json
    later[field] = by
  }
  return { since, isAlive, values: values ?? nothing, later: later ?? nothing, ...waitingOf(state, (_, { by }) => by.seq > since.seq) }
}

function write(state: ObjectState, values: Values, by: Write): ObjectState {
  let written: Record<string, Json> | undefined
  let later: Record<string, Write> | undefined
  for (const field of Object.keys(values)) {
    if (Object.hasOwn(state.values, field) && by.seq <= writeOf(state, field).seq) continue
    written ??= { ...state.values }
    written[field] = values[field] as Json
    // What came with `since` itself, in another piece, needs no write of its own.
    if (by.seq === state.since.seq) continue
    later ??= { ...state.later }
    later[field] = by
  }
  if (written === undefined) return state
  const after = { ...state, values: written, later: later ?? state.later }
  if (state.waiting === undefined) return after
  // What was meant for an earlier value of the field has nothing to change any more.
  const { waiting: _, ...rest } = after
  return { ...rest, ...waitingOf(state, (field, { by }) => by.seq > writeOf(after, field).seq || !Object.hasOwn(written, field)) }
}

/** What of it still waits, as a part of a state. */
function waitingOf({ waiting }: ObjectState, stays: (field: string, deltas: WaitingDeltas) => boolean): Pick<ObjectState, 'waiting'> {
  if (waiting === undefined) return {}
  const rest: Record<string, readonly WaitingDeltas[]> = {}
  for (const [field, list] of Object.entries(waiting)) {
    const staying = list.filter((each) => stays(field, each))
    if (staying.length > 0) rest[field] = staying
  }
  return Object.keys(rest).length === 0 ? {} : { waiting: rest }
}

/** Deltas need their predecessors: they wait, in order, until those are known. */
function wait(state: ObjectState, deltas: FieldDeltas, by: Write): ObjectState {
  let waiting: Record<string, readonly WaitingDeltas[]> | undefined
  for (const field of Object.keys(deltas)) {
    if (Object.hasOwn(state.values, field) && by.seq <= writeOf(state, field).seq) continue
    const list = ofField(waiting ?? state.waiting, field) ?? []
    const place = list.findLastIndex((each) => each.by.seq <= by.seq) + 1
    if (list[place - 1]?.by.seq === by.seq) continue
    waiting ??= { ...state.waiting }
    waiting[field] = list.toSpliced(place, 0, { by, deltas: deltas[field] as Deltas })
  }
  return waiting === undefined ? state : { ...state, waiting }
}

/** Deltas of many events at once, in order of seq, in whatever order the other events were. */
export function awaitDeltas(state: ObjectState, events: readonly TapeEvent[]): ObjectState {
  const waiting = new Map<string, WaitingDeltas[]>()
  for (const event of events) {
    if (event.deltas === undefined || event.seq < state.since.seq) continue
    const by = toWrite(event)
    for (const [field, deltas] of Object.entries(event.deltas)) {
      if (Object.hasOwn(state.values, field) && by.seq <= writeOf(state, field).seq) continue
      const list = waiting.get(field)
      if (list === undefined) waiting.set(field, [{ by, deltas }])
      // One may come twice.
      else if (list.at(-1)?.by.seq !== by.seq) list.push({ by, deltas })
    }
  }
  return waiting.size === 0 ? state : { ...state, waiting: Object.fromEntries(waiting) }
}

/**
 * Brings into the values the deltas of which all predecessors are known, up to those of `through`. Those that do not fit
 * their field have no effect, for anybody. A field that has no value is the empty one of their kind.
 */
export function settle(state: ObjectState, isKnown: Known, through = Number.POSITIVE_INFINITY): ObjectState {
  if (state.waiting === undefined) return state
  const values: Record<string, Json> = { ...state.values }
  const later: Record<string, Write> = { ...state.later }
  const done = new Map<string, number>()
  for (const [field, list] of Object.entries(state.waiting)) {
    let last = Object.hasOwn(values, field) ? writeOf(state, field).seq : state.since.seq
    let count = 0
    for (const { by } of list) {
      const isNext = by.seq <= last + 1
      if (by.seq > through || (!isNext && !isKnown(last + 1, by.seq - 1))) break
      last = by.seq
      count++
    }
    done.set(field, count)
    const known = list.slice(0, count)
    const after = applyInOrder(
      ofField(values, field),
      known.map(({ deltas }) => deltas),
    )
    const by = known[after.last]?.by
    if (by === undefined || after.value === undefined) continue
    values[field] = after.value
    later[field] = by
  }
  if ([...done.values()].every((count) => count === 0)) return state
  const { waiting, ...rest } = state
  const left = Object.entries(waiting ?? {}).map(([field, list]) => [field, list.slice(done.get(field) ?? 0)] as const)
  const some = left.filter(([, list]) => list.length > 0)
  return { ...rest, values, later, ...(some.length === 0 ? {} : { waiting: Object.fromEntries(some) }) }
}

/**
 * The events that a folded one stands for, as far as they still stand, in order of seq: itself with the fields that it
 * wrote, and an update for each that came later. Of those, what they had seen is not known: they are taken to have seen
 * all before them.
 */
export function partsOf({ stamps, makers, versions, ...event }: TapeEvent): readonly TapeEvent[] {
  if (stamps === undefined) return [event]
  const own: Record<string, Json> = {}
  const later = new Map<number, TapeEvent & { readonly values: Record<string, Json> }>()
  for (const [field, value] of Object.entries(event.values ?? nothing)) {
    const seq = ofField(stamps, field) ?? event.seq
    if (seq === event.seq) {
      own[field] = value
      continue
    }
    const part = later.get(seq)
    if (part !== undefined) {
      part.values[field] = value
      continue
    }
    const maker = ofField(makers, field)
    const client = maker === undefined ? event.client : (maker ?? undefined)
    const version = ofField(versions, field) ?? event.version
    const { collection, identifier } = event
    later.set(seq, { seq, client, seen: seq - 1, type: 'update', collection, identifier, version, values: { [field]: value } })
  }
  return [{ ...event, values: own }, ...[...later.values()].sort((a, b) => a.seq - b.seq)]
}

function ofField<T>(record: Readonly<Record<string, T>> | undefined, field: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, field) ? record[field] : undefined
}
