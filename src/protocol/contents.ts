/**
 * What the schemas cannot say of one change, and say less cheaply: that it has what its type needs, that its names and
 * values survive the journey, and that its deltas are in order.
 */
import * as v from 'valibot'
import { Refusal } from './codes.ts'
import { check, checkJson, within } from './decode.ts'
import { deltaSchema, problemOfDeltas } from './deltas/delta.ts'
import type { Change, FieldDeltas, Values } from './event.ts'
import { deltasMax } from './limits.ts'

type Contents = Pick<Change, 'type' | 'collection' | 'identifier' | 'values' | 'deltas'>

/** Throws a `Refusal` whose `at` is a path within the change. */
export function checkContents(change: Contents): void {
  checkMembers(change)
  const { collection, identifier, values, deltas } = change
  checkJson(collection, 'collection')
  checkJson(identifier, 'identifier')
  if (values !== undefined) checkJson(values, 'values')
  if (deltas !== undefined) checkDeltas(deltas, values)
}

/** Throws `invalid` for a change that lacks what its type needs, or has what it has no place for. */
export function checkMembers({ type, values, deltas }: Contents): void {
  if (deltas !== undefined && type !== 'update') throw new Refusal('invalid', { at: 'deltas', detail: 'Only an update has deltas.' })
  if ((type === 'delete') !== (values === undefined && deltas === undefined)) {
    throw new Refusal('invalid', { at: 'values', detail: 'An insert has values, an update values or deltas, a delete neither.' })
  }
}

const listSchema = v.pipe(v.array(deltaSchema), v.minLength(1), v.maxLength(deltasMax))

/** Throws `invalid`, `too-many` or what `checkJson` throws for what are not deltas of fields. */
export function checkDeltas(deltas: FieldDeltas, values: Values | undefined): void {
  let count = 0
  const fields = Object.keys(deltas)
  if (fields.length === 0) throw new Refusal('invalid', { at: 'deltas', detail: 'There are deltas of no field.' })
  checkJson(deltas, 'deltas')
  for (const field of fields) {
    const at = `deltas.${field}`.slice(0, 150)
    const list = within(at, () => check(deltas[field], listSchema))
    if (values !== undefined && Object.hasOwn(values, field)) {
      throw new Refusal('invalid', { at, detail: 'A field has a new value or deltas, not both.' })
    }
    count += list.length
    if (count > deltasMax) throw new Refusal('too-many', { at: 'deltas', detail: `More than ${deltasMax} deltas.` })
    const wrong = problemOfDeltas(list)
    if (wrong !== undefined) throw new Refusal('invalid', { at: `${at}[${wrong.index}]`, detail: wrong.problem })
  }
}
