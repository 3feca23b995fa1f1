import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Listed, ShownList } from '../../src/models/collection/shown-list.ts'

interface Item {
  readonly identifier: string
  readonly n: number
}

const compare = (a: Listed<Item>, b: Listed<Item>) =>
  a.rank - b.rank || (a.item.identifier < b.item.identifier ? -1 : a.item.identifier > b.item.identifier ? 1 : 0)

const anySteps = fc.array(
  fc.record({
    sets: fc.array(fc.tuple(fc.nat(60), fc.option(fc.nat(20), { freq: 3 }), fc.nat(2)), { minLength: 1, maxLength: 60 }),
    looks: fc.boolean(),
  }),
  { maxLength: 12 },
)

test('[M1] a list is what its items come to when they are sorted, however many were set since somebody looked', () => {
  const property = fc.property(anySteps, (steps) => {
    const list = new ShownList<Item>(compare)
    const plain = new Map<string, Listed<Item>>()
    let before = list.items
    for (const { sets, looks } of steps) {
      for (const [name, rank, n] of sets) {
        const identifier = `item ${name}`
        const known = plain.get(identifier)
        // What is the same stays the same value, wherever it goes.
        const item = known?.item.n === n ? known.item : { identifier, n }
        if (rank === null) plain.delete(identifier)
        else plain.set(identifier, { item, rank, position: undefined })
        list.set(identifier, plain.get(identifier), list.get(identifier))
      }
      if (!looks) continue
      const copy = [...before]
      const items = [...plain.values()].sort(compare).map(({ item }) => item)
      expect(list.items).toEqual(items)
      expect(list.items).toBe(list.items)
      expect(list.items === before).toBe(items.length === before.length && items.every((item, index) => item === before[index]))
      expect(before).toEqual(copy)
      items.forEach(({ identifier }, index) => {
        expect(list.indexOf(identifier)).toBe(index)
        expect(list.at(index)).toBe(plain.get(identifier))
      })
      expect([list.size, list.indexOf('nothing'), list.at(items.length)]).toEqual([items.length, -1, undefined])
      before = list.items
    }
  })
  fc.assert(property, { seed: 1, numRuns: 500 })
})
