/** What those with a filter are sent of a row: looked at once, however much of it is theirs. */
import { expect, test } from 'vitest'
import type { Selection, TapeEvent } from '../../src/protocol/index.ts'
import { Broadcast } from '../../src/server/broadcast.ts'
import type { Filter } from '../../src/server/filters/filter.ts'
import { filteredFrame } from '../../src/server/filters/filtered-frame.ts'

const count = 5000
const events = Array.from({ length: count }, (_, seq): TapeEvent => {
  return { seq, client: `c${seq % 3}`, counter: seq + 1, seen: -1, type: 'update', collection: 'tasks', identifier: `t${seq}`, values: {} }
})
const row = { epoch: 'e', mark: 'm', range: [0, count - 1], events } as const

/** Of each ten objects four belong: from the start, since their update, and two since before it. */
function filterOf(): { readonly filter: Filter; readonly asked: () => number } {
  let asked = 0
  const since = ({ identifier }: Pick<TapeEvent, 'identifier'>) => {
    asked++
    const seq = Number(identifier.slice(1))
    return [-1, seq, seq - 1, 0][seq % 10]
  }
  return { filter: { over: () => ({ since }) } as unknown as Filter, asked: () => asked }
}

test('[G3] each event is looked at once, and where an object comes to belong there is a hole', () => {
  const { filter, asked } = filterOf()
  const { covers, events: given, own } = JSON.parse(filteredFrame(row, filter))
  expect(asked()).toBe(count)
  expect(covers.slice(0, 2)).toEqual([
    [0, 0],
    [2, 10],
  ])
  expect([covers.length, given.length, own]).toEqual([count / 10 + 1, (count / 10) * 3, undefined])
})

test('[G7] what a maker made comes set apart where it does not belong', () => {
  const { events: given, own } = JSON.parse(filteredFrame(row, filterOf().filter, 'c1'))
  expect(given.slice(0, 4).map(({ seq }: TapeEvent) => seq)).toEqual([0, 2, 3, 4])
  expect(own.slice(0, 3)).toEqual([
    [4, 4],
    [7, 7],
    [16, 16],
  ])
})

test('[G3] listeners with the same filter share a frame, and the row is looked through once for all makers', () => {
  const selection = (project: string): Selection => ({ any: [{ project: [project] }], except: [] })
  const listeners = ['p1', 'p1', 'p2'].flatMap((project) =>
    [undefined, 'c1', 'nobody'].map((client) => {
      const frames: string[] = []
      return { filter: selection(project), client, frames, send: (frame: string) => void frames.push(frame) }
    }),
  )
  let made = 0
  const broadcast = new Broadcast(listeners, () => {
    made++
    return filterOf().filter
  })
  broadcast.send('', row)
  expect(made).toBe(4)
  expect(listeners.map(({ frames: [frame = ''] }) => 'own' in JSON.parse(frame))).toEqual([
    false,
    true,
    false,
    false,
    true,
    false,
    false,
    true,
    false,
  ])
})
