/** A real browser for the start: its pages, and what one of them does and weighs. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type CDPSession, chromium, type Page } from 'playwright-core'
import { type MortalBrowser, startMortalBrowser } from '../support/browser.ts'
import type { Contender } from './bundle.ts'

/** One origin for as long as a database is used. */
export class StartPages {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async serve(): Promise<StartPages> {
    const entryPoints = [fileURLToPath(new URL('start-page.ts', import.meta.url))]
    const { outputFiles } = await build({ entryPoints, bundle: true, minify: true, format: 'esm', target: 'es2024', write: false })
    const script = outputFiles[0]?.text ?? ''
    const server = createServer(({ url }, response) => {
      const isScript = url === '/page.js'
      response.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html; charset=utf-8' })
      response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new StartPages(server)
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** What the page's script makes known. */
declare const prepare: (contender: Contender) => Promise<void>
declare const start: (contender: Contender) => Promise<number>

export class StartBrowser {
  readonly #process: MortalBrowser
  readonly #page: Page
  readonly #inspector: CDPSession
  readonly #end: () => Promise<unknown>

  private constructor(process: MortalBrowser, page: Page, { inspector, end }: { inspector: CDPSession; end: () => Promise<unknown> }) {
    this.#process = process
    this.#page = page
    this.#inspector = inspector
    this.#end = end
  }

  static async open(address: string, profile: string): Promise<StartBrowser> {
    const portFile = join(profile, 'DevToolsActivePort')
    rmSync(portFile, { force: true })
    const process = await startMortalBrowser(address, profile)
    // It says in a file of its profile where it can be talked to, port first.
    while (!existsSync(portFile) || !readFileSync(portFile, 'utf8').includes('\n')) await sleep(20)
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${readFileSync(portFile, 'utf8').split('\n')[0]}`)
    const [context] = browser.contexts()
    const page = context?.pages()[0]
    if (page === undefined) throw new Error('The browser has opened no page.')
    await page.waitForFunction(() => 'start' in globalThis)
    const inspector = await page.context().newCDPSession(page)
    await inspector.send('Performance.enable')
    const end = async () => (await browser.newBrowserCDPSession()).send('Browser.close')
    return new StartBrowser(process, page, { inspector, end })
  }

  prepare(contender: Contender): Promise<void> {
    return this.#page.evaluate((name) => prepare(name), contender)
  }

  /** Heap is what the page has more than before. */
  async start(contender: Contender): Promise<{ readonly ms: number; readonly cpuMs: number; readonly heapBytes: number }> {
    const heapBefore = await this.#heapBytes()
    const cpuBefore = await this.#cpuMs()
    const ms = await this.#page.evaluate((name) => start(name), contender)
    const cpuMs = (await this.#cpuMs()) - cpuBefore
    return { ms, cpuMs, heapBytes: (await this.#heapBytes()) - heapBefore }
  }

  async #heapBytes(): Promise<number> {
    await this.#inspector.send('HeapProfiler.collectGarbage')
    return (await this.#inspector.send('Runtime.getHeapUsage')).usedSize
  }

  /** Of the page's process, with all its threads. */
  async #cpuMs(): Promise<number> {
    const { metrics } = await this.#inspector.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'ProcessTime')?.value ?? Number.NaN) * 1000
  }

  /** Lets it write what it has, and makes sure that it is gone. */
  async close(): Promise<void> {
    await this.#end().catch(() => {})
    await sleep(500)
    await this.#process.kill()
  }
}
