/** Runs histories from the command line: `npm run simulate -- --seed 7 --histories 1 --steps 200 --log`. */
import { parseArgs } from 'node:util'
import { runHistory } from './history.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string', default: '1' },
    steps: { type: 'string', default: '200' },
    log: { type: 'boolean', default: false },
  },
})

const first = Number(values.seed)
const steps = Number(values.steps)
let events = 0
let failures = 0
for (let seed = first; seed < first + Number(values.histories); seed++) {
  try {
    const report = await runHistory({ seed, steps, ...(values.log ? { log: console.log } : {}) })
    events += report.events
    if (values.log) console.log(report)
  } catch (error) {
    failures++
    console.error(error instanceof Error ? error.message : error)
  }
}
console.log(`${values.histories} histories of ${steps} steps from seed ${first}: ${events} events, ${failures} violations.`)
process.exitCode = failures > 0 ? 1 : 0
