/** How often a collection tells its listeners, of what: once for each run that changes something, however much that is. */
import { Collection } from '../../src/models/index.ts'
import type { Draft, TapeEvent } from '../../src/protocol/index.ts'
import { collection, insertAt, insertsOf, nameOf, runEvents } from './models-work.ts'
import type { Table } from './report.ts'

type Step = (model: Collection) => void

interface Case {
  readonly before?: Step
  readonly step: Step
  readonly expected: number
}

const context = { client: 'me', holes: [] }
const own = titles(runEvents, { client: 'me', seen: runEvents - 1 })
const theirs = titles(2 * runEvents, { client: 'others', seen: runEvents - 1 })
const anew = titles(3 * runEvents, { client: 'others', seen: 3 * runEvents })
const drafts = own.map(({ type, identifier, values, seen }) => ({ type, collection, identifier, values, seen }) as Draft)

const conflicting: Step = (model) => {
  model.apply(own, [], context)
  model.apply(theirs, [], context)
  if (model.conflicts.length !== runEvents) throw new Error(`${model.conflicts.length} conflicts.`)
}

const cases: Readonly<Record<string, Case>> = {
  'on as many records': { step: (model) => model.apply(own, [], context), expected: 1 },
  'on one record': {
    step: (model) =>
      model.apply(
        own.map((event) => ({ ...event, identifier: nameOf(0) })),
        [],
        context,
      ),
    expected: 1,
  },
  'that are known': { before: (model) => model.apply(own, [], context), step: (model) => model.apply(own, [], context), expected: 0 },
  'that write what stands there': {
    step: (model) =>
      model.apply(
        own.map((event, index) => ({ ...event, values: insertAt(0, index).values ?? {} })),
        [],
        context,
      ),
    expected: 0,
  },
  'of another collection': {
    step: (model) =>
      model.apply(
        own.map((event) => ({ ...event, collection: 'notes' })),
        [],
        context,
      ),
    expected: 0,
  },
  'that become pending': { step: (model) => model.apply([], drafts, context), expected: 1 },
  'that were pending': { before: (model) => model.apply([], drafts, context), step: (model) => model.apply(own, [], context), expected: 1 },
  'each in conflict': { before: (model) => model.apply(own, [], context), step: (model) => model.apply(theirs, [], context), expected: 1 },
  'that close as many conflicts': { before: conflicting, step: (model) => model.apply(anew, [], context), expected: 1 },
  'one conflict decided by keepMine': { before: conflicting, step: (model) => model.conflicts[0]?.keepMine(), expected: 1 },
  'reset, without a conflict': { step: (model) => model.reset(), expected: 1 },
  'reset, with 1 000 conflicts open': { before: conflicting, step: (model) => model.reset(), expected: 1 },
}

export function benchNotifications(): Table {
  const rows = Object.entries(cases).map(([figure, { before, step, expected }]) => {
    const model = new Collection(collection)
    let pending: readonly Draft[] = []
    model.receiver = {
      didCreateDraft: (change) => {
        pending = [...pending, { seen: 3 * runEvents, ...change }]
        model.apply([], pending, context)
      },
    }
    model.apply(insertsOf(runEvents), [], context)
    before?.(model)
    let told = 0
    model.subscribe(() => told++)
    step(model)
    return { figure, cells: [told, expected] }
  })
  return { title: 'models: notifications of a run of 1 000 events', columns: ['told', 'wanted'], rows }
}

/** An update of the title of each record, in one run. */
function titles(firstSeq: number, by: { readonly client: string; readonly seen: number }): readonly TapeEvent[] {
  return Array.from({ length: runEvents }, (_, index) => ({
    ...insertAt(firstSeq + index, index),
    ...by,
    type: 'update',
    values: { title: `Title ${firstSeq + index}` },
  }))
}
