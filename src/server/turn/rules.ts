/**
 * The application's own rule of what may come on the tape. It is asked for each draft right before that is numbered,
 * inside the one synchronous run that decides, stores and broadcasts a group, and can do nothing there but say no.
 */
import { Refusal, type RefusalDetails } from '../../protocol/codes.ts'
import type { TapeEvent, Values } from '../../protocol/event.ts'
import { reasonLengthMax } from '../../protocol/limits.ts'
import { type Recent, recentEventsMax } from './recent.ts'

/**
 * Decides on one draft: undefined takes it, a rejection refuses it with the whole batch that it came in.
 *
 * `event` is the draft as it would come on the tape, `sub` is who sends it, as the token says. `recent` is the newest
 * events, with what the same batch has put before this one. All of it is frozen or a copy.
 *
 * It must decide at once, and by these three alone: not by a clock, chance or anything kept outside, because a client
 * that does not hear the answer sends the draft again. Where it throws, or gives a promise or anything else that is
 * neither undefined nor a rejection, the publish gets `rule-failed`, the error goes to the log, and the client sends
 * again later. Everybody on the stream waits while it runs; nothing can stop a loop that does not end but the
 * platform, which resets the object when its CPU limit is reached.
 */
export type Validate = (event: TapeEvent, sub: string, recent: RecentEvents) => Rejection | undefined

export interface Rejection {
  /** The application's own code for it, on which its clients branch: 1–64 of a–z, 0–9 and hyphens. */
  readonly reason: string
  /** For people; cut at 300 characters. */
  readonly detail?: string | undefined
}

export interface StreamRules {
  readonly validate: Validate
  /**
   * How many of the newest events `validate` can ask about, 0 (as without it) to 1,000; fewer where they have more
   * than 1 MiB of text or 20,000 updated fields. They are read when the object wakes, so a rule that needs few says so.
   */
  readonly recent?: number
}

/** The end of the tape as a rule sees it. */
export interface RecentEvents {
  /** The seq right before the event's own; −1 when it is the first. */
  readonly latestSeq: number
  /** The newest events, in order of seq; a new list whenever it is asked for. */
  readonly events: readonly TapeEvent[]
  /** What these events say of an object. */
  object(collection: string, identifier: string): RecentObject
}

/** With `isWhole` all of the object is known. Without, it was made or deleted before the recent events, which know some fields. */
export type RecentObject =
  | { readonly isWhole: true; readonly isAlive: boolean; readonly values: Values }
  | { readonly isWhole: false; readonly isAlive: undefined; readonly values: Values }

const reasonPattern = new RegExp(`^[a-z0-9-]{1,${reasonLengthMax}}$`)

const detailLengthMax = 300

/** A deployment's rules, checked; `report` is told of errors in them. */
export class Rules {
  readonly recent: number
  readonly #validate: Validate
  readonly #report: (error: unknown) => void

  constructor({ validate, recent = 0 }: StreamRules, report: (error: unknown) => void) {
    checkRules({ validate, recent })
    this.#validate = validate
    this.recent = recent
    this.#report = report
  }

  /** Asks the rule about an event that has been frozen. `recent` reaches to right before it; absent where none is declared. */
  refusalOf(event: TapeEvent, sub: string, recent: Recent | undefined): Refusal | undefined {
    const counter = event.counter === undefined ? {} : { counter: event.counter }
    // Called as a plain function, so that it is not given this object as well.
    const validate = this.#validate
    try {
      const rejection = readRejection(validate(event, sub, viewOf(recent, event.seq - 1)))
      return rejection && new Refusal('rejected', { ...rejection, ...counter })
    } catch (error) {
      this.#report(error)
      return new Refusal('rule-failed', counter)
    }
  }
}

/** Throws a TypeError where a deployment's rules are not ones that can be kept. */
export function checkRules({ validate, recent = 0 }: StreamRules): void {
  if (typeof validate !== 'function') throw new TypeError('validate is a function (event, sub, recent) => rejection | undefined.')
  if (!Number.isSafeInteger(recent) || recent < 0 || recent > recentEventsMax) {
    throw new TypeError(`recent is a whole number from 0 to ${recentEventsMax}.`)
  }
}

/** What a rule has given, each member read once, whatever it is. Throws a TypeError for what is no decision. */
function readRejection(given: unknown): Pick<RefusalDetails, 'reason' | 'detail'> | undefined {
  if (given === undefined) return undefined
  if (given instanceof Promise) given.catch(() => {})
  if (typeof given !== 'object' || given === null) throw new TypeError(`validate gave a ${given === null ? 'null' : typeof given}.`)
  const { reason, detail, then } = given as { reason?: unknown; detail?: unknown; then?: unknown }
  if (typeof then === 'function') throw new TypeError('validate gave a promise: a rule decides at once.')
  if (typeof reason !== 'string' || !reasonPattern.test(reason)) {
    throw new TypeError(`validate gave a rejection whose reason is not 1–${reasonLengthMax} of a–z, 0–9 and hyphens.`)
  }
  if (detail === undefined) return { reason }
  if (typeof detail !== 'string') throw new TypeError('validate gave a rejection whose detail is not a text.')
  return { reason, detail: detail.slice(0, detailLengthMax).toWellFormed() }
}

function viewOf(recent: Recent | undefined, latestSeq: number): RecentEvents {
  const isWholeTape = (recent?.keptFrom ?? latestSeq + 1) === 0
  return Object.freeze({
    latestSeq,
    // A copy each time, because looking through a frozen list takes ten times as long.
    get events() {
      return recent?.keptEvents ?? []
    },
    object(collection: string, identifier: string): RecentObject {
      const { since, values } = recent?.keptObject({ collection, identifier }) ?? { since: undefined, values: {} }
      if (since === undefined && !isWholeTape) return Object.freeze({ isWhole: false, isAlive: undefined, values: Object.freeze(values) })
      return Object.freeze({ isWhole: true, isAlive: since?.type === 'insert', values: Object.freeze(values) })
    },
  })
}
