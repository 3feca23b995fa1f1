/**
 * Runs histories from the command line: `npm run simulate -- --seed 7 --histories 1 --steps 100 --log`, with `--kind plain`
 * or `--kind full` whatever the seed would draw, and with `--set-back` where the server's storage is set back now and then.
 */
import { parseArgs } from 'node:util'
import { addTo } from './histories.ts'
import { runHistory } from './history.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string', default: '1' },
    steps: { type: 'string', default: '100' },
    kind: { type: 'string', default: 'drawn' },
    'set-back': { type: 'boolean', default: false },
    log: { type: 'boolean', default: false },
  },
})

const first = Number(values.seed)
const steps = Number(values.steps)
const counts: Record<string, number> = {}
let failures = 0
for (let seed = first; seed < first + Number(values.histories); seed++) {
  try {
    addTo(
      counts,
      await runHistory({
        seed,
        steps,
        ...(values.kind === 'drawn' ? {} : { isPlain: values.kind === 'plain' }),
        isSetBack: values['set-back'],
        ...(values.log ? { log: console.log } : {}),
      }),
    )
  } catch (error) {
    failures++
    console.error(error instanceof Error ? error.message : error)
  }
}
console.log(counts)
console.log(`${values.histories} histories of ${steps} steps from seed ${first}: ${failures} violations.`)
process.exitCode = failures > 0 ? 1 : 0
