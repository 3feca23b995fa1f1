/** Until when it is said of an edit that it has overwritten another title. */
import { beforeEach, expect, test } from 'vitest'
import { Overwrites } from '../../src/apps/todo/overwrites.ts'

let titles: Map<string, string>
let changes: number
let overwrites: Overwrites

beforeEach(() => {
  titles = new Map([['task', 'mine']])
  changes = 0
  overwrites = new Overwrites({
    titleOf: (identifier) => titles.get(identifier),
    rename: (identifier, title) => titles.set(identifier, title),
    onChange: () => changes++,
  })
  overwrites.add('task', 'theirs')
})

test('it is open while the task has the title that was saved', () => {
  overwrites.prune()
  expect(overwrites.list.map(({ identifier, overwritten }) => [identifier, overwritten])).toEqual([['task', 'theirs']])
  expect(changes).toBe(1)
})

test('another title closes it for good, and so does the end of the task', () => {
  overwrites.add('gone', 'theirs')
  expect(overwrites.list, 'what is gone already is none').toHaveLength(1)
  titles.set('task', 'another')
  overwrites.prune()
  titles.set('task', 'mine')
  expect(overwrites.list).toEqual([])
  overwrites.add('task', 'theirs')
  titles.clear()
  overwrites.prune()
  expect([overwrites.list, changes]).toEqual([[], 4])
})

test('every decision closes it, and theirs alone writes', () => {
  for (const decide of ['keepMine', 'dismiss', 'keepTheirs'] as const) {
    const [overwrite] = overwrites.list
    overwrite?.[decide]()
    expect(overwrites.list).toEqual([])
    expect(titles.get('task')).toBe(decide === 'keepTheirs' ? 'theirs' : 'mine')
    titles.set('task', 'mine')
    overwrite?.keepTheirs()
    expect(titles.get('task'), 'it is closed').toBe('mine')
    overwrites.add('task', 'theirs')
  }
})
