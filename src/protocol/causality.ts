/**
 * Causality: which events knew of which. All of it follows from what stands in an event, its maker's own count of what
 * it made and of what it had applied; no clock takes part.
 *
 * The rule looks at two events alone, and needs no others in between: it is its own transitive closure as long as what
 * a client has `seen` never falls from one of its events to the next. For if a was seen by b, and b was made by the same
 * client as c and earlier, a is within what c had seen, too; the other ways over a third event follow from the order of
 * the tape, in which a maker's events stand as they were made, above all that they had seen.
 *
 * `seen` does fall where a client forgot what it had applied, or where a tab behind the others made the draft. Then the
 * rule still says whether a had been applied where and when b was made, which is what a conflict is about: it calls the
 * two concurrent although a chain of events leads from one to the other.
 */
import type { TapeEvent } from './event.ts'

/** Of an event: who made it, where it stands on the tape, and what its maker had applied. */
export type Origin = Pick<TapeEvent, 'seq' | 'client' | 'counter' | 'seen'>

/** Whether b's maker knew of a when it made b: it had applied it, or had made it itself. A script has made nothing itself. */
export function happenedBefore(a: Origin, b: Origin): boolean {
  return a.seq <= b.seen || (a.client !== undefined && a.client === b.client && isEarlier(a, b))
}

/** Whether neither of two events was made in knowledge of the other. An event is not concurrent with itself. */
export function areConcurrent(a: Origin, b: Origin): boolean {
  return a.seq !== b.seq && !happenedBefore(a, b) && !happenedBefore(b, a)
}

/** Those of the events that happened before this one. */
export function causalPast<T extends Origin>(event: Origin, events: readonly T[]): readonly T[] {
  return events.filter((other) => happenedBefore(other, event))
}

/** For each client the highest counter. */
export type VersionVector = ReadonlyMap<string, number>

/** How far plain events reach in what each client made. Scripts have no counters, and no place in it. */
export function versionVector(events: readonly Pick<TapeEvent, 'client' | 'counter'>[]): VersionVector {
  const vector = new Map<string, number>()
  for (const { client, counter } of events) {
    if (client === undefined || counter === undefined) continue
    vector.set(client, Math.max(counter, vector.get(client) ?? 0))
  }
  return vector
}

/**
 * Whether what an event puts in stands before what this client puts in at the same place of a text, when neither knew of
 * the other: by the ids, so that what two people type there stays in one piece each, whoever's letters were faster.
 */
export function standsFirst({ client = '' }: Pick<TapeEvent, 'client'>, me: string): boolean {
  return client < me
}

export type CausalOrder = 'before' | 'after' | 'equal' | 'concurrent'

/** How a stands to b: before it when b holds all that a does, and more. */
export function compareVectors(a: VersionVector, b: VersionVector): CausalOrder {
  const [isWithin, holds] = [isPartOf(a, b), isPartOf(b, a)]
  if (isWithin) return holds ? 'equal' : 'before'
  return holds ? 'after' : 'concurrent'
}

function isPartOf(a: VersionVector, b: VersionVector): boolean {
  for (const [client, counter] of a) if (counter > (b.get(client) ?? 0)) return false
  return true
}

/** Of two events of one client. A part of a folded event has no counter; the tape has them in the same order. */
function isEarlier(a: Origin, b: Origin): boolean {
  return a.counter !== undefined && b.counter !== undefined ? a.counter < b.counter : a.seq < b.seq
}
