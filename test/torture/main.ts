/**
 * Pulls plugs from the command line: `npm run torture -- --kills 100 --cuts 1000 --seed 7`. What is not named is not
 * pulled. Ends with 1 when anything was violated. The seed fixes the plan; real time makes no two runs alike in detail.
 */
import { parseArgs } from 'node:util'
import { pullBrowserPlug } from './browser-kills.ts'
import { pullClientPlug } from './client-kills.ts'
import { pullNetworkPlug } from './cuts.ts'
import { fillDisk } from './disk-full.ts'
import { spendMonthOffline } from './month-offline.ts'
import type { PlugOptions, PlugReport } from './plug.ts'
import { pullServerPlug } from './server-kills.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '0' },
    cuts: { type: 'string', default: '0' },
    'client-kills': { type: 'string', default: '0' },
    'browser-kills': { type: 'string', default: '0' },
    month: { type: 'boolean', default: false },
    'disk-full': { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})

const plugs: readonly (readonly [name: string, count: number, pull: (options: PlugOptions) => Promise<PlugReport>])[] = [
  ['kills', Number(values.kills), pullServerPlug],
  ['cuts', Number(values.cuts), pullNetworkPlug],
  ['client-kills', Number(values['client-kills']), pullClientPlug],
  ['browser-kills', Number(values['browser-kills']), pullBrowserPlug],
  ['month', values.month ? 1 : 0, (options) => spendMonthOffline({ ...options, drafts: 10_000, cuts: 50 })],
  ['disk-full', values['disk-full'] ? 1 : 0, fillDisk],
]

const seed = Number(values.seed)
console.log(`Seed ${seed}.`)
for (const [name, count, pull] of plugs) if (count > 0) await run(name, count, pull)
// A connection that was stalled on purpose may stay half open for as long as TCP likes.
process.exit()

async function run(name: string, count: number, pull: (options: PlugOptions) => Promise<PlugReport>): Promise<void> {
  const startedAt = performance.now()
  const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(1)
  let saidAt = 0
  const progress = (line: string) => {
    // A terminal shows one line that changes; a log gets one now and then.
    const everyMs = process.stdout.isTTY ? 100 : 5000
    if (performance.now() - saidAt < everyMs) return
    saidAt = performance.now()
    const text = `${name}: ${line}, ${seconds()} s`
    if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${text}`)
    else console.log(text)
  }
  const { summary, violations } = await pull({ count, seed, progress })
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K')
  console.log(`${name}: ${summary}, ${seconds()} s: ${violations.length === 0 ? 'nothing violated' : `${violations.length} VIOLATIONS`}.`)
  for (const { kind, text } of violations) console.error(`  [${kind}] ${text}`)
  if (violations.length > 0) process.exitCode = 1
}
