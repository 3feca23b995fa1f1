/** What the models are given of a run: folded, but for objects on which others and this client have written at once. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldRun, noteOwn } from '../../src/client/tape/run.ts'
import { applyEvent, type EventType, foldEvents, objectKey, type TapeEvent, unborn } from '../../src/protocol/index.ts'

const update = (seq: number, client: string | undefined, seen: number, identifier = 'a'): TapeEvent => ({
  seq,
  ...(client === undefined ? {} : { client, counter: seq + 1 }),
  seen,
  type: 'update',
  collection: 'things',
  identifier,
  values: { [`by ${client} at ${seq}`]: seq },
})

const keyOfA = objectKey({ collection: 'things', identifier: 'a' })

/** `newest`: the seq of this client's newest event of the object before the run. */
const given = (run: readonly TapeEvent[], newest = -1) => foldRun(run, { client: 'me', newest: new Map([[keyOfA, newest]]) })
const seqs = (run: readonly TapeEvent[], newest?: number) => given(run, newest).map(({ seq }) => seq)

describe('a run', () => {
  test.each<[name: string, run: TapeEvent[], newest: number | undefined, seqs: number[]]>([
    ['of others alone is folded', [update(10, 'x', 3), update(11, 'y', 3), update(12, undefined, -1)], undefined, [10]],
    ['of others who have seen what this client wrote is folded', [update(10, 'x', 7), update(11, 'y', 9)], 7, [10]],
    ['of others of whom one has not stays as it is', [update(10, 'x', 7), update(11, 'y', 6)], 7, [10, 11]],
    ['of scripts, which say nothing of what they have seen, stays as it is', [update(10, undefined, -1), update(11, 'x', 9)], 7, [10, 11]],
    ['beneath an event of this client stays as it is', [update(4, 'x', 3), update(5, 'x', 4)], 7, [4, 5]],
    ['of this client, which had seen everything, is folded', [update(10, 'me', 9), update(11, 'me', 10)], undefined, [10]],
    ['of this client, which had not, stays as it is', [update(10, 'me', 8), update(11, 'me', 8)], undefined, [10, 11]],
    ['in which each has seen the other is folded', [update(10, 'me', 9), update(11, 'x', 10), update(12, 'me', 11)], undefined, [10]],
    ['in which another has not seen this client’s stays as it is', [update(10, 'me', 9), update(11, 'x', 9)], undefined, [10, 11]],
    ['in which this client has not seen another’s stays as it is', [update(10, 'x', 8), update(11, 'me', 8)], undefined, [10, 11]],
    ['of one event is that event', [update(10, 'x', -1)], 7, [10]],
  ])('[C15] %s', (_, run, newest, expected) => {
    expect(seqs(run, newest)).toEqual(expected)
    expect(seqs(run.toReversed(), newest), 'in order of seq, however it came').toEqual(expected)
  })

  test('[C15] only the objects that are contested stay as they are', () => {
    const run = [update(10, 'x', 3, 'b'), update(11, 'x', 3), update(12, 'y', 3, 'b'), update(13, 'y', 3)]
    const result = given(run, 7)
    expect(result.map(({ seq }) => seq)).toEqual([10, 11, 13])
    expect([result[1], result[2]]).toEqual([run[1], run[3]])
  })
})

test('[C15] what this client wrote is found in folded events, too, where it still stands', () => {
  const folded: TapeEvent[] = [
    { ...update(1, 'me', 0, 'own'), values: { x: 1 } },
    { ...update(2, 'other', 0, 'field'), values: { x: 1, y: 2 }, stamps: { y: 5 }, makers: { y: 'me' } },
    { ...update(3, 'me', 0, 'older'), values: { x: 1, y: 2 }, stamps: { y: 6 }, makers: { y: 'other' } },
    { ...update(4, 'me', 0, 'newer'), values: { x: 1, y: 2 }, stamps: { y: 7 } },
    { ...update(8, 'other', 0, 'none'), values: { toString: 1 }, stamps: { toString: 9 } },
  ]
  const newest = new Map<string, number>()
  noteOwn(newest, folded, 'me')
  const of = (identifier: string) => newest.get(objectKey({ collection: 'things', identifier }))
  expect(['own', 'field', 'older', 'newer', 'none'].map(of)).toEqual([1, 5, 3, 7, undefined])
  noteOwn(newest, [update(0, 'me', -1, 'own')], 'me')
  expect(of('own'), 'the newest counts').toBe(1)
})

const anyTape = fc
  .array(
    fc.record({
      type: fc.constantFrom<EventType>('insert', 'update', 'update', 'delete'),
      identifier: fc.constantFrom('a', 'b'),
      client: fc.constantFrom('me', 'x', 'y', undefined),
      behind: fc.nat(5),
      values: fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.nat(9), { maxKeys: 2 }),
      isKnown: fc.boolean(),
    }),
    { maxLength: 20 },
  )
  .map((changes) =>
    changes.map(({ behind, values, client, type, identifier, isKnown }, seq) => {
      const event: TapeEvent = {
        seq,
        ...(client === undefined ? {} : { client, counter: seq + 1 }),
        seen: Math.max(-1, seq - 1 - behind),
        type,
        collection: 'things',
        identifier,
        ...(type === 'delete' ? {} : { values }),
      }
      return { event, isKnown }
    }),
  )

const stateOf = (events: readonly TapeEvent[], identifier: string) =>
  events.filter((event) => event.identifier === identifier).reduce(applyEvent, unborn)

test('[C15] a run comes to the same as if nothing of it were folded, and nothing concurrent with an own event is folded away', () => {
  fc.assert(
    fc.property(anyTape, fc.infiniteStream(fc.nat()), (tape, dice) => {
      const known = tape.filter(({ isKnown }) => isKnown).map(({ event }) => event)
      const fresh = tape.filter(({ isKnown }) => !isKnown).map(({ event }) => event)
      const run = fresh.toSorted(() => ((dice.next().value ?? 0) % 3 === 0 ? 1 : -1))
      const newest = new Map<string, number>()
      noteOwn(newest, known, 'me')
      const result = foldRun(run, { client: 'me', newest })
      for (const identifier of ['a', 'b']) {
        // What each had seen is lost in a fold, and decides nothing here.
        const plain = ({ seen: _, ...write }: { seen: number }) => write
        const shown = ({ since, later, ...state }: ReturnType<typeof stateOf>) => ({
          ...state,
          since: plain(since),
          later: Object.fromEntries(Object.entries(later).map(([field, write]) => [field, plain(write)])),
        })
        expect(shown(stateOf([...known, ...result], identifier))).toEqual(shown(stateOf([...known, ...fresh], identifier)))
      }
      for (const { event: own } of tape) {
        if (own.client !== 'me') continue
        for (const { event: other } of tape) {
          if (other.client === 'me' || other.identifier !== own.identifier) continue
          const areConcurrent = other.seq > own.seq ? other.seen < own.seq : own.seen < other.seq
          if (!areConcurrent) continue
          if (fresh.includes(other)) expect(result).toContain(other)
          // One that had seen all before it is whole in a fold: only what it is above of is in question.
          if (fresh.includes(own) && (fresh.includes(other) || own.seen < own.seq - 1)) expect(result).toContain(own)
        }
      }
    }),
    { seed: 7, numRuns: 3000 },
  )
})

test('[C15] no more is kept apart than that: without own events a run is folded as far as it goes', () => {
  fc.assert(
    fc.property(anyTape, (tape) => {
      const events = tape.map(({ event }) => event)
      expect(foldRun(events, { client: 'nobody', newest: new Map() })).toEqual(foldEvents(events))
    }),
    { seed: 7, numRuns: 500 },
  )
})
