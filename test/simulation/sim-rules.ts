/** The rules of a simulation's server: by the draft alone, by the newest events, and by what those say of its object. */
import { applyEvent, type TapeEvent, unborn } from '../../src/protocol/index.ts'
import type { RecentEvents, RecentObject, Rejection } from '../../src/server/turn/rules.ts'

export const recentMax = 20
const weightMax = 9

/** A rule that has its bad moments. */
export class RuleError extends Error {}

export function rejectionOf(event: TapeEvent, recent: Pick<RecentEvents, 'events' | 'object'>): Rejection | undefined {
  const { type, collection, identifier, values = {} } = event
  const { weight, name } = values
  if (typeof weight === 'number' && weight > weightMax) return { reason: 'too-heavy', detail: `${weight} is more than ${weightMax}.` }
  if (type === 'insert' && name !== undefined) {
    const other = recent.events.find((each) => each.type === 'insert' && each.identifier !== identifier && each.values?.name === name)
    if (other !== undefined) return { reason: 'name-taken', detail: `By event ${other.seq}.` }
  }
  if (type === 'update' && weight !== undefined) {
    const object = recent.object(collection, identifier)
    if (object.isWhole && !object.isAlive) return { reason: 'gone' }
    if (object.values.weight === weight) return { reason: 'same-weight' }
  }
  return undefined
}

/** The newest events before a seq, worked out anew. */
export function recentBefore(tape: readonly TapeEvent[], seq: number): Pick<RecentEvents, 'events' | 'object'> {
  const floor = Math.max(0, seq - recentMax)
  const events = tape.slice(floor, seq)
  return {
    events,
    object(collection, identifier): RecentObject {
      let state = unborn
      for (const event of events) {
        if (event.collection === collection && event.identifier === identifier) state = applyEvent(state, event)
      }
      const { since, isAlive, values } = state
      return since.seq < 0 && floor > 0 ? { isWhole: false, isAlive: undefined, values } : { isWhole: true, isAlive, values }
    },
  }
}
