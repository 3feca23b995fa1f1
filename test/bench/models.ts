/**
 * A ready-made collection: how many events it takes a second, what a record costs beside its own values, and what one
 * event costs beneath pending drafts. The events are on ten thousand records with four fields.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as v from 'valibot'
import { Collection, StampedObjects } from '../../src/models/index.ts'
import { type Draft, foldEvents, type SeqRanges, type TapeEvent, type Values } from '../../src/protocol/index.ts'
import { cpuUs, type Effort, median } from './measure.ts'
import { type Table, thousands } from './report.ts'

const collection = 'tasks'
const records = 10_000
const runEvents = 1000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

type Model = Pick<Collection, 'apply'>

const schema = v.object({ title: v.string(), completed: v.boolean(), label: v.string(), at: v.string() })

const contenders: readonly (readonly [name: string, make: () => Model])[] = [
  ['StampedObjects', () => new StampedObjects(collection)],
  ['Collection', () => new Collection(collection)],
  ['with a position', () => new Collection(collection, { position: 'at' })],
  ['with a schema', () => new Collection(collection, { schema })],
]
const columns = contenders.map(([name]) => name)

export async function benchModels(effort: Effort): Promise<readonly Table[]> {
  return [await throughput(effort), lists(effort), memory(), beneathDrafts(effort)]
}

function nameOf(index: number): string {
  return `task-${index}`
}

function insertAt(seq: number, index: number): TapeEvent {
  // Positions as the library makes them: the first hundred thousand whole ones.
  const at = `d${index.toString(36).padStart(4, '0')}`
  const values = { title: `Task number ${index}`, completed: false, label: 'none', at }
  return { seq, client: 'others', counter: seq + 1, seen: seq - 1, type: 'insert', collection, identifier: nameOf(index), values }
}

function insertsOf(count: number): readonly TapeEvent[] {
  return Array.from({ length: count }, (_, index) => insertAt(index, index))
}

/** Somebody's update of one or two of the fields, on records far apart. */
function updateAt(seq: number): TapeEvent {
  const values: Values = seq % 2 === 0 ? { title: `Title ${seq}` } : { completed: seq % 4 === 1, label: `label ${seq}` }
  return { ...insertAt(seq, (seq * 7919) % records), type: 'update', values }
}

function runsOf(events: number, firstSeq: number): readonly (readonly TapeEvent[])[] {
  return Array.from({ length: events / runEvents }, (_, run) =>
    Array.from({ length: runEvents }, (_, index) => updateAt(firstSeq + run * runEvents + index)),
  )
}

interface Way {
  readonly name: string
  readonly events: number
  /** How the events come: each of these is one call. */
  readonly split: (runs: readonly (readonly TapeEvent[])[]) => readonly (readonly TapeEvent[])[]
  readonly holes?: SeqRanges
  readonly listens?: boolean
}

const ways: readonly Way[] = [
  { name: `plain runs of ${thousands(runEvents)}`, events: 100_000, split: (runs) => runs },
  { name: 'folded, 100 000 as one run', events: 100_000, split: (runs) => [foldEvents(runs.flat())] },
  {
    name: 'above holes, the newest run first',
    events: 100_000,
    split: (runs) => runs.toReversed().map((run) => run.toReversed()),
    holes: [[records, records + 10]],
  },
  { name: 'one at a time', events: 20_000, split: (runs) => runs.flat().map((event) => [event]) },
  { name: 'one at a time, with a listener', events: 20_000, split: (runs) => runs.flat().map((event) => [event]), listens: true },
]

async function throughput({ rounds }: Effort): Promise<Table> {
  const rows = ways.map(({ name, events, split, holes = [], listens = false }) => ({
    figure: name,
    cells: contenders.map(([, make]) => {
      const round = () => {
        const model = make()
        const context = { client: 'me', holes }
        model.apply(insertsOf(records), [], context)
        let heard = 0
        if (listens && model instanceof Collection)
          model.subscribe(({ updated }) => {
            heard += updated.length
          })
        const calls = split(runsOf(events, records + 100))
        // What made the load is not to be paid for here.
        collectGarbage()
        const us = cpuUs(() => {
          for (const call of calls) model.apply(call, [], context)
        })
        if (listens && model instanceof Collection && heard !== events) throw new Error(`Heard of ${heard} of ${events}.`)
        return Math.round((events / us) * 1e6)
      }
      round()
      return median(Array.from({ length: rounds }, round))
    }),
  }))
  return { title: 'models: events a second of CPU, of the tape', columns, rows }
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

function memory(): Table {
  const size = 100_000
  const texts = insertsOf(size).map((event) => JSON.stringify(event))
  const read = () => texts.map((text) => JSON.parse(text) as TapeEvent)
  const own = bytesOf(() => read().flatMap(({ identifier, values }) => [identifier, values])) - size * 16
  const cells = contenders.map(([, make]) => {
    const bytes = bytesOf(() => {
      const model = make()
      model.apply(read(), [])
      if (model instanceof Collection && model.list.length !== size) throw new Error('Not all are shown.')
      return model
    })
    return Math.round((bytes - own) / size)
  })
  const rows = [
    { figure: 'bytes beyond identifier and values (the list included)', cells },
    { figure: 'bytes of identifier and values themselves', cells: [Math.round(own / size)] },
  ]
  return { title: `models: memory per record, of ${thousands(size)}`, columns, rows }
}

/** What stays on the heap of what `make` gives. */
function bytesOf(make: () => unknown): number {
  const used = () => {
    for (let times = 0; times < 4; times++) collectGarbage()
    return process.memoryUsage().heapUsed
  }
  make()
  const before = used()
  const kept = make()
  const after = used()
  if (kept === undefined) throw new Error('Nothing was kept.')
  return after - before
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
