/**
 * Whether somebody else has written what a draft expects to be unchanged, as far as the tape is known here. While nobody
 * has, the draft has seen all of that: the server looks back only so far, and what waits long is to fall behind no further.
 */
import { applyEvent, type Draft, type TapeEvent, unborn, writeOf } from '../../protocol/index.ts'

/** Whether an event of somebody else writes what the draft expects to be unchanged, or writes itself. */
export function isInTheWay(draft: Draft, { type, values = {}, deltas = {} }: TapeEvent): boolean {
  const fields = fieldsOf(draft)
  if (type !== 'update' || fields === 'all') return true
  return fields.some((field) => Object.hasOwn(values, field) || Object.hasOwn(deltas, field))
}

/** The same of all that came after what the draft had seen; `events` are those kept of its object, folded. */
export function isSomethingInTheWay(draft: Draft, events: readonly TapeEvent[], me: string): boolean {
  const state = events.reduce(applyEvent, unborn)
  const { since, values, waiting = {} } = state
  const fields = fieldsOf(draft)
  const concerned = (field: string) => fields === 'all' || fields.includes(field)
  const writes = [
    since,
    ...Object.keys(values)
      .filter(concerned)
      .map((field) => writeOf(state, field)),
    ...Object.entries(waiting).flatMap(([field, list]) => (concerned(field) ? list.map(({ by }) => by) : [])),
  ]
  return writes.some(({ seq, client }) => seq > draft.seen && client !== me)
}

function fieldsOf({ type, expect, values = {}, deltas = {} }: Draft): readonly string[] | 'all' {
  if (type !== 'update' || expect?.unchanged === true) return 'all'
  return [...(expect?.unchanged ?? []), ...Object.keys(values), ...Object.keys(deltas)]
}
