/** How the past is looked through for indexes that were declared later. */
import { expect, test } from 'vitest'
import type { SeqRanges } from '../../src/protocol/seq-ranges.ts'
import { IndexBuilder } from '../../src/server/filters/index-builder.ts'
import type { PageBounds } from '../../src/server/tape/slice-reader.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { draft, submission } from '../support/tape-state.ts'

const attributes = ['project', 'city', 'colour']

/** A tape that says what is read of it. */
function tapeOf(length: number) {
  const rig = new CoreRig(new MemoryTape())
  const publish = (n: number) => rig.commit(submission('a', [draft(n, { identifier: `o${n % 5}`, values: { project: n, city: n % 3 } })]))
  for (let n = 1; n <= length; n++) publish(n)
  const read: SeqRanges[] = []
  const { core } = rig
  const reads = {
    // A page is four rows here.
    read: (ranges: SeqRanges, bounds: PageBounds) => {
      const [[first, last] = [0, -1]] = ranges
      const page = core.reads.read([[first, Math.min(last, first + 3)]], bounds)
      read.push(ranges)
      return page
    },
  }
  const builder = new IndexBuilder(
    {
      get epoch() {
        return core.epoch
      },
      indexes: core.indexes,
      reads,
      noteMembers: core.noteMembers,
    } as never,
    async () => {},
  )
  return { rig, core, publish, read, builder }
}

test('[G4] for all that begin at once it is read once, and each has all of its members', async () => {
  const { core, rig, read, builder } = tapeOf(20)
  for (const name of attributes) core.declareIndex(name, `/${name}`)
  expect(await builder.run()).toBe(false)
  expect(read.map(([range]) => range)).toEqual([0, 4, 8, 12, 16].map((from) => [from, 19]))
  expect(core.indexes.all.map(({ builtTo }) => builtTo)).toEqual([19, 19, 19])
  const [project = -1, city = -1] = core.indexes.all.map(({ id }) => id)
  expect(rig.storage.membersOf(project, '7', 99)).toHaveLength(1)
  expect(rig.storage.membersOf(city, '1', 99)).toHaveLength(5)
})

test('[G4] one that was declared later is read for alone until it has come as far as the others', async () => {
  const { core, rig, publish, read, builder } = tapeOf(10)
  core.declareIndex('project', '/project')
  const [project = -1] = core.indexes.all.map(({ id }) => id)
  core.noteMembers([], { indexes: [project], to: 5 })
  for (let n = 11; n <= 20; n++) publish(n)
  core.declareIndex('city', '/city')
  expect(await builder.run()).toBe(false)
  expect(read.map(([range]) => range)).toEqual([
    [0, 5],
    [4, 5],
    [6, 9],
    [10, 19],
    [14, 19],
    [18, 19],
  ])
  expect(core.indexes.all.map(({ builtTo }) => builtTo)).toEqual([9, 19])
  const [, city = -1] = core.indexes.all.map(({ id }) => id)
  expect(rig.storage.membersOf(city, '2', 99)).toHaveLength(5)
})
