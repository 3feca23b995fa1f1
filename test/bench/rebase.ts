/**
 * The rebase: what it costs to lay the pending drafts on top of what arrives. It should grow with what changed, so
 * the same is done with models of a thousand, ten thousand and a hundred thousand objects. An event alone is on one of
 * the objects that have drafts; ten thousand are on a thousand objects, and a Stream folds them first.
 */
import { StampedObjects } from '../../src/models/index.ts'
import type { Draft, TapeEvent } from '../../src/protocol/index.ts'
import { epoch } from '../support/test-stream.ts'
import { cpuUs, type Effort, median } from './measure.ts'
import { collection, insertsOf, type Pending, pendingDrafts, returningClient, updateAt } from './rebase-rig.ts'
import { type Table, thousands } from './report.ts'

const modelSizes = [1_000, 10_000, 100_000]

const situations: readonly (Pending & { readonly name: string })[] = [
  { name: 'no drafts', drafts: 0, onObjects: 1000 },
  { name: '1 000 drafts on 1 000 objects', drafts: 1000, onObjects: 1000 },
  { name: '1 000 drafts on 10 objects', drafts: 1000, onObjects: 10 },
]

/** What arrives at once, on objects that have drafts of ours; and how often, in one measurement. */
interface Arrival {
  readonly events: number
  readonly onObjects: number
  readonly times: number
}

export async function benchRebase(effort: Effort): Promise<Table> {
  const rows: Table['rows'][number][] = []
  for (const { name, ...pending } of situations) {
    const arrivals = [
      { name: '1 event', events: 1, onObjects: pending.onObjects, times: 100 },
      { name: '10 000 events', events: 10_000, onObjects: 1000, times: 1 },
    ]
    for (const { name: what, ...arrival } of arrivals) {
      const figure = `${name}, ${what}`
      rows.push({
        figure: `${figure}: StampedObjects`,
        cells: modelSizes.map((size) => objectsCost(size, { pending, arrival }, effort)),
      })
      const cells: number[] = []
      for (const size of modelSizes) cells.push(await streamCost(size, { pending, arrival }, effort))
      rows.push({ figure: '  the whole Stream', cells })
    }
  }
  rows.push({
    figure: 'one of 1 000 drafts is confirmed: StampedObjects',
    cells: modelSizes.map((size) => confirmCost(size, effort)),
  })
  rows.push({ figure: 'one event, then the whole list is read: StampedObjects', cells: modelSizes.map((size) => listCost(size, effort)) })
  return { title: 'rebase, µs of CPU, by the objects in the model', columns: modelSizes.map(thousands), rows }
}

interface Load {
  readonly pending: Pending
  readonly arrival: Arrival
}

/** A model with drafts on top, and a tape that goes on. */
class Laid {
  readonly objects = new StampedObjects(collection)
  readonly pending: readonly Draft[]
  readonly #tape: Tape

  constructor(size: number, pending: Pending) {
    this.#tape = new Tape(size)
    this.pending = pendingDrafts(pending)
    this.objects.apply(insertsOf(size), this.pending)
  }

  /** The mean of so many arrivals. */
  cost({ times, ...arrival }: Arrival, afterEach: () => void = () => {}): number {
    const runs = Array.from({ length: times }, () => this.#tape.next(arrival))
    const us = cpuUs(() => {
      for (const run of runs) {
        this.objects.apply(run, this.pending)
        afterEach()
      }
    })
    return us / times
  }
}

/** Events that go round the objects, from the end of a tape on. */
class Tape {
  #length: number

  constructor(length: number) {
    this.#length = length
  }

  get latestSeq(): number {
    return this.#length - 1
  }

  next({ events, onObjects }: Omit<Arrival, 'times'>): readonly TapeEvent[] {
    return Array.from({ length: events }, () => updateAt(this.#length, this.#length++ % onObjects))
  }
}

function objectsCost(size: number, { pending, arrival }: Load, { rounds }: Effort): number {
  const laid = new Laid(size, pending)
  return medianOf(rounds, () => laid.cost(arrival))
}

/** From a frame's arrival until its events show, in one go; what is saved of them afterwards is not in it. */
async function streamCost(size: number, { pending, arrival }: Load, { rounds }: Effort): Promise<number> {
  const { rig } = await returningClient(size, pending)
  const tape = new Tape(size)
  await rig.welcome(tape.latestSeq)
  const us: number[] = []
  for (let round = -1; round < rounds; round++) {
    const frames = Array.from({ length: arrival.times }, () => {
      const first = tape.latestSeq + 1
      const events = tape.next(arrival)
      return JSON.stringify({ type: 'slice', epoch, latestSeq: tape.latestSeq, covers: [[first, tape.latestSeq]], events })
    })
    let sum = 0
    for (const frame of frames) {
      sum += cpuUs(() => rig.link.events.onFrame(frame))
      await rig.settle()
    }
    if (round >= 0) us.push(sum / arrival.times)
  }
  if (rig.stream.latestSeq !== tape.latestSeq) throw new Error('Not all was taken.')
  rig.stream.close()
  return median(us)
}

/** The oldest is gone from what is pending, and its event is on the tape. */
function confirmCost(size: number, { rounds }: Effort): number {
  const { objects, pending } = new Laid(size, { drafts: 1000, onObjects: 1000 })
  let seq = size
  let left = pending
  return medianOf(rounds, () => {
    const steps = left.slice(0, 50).map((draft, index) => ({ event: { ...draft, seq: seq++ }, left: left.slice(index + 1) }))
    left = steps.at(-1)?.left ?? []
    return (
      cpuUs(() => {
        for (const step of steps) objects.apply([step.event], step.left)
      }) / steps.length
    )
  })
}

function listCost(size: number, { rounds }: Effort): number {
  const laid = new Laid(size, { drafts: 1000, onObjects: 1000 })
  return medianOf(rounds, () => laid.cost({ events: 1, onObjects: 1000, times: 20 }, () => laid.objects.list))
}

/** Of so many rounds, after some that warm up. */
function medianOf(rounds: number, round: () => number): number {
  for (let warmUp = 0; warmUp < 3; warmUp++) round()
  return median(Array.from({ length: rounds }, round))
}
