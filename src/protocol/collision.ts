/**
 * What two concurrent changes of one object do to each other: the specified table, one cell for each pair of types. It
 * says what the stamp rule does, and decides nothing itself. That the two are concurrent is for the caller to know.
 */
import type { Change, Json, Values } from './event.ts'

/** What is lost when two changes meet. */
export interface Loss {
  /** Which of the two stands. */
  readonly winner: 'earlier' | 'later'
  /**
   * The fields in question: those that the other one wrote and that do not stand or show; where it was a delete, those
   * that show again. None when the other one was an insert of no fields that was deleted, or the other way round.
   */
  readonly fields: readonly string[]
}

type Op = Pick<Change, 'type' | 'values'>

const nothing: Values = {}

/**
 * What one of two concurrent changes of one object loses to the other; undefined when nothing is lost. `earlier` is the
 * one that comes first on the tape; a pending draft comes after all that is there.
 */
export function collide(earlier: Op, later: Op): Loss | undefined {
  const { type, values = nothing } = earlier
  const { values: laterValues = nothing } = later
  const fields = Object.keys(values)
  switch (later.type) {
    case 'insert':
      // The object lives again, or is replaced: what the later one does not say as well is gone.
      if (type === 'delete') return { winner: 'later', fields: Object.keys(laterValues) }
      return lossOf(fields.filter((field) => !hasSame(laterValues, field, values)))
    case 'update':
      // Nothing that is written to a dead object shows.
      if (type === 'delete') return lossOf(Object.keys(laterValues), 'earlier')
      return lossOf(fields.filter((field) => Object.hasOwn(laterValues, field) && !hasSame(laterValues, field, values)))
    case 'delete':
      // Two deletes agree: there are no fields to lose.
      return type === 'insert' ? { winner: 'later', fields } : lossOf(fields)
  }
}

function lossOf(fields: readonly string[], winner: Loss['winner'] = 'later'): Loss | undefined {
  return fields.length === 0 ? undefined : { winner, fields }
}

function hasSame(values: Values, field: string, others: Values): boolean {
  return Object.hasOwn(values, field) && isSameJson(values[field] as Json, others[field] as Json)
}

/**
 * Whether two values are the same JSON; the order of members does not matter. (The small libraries for this look at the
 * member `constructor`, or call `valueOf`, of what they compare. Here these are names like any other.)
 */
export function isSameJson(a: Json, b: Json): boolean {
  if (a === b) return true
  if (!isComposite(a) || !isComposite(b) || Array.isArray(a) !== Array.isArray(b)) return false
  const members = Object.keys(a)
  return members.length === Object.keys(b).length && members.every((member) => hasSame(b, member, a))
}

/** A list's places serve as its members' names. */
function isComposite(value: Json): value is Values {
  return typeof value === 'object' && value !== null
}
