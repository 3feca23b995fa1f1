/**
 * A publish without a connection, by how much waits already: what it costs the caller until the draft shows, and what
 * it costs altogether with what is said and saved afterwards.
 */
import type { Change } from '../../src/protocol/index.ts'
import { TestStream } from '../support/test-stream.ts'
import { cpuUs, type Effort, median } from './measure.ts'
import { collection, nameOf, type Pending, returningClient } from './rebase-rig.ts'
import { type Table, thousands } from './report.ts'

const objects = 10_000
const pendingCounts = [0, 1_000, 10_000]
/** Each on another object, so that none is folded with the one before. */
const publishes = 20

interface Way {
  readonly name: string
  readonly onObjects: number
  /** Whether somebody watches the status, as a badge does. */
  readonly isWatched: boolean
  /** What is published, never folded with what waits. */
  readonly change: (index: number) => Change
}

const toggle = (index: number): Change => ({ type: 'update', collection, identifier: nameOf(index), values: { completed: true } })
const create = (index: number): Change => ({
  type: 'insert',
  collection,
  identifier: `new-${index}`,
  values: { title: 'New', completed: false },
})

const ways: readonly Way[] = [
  { name: 'each pending on an object of its own', onObjects: objects, isWatched: false, change: create },
  { name: 'the same, with a listener to the status', onObjects: objects, isWatched: true, change: create },
  { name: 'all pending on 20 objects, and one of them written', onObjects: publishes, isWatched: false, change: toggle },
]

export async function benchPublish(effort: Effort): Promise<Table> {
  const rows: Table['rows'][number][] = []
  for (const way of ways) {
    const costs: Cost[] = []
    for (const drafts of pendingCounts) costs.push(await publishCost({ drafts, onObjects: way.onObjects }, way, effort))
    rows.push({ figure: way.name, cells: costs.map(({ untilShownUs }) => untilShownUs) })
    rows.push({ figure: '  until it is saved', cells: costs.map(({ untilSavedUs }) => untilSavedUs) })
  }
  return { title: 'publish, µs of CPU, by the drafts that wait', columns: pendingCounts.map(thousands), rows }
}

/** A title typed letter by letter, a publish each: all are folded into one draft, by how many there were. */
export async function benchTyping({ rounds }: Effort): Promise<Table> {
  const counts = [10, 100, 1_000, 2_000]
  const costs: number[][] = counts.map(() => [])
  for (let round = -1; round < rounds; round++) {
    const { rig } = await returningClient(1, { drafts: 0, onObjects: 1 })
    let typed = 0
    const type = () => rig.stream.publish({ type: 'update', collection, identifier: nameOf(0), values: { title: `Title ${typed++}` } })
    for (const [index, count] of counts.entries()) {
      while (typed < count) type()
      await rig.settle()
      const samples = await sample(rig, 10, type)
      if (round >= 0) costs[index]?.push(median(samples.map(({ untilShownUs }) => untilShownUs)))
    }
    rig.stream.close()
  }
  return {
    title: 'publish, µs of CPU, by the drafts that it is folded onto',
    columns: counts.map(thousands),
    rows: [{ figure: 'a letter of a title', cells: costs.map(median) }],
  }
}

interface Cost {
  readonly untilShownUs: number
  readonly untilSavedUs: number
}

async function publishCost(pending: Pending, { isWatched, change }: Way, { rounds }: Effort): Promise<Cost> {
  const costs: Cost[] = []
  for (let round = -1; round < rounds; round++) {
    const { rig } = await returningClient(objects, pending)
    if (isWatched) rig.stream.subscribe(({ pending }) => pending)
    const samples = await sample(rig, publishes, (index) => rig.stream.publish(change(index)))
    rig.stream.close()
    if (round >= 0) costs.push(...samples)
  }
  return {
    untilShownUs: median(costs.map(({ untilShownUs }) => untilShownUs)),
    untilSavedUs: median(costs.map(({ untilSavedUs }) => untilSavedUs)),
  }
}

/** Each publish is saved before the next one is made: people are slow. */
async function sample(rig: TestStream, count: number, publish: (index: number) => unknown): Promise<Cost[]> {
  const costs: Cost[] = []
  for (let index = 0; index < count; index++) {
    const before = process.cpuUsage()
    publish(index)
    const shown = process.cpuUsage(before)
    await rig.settle()
    const saved = process.cpuUsage(before)
    costs.push({ untilShownUs: shown.user + shown.system, untilSavedUs: saved.user + saved.system })
  }
  return costs
}

/** A loop that publishes so many at once, each on an object of its own, as an import does. */
export async function benchBurst({ rounds }: Effort): Promise<Table> {
  const counts = [1_000, 3_000, 10_000]
  const cost = async (count: number, { isOpen, isWatched }: { isOpen: boolean; isWatched: boolean }) => {
    const { rig } = isOpen ? await returningClient(1, { drafts: 0, onObjects: 1 }) : { rig: new TestStream() }
    if (isWatched) rig.stream.subscribe(({ pending }) => pending)
    const us = cpuUs(() => {
      for (let index = 0; index < count; index++) rig.stream.publish(create(index))
    })
    await rig.settle()
    rig.stream.close()
    return us / 1000
  }
  const rows: Table['rows'][number][] = []
  for (const [figure, options] of [
    ['an import', { isOpen: true, isWatched: false }],
    ['  with a listener to the status', { isOpen: true, isWatched: true }],
    ['  before the store has been read', { isOpen: false, isWatched: false }],
  ] as const) {
    const cells: number[] = []
    for (const count of counts) {
      const ms: number[] = []
      for (let round = 0; round < Math.min(rounds, 3); round++) ms.push(await cost(count, options))
      cells.push(median(ms))
    }
    rows.push({ figure, cells })
  }
  return { title: 'publishes in one go, ms of CPU, by their number', columns: counts.map(thousands), rows }
}
