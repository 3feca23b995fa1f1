/** What a rule of the application can ask about the tape, and that it can change none of it. */
import { describe, expect, test } from 'vitest'
import type { TapeEvent } from '../../src/protocol/event.ts'
import type { RecentEvents, RecentObject, Validate } from '../../src/server/turn/rules.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { type Draft, draft, submission } from '../support/tape-state.ts'

function rigOf(validate: Validate, recent: number | undefined): CoreRig<MemoryTape> {
  return new CoreRig(new MemoryTape(), 'epoch-1', recent === undefined ? { validate } : { validate, recent })
}

const bad = { values: { bad: true } }

describe('what a rule knows', () => {
  /** The views that a rule was given, as values, one for each draft. */
  function views(recent: number | undefined) {
    const seen: { latestSeq: number; events: number[]; object: RecentObject; other: RecentObject }[] = []
    const rig = rigOf((event, _, view) => {
      seen.push({
        latestSeq: view.latestSeq,
        events: view.events.map(({ seq }) => seq),
        object: view.object(event.collection, event.identifier),
        other: view.object('tasks', 'nobody'),
      })
      return event.values?.bad === true ? { reason: 'no-bad' } : undefined
    }, recent)
    return { seen, rig }
  }
  const on = (counter: number, change: Partial<Draft> = {}) => draft(counter, { identifier: 't', ...change })

  test('[X3] is nothing but the latest seq where it declares nothing', () => {
    for (const recent of [undefined, 0]) {
      const { seen, rig } = views(recent)
      rig.commit(submission('a', [on(1), on(2)]))
      const unknown = { isWhole: false, isAlive: undefined, values: {} }
      const empty = { isWhole: true, isAlive: false, values: {} }
      expect(seen).toEqual([
        { latestSeq: -1, events: [], object: empty, other: empty },
        { latestSeq: 0, events: [], object: unknown, other: unknown },
      ])
    }
  })

  test('[X3] is the newest events, with what the same batch and group have put before it and nothing of what was refused', () => {
    const { seen, rig } = views(3)
    rig.commit(submission('a', [on(1, { values: { n: 1, m: 1 } }), on(2, { type: 'update', values: { n: 2 } })]))
    rig.commit(
      submission('b', [on(1, { type: 'update', values: { n: 9 } }), on(2, bad)]),
      submission('c', [on(1, { type: 'delete', values: undefined }), on(2, { type: 'update', values: { n: 3 } })]),
      submission('c', [on(3, { type: 'update', values: { m: 4 } }), on(4, { type: 'update', values: { m: 5 } })]),
    )
    expect(seen.map(({ latestSeq, events }) => [latestSeq, events])).toEqual([
      [-1, []],
      [0, [0]],
      [1, [0, 1]],
      [2, [0, 1, 2]],
      [1, [0, 1]],
      [2, [0, 1, 2]],
      [3, [1, 2, 3]],
      [4, [2, 3, 4]],
    ])
    expect(seen.map(({ object }) => object)).toEqual([
      { isWhole: true, isAlive: false, values: {} },
      { isWhole: true, isAlive: true, values: { n: 1, m: 1 } },
      { isWhole: true, isAlive: true, values: { n: 2, m: 1 } },
      { isWhole: true, isAlive: true, values: { n: 9, m: 1 } },
      { isWhole: true, isAlive: true, values: { n: 2, m: 1 } },
      { isWhole: true, isAlive: false, values: {} },
      { isWhole: true, isAlive: false, values: { n: 3 } },
      { isWhole: true, isAlive: false, values: { n: 3, m: 4 } },
    ])
  })

  test('[X3] of an object whose insert is further back is its recent fields alone', () => {
    const { seen, rig } = views(2)
    rig.commit(submission('a', [on(1, { values: { n: 1, m: 1 } }), draft(2), on(3, { type: 'update', values: { n: 2 } }), on(4)]))
    expect(seen[3]?.object).toEqual({ isWhole: false, isAlive: undefined, values: { n: 2 } })
    expect(seen[3]?.other).toEqual({ isWhole: false, isAlive: undefined, values: {} })
    expect(seen[2]?.other).toEqual({ isWhole: true, isAlive: false, values: {} })
  })

  test('[X3][L9] is the same after an eviction', () => {
    const play = (isEvicted: boolean) => {
      const seen: unknown[] = []
      const rules = {
        validate: (event: TapeEvent, _: string, view: RecentEvents) =>
          void seen.push([view.events, view.object('tasks', event.identifier)]),
        recent: 5,
      }
      let rig = new CoreRig(new MemoryTape(), 'epoch-1', rules)
      for (let counter = 1; counter <= 20; counter++) {
        if (isEvicted) rig = new CoreRig(rig.storage, 'epoch-1', rules)
        const type = counter % 3 === 0 ? 'insert' : 'update'
        rig.commit(
          submission('a', [draft(counter, { type, identifier: `t${counter % 2}`, values: { [`f${counter % 4}`]: -0, n: counter } })]),
        )
      }
      return seen
    }
    expect(play(true)).toEqual(play(false))
  })

  test('[X3] is bounded in text, however many events it declares', () => {
    const { seen, rig } = views(1000)
    for (let counter = 1; counter <= 30; counter++) rig.commit(submission('a', [draft(counter, { values: { text: 'x'.repeat(200_000) } })]))
    expect(seen.at(-1)?.events).toEqual([24, 25, 26, 27, 28])
  })

  test('[X3] is frozen through and through, and the list of events its own', () => {
    const held: unknown[] = []
    const counts: number[] = []
    const rig = rigOf((event, _, view) => {
      counts.push(view.events.length)
      held.push(event, view, ...view.events, view.object('tasks', 't'))
      ;(view.events as TapeEvent[]).length = 0
      counts.push(view.events.length)
    }, 10)
    rig.commit(submission('a', [on(1, { values: { list: [{ deep: [1] }] } })]))
    rig.commit(submission('a', [on(2), on(3)]))
    const isFrozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      (Object.isFrozen(value) && Object.entries(value).every(([name, member]) => name === 'events' || isFrozen(member)))
    expect(held.every(isFrozen)).toBe(true)
    expect(counts).toEqual([0, 0, 1, 1, 2, 2])
  })
})
