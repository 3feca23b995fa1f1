/**
 * Catch-up: what it costs to bring an empty client up to a long tape, in pages as the SDK asks for them: without the
 * epoch, which no cache may answer; with it, where the Worker's cache lacks the page and is given it; and where the
 * cache has it. The limit has no cache, and does the same each time.
 */
import { Publisher } from './append.ts'
import type { Contender } from './bundle.ts'
import { HttpClient } from './http-client.ts'
import { type Costs, compareCosts, type Effort } from './measure.ts'
import { costRows, type Row } from './report.ts'
import type { Server } from './workerd.ts'

/** The SDK's aligned pages. */
const pageEvents = 4096

type CacheUse = 'none' | 'fills' | 'hits'

export async function benchCatchUp(servers: readonly Server[], effort: Effort, keepInCache: (isKeeping: boolean) => void): Promise<Row[]> {
  const rows: Row[] = []
  for (const events of [100_000, 300_000]) {
    const stream = `catch-up-${events}`
    for (const server of servers) await fill(server, stream, events)
    for (const [use, name] of [
      ['none', 'not cached'],
      ['fills', 'fills the cache'],
      ['hits', 'from the cache'],
    ] as const) {
      keepInCache(use === 'hits')
      const wireBytes: Record<Contender, number> = { Tapeline: 0, limit: 0 }
      const costs: Costs = await compareCosts(servers, effort, async (server) => {
        const client = new HttpClient(server)
        const reader = await readerOf(server, client, { stream, events, use })
        const run = async (isOver: () => boolean) => {
          let read = 0
          const before = client.bytesRead
          while (!isOver()) read += await reader()
          wireBytes[server.contender] = (client.bytesRead - before) / read
          return read
        }
        return { run, end: () => client.close() }
      })
      rows.push(...costRows(`catch-up of ${events.toLocaleString('en')}, ${name}`, 'event', { costs, target: 1.5 }))
      if (use === 'none') rows.push({ figure: '  wire bytes per event', values: wireBytes })
    }
  }
  return rows
}

async function fill(server: Server, stream: string, events: number): Promise<void> {
  const publisher = await Publisher.open(server, stream)
  await publisher.publishCount(events, { batch: 100, inFlight: 1 })
  publisher.close()
}

interface Reading {
  readonly stream: string
  readonly events: number
  readonly use: CacheUse
}

/** Gives what reads the whole tape once, page after page on one connection, and tells how many events came. */
async function readerOf({ contender }: Server, client: HttpClient, { stream, events, use }: Reading): Promise<() => Promise<number>> {
  const path = `/v1/streams/${stream}`
  if (contender === 'limit') {
    return async () => {
      let next = 0
      // The limit sends whole rows and says how far they reach: it neither cuts rows nor caches.
      while (next < events) next = Number((await client.get(`${path}/events?count=${pageEvents}&from=${next}`)).headers.last) + 1
      return next
    }
  }
  const { epoch } = JSON.parse((await client.get(path)).text()) as { epoch: string }
  return async () => {
    for (let first = 0; first < events; first += pageEvents) {
      const last = Math.min(first + pageEvents, events) - 1
      const answer = await client.get(`${path}/events?seq=${first}-${last}${use === 'none' ? '' : `&epoch=${epoch}`}`)
      if (!answer.start().includes(`"covers":[[${first},${last}]]`)) throw new Error(`Not ${first}-${last}: ${answer.start()}`)
    }
    return events
  }
}
