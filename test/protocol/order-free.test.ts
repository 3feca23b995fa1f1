/**
 * A tape told in order to the plainest model there is, and the same tape told to the stamps in any order, in any pieces,
 * with repeats, folded and folded again: both know the same of every object.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  applyEvent,
  type EventType,
  foldEvents,
  type ObjectState,
  partsOf,
  type TapeEvent,
  unborn,
  writeOf,
} from '../../src/protocol/index.ts'

const runs = { seed: 20_261_124, numRuns: 3000 }

const anyChange = fc
  .record({
    type: fc.constantFrom<EventType>('insert', 'update', 'update', 'delete'),
    collection: fc.constantFrom('a', 'ab'),
    identifier: fc.constantFrom('bc', 'c'),
    values: fc.dictionary(fc.constantFrom('x', 'y', 'z', 'toString'), fc.nat(9), { maxKeys: 3 }),
    client: fc.constantFrom('a', 'b', 'c', undefined),
    version: fc.constantFrom(undefined, 2, 3),
    behind: fc.nat(5),
  })
  .map(({ values, ...change }) => (change.type === 'delete' ? change : { ...change, values }))

/** A tape, dense from 0, whose makers are up to so many events behind. */
const anyTape = fc.array(anyChange, { maxLength: 30, size: 'max' }).map((changes) => {
  const counters = new Map<string, number>()
  return changes.map(({ client, version, behind, ...change }, seq): TapeEvent => {
    const counter = (counters.get(client ?? '') ?? 0) + 1
    counters.set(client ?? '', counter)
    const maker = client === undefined ? {} : { client, counter }
    return { seq, ...maker, seen: Math.max(-1, seq - 1 - behind), ...(version === undefined ? {} : { version }), ...change }
  })
})

/** Names an object in a way of its own, so that two whose names run together do not pass for one. */
const nameOf = ({ collection, identifier }: TapeEvent) => `${collection}/${identifier}`

type Known = Readonly<Record<string, unknown>>

/** Of a write, who made it, where, and under which version. */
const madeBy = ({ seq, client, version = 1 }: Pick<TapeEvent, 'seq' | 'client' | 'version'>) => ({ seq, client, version })

/** What the tape says of each object, read in its order: an insert replaces, a delete clears, an update writes. */
function toldInOrder(tape: readonly TapeEvent[]): Map<string, Known> {
  const objects = new Map<string, { isAlive: boolean; since: unknown; seen: number; fields: Record<string, unknown> }>()
  for (const event of tape) {
    const by = madeBy(event)
    let object = objects.get(nameOf(event))
    if (object === undefined && event.type === 'update' && Object.keys(event.values ?? {}).length === 0) continue
    if (object === undefined || event.type !== 'update') {
      const { seq, seen } = event.type === 'update' ? { seq: -1, seen: -1 } : event
      object = { isAlive: event.type === 'insert', since: seq < 0 ? madeBy({ seq, client: undefined }) : by, seen, fields: {} }
      objects.set(nameOf(event), object)
    }
    for (const [field, value] of Object.entries(event.values ?? {})) object.fields[field] = { value, by }
  }
  return objects
}

/** What the stamps know of each object after these events, folded or not. */
function toldInPieces(events: readonly TapeEvent[]): Map<string, Known> {
  const states = new Map<string, ObjectState>()
  for (const event of events) states.set(nameOf(event), applyEvent(states.get(nameOf(event)) ?? unborn, event))
  const known = Array.from(states).filter(([, state]) => state !== unborn)
  return new Map(known.map(([key, state]) => [key, knownOf(state)]))
}

function knownOf(state: ObjectState): Known {
  const { isAlive, since, values } = state
  const fields = Object.entries(values).map(([field, value]) => [field, { value, by: madeBy(writeOf(state, field)) }] as const)
  return { isAlive, since: madeBy(since), seen: since.seen, fields: Object.fromEntries(fields) }
}

type Luck = (below: number) => number

function shuffled<T>(items: readonly T[], luck: Luck): readonly T[] {
  return items
    .map((item) => [luck(1000), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item)
}

/** The events in pieces, some folded, and some pieces of folded pieces folded again. */
function inPieces(events: readonly TapeEvent[], luck: Luck): readonly TapeEvent[] {
  if (events.length < 2) return events
  const cut = 1 + luck(events.length - 1)
  const joined = [...inPieces(events.slice(cut), luck), ...inPieces(events.slice(0, cut), luck)]
  return luck(2) === 0 ? joined : foldEvents(joined)
}

/** Half of the items a second time. */
function repeated<T>(items: readonly T[], luck: Luck): readonly T[] {
  return [...items, ...items.filter(() => luck(2) === 0)]
}

const anyLuck = fc.infiniteStream(fc.nat()).map(
  (stream): Luck =>
    (below) =>
      (stream.next().value as number) % below,
)

test('[O2] [F1] any order, any pieces, any repeats, folded and folded again, give what the tape gives in its order', () => {
  fc.assert(
    fc.property(anyTape, anyLuck, (tape, luck) => {
      const pieces = inPieces(shuffled(repeated(tape, luck), luck), luck)
      const delivered = shuffled(repeated(pieces, luck), luck)
      expect(toldInPieces(delivered)).toEqual(toldInOrder(tape))
    }),
    runs,
  )
})

test('[O2] [F1] a model that knows a part already comes to the same', () => {
  fc.assert(
    fc.property(anyTape, fc.nat(30), anyLuck, (tape, length, luck) => {
      const known = shuffled(tape, luck).slice(0, length)
      expect(toldInPieces([...known, ...inPieces(shuffled(tape, luck), luck)])).toEqual(toldInOrder(tape))
    }),
    runs,
  )
})

test('[O2] what a model knows already, folded or not, does not make another object of it', () => {
  fc.assert(
    fc.property(anyTape, anyLuck, (tape, luck) => {
      for (const { collection, identifier } of tape) {
        const events = tape.filter((event) => event.collection === collection && event.identifier === identifier)
        const state = events.reduce(applyEvent, unborn)
        for (const event of [...events, ...inPieces(shuffled(events, luck), luck)]) expect(applyEvent(state, event)).toBe(state)
      }
    }),
    { ...runs, numRuns: 300 },
  )
})

test('[F1] the parts of a folded event are what still stands of events of the tape, in its order', () => {
  fc.assert(
    fc.property(anyTape, anyLuck, (tape, luck) => {
      for (const folded of foldEvents(inPieces(shuffled(tape, luck), luck))) {
        const parts = partsOf(folded)
        expect(parts.map(({ seq }) => seq)).toEqual([...new Set([folded.seq, ...Object.values(folded.stamps ?? {})])].sort((a, b) => a - b))
        for (const part of parts) {
          const whole = tape[part.seq] as TapeEvent
          expect([part.type, nameOf(part), madeBy(part)]).toEqual([whole.type, nameOf(whole), madeBy(whole)])
          expect(whole.values ?? {}).toMatchObject(part.values ?? {})
        }
      }
    }),
    { ...runs, numRuns: 300 },
  )
})

test('[F1] a folded event says of each field who wrote it, where and under which version, where that differs from its own', () => {
  fc.assert(
    fc.property(anyTape, anyLuck, (tape, luck) => {
      for (const { seq, stamps = {}, makers = {}, versions = {}, values = {} } of foldEvents(inPieces(shuffled(tape, luck), luck))) {
        const own = tape[seq] as TapeEvent
        const writers = Object.keys(values).map((field) => [field, tape[ofField(stamps, field) ?? seq] as TapeEvent] as const)
        const others = writers.filter(([, writer]) => writer !== own)
        const foreign = others.filter(([, { client }]) => client !== own.client)
        const newer = others.filter(([, { version }]) => version !== own.version)
        expect({ values, stamps, makers, versions }).toEqual({
          values: Object.fromEntries(writers.map(([field, writer]) => [field, writer.values?.[field]])),
          stamps: Object.fromEntries(others.map(([field, writer]) => [field, writer.seq])),
          makers: Object.fromEntries(foreign.map(([field, { client }]) => [field, client ?? null])),
          versions: Object.fromEntries(newer.map(([field, { version = 1 }]) => [field, version])),
        })
      }
    }),
    { ...runs, numRuns: 500 },
  )
})

function ofField<T>(record: Readonly<Record<string, T>>, field: string): T | undefined {
  return Object.hasOwn(record, field) ? record[field] : undefined
}
