/**
 * A ready-made collection: how many events it takes a second, what a record costs beside its own values, in Node and in
 * Chromium, what one event costs beneath pending drafts, and how often listeners are told. The events are on ten
 * thousand records with four fields.
 */
import { Collection } from '../../src/models/index.ts'
import type { Draft, TapeEvent } from '../../src/protocol/index.ts'
import { cpuUs, type Effort, median } from './measure.ts'
import { ModelsBrowser } from './models-browser.ts'
import { inNode } from './models-node.ts'
import { benchNotifications } from './models-notifications.ts'
import { collection, contenderNames, insertAt, insertsOf, nameOf, type Place, records, type Task, updateAt, ways } from './models-work.ts'
import { type Table, thousands } from './report.ts'

const placeNames = ['in Node', 'in Chromium'] as const

export async function benchModels(effort: Effort): Promise<readonly Table[]> {
  const browser = await ModelsBrowser.open()
  try {
    const places = [inNode, browser]
    return [await throughput(places, effort), await memory(places), lists(effort), beneathDrafts(effort), benchNotifications()]
  } finally {
    await browser.close()
  }
}

async function throughput(places: readonly Place[], { rounds }: Effort): Promise<Table> {
  const rows: Table['rows'][number][] = []
  for (const [name, { events }] of Object.entries(ways)) {
    const cells: number[][] = places.map(() => [])
    for (const contender of contenderNames) {
      const task: Task = { type: 'apply', contender, way: name }
      const costs: number[][] = places.map(() => [])
      // In turn, so that a busy machine is busy for both. Round −1 warms up and is not counted.
      for (let round = -1; round < rounds; round++) {
        for (const [index, place] of places.entries()) {
          const us = await place.cpuUs(task)
          if (round >= 0) costs[index]?.push(us)
        }
      }
      for (const [index, us] of costs.entries()) cells[index]?.push(Math.round((events / median(us)) * 1e6))
    }
    const [node = [], chromium = []] = cells
    const ratios = chromium.map((perSecond, index) => `${((node[index] ?? Number.NaN) / perSecond).toFixed(2)}×`)
    rows.push({ figure: `${name}, ${placeNames[0]}`, cells: node }, { figure: `  ${placeNames[1]}`, cells: chromium })
    rows.push({ figure: '  CPU there to that in Node', cells: ratios })
  }
  return { title: "models: events of the tape a second of the thread's CPU", columns: contenderNames, rows }
}

async function memory(places: readonly Place[]): Promise<Table> {
  const rows: Table['rows'][number][] = []
  for (const size of [records, 10 * records]) {
    for (const [index, place] of places.entries()) {
      const bytes = (what: (Task & { type: 'hold' })['what']) => place.bytes({ type: 'hold', what, size })
      const own = (await bytes('values')) - (await bytes('slots'))
      const cells: number[] = []
      for (const contender of contenderNames) cells.push(Math.round(((await bytes(contender)) - own) / size))
      const figure = `of ${thousands(size)}, ${placeNames[index]}, beyond ${Math.round(own / size)} of identifier and values`
      rows.push({ figure, cells })
    }
  }
  return { title: 'models: bytes per record, the list included', columns: contenderNames, rows }
}

/** What a view costs that reads the whole list after each event. */
function lists({ rounds }: Effort): Table {
  const sizes = [1000, 10_000, 100_000]
  const kinds: readonly (readonly [string, (index: number, size: number) => Partial<TapeEvent>])[] = [
    [
      'one that moves nothing',
      (index, size) => ({ type: 'update', identifier: nameOf((index * 7919) % size), values: { title: `Title ${index}` } }),
    ],
    [
      'a new record at the end',
      (index, size) => ({ identifier: nameOf(size + index), values: { at: `e${index.toString(36).padStart(5, '0')}` } }),
    ],
    [
      'a move into the middle',
      (index, size) => ({
        type: 'update',
        identifier: nameOf((index * 7919) % size),
        values: { at: `d${(size >> 1).toString(36).padStart(4, '0')}V${index}V` },
      }),
    ],
  ]
  const rows = kinds.map(([figure, changeAt]) => ({
    figure,
    cells: sizes.map((size) => {
      const model = new Collection(collection, { position: 'at' })
      model.apply(insertsOf(size), [])
      let seq = size
      const round = () => {
        const events = Array.from({ length: 50 }, () => ({ ...insertAt(seq, 0), ...changeAt(seq, size), seq: seq++ }))
        return (
          cpuUs(() => {
            for (const event of events) {
              model.apply([event], [])
              if (model.list.length < size) throw new Error('Records got lost.')
            }
          }) / events.length
        )
      }
      round()
      return median(Array.from({ length: rounds }, round))
    }),
  }))
  return { title: 'models: an event, then the list; µs of CPU, by records', columns: sizes.map(thousands), rows }
}

function beneathDrafts({ rounds }: Effort): Table {
  const counts = [0, 100, 1000]
  const rows = [1000, 10].map((onRecords) => ({
    figure: `on one of ${thousands(onRecords)} records that have them`,
    cells: counts.map((count) => {
      const pending = Array.from(
        { length: count },
        (_, index): Draft => ({
          seen: index,
          type: 'update',
          collection,
          identifier: nameOf(index % onRecords),
          values: { completed: index % 2 === 0 },
        }),
      )
      const model = new Collection(collection)
      const context = { client: 'me', holes: [] }
      model.subscribe(() => {})
      model.apply(insertsOf(records), pending, context)
      let seq = records
      const round = () => {
        const events = Array.from({ length: 1000 }, () => ({
          ...updateAt(seq),
          identifier: nameOf(seq % onRecords),
          seen: seq,
          seq: seq++,
        }))
        const us = cpuUs(() => {
          for (const event of events) model.apply([event], pending, context)
        })
        return us / events.length
      }
      round()
      return median(Array.from({ length: rounds }, round))
    }),
  }))
  return { title: 'models: one event, by pending drafts; µs of CPU', columns: counts.map(thousands), rows }
}
