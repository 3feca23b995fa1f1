/**
 * What the bench of the models has done in Node and in a page alike: events that a model applies, and models that are
 * weighed. A task names the work, so that it can be handed to another process; who has it done measures it.
 */
import * as v from 'valibot'
import { Collection, StampedObjects } from '../../src/models/index.ts'
import { foldEvents, type SeqRanges, type TapeEvent, type Values } from '../../src/protocol/index.ts'

export const collection = 'tasks'
export const records = 10_000
export const runEvents = 1000

const schema = v.object({ title: v.string(), completed: v.boolean(), label: v.string(), at: v.string() })

type Model = Pick<Collection, 'apply'>

export const contenders = {
  objects: () => new StampedObjects(collection),
  Collection: () => new Collection(collection),
  '+ position': () => new Collection(collection, { position: 'at' }),
  '+ schema': () => new Collection(collection, { schema }),
} satisfies Readonly<Record<string, () => Model>>

export type ContenderName = keyof typeof contenders
export const contenderNames = Object.keys(contenders) as readonly ContenderName[]

interface Way {
  readonly events: number
  /** How the events come: each of these is one call. */
  readonly split: (runs: readonly (readonly TapeEvent[])[]) => readonly (readonly TapeEvent[])[]
  readonly holes?: SeqRanges
  readonly listens?: boolean
}

export const ways: Readonly<Record<string, Way>> = {
  'plain runs of 1 000': { events: 100_000, split: (runs) => runs },
  'folded, 100 000 as one run': { events: 100_000, split: (runs) => [foldEvents(runs.flat())] },
  'above holes, the newest run first': {
    events: 100_000,
    split: (runs) => runs.toReversed().map((run) => run.toReversed()),
    holes: [[records, records + 10]],
  },
  'one at a time': { events: 20_000, split: (runs) => runs.flat().map((event) => [event]) },
  'one at a time, with a listener': { events: 20_000, split: (runs) => runs.flat().map((event) => [event]), listens: true },
}

export type Task =
  | { readonly type: 'apply'; readonly contender: ContenderName; readonly way: string }
  /** `values` alone, or the `slots` of an array with as many, or what a contender makes of so many inserts. */
  | { readonly type: 'hold'; readonly what: ContenderName | 'values' | 'slots'; readonly size: number }

/** A place where tasks are done. */
export interface Place {
  /** CPU of the thread that does it; what an engine does on others beside it is not in it. */
  cpuUs(task: Task): Promise<number>
  /** What stays on the heap of what it gives. */
  bytes(task: Task): Promise<number>
}

/** Makes all that the work needs and gives the work. What that gives is what is weighed. */
export function prepareTask(task: Task): () => unknown {
  return task.type === 'apply' ? prepareApply(task) : prepareHold(task)
}

function prepareApply({ contender, way }: Task & { readonly type: 'apply' }): () => unknown {
  const { events, split, holes = [], listens = false } = ways[way] as Way
  const model: Model = contenders[contender]()
  const context = { client: 'me', holes }
  model.apply(insertsOf(records), [], context)
  const isHeard = listens && model instanceof Collection
  let heard = 0
  if (isHeard)
    model.subscribe(({ updated }) => {
      heard += updated.length
    })
  const calls = split(runsOf(events, records + 100))
  return () => {
    for (const call of calls) model.apply(call, [], context)
    if (isHeard && heard !== events) throw new Error(`Heard of ${heard} of ${events}.`)
  }
}

function prepareHold({ what, size }: Task & { readonly type: 'hold' }): () => unknown {
  // Read anew each time, as what comes over a network: nothing is shared.
  const texts = insertsOf(size).map((event) => JSON.stringify(event))
  const read = (index: number) => JSON.parse(texts[index] ?? '') as TapeEvent
  if (what === 'values' || what === 'slots')
    return () => {
      const held = new Array<unknown>(size * 2)
      for (let index = 0; index < size; index++) {
        const { identifier, values } = read(index)
        held[2 * index] = what === 'values' ? identifier : null
        held[2 * index + 1] = what === 'values' ? values : null
      }
      return held
    }
  return () => {
    const model: Model = contenders[what]()
    model.apply(
      texts.map((_, index) => read(index)),
      [],
    )
    if (model instanceof Collection && model.list.length !== size) throw new Error('Not all are shown.')
    return model
  }
}

export function nameOf(index: number): string {
  return `task-${index}`
}

export function insertAt(seq: number, index: number): TapeEvent {
  // Positions as the library makes them: the first hundred thousand whole ones.
  const at = `d${index.toString(36).padStart(4, '0')}`
  const values = { title: `Task number ${index}`, completed: false, label: 'none', at }
  return { seq, client: 'others', counter: seq + 1, seen: seq - 1, type: 'insert', collection, identifier: nameOf(index), values }
}

export function insertsOf(count: number): readonly TapeEvent[] {
  return Array.from({ length: count }, (_, index) => insertAt(index, index))
}

/** Somebody's update of one or two of the fields, on records far apart. */
export function updateAt(seq: number): TapeEvent {
  const values: Values = seq % 2 === 0 ? { title: `Title ${seq}` } : { completed: seq % 4 === 1, label: `label ${seq}` }
  return { ...insertAt(seq, (seq * 7919) % records), type: 'update', values }
}

export function runsOf(events: number, firstSeq: number): readonly (readonly TapeEvent[])[] {
  return Array.from({ length: events / runEvents }, (_, run) =>
    Array.from({ length: runEvents }, (_, index) => updateAt(firstSeq + run * runEvents + index)),
  )
}
