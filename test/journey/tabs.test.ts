/** Tabs of a real browser on one stream: one of them owns the socket, the others work through it. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { Deployment } from '../support/deployment.ts'
import { testToken } from '../support/tokens.ts'
import { eventually } from './site.ts'

const pageScript = `
  import { openStream } from './src/browser/index.ts'
  import { StampedObjects } from './src/models/index.ts'
  const objects = new StampedObjects('things')
  const { address, token } = settings
  const stream = openStream(address, { token: () => token, report: () => {} })
  stream.attach({ apply: (events, pending) => objects.apply(events, pending), reset: () => objects.reset() })
  globalThis.stream = stream
  globalThis.shown = () => objects.list.map(({ identifier }) => identifier)
  globalThis.make = (identifier) => stream.publish({ type: 'insert', collection: 'things', identifier, values: { n: 1 } })
  globalThis.change = (identifier, n) => stream.publish({ type: 'update', collection: 'things', identifier, values: { n } })`

declare global {
  var stream: import('../../src/browser/index.ts').Stream
  var shown: () => string[]
  var make: (identifier: string) => void
  var change: (identifier: string, n: number) => void
}

let deployment: Deployment
let browser: Browser
let script: string
let streams = 0
let name: string
const contexts: BrowserContext[] = []

beforeAll(async () => {
  const stdin = { contents: pageScript, resolveDir: fileURLToPath(new URL('../..', import.meta.url)) }
  const bundled = build({ stdin, bundle: true, format: 'esm', target: 'es2024', write: false })
  ;[deployment, browser, script] = await Promise.all([
    Deployment.start(),
    launchBrowser(),
    bundled.then(({ outputFiles }) => outputFiles[0]?.text ?? ''),
  ])
})
afterAll(async () => {
  await browser.close()
  await deployment.dispose()
})
afterEach(() => Promise.all(contexts.splice(0).map((context) => context.close())))

/** A browser of its own, on a new stream. */
async function openBrowser({ hasLocks = true } = {}): Promise<BrowserContext> {
  name = `tabs-${++streams}`
  const context = await browser.newContext()
  contexts.push(context)
  if (!hasLocks) await context.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }))
  const settings = { address: deployment.streamAddress(name), token: await testToken({ name: 'tabs-*' }) }
  const html = `<!doctype html><script type="module">const settings = ${JSON.stringify(settings)}\n${script}</script>`
  await context.route('**/tab', (route) => route.fulfill({ contentType: 'text/html', body: html }))
  return context
}

interface Tab {
  readonly page: Page
  /** How many sockets it has opened. */
  sockets: number
}

async function openTab(context: BrowserContext): Promise<Tab> {
  const tab: Tab = { page: await context.newPage(), sockets: 0 }
  tab.page.on('websocket', () => tab.sockets++)
  await tab.page.goto(`${deployment.origin}/tab`)
  await tab.page.waitForFunction(() => globalThis.stream?.status.connection === 'online')
  return tab
}

const shownIn = ({ page }: Tab) => page.evaluate(() => shown())
const onTape = async () => (await deployment.events(name)).map(({ identifier }) => identifier)

describe.each([
  ['Web Locks', true],
  ['no Web Locks', false],
])('tabs of a browser with %s', (_, hasLocks) => {
  test('[C14] share one socket and one client id; what one makes shows in all at once, and is on the tape once', async () => {
    const context = await openBrowser({ hasLocks })
    const [first, second, third] = [await openTab(context), await openTab(context), await openTab(context)]
    expect([first.sockets, second.sockets, third.sockets]).toEqual([1, 0, 0])
    const shownAtOnce = await second.page.evaluate(() => {
      make('by the second')
      return shown()
    })
    expect(shownAtOnce).toEqual(['by the second'])
    await first.page.evaluate(() => make('by the first'))
    for (const tab of [first, second, third])
      await eventually(async () => (await shownIn(tab)).sort()).toEqual(['by the first', 'by the second'])
    await eventually(async () => (await onTape()).sort()).toEqual(['by the first', 'by the second'])
    const clients = new Set((await deployment.events(name)).map(({ client }) => client))
    expect(clients.size).toBe(1)
    expect(await third.page.evaluate(() => stream.client)).toBe([...clients][0])
  })

  test('[C14] when the owner goes, another takes over, and loses and doubles nothing', async () => {
    const context = await openBrowser({ hasLocks })
    const first = await openTab(context)
    const second = await openTab(context)
    await first.page.evaluate(() => stream.pause())
    await eventually(() => second.page.evaluate(() => stream.status.connection)).toBe('paused')
    await second.page.evaluate(() => {
      for (let i = 0; i < 20; i++) make(`waiting ${i}`)
    })
    await first.page.evaluate(() => make('by the first'))
    await eventually(() => second.page.evaluate(() => [stream.outbox.length, stream.status.storage.unsaved])).toEqual([21, 0])
    await first.page.close()
    // It works offline on, as the other did.
    await second.page.waitForFunction(() => stream.status.storage.unsaved === 0)
    await second.page.evaluate(() => stream.resume())
    await eventually(() => {
      void second.page.evaluate(() => stream.resume())
      return second.sockets
    }).toBe(1)
    await second.page.evaluate(() => stream.settled())
    expect((await onTape()).sort()).toEqual([...Array.from({ length: 20 }, (_, i) => `waiting ${i}`), 'by the first'].sort())
  })
})

test('[C14] an owner whose process is killed is followed by another tab', async () => {
  const context = await openBrowser()
  const first = await openTab(context)
  const second = await openTab(context)
  await first.page.evaluate(() => make('before'))
  await first.page.evaluate(() => stream.settled())
  const devtools = await context.newCDPSession(first.page)
  const tookOver = second.page.waitForEvent('websocket')
  devtools.send('Page.crash').catch(() => {})
  await tookOver
  await second.page.evaluate(() => make('after'))
  await second.page.evaluate(() => stream.settled())
  expect(await onTape()).toEqual(['before', 'after'])
})

test('[C14] [C9] a browser that is offline starts with what it had, in whichever tab', async () => {
  const context = await openBrowser()
  const first = await openTab(context)
  await first.page.evaluate(() => make('kept'))
  await first.page.evaluate(() => stream.settled())
  await first.page.evaluate(() => stream.pause())
  await first.page.evaluate(() => {
    change('kept', 1)
    change('kept', 2)
    make('waiting')
  })
  await first.page.waitForFunction(() => stream.status.storage.unsaved === 0)
  expect(await first.page.evaluate(() => stream.status.outbox)).toMatchObject({ drafts: 2, made: { drafts: 3 } })
  await context.setOffline(true)
  await first.page.close()
  const page = await context.newPage()
  await page.goto(`${deployment.origin}/tab`)
  await eventually(() => page.evaluate(() => shown())).toEqual(['kept', 'waiting'])
  expect(await page.evaluate(() => stream.status.pending)).toBe(2)
  await context.setOffline(false)
  await page.evaluate(() => stream.nudge())
  await page.evaluate(() => stream.settled())
  expect(await onTape()).toEqual(['kept', 'kept', 'waiting'])
})

test('[C13] site data that is cleared while drafts wait is saved again, and nothing is lost', async () => {
  const context = await openBrowser()
  const { page } = await openTab(context)
  await page.evaluate(() => make('on the tape'))
  await page.evaluate(() => stream.settled())
  await page.evaluate(() => stream.pause())
  await page.evaluate(() => make('waits'))
  await page.waitForFunction(() => stream.status.storage.unsaved === 0)
  const devtools = await context.newCDPSession(page)
  await devtools.send('Storage.clearDataForOrigin', { origin: deployment.origin, storageTypes: 'indexeddb' })
  await page.evaluate(() => make('made since'))
  await page.waitForFunction(() => stream.status.storage.unsaved === 0)
  expect(await page.evaluate(() => [stream.status.connection, stream.status.storage.trouble, stream.outbox.length])).toEqual([
    'paused',
    undefined,
    2,
  ])
  await page.reload()
  await page.waitForFunction(() => globalThis.stream?.status.connection === 'online')
  await page.evaluate(() => stream.settled())
  expect(await onTape()).toEqual(['on the tape', 'waits', 'made since'])
  await eventually(async () => (await page.evaluate(() => shown())).sort()).toEqual(['made since', 'on the tape', 'waits'])
})
