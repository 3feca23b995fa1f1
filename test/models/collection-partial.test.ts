import { describe, expect, test } from 'vitest'
import { Collection, type CollectionOptions } from '../../src/models/index.ts'
import { collection, eventOf, ModelRig } from './model-rig.ts'

function rigOf(options: CollectionOptions = {}) {
  const rig = new ModelRig(new Collection(collection, options))
  return { rig, things: rig.model, shown: () => rig.model.list.map(({ identifier }) => identifier) }
}

describe('records that depend on a hole', () => {
  test('[M6] are shown, and told apart from those that do not', () => {
    const { rig, things, shown } = rigOf()
    rig.holes = [
      [1, 2],
      [4, 4],
    ]
    rig.apply([
      eventOf(0, 'insert', 'a', { n: 1 }),
      eventOf(3, 'insert', 'b', { n: 1 }),
      eventOf(5, 'insert', 'c', { n: 1 }),
      eventOf(6, 'update', 'a', { n: 2 }),
    ])
    expect(shown()).toEqual(['a', 'b', 'c'])
    // An insert leaves nothing of what is older; an update of one field says nothing of the others.
    expect(['a', 'b', 'c', 'unheard-of'].map((each) => things.isComplete(each))).toEqual([false, false, true, false])
    rig.holes = [[1, 2]]
    rig.apply([eventOf(4, 'update', 'b', { m: 4 })])
    expect(['a', 'b', 'c'].map((each) => things.isComplete(each))).toEqual([false, true, true])
    rig.holes = []
    rig.apply([])
    expect(['a', 'unheard-of'].map((each) => things.isComplete(each))).toEqual([true, true])
  })

  test('[M6] are hidden where the application wants that, and come when they are complete', () => {
    const { rig, things, shown } = rigOf({ partial: 'hide' })
    const told: unknown[] = []
    things.subscribe(({ inserted, removed }) => told.push([inserted, removed]))
    rig.apply([eventOf(0, 'insert', 'a', { n: 1 })])
    rig.holes = [[1, 2]]
    rig.apply([eventOf(3, 'insert', 'b', { n: 1 })])
    expect(shown()).toEqual(['b'])
    expect(things.update('a', { n: 2 })).toBe(true)
    expect(things.has('a')).toBe(false)
    rig.holes = []
    rig.apply([eventOf(1, 'update', 'a', { m: 1 })])
    expect(things.get('a')).toEqual({ identifier: 'a', values: { n: 2, m: 1 }, isPending: true })
    expect(shown()).toEqual(['a', 'b'])
    expect(told).toEqual([
      [['a'], []],
      [['b'], ['a']],
      [['a'], []],
    ])
  })

  test('[M6] what this client has just made depends on nothing', () => {
    const { rig, things, shown } = rigOf({ partial: 'hide' })
    rig.holes = [[0, 9]]
    rig.apply([])
    things.insert({ n: 1 }, { identifier: 'a' })
    expect([shown(), things.isComplete('a')]).toEqual([['a'], true])
  })

  test('[M6] are not quarantined while they are hidden', () => {
    const schema = { '~standard': { version: 1 as const, vendor: 'test', validate: () => ({ issues: [{ message: 'No.' }] }) } }
    const rig = new ModelRig(new Collection(collection, { partial: 'hide', schema }))
    rig.apply([eventOf(0, 'insert', 'a', {})])
    expect(rig.model.quarantined).toHaveLength(1)
    rig.holes = [[1, 1]]
    rig.apply([])
    expect(rig.model.quarantined).toEqual([])
    rig.holes = []
    rig.apply([])
    expect(rig.model.quarantined).toHaveLength(1)
  })
})
