/** Filters by the thousand, and indexes of fields with as many values as objects, or with none: each costs what it has to. */
import { describe, expect, test, vi } from 'vitest'
import type { Listener } from '../../src/server/broadcast.ts'
import { IndexBuilder } from '../../src/server/filters/index-builder.ts'
import { Sealer } from '../../src/server/sealed/sealer.ts'
import { parseLines } from '../../src/server/tape/lines.ts'
import { SqliteTape } from '../../src/server/tape/sqlite-tape.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { ObjectDisk } from '../support/object-disk.ts'
import { draft, submission } from '../support/tape-state.ts'

/** Counts how often it is asked who belongs. */
class CountingTape extends MemoryTape {
  asked = 0
  longest = 0

  override membersSince(index: number, values: readonly string[], objects: readonly string[]): ReadonlyMap<string, number> {
    this.asked++
    this.longest = Math.max(this.longest, JSON.stringify(objects).length)
    return super.membersSince(index, values, objects)
  }
}

class Reader implements Listener {
  readonly filter: Listener['filter']
  readonly frames: string[] = []

  constructor(project: string) {
    this.filter = { any: [{ project: [project] }], except: [] }
  }

  send(frame: string): void {
    this.frames.push(frame)
  }
}

test('[G3] ten thousand who listen each with a filter of their own are told what is theirs, for one look-up each and row', () => {
  const rig = new CoreRig(new CountingTape())
  rig.core.declareIndex('project', '/project')
  const readers = Array.from({ length: 10_000 }, (_, i) => new Reader(`p${i}`))
  const twin = new Reader('p3')
  for (const reader of [...readers, twin]) rig.listeners.add(reader)
  const drafts = Array.from({ length: 40 }, (_, i) => draft(i + 1, { identifier: `t${i}`, values: { project: `p${i % 20}` } }))
  rig.commit(submission('writer', drafts))
  expect(rig.storage.asked).toBe(10_000)
  for (const [i, { frames }] of readers.entries()) {
    const events = i < 20 ? [{ seq: i }, { seq: i + 20 }] : []
    expect(frames).toHaveLength(1)
    expect(JSON.parse(frames[0] ?? '')).toMatchObject({ covers: [[0, 39]], events })
  }
  expect(twin.frames).toEqual(readers[3]?.frames)
})

test('[G6] of more objects than are listed no more are gathered, and who belongs is looked up some at once', () => {
  const rig = new CoreRig(new CountingTape())
  rig.core.declareIndex('project', '/project')
  const identifier = (i: number) => `${'\u0001'.repeat(180)}${i}`
  const drafts = Array.from({ length: 1000 }, (_, i) => draft(i + 1, { identifier: identifier(i), values: { project: `p${i % 100}` } }))
  rig.commit(submission('writer', drafts))
  const any = [{ project: Array.from({ length: 100 }, (_, i) => `p${i}`) }]
  const filter = rig.core.reads.filterOf({ any, except: [] })
  expect(filter.objects(1000)).toHaveLength(1000)
  // What SQLite takes as one text.
  expect(rig.storage.longest).toBeLessThan(2_000_000)
  const listed = vi.spyOn(rig.storage, 'membersOf')
  expect(() => filter.objects(15)).toThrow('too-large')
  expect(listed).toHaveBeenCalledTimes(2)
})

test('[G1] a long read of few objects looks up once who belongs, one of many for each part', async () => {
  const bounds = { eventsMax: 600, bytesMax: 1_000_000, keptEvents: 2, keptBytes: 1_000_000_000 }
  const rig = new CoreRig(new CountingTape(), 'epoch-1', undefined, bounds)
  rig.core.declareIndex('project', '/project')
  for (let row = 0; row < 3; row++) {
    const drafts = Array.from({ length: 600 }, (_, i) => {
      const n = row * 600 + i
      return draft(n + 1, { identifier: `t${n}`, values: { project: n % 600 < 10 ? 'p0' : 'p1' } })
    })
    rig.commit(submission('writer', drafts))
  }
  await new Sealer(rig.core.sealed, rig.contents, async () => {}).run()
  const asking = async (project: string) => {
    rig.storage.asked = 0
    const { pieces } = await rig.core.reads.readFiltered({ any: [{ project: [project] }], except: [] }, [[0, 1799]], { bytesMax: 1e7 })
    return { asked: rig.storage.asked, events: pieces.flatMap(parseLines).length }
  }
  expect(await asking('p0')).toEqual({ asked: 1, events: 30 })
  expect(await asking('p1')).toEqual({ asked: 3, events: 1770 })
})

describe('an index', () => {
  function sqliteRig(): CoreRig<SqliteTape> {
    const disk = new ObjectDisk()
    const storage = { sql: disk.sql, transactionSync: <T>(work: () => T) => disk.transactionSync(work), sync: async () => disk.commit() }
    return new CoreRig(new SqliteTape(storage))
  }

  test('[G4] of a field with twenty thousand values finds each, however late it was declared', async () => {
    const rig = sqliteRig()
    const count = 20_000
    for (let first = 0; first < count; first += 500) {
      const drafts = Array.from({ length: 500 }, (_, i) =>
        draft(first + i + 1, { identifier: `t${first + i}`, values: { owner: `o${first + i}` } }),
      )
      rig.commit(submission('writer', drafts))
    }
    rig.core.declareIndex('owner', '/owner')
    expect(await new IndexBuilder(rig.core, async () => {}).run()).toBe(false)
    for (const seq of [0, 9_999, count - 1]) {
      const { pieces, covers } = await rig.core.reads.readFiltered({ any: [{ owner: [`o${seq}`] }], except: [] }, [[0, count]], {
        bytesMax: 1_000_000,
      })
      expect([covers, pieces.flatMap(parseLines).map((event) => event.seq)]).toEqual([[[0, count - 1]], [seq]])
    }
  })

  test('[G4] that points at nothing, at objects, lists, null or texts without end has no values, and is built all the same', async () => {
    const rig = sqliteRig()
    const odd = [{ a: 1 }, [1], null, 'x'.repeat(201), '', 0, false]
    const drafts = odd.map((odd, i) => draft(i + 1, { values: { odd, deep: { er: { odd } } } }))
    rig.commit(submission('writer', drafts))
    const pointers = {
      nothing: '/nope',
      'nothing-deep': '/odd/a/b',
      proto: '/constructor/name',
      odd: '/odd',
      deep: '/deep/er/odd',
      none: '/',
    }
    for (const [name, pointer] of Object.entries(pointers)) rig.core.declareIndex(name, pointer)
    await new IndexBuilder(rig.core, async () => {}).run()
    const found = async (name: string, value: string) => {
      const { pieces } = await rig.core.reads.readFiltered({ any: [{ [name]: [value] }], except: [] }, [[0, 10]], { bytesMax: 1_000_000 })
      return pieces.flatMap(parseLines).map((event) => event.seq)
    }
    for (const name of ['odd', 'deep']) {
      for (const value of ['[object Object]', '1', 'null', 'undefined', 'x'.repeat(201)])
        expect(await found(name, value), `${name} ${value}`).toEqual([])
      expect([await found(name, ''), await found(name, '0'), await found(name, 'false')]).toEqual([[4], [5], [6]])
    }
    for (const name of ['nothing', 'nothing-deep', 'proto', 'none']) expect(await found(name, 'Object'), name).toEqual([])
  })
})
