/**
 * A deployment on this machine: the real Worker and Durable Object in workerd, bundled as for an upload, and, where they
 * are wished for, the built pages as static assets with their headers, on a free port. Date, flags and directory are
 * those of wrangler.toml.
 */
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import { buildPages } from '../../scripts/build.ts'
import { testSecret } from './secrets.ts'
import { testToken } from './tokens.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export class Deployment {
  /** http://127.0.0.1:port */
  readonly origin: string
  readonly port: number
  readonly #miniflare: Miniflare
  readonly #folder: string

  private constructor(miniflare: Miniflare, address: URL, folder: string) {
    this.#miniflare = miniflare
    this.#folder = folder
    this.port = Number(address.port)
    this.origin = `http://127.0.0.1:${this.port}`
  }

  /**
   * Without pages the Worker is met directly. With them, what serves assets stands before it, and agrees on compressed
   * frames with whoever offers them, whatever flags the Worker has: what goes over the wire is then hard to read.
   */
  static async start({ servesPages = false } = {}): Promise<Deployment> {
    const { compatibilityDate, compatibilityFlags, pagesDirectory } = readSettings()
    const folder = await mkdtemp(join(tmpdir(), 'tapeline-journey-'))
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        name: 'tapeline',
        modules: true,
        script: await bundleWorker(),
        compatibilityDate,
        compatibilityFlags,
        durableObjects: { STREAMS: { className: 'StreamObject', useSQLite: true } },
        bindings: { TAPELINE_SECRET: testSecret, DEMO: 'on' },
        ...(servesPages ? { assets: { directory: await copyPages(pagesDirectory, folder), routerConfig: { has_user_worker: true } } } : {}),
        unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
        resourcePersistencePath: join(folder, 'state'),
        // Where a request comes from would be looked up in the network.
        cf: false,
        log: new Log(LogLevel.ERROR),
      }),
    )
    return new Deployment(miniflare, await miniflare.unsafeGetDirectURL(), folder)
  }

  streamAddress(name: string, origin = this.origin): string {
    return `${origin}/v1/streams/${name}`
  }

  /** Publishes drafts as a script does: without a client, in batches that a request may hold. */
  async publish(name: string, drafts: readonly object[]): Promise<void> {
    for (let start = 0; start < drafts.length; start += 1000) {
      const answer = await fetch(`${this.streamAddress(name)}/events`, {
        method: 'POST',
        headers: { ...(await authorization()), 'Content-Type': 'application/json' },
        body: JSON.stringify({ drafts: drafts.slice(start, start + 1000) }),
      })
      if (!answer.ok) throw new Error(`Not published: ${await answer.text()}`)
      await answer.arrayBuffer()
    }
  }

  async delete(name: string): Promise<void> {
    const token = await testToken({ sub: 'admin', may: ['admin'] })
    const answer = await fetch(this.streamAddress(name), { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`Not deleted: ${await answer.text()}`)
  }

  /** What the tape holds, all of it. */
  async events(name: string): Promise<readonly Event[]> {
    const answer = await fetch(`${this.streamAddress(name)}/events`, {
      headers: { ...(await authorization()), Accept: 'application/x-ndjson' },
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`Not read: ${text}`)
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Event)
  }

  async dispose(): Promise<void> {
    await this.#miniflare.dispose()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** An event as it stands on the tape. */
interface Event {
  readonly seq: number
  readonly client?: string
  readonly counter?: number
  readonly seen: number
  readonly type: string
  readonly collection: string
  readonly identifier: string
  readonly values?: Readonly<Record<string, unknown>>
}

async function authorization() {
  return { Authorization: `Bearer ${await testToken({ sub: 'script' })}` }
}

async function bundleWorker(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'src/server/worker.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

function readSettings() {
  const toml = readFileSync(join(root, 'wrangler.toml'), 'utf8')
  const setting = (name: string): unknown => {
    const value = new RegExp(`^${name}\\s*=\\s*(.*)$`, 'm').exec(toml)?.[1]
    if (value === undefined) throw new Error(`wrangler.toml has no ${name}.`)
    // Its strings and lists of strings are written as JSON writes them.
    return JSON.parse(value)
  }
  return {
    compatibilityDate: setting('compatibility_date') as string,
    compatibilityFlags: setting('compatibility_flags') as string[],
    pagesDirectory: join(root, setting('directory') as string),
  }
}

/** Whoever builds the pages anew meanwhile does not take them from under a running test. */
async function copyPages(directory: string, folder: string): Promise<string> {
  const isBuilt = await stat(join(directory, '_headers')).then(
    () => true,
    () => false,
  )
  if (!isBuilt) await buildPages()
  const copy = join(folder, 'pages')
  await cp(directory, copy, { recursive: true })
  return copy
}
