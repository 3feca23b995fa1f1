/**
 * One workerd process that serves one contender: starts it on a port of its own, with its storage in memory where
 * the machine has such a disk, tells what CPU it has used, and removes it with all it stored.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
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
  /** Another one after each restart. */
  readonly port: number
  readonly token: string
  /** User and system time of the process so far, with all its threads. */
  cpuMs(): number
  /** What the process holds in memory, and the most that it has held. */
  memory(): { readonly bytes: number; readonly bytesMax: number }
  /** Of all files of its objects. */
  storedBytes(): number
  /** Begins anew on the same storage. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export interface ServerOptions extends BundleOptions {
  readonly cachePort: number
  readonly bucketPort?: number | undefined
}

export async function startServer(contender: Contender, { cachePort, bucketPort, ...options }: ServerOptions): Promise<Server> {
  const folder = mkdtempSync(join(disk, 'tapeline-bench-'))
  const storage = join(folder, 'storage')
  mkdirSync(storage)
  writeFileSync(join(folder, 'worker.js'), await bundleWorker(contender, options))
  writeFileSync(
    join(folder, 'config.capnp'),
    workerdConfig({ port: 0, cachePort, bucketPort, storage, secret, compatibility: compatibility() }),
  )
  let child = serve(folder)
  const remove = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  // Whatever ends the bench, no process and no files of its own stay behind.
  process.once('exit', remove)
  let port = await portOf(child)
  const endWith = async (end: () => void) => {
    const exited = new Promise((resolve) => child.once('exit', resolve))
    end()
    await exited
  }
  return {
    contender,
    get port() {
      return port
    },
    token: await signToken(),
    cpuMs: () => cpuMsOf(child.pid ?? 0),
    memory: () => memoryOf(child.pid ?? 0),
    storedBytes: () => bytesIn(storage),
    restart: async () => {
      await endWith(() => child.kill('SIGKILL'))
      child = serve(folder)
      port = await portOf(child)
    },
    stop: async () => {
      process.off('exit', remove)
      await endWith(remove)
    },
  }
}

function serve(folder: string): ChildProcess {
  const child = spawn(binary, ['serve', 'config.capnp', '--control-fd=3'], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  child.once('exit', (code, signal) => signal !== 'SIGKILL' && console.error(`workerd ended by itself, with ${signal ?? code}.`))
  return child
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

function memoryOf(pid: number): { bytes: number; bytesMax: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytesOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { bytes: bytesOf('VmRSS'), bytesMax: bytesOf('VmHWM') }
}

export function bytesIn(path: string): number {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.size
  return readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0)
}
