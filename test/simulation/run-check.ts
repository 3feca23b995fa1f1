/**
 * What models are given: every event is one of the tape's, or folded out of such, each field with who wrote it, where and
 * under which version; and nothing is folded away that is concurrent with an event of the client's own.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  applyEvent,
  areConcurrent,
  objectKey,
  partsOf,
  type SeqRanges,
  subtract,
  type TapeEvent,
  unborn,
} from '../../src/protocol/index.ts'
import type { GivenRun } from './sim-model.ts'
import { Violation } from './violation.ts'

export interface KnownTape {
  readonly events: readonly TapeEvent[]
  /** To compare texts is quick; the order of fields may differ. */
  readonly texts: readonly string[]
}

export function checkRun(run: GivenRun, name: string, tape: KnownTape): void {
  let plain = 0
  for (const event of run.events) {
    if (isOnTape(event, tape)) plain++
    else if (!isFoldOf(event, tape.events)) {
      throw new Violation(`${name} was given event ${event.seq}, which is not on the tape like that: ${JSON.stringify(event)}.`)
    }
  }
  if (plain < run.events.length && !run.isKept) checkFoldedAway(run, name, tape)
}

function isOnTape(event: TapeEvent, { events, texts }: KnownTape): boolean {
  return JSON.stringify(event) === texts[event.seq] || isDeepStrictEqual(event, events[event.seq])
}

/** Whether each part of it is what stands on the tape there. Parts of its own do not say what their makers had seen. */
function isFoldOf(event: TapeEvent, events: readonly TapeEvent[]): boolean {
  return partsOf(event).every((part) => {
    const original = events[part.seq]
    if (original === undefined || objectKey(original) !== objectKey(part) || original.type !== part.type) return false
    if (original.client !== part.client || (original.version ?? 1) !== (part.version ?? 1)) return false
    // What was folded more than once has lost what the makers of its parts had seen.
    if (event.counter !== undefined && part.seq === event.seq && original.seen !== part.seen) return false
    return Object.entries(part.values ?? {}).every(([field, value]) => isDeepStrictEqual(original.values?.[field], value))
  })
}

/**
 * Of the events that the run covers, those that it does not carry as they are must be nobody's rivals: not of the client's
 * own events in the run, and not of those that stood before.
 */
function checkFoldedAway({ events, before, after, client }: GivenRun, name: string, tape: KnownTape): void {
  const carried = new Set(events.filter((event) => isOnTape(event, tape)).map(({ seq }) => seq))
  const covered = eventsIn(tape.events, subtract(after, before))
  for (const event of covered) {
    if (carried.has(event.seq)) continue
    const rival = [...covered, ...standingOf(event, before, tape)].find((other) => isRival(event, other, client))
    if (rival === undefined) continue
    throw new Violation(`${name}, known as ${client}, was given event ${event.seq} folded, which is concurrent with event ${rival.seq}.`)
  }
}

function isRival(event: TapeEvent, other: TapeEvent, client: string): boolean {
  return other.client === client && event.client !== client && objectKey(event) === objectKey(other) && areConcurrent(event, other)
}

/** The events that the event's object consisted of. */
function standingOf(event: TapeEvent, ranges: SeqRanges, { events }: KnownTape): readonly TapeEvent[] {
  const known = eventsIn(events, ranges).filter((other) => objectKey(other) === objectKey(event))
  const { since, later } = known.reduce(applyEvent, unborn)
  return [since, ...Object.values(later)].flatMap(({ seq }) => events[seq] ?? [])
}

function eventsIn(events: readonly TapeEvent[], ranges: SeqRanges): readonly TapeEvent[] {
  return ranges.flatMap(([first, last]) => events.slice(first, last + 1))
}
