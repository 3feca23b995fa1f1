/**
 * Preconditions and rules: what an event costs that is published on the socket with a precondition of its own, or to a
 * deployment with a rule, beside one that is published plainly. All are updates of the same few objects.
 */
import { randomUUID } from 'node:crypto'
import { Publisher } from './append.ts'
import { startCacheService } from './cache-service.ts'
import type { Batch } from './drafts.ts'
import { costOf, type Effort, median } from './measure.ts'
import type { Table } from './report.ts'
import { type Server, startServer } from './workerd.ts'

interface Way {
  readonly name: string
  /** Of each draft, as JSON behind its other members. */
  readonly expect?: string
  readonly rules?: string
}

const trivial = "({ values }) => (values.title === '' ? { reason: 'no-title' } : undefined)"
const asking =
  "({ collection, identifier }, _, recent) => (recent.object(collection, identifier).values.title === '' ? { reason: 'no-title' } : undefined)"
const looking = "(_, __, recent) => (recent.events.some(({ type }) => type === 'delete') ? { reason: 'deleted' } : undefined)"

const ways: readonly Way[] = [
  { name: 'plain' },
  { name: 'expect: unchanged, the object', expect: ',"expect":{"unchanged":true}' },
  { name: 'expect: unchanged, two fields', expect: ',"expect":{"unchanged":["title","label"]}' },
  { name: 'a rule, recent: 0', rules: `{ validate: ${trivial} }` },
  { name: 'a rule, recent: 100', rules: `{ validate: ${trivial}, recent: 100 }` },
  { name: 'a rule, recent: 1000', rules: `{ validate: ${trivial}, recent: 1000 }` },
  { name: '  that asks for the object', rules: `{ validate: ${asking}, recent: 1000 }` },
  { name: '  that looks through all of them', rules: `{ validate: ${looking}, recent: 1000 }` },
]

/** What is on its way stays within the 1,000 events that a precondition looks back over. */
const loads = [
  { batch: 1, inFlight: 64 },
  { batch: 100, inFlight: 8 },
]

export async function benchRules(effort: Effort): Promise<Table> {
  const cache = await startCacheService()
  const plain = await startServer('Tapeline', { cachePort: cache.port })
  const contenders: { readonly way: Way; readonly server: Server }[] = []
  for (const way of ways) {
    const server = way.rules === undefined ? plain : await startServer('Tapeline', { cachePort: cache.port, rules: way.rules })
    contenders.push({ way, server })
  }
  try {
    const columns: number[][] = []
    for (const load of loads) columns.push(await costsOf(contenders, load, effort))
    return toTable(columns)
  } finally {
    for (const server of new Set(contenders.map(({ server }) => server))) await server.stop()
    cache.stop()
  }
}

/** µs of CPU per event, by way; the ways take turns, because the machine is never quiet. */
async function costsOf(
  contenders: readonly { way: Way; server: Server }[],
  load: (typeof loads)[number],
  { rounds, cpuMs }: Effort,
): Promise<number[]> {
  const costs: number[][] = contenders.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (const [index, { way, server }] of contenders.entries()) {
      const publisher = await Publisher.open(server, `rules-${index}-${load.batch}-${round}`, (one) => frameOf(one, way.expect ?? ''))
      const { cpuUs } = await costOf(server, (isOver) => publisher.publish({ ...load, isOver }), round < 0 ? cpuMs / 2 : cpuMs)
      publisher.close()
      if (round >= 0) costs[index]?.push(cpuUs)
    }
  }
  return costs.map(median)
}

/** A column for each size of batch, with what each way costs in terms of the first. */
function toTable(columns: readonly (readonly number[])[]): Table {
  const rows = ways.map(({ name }, index) => ({
    figure: name,
    cells: columns.flatMap(({ 0: plain = Number.NaN, [index]: cost = Number.NaN }) => [cost, `${(cost / plain).toFixed(2)}×`]),
  }))
  return {
    title: 'append, CPU µs per event, by events × publishes in flight',
    columns: loads.flatMap(({ batch, inFlight }) => [`${batch} × ${inFlight}`, 'ratio']),
    rows,
  }
}

const updates: readonly string[] = Array.from(
  { length: 50 },
  () =>
    `"type":"update","collection":"todos","identifier":"${randomUUID()}","values":{"title":"Buy milk and bread","completed":false,"label":"None"}`,
)

function frameOf({ client, counter, seen, count }: Batch, expect: string): string {
  let drafts = ''
  for (let i = 0; i < count; i++) {
    drafts += `${i === 0 ? '' : ','}{"counter":${counter + i},"seen":${seen},${updates[(counter + i) % updates.length]}${expect}}`
  }
  return `{"type":"publish","ref":${counter},"client":"${client}","drafts":[${drafts}]}`
}
