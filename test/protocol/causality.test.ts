/** Which events knew of which, in all small histories there are. */
import { describe, expect, test } from 'vitest'
import {
  areConcurrent,
  type CausalOrder,
  causalPast,
  compareVectors,
  happenedBefore,
  type Origin,
  versionVector,
} from '../../src/protocol/index.ts'

/** Three clients, and scripts, which are each a maker of their own. */
const makers = ['a', 'b', 'c', undefined] as const
const eventsMax = 4

/** All histories of up to so many events: whoever made each of them, and whatever it had seen. */
function histories({ canForget }: { readonly canForget: boolean }): readonly (readonly Origin[])[] {
  const all: (readonly Origin[])[] = [[]]
  let longest = all
  for (let seq = 0; seq < eventsMax; seq++) {
    longest = longest.flatMap((history) =>
      makers.flatMap((client) => nextEvents(history, client, canForget).map((next) => [...history, next])),
    )
    all.push(...longest)
  }
  return all
}

function nextEvents(history: readonly Origin[], client: string | undefined, canForget: boolean): readonly Origin[] {
  const seq = history.length
  const own = client === undefined ? [] : history.filter((event) => event.client === client)
  const least = canForget ? -1 : (own.at(-1)?.seen ?? -1)
  const maker = client === undefined ? {} : { client, counter: own.length + 1 }
  return Array.from({ length: seq - least }, (_, index) => ({ seq, seen: least + index, ...maker }))
}

/** What an event can know of by hearsay: what its maker had applied and made, with all that those knew of. */
function hearsay(history: readonly Origin[]): readonly ReadonlySet<number>[] {
  const known: Set<number>[] = []
  for (const event of history) {
    const sources = history
      .slice(0, event.seq)
      .filter(({ seq, client }) => seq <= event.seen || (client !== undefined && client === event.client))
    known.push(new Set(sources.flatMap(({ seq }) => [seq, ...(known[seq] as Set<number>)])))
  }
  return known
}

function pairs(history: readonly Origin[]): readonly (readonly [Origin, Origin])[] {
  return history.flatMap((a) => history.map((b) => [a, b] as const))
}

const remembering = histories({ canForget: false })
const forgetting = histories({ canForget: true })

/** Where the claim does not hold, with the history; expecting a million things one by one takes too long. */
function exceptions(all: readonly (readonly Origin[])[], isTrue: (a: Origin, b: Origin, history: readonly Origin[]) => boolean): unknown[] {
  return all.flatMap((history) =>
    pairs(history)
      .filter(([a, b]) => !isTrue(a, b, history))
      .map(([a, b]) => ({ a, b, history })),
  )
}

describe('happened before', () => {
  test('[K1] one event is before another when its maker had applied it, or had made it itself', () => {
    const event = (seq: number, client: string | undefined, counter: number | undefined, seen: number): Origin => ({
      seq,
      client,
      counter,
      seen,
    })
    const first = event(0, 'a', 1, -1)
    expect(happenedBefore(first, event(2, 'b', 1, 0))).toBe(true)
    expect(happenedBefore(first, event(2, 'b', 1, -1))).toBe(false)
    expect(happenedBefore(first, event(2, 'a', 2, -1))).toBe(true)
    expect(happenedBefore(event(2, 'a', 2, -1), first)).toBe(false)
    expect(happenedBefore(first, event(2, 'a', undefined, -1))).toBe(true)
    expect(happenedBefore(event(0, undefined, undefined, -1), event(1, undefined, undefined, -1))).toBe(false)
    expect(happenedBefore(event(0, undefined, undefined, -1), event(1, undefined, undefined, 0))).toBe(true)
    expect(areConcurrent(first, event(1, 'b', 1, -1))).toBe(true)
    expect(areConcurrent(event(0, undefined, undefined, -1), event(1, undefined, undefined, -1))).toBe(true)
  })

  test('[K1] in all histories two events are the same, one before the other, or concurrent, and never two of these', () => {
    const isOneOfFour = (a: Origin, b: Origin) =>
      [a === b, happenedBefore(a, b), happenedBefore(b, a), areConcurrent(a, b)].filter((holds) => holds).length === 1
    expect(exceptions(forgetting, isOneOfFour)).toEqual([])
    expect(exceptions(forgetting, (a, b) => areConcurrent(a, b) === areConcurrent(b, a))).toEqual([])
    expect(exceptions(forgetting, (a, b) => !happenedBefore(a, b) || a.seq < b.seq)).toEqual([])
  })

  test('[K2] while no client forgets, it is what hearsay over all events in between says', () => {
    expect(remembering.length).toBeGreaterThan(5000)
    expect(remembering.flatMap((history) => history.map((event) => causalPast(event, history).map(({ seq }) => seq)))).toEqual(
      remembering.flatMap((history) => hearsay(history).map((known) => [...known].sort())),
    )
  })

  test('[K2] where a client forgot, it is what that had applied by then: less than hearsay by that alone', () => {
    expect(forgetting.length).toBeGreaterThan(remembering.length)
    const hadForgotten = (a: Origin, b: Origin, history: readonly Origin[]) =>
      history.some(({ client, seq, seen }) => client !== undefined && client === b.client && seq < b.seq && seen >= a.seq && a.seq > b.seen)
    let forgotten = 0
    const isExplained = (a: Origin, b: Origin, history: readonly Origin[]) => {
      const isHearsay = hearsay(history)[b.seq]?.has(a.seq) === true
      if (happenedBefore(a, b)) return isHearsay
      if (isHearsay) forgotten++
      return !isHearsay || hadForgotten(a, b, history)
    }
    expect(exceptions(forgetting, isExplained)).toEqual([])
    expect(forgotten).toBeGreaterThan(0)
  })
})

describe('version vectors', () => {
  const vectorOf = (event: Origin, history: readonly Origin[]) => versionVector([...causalPast(event, history), event])

  test("[K3] of what clients' events know and are, in all histories, they stand to each other as the events do", () => {
    const orderOf = (a: Origin, b: Origin): CausalOrder => {
      if (a === b) return 'equal'
      return happenedBefore(a, b) ? 'before' : happenedBefore(b, a) ? 'after' : 'concurrent'
    }
    const isSameOrder = (a: Origin, b: Origin, history: readonly Origin[]) =>
      a.client === undefined || b.client === undefined || compareVectors(vectorOf(a, history), vectorOf(b, history)) === orderOf(a, b)
    expect(exceptions(remembering, isSameOrder)).toEqual([])
  })

  test('[K3] they hold the highest counter of each client, in whatever order the events come, and nothing of scripts', () => {
    const events = [{ client: 'a', counter: 2 }, { client: '__proto__', counter: 1 }, { client: 'a', counter: 1 }, {}]
    expect([...versionVector(events)]).toEqual([
      ['a', 2],
      ['__proto__', 1],
    ])
    expect(versionVector([])).toEqual(new Map())
  })

  test.each<[[string, number][], [string, number][], CausalOrder]>([
    [[], [], 'equal'],
    [[['a', 1]], [['a', 1]], 'equal'],
    [[], [['a', 1]], 'before'],
    [[['a', 1]], [['a', 2]], 'before'],
    [
      [
        ['a', 2],
        ['b', 1],
      ],
      [['a', 2]],
      'after',
    ],
    [
      [['a', 2]],
      [
        ['a', 1],
        ['b', 1],
      ],
      'concurrent',
    ],
    [[['a', 1]], [['b', 1]], 'concurrent'],
  ])('[K3] %j to %j: %s', (a, b, order) => {
    expect(compareVectors(new Map(a), new Map(b))).toBe(order)
  })
})
