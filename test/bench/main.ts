/**
 * `npm run bench`: what Tapeline costs on workerd, beside the limit: a Durable Object that does the least possible,
 * under the same load in the same run. It prints figures and asserts nothing, because machines differ; what is
 * comparable is the ratio of the server's CPU. The only use of the network is the loopback.
 *
 *   node test/bench/main.ts [--only append,catch-up] [--quick]
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchAppend } from './append.ts'
import { type CacheService, startCacheService } from './cache-service.ts'
import { benchCatchUp } from './catch-up.ts'
import { benchFanOut } from './fan-out.ts'
import { benchLatency } from './latency.ts'
import type { Effort } from './measure.ts'
import { printHead, printRow, type Row } from './report.ts'
import { benchStorage } from './storage.ts'
import { type Server, startServer, workerdVersion } from './workerd.ts'

export interface Bench {
  readonly servers: readonly Server[]
  readonly effort: Effort
  readonly keepInCache: CacheService['keep']
}

const benches: Readonly<Record<string, { readonly countsRows?: boolean; run(bench: Bench): Promise<Row[]> }>> = {
  append: { run: ({ servers, effort }) => benchAppend(servers, effort) },
  latency: { run: ({ servers, effort }) => benchLatency(servers, effort) },
  'fan-out': { run: ({ servers, effort }) => benchFanOut(servers, effort) },
  'catch-up': { run: ({ servers, effort, keepInCache }) => benchCatchUp(servers, effort, keepInCache) },
  storage: { countsRows: true, run: ({ servers }) => benchStorage(servers) },
}

const { values: options } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } })
const chosen = options.only?.split(',') ?? Object.keys(benches)
const effort: Effort = options.quick ? { rounds: 1, cpuMs: 500 } : { rounds: 5, cpuMs: 2000 }

console.log(`workerd ${workerdVersion}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}; medians of ${effort.rounds}`)
printHead()
process.once('SIGINT', () => process.exit(130))
const cache = await startCacheService()
for (const name of chosen) {
  const bench = benches[name]
  if (bench === undefined) throw new Error(`There is no bench "${name}", only ${Object.keys(benches).join(', ')}.`)
  // Each bench starts anew, so that none pays for the tapes of another.
  const start = { countsRows: bench.countsRows === true, cachePort: cache.port }
  const servers = [await startServer('Tapeline', start), await startServer('limit', start)]
  try {
    const rows = await bench.run({ servers, effort, keepInCache: cache.keep })
    rows.forEach(printRow)
  } finally {
    for (const server of servers) await server.stop()
  }
}
cache.stop()
