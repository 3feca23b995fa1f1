/**
 * Says of a recorded history and of the tape that was read at its end what is wrong with them: nothing that was
 * acknowledged is missing, nothing is there twice or in another order, nobody was told what is not so, and everyone
 * shows what the tape says. A pure function: it knows nothing of how the history came about.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Change, TapeEvent } from '../../src/protocol/index.ts'
import type { History } from './history.ts'
import { Ledger } from './ledger.ts'
import { firstDifference, ownOf, replay, sequential } from './replay.ts'

export type ViolationKind =
  /** The tape's seqs are not 0, 1, 2 … */
  | 'gap'
  /** A client's counters are not 1, 2, 3 …, in order of seq. */
  | 'counter'
  /** What was saved, or acknowledged, is not on the tape. */
  | 'missing'
  | 'twice'
  /** A client's drafts stand on the tape in another order than it made them. */
  | 'order'
  /** The tape has what nobody made, or not as it was made. */
  | 'foreign'
  /** A client was given an event that is not on the tape like that. */
  | 'delivered'
  /** What a client shows is not what the whole tape makes. */
  | 'model'
  /** An outbox was empty before its drafts were on the tape, or is not though they are. */
  | 'outbox'
  /** Of the drafts that may fold, the last of a client did not win. */
  | 'lost-write'
  | 'stuck'
  | 'reset'
  | 'refused'
  | 'reported'

export interface Violation {
  readonly kind: ViolationKind
  readonly text: string
}

/** More of one kind say nothing new. */
const violationsMax = 10

export function check(history: History, tape: readonly TapeEvent[]): readonly Violation[] {
  const violations: Violation[] = []
  const say = (kind: ViolationKind, text: string) => {
    if (violations.filter((each) => each.kind === kind).length < violationsMax) violations.push({ kind, text })
  }
  checkTape(tape, say)
  const ledger = new Ledger(history)
  const marks = checkMarks(ledger, tape, say)
  walk(history, { tape, ledger, marks, say })
  checkWrites(ledger, tape, say)
  return violations
}

export type Say = (kind: ViolationKind, text: string) => void

function checkTape(tape: readonly TapeEvent[], say: Say): void {
  const counters = new Map<string, number>()
  tape.forEach(({ seq, client, counter }, index) => {
    if (seq !== index) say('gap', `Event ${seq} stands at ${index}.`)
    if (client === undefined || counter === undefined) return
    const before = counters.get(client) ?? 0
    if (counter !== before + 1) say('counter', `Event ${seq} is ${client}'s draft ${counter}, after its draft ${before}.`)
    counters.set(client, counter)
  })
}

/** Gives where each mark stands on the tape. */
function checkMarks(ledger: Ledger, tape: readonly TapeEvent[], say: Say): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  for (const event of tape) {
    if (event.client === undefined || event.collection !== 'marks') continue
    const before = places.get(event.identifier)
    if (before !== undefined) say('twice', `${event.identifier} is event ${before} and event ${event.seq}.`)
    else places.set(event.identifier, event.seq)
    const made = ledger.made.get(event.identifier)
    if (made === undefined) say('foreign', `Nobody made ${event.identifier}, which is event ${event.seq}.`)
    else if (!isSameChange(made, event)) say('foreign', `Event ${event.seq} is not as ${event.identifier} was made.`)
  }
  for (const [who, { marks }] of ledger.clients) {
    let before = -1
    for (const { identifier, isSafe } of marks) {
      const place = places.get(identifier)
      if (place === undefined) {
        if (isSafe) say('missing', `${who}'s ${identifier} is not on the tape.`)
        continue
      }
      if (place < before) say('order', `${who}'s ${identifier} is event ${place}, behind a later draft of its own at ${before}.`)
      before = Math.max(before, place)
    }
  }
  return places
}

interface Walk {
  readonly tape: readonly TapeEvent[]
  readonly ledger: Ledger
  readonly marks: ReadonlyMap<string, number>
  readonly say: Say
}

function walk(history: History, { tape, ledger, marks, say }: Walk): void {
  const whole = replay(tape)
  const missing = ledger.createOutboxes(marks)
  for (const entry of history) {
    missing.follow(entry)
    switch (entry.type) {
      case 'delivered':
        for (const event of entry.events) {
          // A folded event stands for several: that it is right shows in the model.
          const isRight = event.stamps === undefined ? isDeepStrictEqual(event, tape[event.seq]) : event.seq < tape.length
          if (!isRight)
            say('delivered', `${entry.who} was given ${JSON.stringify(event)}; the tape has ${JSON.stringify(tape[event.seq])}.`)
        }
        break
      case 'emptied': {
        const first = missing.firstOf(entry.who)
        if (first !== undefined) say('outbox', `${entry.who}'s outbox was empty while ${first} was not on the tape.`)
        break
      }
      case 'drained': {
        const first = missing.firstOf(entry.who)
        if (entry.pending === 0 && first !== undefined) say('outbox', `${entry.who} came to rest while ${first} was not on the tape.`)
        if (entry.pending > 0 && first === undefined) {
          say('outbox', `${entry.who} has ${entry.pending} drafts waiting, though all of its own are on the tape.`)
        }
        const difference = firstDifference(entry.shown, whole)
        if (difference !== undefined) say('model', `${entry.who} ${difference}`)
        break
      }
      case 'stuck':
        say('stuck', `${entry.who} did not come to rest: ${entry.status}`)
        break
      case 'reset':
        say('reset', `${entry.who} was told that the tape begins anew.`)
        break
      case 'refused':
        say('refused', `A draft of ${entry.who} was refused: ${entry.code}.`)
        break
      case 'reported':
        say('reported', `${entry.who} was told: ${entry.what}`)
        break
      case 'made':
      case 'saved':
      case 'kept':
      case 'killed':
      case 'restarted':
        break
    }
  }
}

/** Of what folds, the end counts: the last value of each field, and what became of each object. */
function checkWrites(ledger: Ledger, tape: readonly TapeEvent[], say: Say): void {
  const whole = replay(tape)
  const values = new Map(whole.shared.map((object) => [object.identifier, object.values]))
  for (const [who, { writes, own, wasKilled }] of ledger.clients) {
    for (const [identifier, allowed] of writes) {
      const value = values.get(identifier)?.[who]
      if (!allowed.includes(value)) say('lost-write', `${who} wrote ${allowed.join(' or ')} to ${identifier} last; it has ${value}.`)
    }
    // What a killed process had not saved is gone or not: its objects have no single right end.
    if (wasKilled) continue
    const expected = ownOf(who, sequential(own))
    const found = ownOf(who, whole.own)
    if (!isDeepStrictEqual(found, expected)) {
      say('lost-write', `${who}'s objects are ${JSON.stringify(found)} and should be ${JSON.stringify(expected)}.`)
    }
  }
}

function isSameChange(made: Change, event: TapeEvent): boolean {
  return made.type === event.type && isDeepStrictEqual(made.values, event.values)
}
