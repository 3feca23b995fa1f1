/** Chromium as a place for the tasks of the models' bench: CPU and heap of the page, as the browser tells them. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import type { Place, Task } from './models-work.ts'

/** What the page's script makes known. */
declare const prepare: (task: Task) => void
declare const warm: () => void
declare const run: () => void

export class ModelsBrowser implements Place {
  readonly #browser: Browser
  readonly #page: Page
  readonly #inspector: CDPSession

  private constructor(browser: Browser, page: Page, inspector: CDPSession) {
    this.#browser = browser
    this.#page = page
    this.#inspector = inspector
  }

  static async open(): Promise<ModelsBrowser> {
    const entryPoints = [fileURLToPath(new URL('models-page.ts', import.meta.url))]
    const { outputFiles } = await build({ entryPoints, bundle: true, minify: true, format: 'esm', target: 'es2024', write: false })
    const browser = await launchBrowser()
    const page = await browser.newPage()
    await page.addScriptTag({ type: 'module', content: outputFiles[0]?.text ?? '' })
    await page.waitForFunction(() => 'prepare' in globalThis)
    const inspector = await page.context().newCDPSession(page)
    await inspector.send('Performance.enable')
    return new ModelsBrowser(browser, page, inspector)
  }

  async cpuUs(task: Task): Promise<number> {
    await this.#prepare(task)
    await this.#collectGarbage()
    // To ask for anything costs something, too.
    const askingUs = await this.#threadUsOf(() => undefined)
    return (await this.#threadUsOf(() => run())) - askingUs
  }

  async bytes(task: Task): Promise<number> {
    await this.#prepare(task)
    await this.#page.evaluate(() => warm())
    const before = await this.#heapBytes()
    await this.#page.evaluate(() => run())
    return (await this.#heapBytes()) - before
  }

  close(): Promise<void> {
    return this.#browser.close()
  }

  #prepare(task: Task): Promise<void> {
    return this.#page.evaluate((task) => prepare(task), task)
  }

  async #collectGarbage(): Promise<void> {
    await this.#inspector.send('HeapProfiler.collectGarbage')
  }

  async #heapBytes(): Promise<number> {
    await this.#collectGarbage()
    return (await this.#inspector.send('Runtime.getHeapUsage')).usedSize
  }

  async #threadUsOf(call: () => void): Promise<number> {
    const before = await this.#threadUs()
    await this.#page.evaluate(call)
    return (await this.#threadUs()) - before
  }

  /** Of the page's main thread: what the browser says of the process counts in hundredths of a second. */
  async #threadUs(): Promise<number> {
    const { metrics } = await this.#inspector.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'ThreadTime')?.value ?? Number.NaN) * 1e6
  }
}
