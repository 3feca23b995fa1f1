import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OutboundEventReceiver } from '../../src/client/index.ts'
import { ChangeLog } from '../../src/models/collection/change-log.ts'
import { type Changes, Collection, type CollectionOptions, type PlainSchema, type Problem, SchemaError } from '../../src/models/index.ts'
import type { TapeEvent, Values } from '../../src/protocol/index.ts'
import { collection, eventOf, ModelRig } from './model-rig.ts'

function listening(options: CollectionOptions = {}) {
  const rig = new ModelRig(new Collection(collection, options))
  const told: Changes[] = []
  const unsubscribe = rig.model.subscribe((changes) => told.push(changes))
  return { rig, things: rig.model, told, unsubscribe }
}

const nothing = { inserted: [], updated: [], removed: [], isReset: false }

const strict: PlainSchema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => ((value as Values).n === 1 ? { issues: [{ message: 'One.' }] } : { value: value as Values }),
  },
}

describe('listeners', () => {
  test('[M2] are told once of a run, with nothing but what shows differently', () => {
    const { rig, told } = listening()
    rig.apply([
      eventOf(0, 'insert', 'a', { n: 1 }),
      eventOf(1, 'insert', 'b', { n: 1 }),
      eventOf(2, 'insert', 'c', { n: 1 }),
      eventOf(3, 'update', 'a', { n: 2 }),
      eventOf(4, 'insert', 'd', { n: 1 }),
      eventOf(5, 'delete', 'd'),
    ])
    rig.apply([
      eventOf(6, 'update', 'a', { n: 3 }),
      eventOf(7, 'update', 'b', { n: 1 }),
      eventOf(8, 'delete', 'c'),
      eventOf(9, 'insert', 'e', {}),
    ])
    expect(told).toEqual([
      { ...nothing, inserted: ['a', 'b', 'c'] },
      { ...nothing, inserted: ['e'], updated: ['a'], removed: ['c'] },
    ])
  })

  test('[M2] are not told of what changes nothing', () => {
    const { rig, told } = listening()
    rig.receive('insert', 'a', { n: { deep: [1] } })
    rig.apply([])
    rig.apply([eventOf(0, 'insert', 'a', { n: { deep: [1] } })])
    rig.receive('update', 'a', { n: { deep: [1] } })
    rig.receive('update', 'unheard-of', { n: 1 })
    rig.receive('delete', 'unheard-of')
    rig.apply([{ ...eventOf(9, 'insert', 'x', {}), collection: 'others' }])
    expect(told).toHaveLength(1)
  })

  test('[M2] are told when a draft shows, is confirmed, and is refused', () => {
    const { rig, things, told } = listening()
    things.insert({ n: 1 }, { identifier: 'a' })
    rig.confirm()
    things.update('a', { n: 2 })
    rig.refuse()
    expect(told).toEqual([
      { ...nothing, inserted: ['a'] },
      { ...nothing, updated: ['a'] },
      { ...nothing, updated: ['a'] },
      { ...nothing, updated: ['a'] },
    ])
  })

  test('[M2] may end their subscription, or subscribe another, while they are told', () => {
    const { rig, things } = listening()
    const heard: string[] = []
    const subscribe = things.subscribe
    const first = subscribe(() => {
      heard.push('first')
      first()
      second()
      subscribe(() => heard.push('late'))
    })
    const second = subscribe(() => heard.push('second'))
    const twice = () => heard.push('twice')
    const once = subscribe(twice)
    subscribe(twice)
    rig.receive('insert', 'a', {})
    expect(heard).toEqual(['first', 'twice', 'twice'])
    once()
    rig.receive('insert', 'b', {})
    expect(heard.slice(3)).toEqual(['twice', 'late'])
  })

  test('[M2] may change the model: everybody hears of what came first, first', () => {
    const { things } = listening()
    const heard: string[] = []
    things.subscribe(({ inserted }) => {
      heard.push(`first ${inserted}`)
      if (inserted[0] === 'a') things.insert({}, { identifier: 'b' })
      expect(things.has('b')).toBe(true)
    })
    things.subscribe(({ inserted }) => heard.push(`second ${inserted}`))
    things.insert({}, { identifier: 'a' })
    expect(heard).toEqual(['first a', 'second a', 'first b', 'second b'])
  })

  test('[M2] hear of their own changes, and not of what others throw about them', () => {
    const { rig, things } = listening()
    let isThrown = false
    things.subscribe(({ inserted }) => {
      if (inserted[0] !== 'a') return
      try {
        things.insert({}, { identifier: 'b' })
      } catch {
        isThrown = true
      }
    })
    things.subscribe(() => {
      throw new Error('Not ours.')
    })
    expect(() => rig.receive('insert', 'a', {})).toThrow(AggregateError)
    expect([isThrown, things.size]).toEqual([false, 2])
  })

  test('[M2] that throw keep nobody from hearing, and are reported', () => {
    const problems: Problem[] = []
    const { rig, things, told } = listening({ onProblem: (problem) => problems.push(problem) })
    const error = new Error('Not ours.')
    things.subscribe(() => {
      throw error
    })
    let heard = 0
    things.subscribe(() => heard++)
    rig.receive('insert', 'a', {})
    expect([told.length, heard]).toEqual([1, 1])
    expect(problems).toEqual([{ type: 'listener', error }])
  })

  test('[M2] that throw, where nobody wants to hear of it, make `apply` throw, when everything has been done', () => {
    const { rig, things } = listening()
    const error = new Error('Not ours.')
    things.subscribe(() => {
      throw error
    })
    let heard = 0
    things.subscribe(() => heard++)
    expect(() => rig.receive('insert', 'a', {})).toThrow(error)
    expect([heard, things.size]).toEqual([1, 1])
    expect(() => rig.receive('insert', 'b', {})).toThrow(error)
    expect(things.size).toBe(2)
  })

  test('[M2] a reporter that throws is its own trouble', () => {
    const { rig, things, told } = listening({
      onProblem: () => {
        throw new Error('Neither.')
      },
    })
    things.subscribe(() => {
      throw new Error('Not ours.')
    })
    expect(() => rig.receive('insert', 'a', {})).toThrow('Neither.')
    expect(() => things.reset()).toThrow('Neither.')
    expect(told).toHaveLength(2)
  })

  test('[M2] are told of what goes into quarantine, and of what leaves it', () => {
    const { rig, things, told } = listening({ schema: strict })
    rig.receive('insert', 'a', { n: 1 })
    rig.receive('update', 'a', { n: 2 })
    rig.receive('update', 'a', { n: 1 })
    rig.receive('delete', 'a')
    expect(told).toEqual([nothing, { ...nothing, inserted: ['a'] }, { ...nothing, removed: ['a'] }, nothing])
    expect(things.quarantined).toEqual([])
  })

  test('[M2] are told of what happens while a change is vended, in its order', () => {
    const { rig, things, told } = listening()
    const receiver: OutboundEventReceiver = {
      didCreateDraft: (change) => {
        rig.didCreateDraft(change)
        rig.confirm()
      },
    }
    things.receiver = receiver
    things.insert({ n: 1 }, { identifier: 'a' })
    expect(told).toEqual([
      { ...nothing, inserted: ['a'] },
      { ...nothing, updated: ['a'] },
    ])
    expect(things.get('a')?.isPending).toBe(false)
  })

  test('[M2] what they throw is for whoever applies, or for `onProblem`, and a promise that fails, too', async () => {
    const problems: Problem[] = []
    const things = new Collection('things', { onProblem: (problem) => problems.push(problem) })
    const rig = new ModelRig(things)
    things.subscribe(() => {
      throw new Error('At once.')
    })
    things.subscribe(() => Promise.reject(new Error('Later.')))
    expect(things.insert({ n: 1 }, { identifier: 'a' })).toBe('a')
    await null
    expect(problems).toMatchObject([
      { type: 'listener', error: { message: 'At once.' } },
      { type: 'listener', error: { message: 'Later.' } },
    ])
    expect(rig.vended).toHaveLength(1)
  })

  test('[M2] are told of holes, as they say which records are complete', () => {
    const { rig, things, told } = listening()
    rig.receive('insert', 'a', { n: 1 })
    rig.holes = [[1, 4]]
    rig.apply([eventOf(5, 'insert', 'b', {})])
    expect(told).toHaveLength(2)
    rig.apply([])
    expect(told).toHaveLength(2)
    rig.holes = []
    rig.apply([])
    expect(told.slice(2)).toEqual([nothing])
    expect(things.isComplete('a')).toBe(true)
  })
})

describe('a store for views', () => {
  const anyChanges = fc.array(
    fc.record({
      type: fc.constantFrom('insert' as const, 'update' as const, 'delete' as const),
      identifier: fc.constantFrom('a', 'b', 'c'),
      version: fc.constantFrom(1, 1, 1, 2),
      values: fc.dictionary(fc.constantFrom('n', 'at'), fc.constantFrom('a0', 'a1', 1), { maxKeys: 2 }),
      by: fc.constantFrom('other', 'me', 'confirm', 'refuse', 'holes', 'nothing'),
    }),
    { maxLength: 30 },
  )

  test('[M2] its snapshots change when it tells, and only then', () => {
    const property = fc.property(anyChanges, fc.constantFrom(undefined, 'at'), fc.boolean(), (steps, position, isStrict) => {
      const hides = position !== undefined
      const { rig, things, told } = listening({ position, schema: isStrict ? strict : undefined, ...(hides && { partial: 'hide' }) })
      const snapshot = () => [things.list, things.unknown, things.quarantined, things.conflicts, rig.holes] as const
      let [before, toldBefore] = [snapshot(), told.length]
      for (const { type, identifier, version, values, by } of steps) {
        if (by === 'other') rig.receive(type, identifier, values, { version })
        else if (by === 'me') act(things, type, identifier, values)
        else if (by === 'holes') rig.holes = rig.holes.length > 0 ? [] : [[rig.nextSeq, rig.nextSeq++]]
        else if (by !== 'nothing' && rig.pending.length > 0) rig[by]()
        if (by === 'holes' || by === 'nothing') rig.apply([])
        const after = snapshot()
        expect(after).toEqual(snapshot())
        for (const [index, value] of after.entries()) expect(value).toBe(snapshot()[index])
        expect(told.length - toldBefore).toBe(after.some((value, index) => value !== before[index]) ? 1 : 0)
        const changes = told.at(-1)
        if (told.length > toldBefore && changes !== undefined) {
          const was = new Map(before[0].map((record) => [record.identifier, record]))
          const is = new Map(after[0].map((record) => [record.identifier, record]))
          expect(new Set(changes.inserted)).toEqual(new Set([...is.keys()].filter((each) => !was.has(each))))
          expect(new Set(changes.removed)).toEqual(new Set([...was.keys()].filter((each) => !is.has(each))))
          for (const [each, record] of is) {
            if (was.has(each) && was.get(each) !== record) expect(changes.updated).toContain(each)
          }
        }
        ;[before, toldBefore] = [after, told.length]
      }
    })
    fc.assert(property, { seed: 1, numRuns: 1000 })
  })

  function act(things: Collection, type: TapeEvent['type'], identifier: string, values: Record<string, string | number>): void {
    try {
      if (type === 'insert') things.insert(values, { identifier })
      else if (type === 'update') things.update(identifier, values)
      else things.remove(identifier)
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
    }
  }
})

test('[M2] what comes and goes before anybody is told is no change', () => {
  const log = new ChangeLog<number>()
  const runs = [
    [
      ['same', 1, 2],
      ['new', undefined, 1],
      ['gone', 1, 2],
      ['never', undefined, 1],
    ],
    [
      ['same', 2, 1],
      ['new', 1, 2],
      ['gone', 2, undefined],
      ['never', 1, undefined],
      ['other', 1, 2],
    ],
  ] as const
  for (const run of runs) {
    log.beginRun()
    for (const [identifier, before, after] of run) log.note({ identifier, before, after })
  }
  log.noteMove('moved', 1)
  expect(log.take()).toEqual({ inserted: ['new'], updated: ['other', 'moved'], removed: ['gone'], isReset: false })
  log.beginRun()
  log.note({ identifier: 'moved', before: 1, after: 1 })
  expect(log.take()).toBeUndefined()
  log.noteNews()
  expect([log.take(), log.take()]).toEqual([nothing, undefined])
})
