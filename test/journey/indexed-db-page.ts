/** A store in a page of a real browser, called from here. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { BrowserContext, Page } from 'playwright-core'
import { type ClientStore, StoreFailure } from '../../src/client/index.ts'
import type { TapeEvent } from '../../src/protocol/index.ts'

/** What a page does for the test: calls of stores, by the number of their handle, and what happens behind their back. */
const pageScript = `
  import { openDB, deleteDB } from 'idb'
  import { IndexedDbStore } from './src/browser/indexed-db-store.ts'
  const handles = []
  globalThis.call = async (handle, name, method, args) => {
    handles[handle] ??= new IndexedDbStore(name)
    try {
      return JSON.stringify([await handles[handle][method](...args)])
    } catch (error) {
      return JSON.stringify({ trouble: error.trouble, text: error + ' ' + error.cause })
    }
  }
  globalThis.openDB = openDB
  globalThis.deleteDB = deleteDB
  globalThis.begun = []
  const begin = IDBDatabase.prototype.transaction
  IDBDatabase.prototype.transaction = function (tables, mode, options) {
    begun.push(mode + ' ' + options?.durability)
    globalThis.lastDatabase = this
    globalThis.lastClosed = new Promise((resolve) => this.addEventListener('close', () => resolve(true)))
    return begin.call(this, tables, mode, options)
  }`

let handles = 0

export async function bundlePageScript(): Promise<string> {
  const resolveDir = fileURLToPath(new URL('../..', import.meta.url))
  const stdin = { contents: pageScript, resolveDir }
  const { outputFiles } = await build({ stdin, bundle: true, format: 'esm', target: 'es2024', write: false })
  return outputFiles[0]?.text ?? ''
}

/** A browser's context in which every host of .test answers with an empty page. `offences` gets what is caught nowhere. */
export async function answerEverywhere(context: BrowserContext, offences: string[]): Promise<void> {
  await context.route('https://*.test/**', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  context.on('weberror', (error) => offences.push(error.error().message))
}

export class RemoteStore implements ClientStore {
  readonly isDurable = true
  readonly #page: Page
  readonly #name: string
  readonly handle = ++handles

  constructor(page: Page, name: string) {
    this.#page = page
    this.#name = name
  }

  claim = (owner: string) => this.#call<void>('claim', owner)
  load = () => this.#call<Awaited<ReturnType<ClientStore['load']>>>('load')
  events = () => this.#call<readonly TapeEvent[]>('events')
  save: ClientStore['save'] = (change) => this.#call('save', change)
  close = () => this.#call<void>('close')

  async #call<T>(method: string, ...args: readonly unknown[]): Promise<T> {
    const call = JSON.stringify([this.handle, this.#name, method, args])
    const answer = JSON.parse(await this.#page.evaluate<string>(`call(...${call})`))
    // JSON has null where the store gave nothing.
    if (Array.isArray(answer)) return (answer[0] ?? undefined) as T
    if (answer.trouble === undefined) throw new Error(answer.text)
    throw new StoreFailure(answer.trouble, { cause: answer.text })
  }
}
