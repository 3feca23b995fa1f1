/**
 * What models reported of conflicts, looked at from the whole tape.
 *
 * - Each report is true: the two were concurrent, the makers and values are theirs, and the winner is right.
 * - A program that ran from start to end, alone with its id, reported every direct overwrite between its own events and
 *   concurrent ones of others. (Direct: on the tape as it is, the one stood when the other came.)
 */
import { isDeepStrictEqual } from 'node:util'
import type { Collision } from '../../src/models/index.ts'
import {
  applyEvent,
  areConcurrent,
  collide,
  type Draft,
  type EventType,
  type Json,
  type ObjectState,
  type TapeEvent,
  unborn,
  type Values,
  writeOf,
} from '../../src/protocol/index.ts'
import type { SimBrowser } from './sim-browser.ts'
import type { Report, SimModel } from './sim-model.ts'
import { Violation } from './violation.ts'

interface Op {
  readonly type: EventType
  readonly values?: Values | undefined
}

/** What is known afterwards: when a model was given what, and the whole tape. */
interface Seen {
  readonly model: SimModel
  readonly tape: readonly TapeEvent[]
}

/** Gives how many programs were seen to have reported all. */
export function checkConflicts({ name, everyTab, hasTabs, family }: SimBrowser, tape: readonly TapeEvent[]): number {
  for (const { line, model } of everyTab) for (const report of model.reports) checkReport(line.name, report, { model, tape })
  const [tab, ...others] = everyTab
  const [client, ...laterIds] = tab?.model.clients ?? []
  if (tab?.model.isWatching !== true) return 0
  const hasStayed = !hasTabs && others.length === 0 && tab.isAlive && laterIds.length === 0 && family.browsers.length === 1
  if (!hasStayed || client === undefined) return 0
  const { model } = tab
  const reported = new Set<string>()
  for (const { collision } of model.reports) {
    reported.add(`${collision.theirs.seq} ${collision.winner}`)
    // Where drafts that waited met it, they were told of in place of what they lay on (even if they were refused later).
    if (collision.mine.seq === undefined) reported.add(`${collision.theirs.seq} theirs`)
  }
  for (const { mine, theirs, winner } of directOverwrites(client, tape)) {
    if (reported.has(`${theirs} ${winner}`) || wasSuperseded(Math.max(mine, theirs), [mine, theirs], { model, tape })) continue
    throw new Violation(`${name} (${client}) did not report that its event ${mine} and event ${theirs} are in conflict; ${winner} wins.`)
  }
  return 1
}

/** Whether something newer had been written to the object, as far as the model knew, when the second of the two came. */
function wasSuperseded(newest: number, both: readonly number[], { model, tape }: Seen): boolean {
  const metAt = Math.max(...both.map((seq) => model.givenAt.get(seq) ?? 0))
  const { identifier } = tape[newest] as TapeEvent
  return tape.slice(newest + 1).some((event) => event.identifier === identifier && (model.givenAt.get(event.seq) ?? metAt) < metAt)
}

function checkReport(name: string, { collision, pending, run }: Report, { model, tape }: Seen): void {
  const { identifier, mine, theirs } = collision
  const event = tape[theirs.seq]
  const fail = (what: string) => {
    throw new Violation(`${name} reported ${what}: ${JSON.stringify(collision)}; the tape has ${JSON.stringify(event)}.`)
  }
  if (event === undefined || event.identifier !== identifier || event.type !== theirs.type) return fail('what nobody did')
  if (event.client !== theirs.client || event.client === mine.client) return fail('another maker')
  for (const [field, { theirs: value }] of Object.entries(collision.fields)) {
    if (!isValueOf(event, field, { value, tape })) fail(`another value of ${field}`)
  }
  if (mine.seq === undefined) {
    if (!isTrueOfPending(collision, event, pending)) return fail('drafts that do not wait')
    return isBuried(event, run, { model, tape }) ? fail('what lay beneath a later birth or death') : undefined
  }
  const own = tape[mine.seq]
  if (own === undefined || own.client !== mine.client || own.type !== mine.type) return fail('what it did not do itself')
  if (!areConcurrent(own, event)) return fail('a conflict with what was known')
  const rivals = tape.filter((each) => each.client === mine.client && each.identifier === identifier && areConcurrent(each, event))
  if (!isTrueOf(collision, event, { rivals, tape })) fail('what did not happen')
}

/** Whether it could not change anything any more when it came. */
function isBuried({ identifier, seq }: TapeEvent, run: number, { model, tape }: Seen): boolean {
  const isAbove = (event: TapeEvent) => event.identifier === identifier && event.type !== 'update'
  return tape.slice(seq + 1).some((event) => isAbove(event) && (model.givenAt.get(event.seq) ?? run) < run)
}

/** What is written over when the other event comes, because that is late, is not known any more. */
function isValueOf(event: TapeEvent, field: string, { value, tape }: { value: Json | undefined; tape: readonly TapeEvent[] }): boolean {
  if (isDeepStrictEqual(value, event.values?.[field])) return true
  const { identifier, seq } = event
  return (
    value === undefined && tape.slice(seq + 1).some((other) => other.identifier === identifier && Object.hasOwn(other.values ?? {}, field))
  )
}

/** Whether the fields, all together, are what one or several own events and the other lost to each other. */
function isTrueOf(
  { fields, winner }: Collision,
  event: TapeEvent,
  { rivals, tape }: { rivals: readonly TapeEvent[]; tape: readonly TapeEvent[] },
): boolean {
  const other = without(event, (field) => fields[field] !== undefined && fields[field].theirs === undefined)
  const losses = rivals.flatMap((own) => {
    const isOwnFirst = own.seq < event.seq
    const rest = without(own, (field) => fields[field] !== undefined && fields[field].mine === undefined)
    const loss = isOwnFirst ? collide(rest, other) : collide(other, rest)
    const wins = loss !== undefined && (loss.winner === 'earlier') === isOwnFirst ? 'mine' : 'theirs'
    return loss === undefined || wins !== winner ? [] : [{ own, loss }]
  })
  const isLost = ([field, { mine }]: [string, { mine: Json | undefined }]) =>
    losses.some(({ own, loss }) => loss.fields.includes(field) && isValueOf(own, field, { value: mine, tape }))
  return losses.length > 0 && Object.entries(fields).every(isLost)
}

/** A change as far as its values are known. */
function without({ type, values }: TapeEvent, isForgotten: (field: string) => boolean): Op {
  return { type, values: values && Object.fromEntries(Object.entries(values).filter(([field]) => !isForgotten(field))) }
}

function isTrueOfPending({ identifier, fields, mine, winner }: Collision, event: TapeEvent, pending: readonly Draft[]): boolean {
  const drafts = pending.filter((draft) => draft.identifier === identifier)
  if (drafts.some(({ seen }) => seen >= event.seq)) return false
  const op = drafts.reduce<Op | undefined>((before, { type, values }) => {
    if (type !== 'update' || before === undefined) return { type, values }
    return before.type === 'delete' ? before : { type: before.type, values: { ...before.values, ...values } }
  }, undefined)
  const loss = op && collide(event, op)
  if (op === undefined || loss === undefined || op.type !== mine.type) return false
  const isRight = ([field, values]: [string, { mine: Json | undefined }]) =>
    loss.fields.includes(field) && isDeepStrictEqual(values.mine, op.values?.[field])
  return (loss.winner === 'later' ? 'mine' : 'theirs') === winner && Object.entries(fields).every(isRight)
}

interface Overwrite {
  readonly mine: number
  readonly theirs: number
  readonly winner: Collision['winner']
}

function directOverwrites(client: string, tape: readonly TapeEvent[]): readonly Overwrite[] {
  const states = new Map<string, ObjectState>()
  const overwrites: Overwrite[] = []
  for (const event of tape) {
    const state = states.get(event.identifier) ?? unborn
    for (const [seq, op] of standingIn(state)) {
      const other = tape[seq] as TapeEvent
      if ((other.client === client) === (event.client === client) || !areConcurrent(other, event)) continue
      const loss = collide(op, event)
      if (loss === undefined) continue
      const [mine, theirs] = event.client === client ? [event.seq, seq] : [seq, event.seq]
      overwrites.push({ mine, theirs, winner: (loss.winner === 'earlier' ? seq : event.seq) === mine ? 'mine' : 'theirs' })
    }
    states.set(event.identifier, applyEvent(state, event))
  }
  return overwrites
}

/** What an object consists of: by seq, what is left of each event. */
function standingIn(state: ObjectState): ReadonlyMap<number, Op> {
  const { since, isAlive, values } = state
  const standing = new Map<number, Op>()
  if (since.seq >= 0) standing.set(since.seq, { type: isAlive ? 'insert' : 'delete', values: {} })
  for (const [field, value] of Object.entries(values)) {
    const { seq } = writeOf(state, field)
    const op = standing.get(seq) ?? { type: 'update', values: {} }
    standing.set(seq, { ...op, values: { ...op.values, [field]: value } })
  }
  return standing
}
