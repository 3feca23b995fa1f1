/**
 * What conflicts cost: another client overwrites each of ten thousand records on which this client has a write, on the
 * tape or still pending. Beside it the same where the other had seen those writes, so that nothing is in conflict.
 */
import { Collection } from '../../src/models/index.ts'
import type { Change, Draft, TapeEvent } from '../../src/protocol/index.ts'
import { cpuUs, type Effort, median } from './measure.ts'
import { bytesOf, collectGarbage } from './models-node.ts'
import { collection, insertAt, insertsOf, nameOf, records, runEvents } from './models-work.ts'
import type { Table } from './report.ts'

interface Setting {
  /** Whose writes the other overwrites, and where they are. */
  readonly own: 'nobody' | 'tape' | 'pending'
  readonly isSeen: boolean
  /** The same without a conflict. */
  readonly beside?: string
}

const settings = {
  'not its own': { own: 'nobody', isSeen: false },
  'own, seen': { own: 'tape', isSeen: true },
  own: { own: 'tape', isSeen: false, beside: 'own, seen' },
  'dr., seen': { own: 'pending', isSeen: true },
  draft: { own: 'pending', isSeen: false, beside: 'dr., seen' },
} satisfies Readonly<Record<string, Setting>>

type SettingName = keyof typeof settings
const columns = Object.keys(settings) as readonly SettingName[]

/** What stands on the tape in turn: all inserts, this client's writes, another's, this client's again, another's again. */
const firstSeq = { inserts: 0, own: records, theirs: 2 * records, confirmed: 3 * records, anew: 4 * records }

interface Figure {
  /** Makes what is measured, and gives it. */
  readonly prepare: (name: SettingName) => () => void
  /** Without a conflict there is nothing of the kind. */
  readonly isOfConflicts?: boolean
}

const figures: Readonly<Record<string, Figure>> = {
  'found, in runs of 1 000': {
    prepare: (name) => {
      const { desk, events } = begin(name)
      return () => desk.takeInRuns(events)
    },
  },
  'found, each in a run of its own': {
    prepare: (name) => {
      const { desk, events } = begin(name)
      return () => events.forEach((event) => void desk.take([event]))
    },
  },
  'found, and decided in onConflict by keepMine': {
    prepare: (name) => {
      const { desk, events } = begin(name, true)
      return () => desk.takeInRuns(events)
    },
  },
  'decided by keepMine, or else written by update': { prepare: (name) => decide(name, 'mine') },
  'decided by keepTheirs, or else written by update': { prepare: (name) => decide(name, 'theirs') },
  'closed, as others write the field anew, in runs of 1 000': {
    prepare: (name) => {
      const { model, desk } = met(name)
      desk.confirm()
      const events = updates('anew', { client: 'others', seen: firstSeq.anew - 1 })
      return () => {
        desk.takeInRuns(events)
        if (model.conflicts.length !== 0) throw new Error('Some are still open.')
      }
    },
  },
  'dismissed, one by one': {
    prepare: (name) => {
      const { conflicts } = met(name).model
      return () => conflicts.forEach((conflict) => void conflict.dismiss())
    },
    isOfConflicts: true,
  },
}

export function benchConflicts(effort: Effort): readonly Table[] {
  return [times(effort), memory()]
}

function times({ rounds }: Effort): Table {
  const rows: Table['rows'][number][] = []
  for (const [figure, { prepare, isOfConflicts = false }] of Object.entries(figures)) {
    const costs = new Map<string, number>()
    for (const name of columns) {
      const round = () => {
        const run = prepare(name)
        collectGarbage()
        return cpuUs(run) / records
      }
      if (isOfConflicts && besideOf(name) === undefined) continue
      round()
      costs.set(name, median(Array.from({ length: rounds }, round)))
    }
    rows.push({ figure, cells: columns.map((name) => costs.get(name)) })
    if (isOfConflicts) continue
    const ratios = columns.map((name) => {
      const without = costs.get(besideOf(name) ?? '')
      return without === undefined ? undefined : `${((costs.get(name) ?? Number.NaN) / without).toFixed(2)}×`
    })
    rows.push({ figure: '  to the same without a conflict', cells: ratios })
  }
  return { title: 'conflicts: µs of CPU each, of 10 000', columns, rows }
}

function besideOf(name: SettingName): SettingName | undefined {
  const setting: Setting = settings[name]
  return setting.beside as SettingName | undefined
}

function memory(): Table {
  const bytes = (name: SettingName, isClosed: boolean) =>
    bytesOf(() => {
      const desk = met(name)
      if (isClosed) for (const conflict of desk.model.conflicts) conflict.dismiss()
      if (desk.model.conflicts.length > records) throw new Error('More than there are records.')
      return desk
    })
  const beyond = (name: SettingName, isClosed: boolean) => {
    const beside = besideOf(name)
    return beside === undefined ? undefined : Math.round((bytes(name, isClosed) - bytes(beside, isClosed)) / records)
  }
  const rows = [
    { figure: 'open, with the values that it keeps', cells: columns.map((name) => beyond(name, false)) },
    { figure: 'left of one that was dismissed', cells: columns.map((name) => beyond(name, true)) },
  ]
  return { title: 'conflicts: bytes each, beyond the same without', columns, rows }
}

/** Records on which this client has written, and what another does to them. */
function begin(
  name: SettingName,
  decidesAtOnce = false,
): { readonly model: Collection; readonly desk: Desk; readonly events: readonly TapeEvent[] } {
  const { own, isSeen }: Setting = settings[name]
  const model = new Collection(collection, decidesAtOnce ? { onConflict: (conflict) => conflict.keepMine() } : {})
  const desk = new Desk(model)
  desk.takeInRuns(insertsOf(records))
  const before = firstSeq.own - 1
  // Who made a draft in knowledge of an event that comes only now was another tab, ahead of this one.
  if (own === 'pending') desk.draft(isSeen ? firstSeq.confirmed : before)
  else desk.takeInRuns(updates('own', { client: own === 'tape' ? 'me' : 'third', seen: before }))
  return { model, desk, events: updates('theirs', { client: 'others', seen: isSeen ? firstSeq.theirs - 1 : before }) }
}

function met(name: SettingName): { readonly model: Collection; readonly desk: Desk } {
  const { model, desk, events } = begin(name)
  desk.takeInRuns(events)
  const { own, isSeen }: Setting = settings[name]
  const expected = own === 'nobody' || isSeen ? 0 : records
  if (model.conflicts.length !== expected) throw new Error(`${name}: ${model.conflicts.length} conflicts, not ${expected}.`)
  return { model, desk }
}

function decide(name: SettingName, side: 'mine' | 'theirs'): () => void {
  const { model } = met(name)
  const { conflicts } = model
  if (conflicts.length > 0)
    return () => conflicts.forEach((conflict) => void (side === 'mine' ? conflict.keepMine() : conflict.keepTheirs()))
  // Twice the same title would write nothing.
  return () => {
    for (let index = 0; index < records; index++) model.update(nameOf(index), { title: `Kept title ${index}` })
  }
}

/** An update of the title of each record, with values of its own, as what comes over a network. */
function updates(part: keyof typeof firstSeq, by: { readonly client: string; readonly seen: number }): readonly TapeEvent[] {
  return Array.from({ length: records }, (_, index) => {
    const event: TapeEvent = {
      ...insertAt(firstSeq[part] + index, index),
      ...by,
      type: 'update',
      values: { title: `Title ${part} ${index}` },
    }
    return JSON.parse(JSON.stringify(event)) as TapeEvent
  })
}

/** Stands for a stream: what the model vends is pending at once. */
class Desk {
  readonly #model: Collection
  readonly #context = { client: 'me', holes: [] }
  #pending: readonly Draft[] = []
  #seen = -1

  constructor(model: Collection) {
    this.#model = model
    model.receiver = this
  }

  didCreateDraft(change: Change): void {
    this.#pending = [...this.#pending, { seen: this.#seen, ...change }]
    this.take([])
  }

  /** This client writes each title, at once. */
  draft(seen: number): void {
    this.#pending = updates('own', { client: 'me', seen }).map(
      ({ type, identifier, values }) => ({ seen, type, collection, identifier, values }) as Draft,
    )
    this.take([])
  }

  /** All that is pending is on the tape now. */
  confirm(): void {
    const events = this.#pending.map(
      (draft, index): TapeEvent => ({ ...draft, seq: firstSeq.confirmed + index, client: 'me', counter: index + 1 }),
    )
    this.#pending = []
    this.take(events)
  }

  take(events: readonly TapeEvent[]): void {
    this.#seen = Math.max(this.#seen, events.at(-1)?.seq ?? -1)
    this.#model.apply(events, this.#pending, this.#context)
  }

  takeInRuns(events: readonly TapeEvent[]): void {
    for (let start = 0; start < events.length; start += runEvents) this.take(events.slice(start, start + runEvents))
  }
}
