/**
 * How a cost is measured: a load runs until the server has used so much CPU, first on one contender, then on the
 * other, several rounds of it, because the machine is never quiet. What counts is the median of the rounds.
 */
import type { Contender } from './bundle.ts'
import type { Server } from './workerd.ts'

export interface Effort {
  readonly rounds: number
  /** CPU that a server uses in one round: many ticks of 10 ms. */
  readonly cpuMs: number
}

/** Does work until `isOver`, then waits for what is under way; gives how much has been done in its unit. */
export type Load = (isOver: () => boolean) => Promise<number>

export interface Cost {
  readonly perSecond: number
  readonly cpuUs: number
}

export type Costs = Readonly<Record<Contender, Cost>>

/** A load that the server finishes with little CPU still ends. */
const wallMsMax = 15_000

/** `prepare` readies the load of one round, outside the measurement, and gives what ends it. */
export async function compareCosts(
  servers: readonly Server[],
  { rounds, cpuMs }: Effort,
  prepare: (server: Server, round: number) => Promise<{ run: Load; end: () => void }>,
): Promise<Costs> {
  const costs: Record<Contender, Cost[]> = { Tapeline: [], limit: [] }
  // Round −1 warms both up and is not counted.
  for (let round = -1; round < rounds; round++) {
    for (const server of servers) {
      const { run, end } = await prepare(server, round)
      const cost = await costOf(server, run, round < 0 ? cpuMs / 2 : cpuMs)
      end()
      if (round >= 0) costs[server.contender].push(cost)
    }
  }
  return { Tapeline: medianCost(costs.Tapeline), limit: medianCost(costs.limit) }
}

/** What a unit of the load costs, once the server has used so much CPU for it. */
export async function costOf(server: Server, run: Load, cpuMs: number): Promise<Cost> {
  let isOver = false
  const cpuAtStart = server.cpuMs()
  const startedAt = performance.now()
  const watch = setInterval(() => {
    isOver = server.cpuMs() - cpuAtStart >= cpuMs || performance.now() - startedAt > wallMsMax
  }, 20)
  const done = await run(() => isOver)
  clearInterval(watch)
  const seconds = (performance.now() - startedAt) / 1000
  return { perSecond: done / seconds, cpuUs: ((server.cpuMs() - cpuAtStart) * 1000) / done }
}

function medianCost(costs: readonly Cost[]): Cost {
  return { perSecond: median(costs.map(({ perSecond }) => perSecond)), cpuUs: median(costs.map(({ cpuUs }) => cpuUs)) }
}

/** The CPU that this process uses while it runs something, with what its engine does beside it. */
export function cpuUs(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** `share` of the values are at most this. */
export function quantile(values: readonly number[], share: number): number {
  const rising = values.toSorted((a, b) => a - b)
  return rising[Math.min(rising.length - 1, Math.floor(rising.length * share))] ?? Number.NaN
}
