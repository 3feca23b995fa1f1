/**
 * Tapeline served by a workerd process of our own, which can be killed at any instant and started again on the same
 * port and the same storage. It boots in some 50 ms.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TapeEvent } from '../../src/protocol/index.ts'
import { bundleWorker, compatibility } from '../bench/bundle.ts'
import { type CacheService, startCacheService } from '../bench/cache-service.ts'
import { testSecret } from '../support/secrets.ts'
import { testToken } from '../support/tokens.ts'
import { workerdConfig } from '../support/workerd-config.ts'

const { default: binary } = createRequire(import.meta.url)('workerd') as { readonly default: string }
/** A killed process loses nothing that a disk would keep: storage in memory is as good, and quicker. */
const disk = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export interface WorkerdServerOptions {
  /** Where the streams are kept, when not beside the rest. */
  readonly storage?: string
  /** Pages of this origin may use it. */
  readonly allowedOrigin?: string
  /** Told what it says about itself; silent by default, for a process that is killed complains. */
  readonly onOutput?: (text: string) => void
}

export class WorkerdServer {
  readonly port: number
  readonly #folder: string
  readonly #cache: CacheService
  readonly #onOutput: (text: string) => void
  #child: ChildProcess | undefined
  readonly #remove: () => void

  private constructor(
    port: number,
    { folder, cache, onOutput }: { folder: string; cache: CacheService; onOutput: (text: string) => void },
  ) {
    this.port = port
    this.#folder = folder
    this.#cache = cache
    this.#onOutput = onOutput
    this.#remove = () => {
      this.#child?.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
    // Whatever ends the run, no process and no files of its own stay behind.
    process.once('exit', this.#remove)
  }

  /** Prepares everything, starts nothing. */
  static async create({ storage, allowedOrigin = '', onOutput = () => {} }: WorkerdServerOptions = {}): Promise<WorkerdServer> {
    const folder = mkdtempSync(join(disk, 'tapeline-torture-'))
    const [port, cache, script] = await Promise.all([freePort(), startCacheService(), bundleWorker('Tapeline')])
    if (storage === undefined) mkdirSync(join(folder, 'storage'))
    writeFileSync(join(folder, 'worker.js'), script)
    const kept = storage ?? join(folder, 'storage')
    const settings = { port, cachePort: cache.port, storage: kept, secret: testSecret, allowedOrigin, compatibility: compatibility() }
    writeFileSync(join(folder, 'config.capnp'), workerdConfig(settings))
    return new WorkerdServer(port, { folder, cache, onOutput })
  }

  /** Resolves when it listens, or when it was killed before. */
  async start(): Promise<void> {
    const child = spawn(binary, ['serve', 'config.capnp', '--control-fd=3'], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    for (const output of [child.stdout, child.stderr]) output?.on('data', (chunk: Buffer) => this.#onOutput(chunk.toString()))
    const control = child.stdio[3] as Readable
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => (code === null ? resolve() : reject(new Error(`workerd ended with ${code}.`))))
      control.on('data', (chunk: Buffer) => chunk.includes('"listen"') && resolve())
    })
  }

  /** As a power cut does it. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }

  async stop(): Promise<void> {
    await this.kill()
    process.off('exit', this.#remove)
    this.#remove()
    this.#cache.stop()
  }

  streamAddress(name: string, port = this.port): string {
    return `http://127.0.0.1:${port}/v1/streams/${name}`
  }

  /** Publishes as a script does, without a client; gives the answer. */
  async publish(name: string, drafts: readonly object[]): Promise<Response> {
    return fetch(`${this.streamAddress(name)}/events`, {
      method: 'POST',
      headers: { ...(await authorization()), 'Content-Type': 'application/json' },
      body: JSON.stringify({ drafts }),
    })
  }

  async latestSeq(name: string): Promise<number> {
    const answer = await fetch(this.streamAddress(name), { headers: await authorization() })
    return ((await answer.json()) as { readonly latestSeq: number }).latestSeq
  }

  /** The whole tape, as an export gives it. */
  async tape(name: string): Promise<readonly TapeEvent[]> {
    const answer = await fetch(`${this.streamAddress(name)}/events`, {
      headers: { ...(await authorization()), Accept: 'application/x-ndjson' },
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`The tape could not be read: ${text}`)
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TapeEvent)
  }
}

async function authorization(): Promise<{ readonly Authorization: string }> {
  return { Authorization: `Bearer ${await testToken({ sub: 'script' })}` }
}

/** A port that is free now, and that nobody is given soon after. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
