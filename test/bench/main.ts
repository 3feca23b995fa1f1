/**
 * `npm run bench`: what Tapeline costs. It prints figures and asserts nothing, because machines differ; what is
 * comparable is a ratio. The only use of the network is the loopback.
 *
 * The server runs on workerd beside the limit, a Durable Object that does the least possible, under the same load in
 * the same run: the ratio is that of their CPU. The client's benches need no server; `rules` compares Tapeline with itself.
 *
 *   node test/bench/main.ts [--only append,catch-up] [--quick] [--traces folder] [--lengths 10000,100000]
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchAppend } from './append.ts'
import { type CacheService, startCacheService } from './cache-service.ts'
import { benchCatchUp } from './catch-up.ts'
import { benchClientSize } from './client-size.ts'
import { benchConflicts } from './conflicts.ts'
import { benchFanOut } from './fan-out.ts'
import { benchFold } from './fold.ts'
import { benchFolders } from './folders.ts'
import { benchLatency } from './latency.ts'
import { benchLong } from './long.ts'
import type { Effort } from './measure.ts'
import { benchModels } from './models.ts'
import { benchBurst, benchPublish, benchTyping } from './publish.ts'
import { benchRebase } from './rebase.ts'
import { printHead, printRow, printTable, type Row } from './report.ts'
import { benchRules } from './rules.ts'
import { benchStart } from './start.ts'
import { benchStorage } from './storage.ts'
import { benchTextTraces } from './text-traces.ts'
import { benchTexts } from './texts.ts'
import { type Server, startServer, workerdVersion } from './workerd.ts'

interface ServerBench {
  readonly wrapper?: 'row-counter'
  run(bench: { readonly servers: readonly Server[]; readonly effort: Effort; readonly keepInCache: CacheService['keep'] }): Promise<Row[]>
}

const serverBenches: Readonly<Record<string, ServerBench>> = {
  append: { run: ({ servers, effort }) => benchAppend(servers, effort) },
  latency: { run: ({ servers, effort }) => benchLatency(servers, effort) },
  'fan-out': { run: ({ servers, effort }) => benchFanOut(servers, effort) },
  'catch-up': { run: ({ servers, effort, keepInCache }) => benchCatchUp(servers, effort, keepInCache) },
  storage: { wrapper: 'row-counter', run: ({ servers }) => benchStorage(servers) },
}

/** Those that print tables of their own: the client's need no server, and `rules` and `long` bring their own, as do the recorded `texts` and `folders`. */
const tableBenches: Readonly<Record<string, (effort: Effort) => Promise<void>>> = {
  rules: async (effort) => printTable(await benchRules(effort)),
  fold: async (effort) => (await benchFold(effort)).forEach(printTable),
  start: async (effort) => {
    const rows = await benchStart(effort)
    printHead()
    rows.forEach(printRow)
  },
  rebase: async (effort) => {
    for (const bench of [benchRebase, benchPublish, benchTyping, benchBurst]) printTable(await bench(effort))
  },
  models: async (effort) => (await benchModels(effort)).forEach(printTable),
  conflicts: async (effort) => benchConflicts(effort).forEach(printTable),
  texts: async (effort) => {
    benchTexts(effort, options.traces).forEach(printTable)
    if (options.traces !== undefined) (await benchTextTraces(options.traces)).forEach(printTable)
  },
  long: async (effort) => (await benchLong(effort, options.lengths.split(',').map(Number))).forEach(printTable),
  folders: async () => (await benchFolders()).forEach(printTable),
  'client-size': async () => printTable(await benchClientSize()),
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    traces: { type: 'string' },
    // A tape of a million takes minutes.
    lengths: { type: 'string', default: '10000,100000' },
  },
})
const names = [...Object.keys(serverBenches), ...Object.keys(tableBenches)]
const chosen = options.only?.split(',') ?? names
const unknown = chosen.find((name) => !names.includes(name))
if (unknown !== undefined) throw new Error(`There is no bench "${unknown}", only ${names.join(', ')}.`)
const effort: Effort = options.quick ? { rounds: 1, cpuMs: 500 } : { rounds: 5, cpuMs: 2000 }

console.log(`workerd ${workerdVersion}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}; medians of ${effort.rounds}`)
process.once('SIGINT', () => process.exit(130))
await runServerBenches(chosen.filter((name) => name in serverBenches))
for (const name of chosen) await tableBenches[name]?.(effort)

async function runServerBenches(names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  printHead()
  const cache = await startCacheService()
  for (const name of names) {
    const bench = serverBenches[name] as ServerBench
    // Each bench starts anew, so that none pays for the tapes of another.
    const start = { wrapper: bench.wrapper, cachePort: cache.port }
    const servers = [await startServer('Tapeline', start), await startServer('limit', start)]
    try {
      const rows = await bench.run({ servers, effort, keepInCache: cache.keep })
      rows.forEach(printRow)
    } finally {
      for (const server of servers) await server.stop()
    }
  }
  cache.stop()
}
