/**
 * The start of a client that has a saved model of 10,000 objects, from 100,000 events, and no network: how long until
 * it shows, and what memory and disk it takes. Beside it the limit: who keeps plain records of the same values, and
 * puts them in a Map.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contender } from './bundle.ts'
import { type Effort, median } from './measure.ts'
import type { Figures, Row } from './report.ts'
import { StartBrowser, StartPages } from './start-browser.ts'
import type { StartReport } from './start-process.ts'
import { bytesIn } from './workerd.ts'

const contenders: readonly Contender[] = ['Tapeline', 'limit']

export async function benchStart(effort: Effort): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tapeline-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    return [
      ...rowsOf('IndexedDB, in Chromium', await startInBrowsers(folder, effort)),
      ...rowsOf('SQLite, in Node', await startInNode(folder, effort)),
    ]
  } finally {
    process.off('exit', remove)
    remove()
  }
}

function rowsOf(where: string, { Tapeline, limit }: Readonly<Record<Contender, Figures>>): Row[] {
  return Object.keys(Tapeline).map((name, index) => ({
    figure: index === 0 ? `start of 10 000 objects from ${where}: ${name}` : `  ${name}`,
    values: { Tapeline: Tapeline[name], limit: limit[name] },
  }))
}

/** Prepares both, then starts them in turn, so that a busy machine is busy for both. */
async function compareStarts(
  { rounds }: Effort,
  { prepare, start }: { prepare: (contender: Contender) => unknown; start: (contender: Contender) => Figures | Promise<Figures> },
): Promise<Readonly<Record<Contender, Figures>>> {
  const starts: Record<Contender, Figures[]> = { Tapeline: [], limit: [] }
  for (const contender of contenders) await prepare(contender)
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) starts[contender].push(await start(contender))
  }
  return { Tapeline: medians(starts.Tapeline), limit: medians(starts.limit) }
}

function medians(starts: readonly Figures[]): Figures {
  return Object.fromEntries(Object.keys(starts[0] ?? {}).map((name) => [name, median(starts.map((start) => start[name] ?? Number.NaN))]))
}

/** Each time in a browser that was started for it, whose profile another one has left behind. */
async function startInBrowsers(folder: string, effort: Effort): Promise<Readonly<Record<Contender, Figures>>> {
  const pages = await StartPages.serve()
  const inBrowser = async <T>(contender: Contender, use: (browser: StartBrowser) => Promise<T>) => {
    const browser = await StartBrowser.open(pages.address, join(folder, contender))
    return use(browser).finally(() => browser.close())
  }
  const start = async (contender: Contender): Promise<Figures> => {
    const { ms, cpuMs, heapBytes } = await inBrowser(contender, (browser) => browser.start(contender))
    return {
      'ms until it shows': ms,
      'ms of CPU, of the page': cpuMs,
      'MB of heap': heapBytes / 1e6,
      'MB on disk': bytesIn(join(folder, contender, 'Default/IndexedDB')) / 1e6,
    }
  }
  const prepare = (contender: Contender) => inBrowser(contender, (browser) => browser.prepare(contender))
  return compareStarts(effort, { prepare, start }).finally(() => pages.stop())
}

function startInNode(folder: string, effort: Effort): Promise<Readonly<Record<Contender, Figures>>> {
  const pathOf = (contender: Contender) => join(folder, `${contender}.sqlite`)
  return compareStarts(effort, {
    prepare: (contender) => runProcess('prepare', contender, pathOf(contender)),
    start: (contender) => {
      const { ms, cpuMs, heapBytes, residentBytes } = JSON.parse(runProcess('start', contender, pathOf(contender))) as StartReport
      return {
        'ms until it shows': ms,
        'ms of CPU': cpuMs,
        'MB of heap': heapBytes / 1e6,
        'MB resident, with Node': residentBytes / 1e6,
        'MB on disk': bytesIn(pathOf(contender)) / 1e6,
      }
    },
  })
}

function runProcess(...task: readonly string[]): string {
  const script = join(import.meta.dirname, 'start-process.ts')
  return execFileSync(process.execPath, ['--expose-gc', script, ...task], { encoding: 'utf8' })
}
