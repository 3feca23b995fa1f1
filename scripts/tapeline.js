#!/usr/bin/env node
/**
 * `npx tapeline`: the program is TypeScript, which needs a newer node than this project asks for. So it is run with the
 * one in node_modules, as npm does with scripts. This file is what every node reads.
 */
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const path = `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`
const args = [join(root, 'scripts/tapeline.ts'), ...process.argv.slice(2)]
// What was compiled once is compiled: it starts in half the time.
const cache = join(root, 'node_modules/.cache/node')
const child = spawn('node', args, { stdio: 'inherit', env: { NODE_COMPILE_CACHE: cache, ...process.env, PATH: path } })

// A terminal tells both of Ctrl-C; the child decides how it ends.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => {
  process.exitCode = code ?? 1
})
