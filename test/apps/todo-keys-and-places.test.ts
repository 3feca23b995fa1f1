/** Where a task goes that is moved, and which keys do what, on the to-do page. */
import { describe, expect, test } from 'vitest'
import { dropIndex, moveKey, placeAmong, scrollStep } from '../../src/apps/todo/drop-place.ts'
import { undoKey } from '../../src/apps/todo/undo-keys.ts'

const plain = { altKey: false, ctrlKey: false, metaKey: false, shiftKey: false }

describe('places', () => {
  const rows = ['a', 'b', 'c', 'd']

  test('to move a task to an index is to put it beside the one that it passes last', () => {
    for (let from = 0; from < rows.length; from++) {
      for (let to = 0; to < rows.length; to++) {
        const moved = rows[from] as string
        const others = rows.filter((row) => row !== moved)
        const place = placeAmong(others, from, to)
        expect(place === undefined).toBe(from === to)
        if (place === undefined) continue
        const index = 'after' in place ? others.indexOf(place.after) + 1 : others.indexOf(place.before)
        expect([index, 'after' in place]).toEqual([to, to > from])
      }
    }
  })

  test('an index beyond the rows, or among none, is no place', () => {
    expect(placeAmong([], 0, 1)).toBeUndefined()
    expect(placeAmong(['a'], 1, 5)).toBeUndefined()
  })

  test('a row drops behind those whose middle it is below', () => {
    expect([0, 15, 25, 99].map((y) => dropIndex([10, 20, 30], y))).toEqual([0, 1, 2, 3])
  })

  test('the list scrolls near the edges alone, the faster the nearer', () => {
    const steps = [-50, 0, 40, 63, 64, 400, 736, 740, 800, 900].map((y) => scrollStep(y, 800))
    expect(steps).toEqual([-14, -14, -6, -1, 0, 0, 0, 1, 14, 14])
    expect(scrollStep(20, 40)).toBe(0)
  })
})

describe('keys', () => {
  test('arrows, Home and End move from the handle, arrows with Alt from everywhere in the row, and nothing else does', () => {
    const moved = (key: string, isOnHandle: boolean, held: Partial<typeof plain> = {}) =>
      moveKey({ ...plain, ...held, key }, isOnHandle)?.(1, 4)
    expect(['ArrowUp', 'ArrowDown', 'Home', 'End', 'x'].map((key) => moved(key, true))).toEqual([0, 2, 0, 3, undefined])
    expect(['ArrowUp', 'ArrowDown', 'Home'].map((key) => moved(key, false))).toEqual([undefined, undefined, undefined])
    expect(['ArrowUp', 'ArrowDown', 'Home'].map((key) => moved(key, false, { altKey: true }))).toEqual([0, 2, undefined])
    expect(moved('ArrowUp', true, { ctrlKey: true })).toBeUndefined()
    expect(moveKey({ ...plain, key: 'ArrowUp' }, true)?.(0, 4)).toBe(0)
    expect(moveKey({ ...plain, key: 'ArrowDown' }, true)?.(3, 4)).toBe(3)
  })

  test.each([
    [{ key: 'z', ctrlKey: true }, 'undo'],
    [{ key: 'Z', ctrlKey: true }, 'undo'],
    [{ key: 'z', metaKey: true }, 'undo'],
    [{ key: 'Z', ctrlKey: true, shiftKey: true }, 'redo'],
    [{ key: 'Z', metaKey: true, shiftKey: true }, 'redo'],
    [{ key: 'y', ctrlKey: true }, 'redo'],
    [{ key: 'y', metaKey: true }, undefined],
    [{ key: 'z' }, undefined],
    [{ key: 'z', ctrlKey: true, altKey: true }, undefined],
    [{ key: 'z', ctrlKey: true, metaKey: true }, undefined],
  ] as const)('%j is %s', (key, verb) => expect(undoKey({ ...plain, ...key })).toBe(verb))
})
