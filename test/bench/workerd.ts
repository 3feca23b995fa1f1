/**
 * One workerd process that serves one contender: starts it on a port of its own, with its storage in memory where
 * the machine has such a disk, tells what CPU it has used, and removes it with all it stored.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { workerdConfig } from '../support/workerd-config.ts'
import { type BundleOptions, bundleWorker, type Contender, compatibility } from './bundle.ts'
import { secret, signToken } from './token.ts'

const require = createRequire(import.meta.url)
const binary = join(require.resolve('workerd/package.json'), '../bin/workerd')
const disk = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** Linux counts CPU in ticks of this length, whatever its own clock does. */
const tickMs = 10

export const workerdVersion: string = (require('workerd/package.json') as { version: string }).version

export interface Server {
  readonly contender: Contender
  readonly port: number
  readonly token: string
  /** User and system time of the process so far, with all its threads. */
  cpuMs(): number
  stop(): Promise<void>
}

export async function startServer(contender: Contender, options: BundleOptions & { cachePort: number }): Promise<Server> {
  const folder = mkdtempSync(join(disk, 'tapeline-bench-'))
  mkdirSync(join(folder, 'storage'))
  writeFileSync(join(folder, 'worker.js'), await bundleWorker(contender, options))
  writeFileSync(
    join(folder, 'config.capnp'),
    workerdConfig({ port: 0, cachePort: options.cachePort, storage: join(folder, 'storage'), secret, compatibility: compatibility() }),
  )
  const child = spawn(binary, ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })
  const remove = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  // Whatever ends the bench, no process and no files of its own stay behind.
  process.once('exit', remove)
  return {
    contender,
    port: await portOf(child),
    token: await signToken(),
    cpuMs: () => cpuMsOf(child.pid ?? 0),
    stop: async () => {
      process.off('exit', remove)
      const exited = new Promise((resolve) => child.once('exit', resolve))
      remove()
      await exited
    },
  }
}

/** workerd says on its control pipe which port it listens on. */
async function portOf(child: ChildProcess): Promise<number> {
  const control = child.stdio[3] as Readable
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`workerd ended with ${code} before it listened.`)))
    let text = ''
    control.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const port = /"event":"listen".*?"port":(\d+)/.exec(text)?.[1]
      if (port !== undefined) resolve(Number(port))
    })
  })
}

function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold anything: the fields are counted from behind it, where state is the first.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickMs
}
