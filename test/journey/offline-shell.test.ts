/** After one visit the pages open without a network, and a new build takes over whole or not at all. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildPages } from '../../scripts/build.ts'
import { PageServer } from './page-server.ts'
import { eventually, Site } from './site.ts'

const site = Site.use()

/** Waits until the browser keeps the shell. */
async function kept(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready
    if (active?.state !== 'activated') await new Promise((resolve) => active?.addEventListener('statechange', resolve, { once: true }))
  })
}

function shells(page: Page): Promise<readonly string[]> {
  return page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith('tapeline-shell-')))
}

function versionOf(page: Page): Promise<string | null> {
  return page.locator('meta[name="version"]').getAttribute('content')
}

const headingOf = (page: Page) => page.getByRole('heading', { level: 1 }).textContent()

describe('without a network', () => {
  const openings = [
    ['/', 'Every window reads the same tape', '/'],
    ['/todo/?stream=demo.other#/active', 'todos', '/todo/?stream=demo.other#/active'],
    ['/todo/', 'todos', '/todo/'],
    ['/todo?stream=demo.other', 'todos', '/todo/?stream=demo.other'],
    ['/light-switch/index.html', 'One lamp for everybody', '/light-switch/'],
    ['/light-switch', 'One lamp for everybody', '/light-switch/'],
    ['/guests', 'A dinner party', '/guests/'],
    ['/notes/', 'One page for everybody', '/notes/'],
    ['/files/', 'One folder for everybody', '/files/'],
  ] as const

  test('all pages open after one visit to /', async () => {
    const network = await site.network()
    const { page } = await site.visit('/', { origin: network.origin, serviceWorkers: 'allow' })
    await kept(page)
    network.refuse(true)
    network.cut()
    for (const [path, heading, address] of openings) {
      await page.goto(network.origin + path)
      expect(await headingOf(page)).toBe(heading)
      expect(page.url()).toBe(network.origin + address)
      const styles = await page.evaluate(() => [...document.styleSheets].map(({ cssRules }) => cssRules.length > 50))
      expect(styles, path).toEqual([true])
    }
    // Scripts have run.
    await page.goto(`${network.origin}/todo/`)
    await eventually(() => page.getByText('demo.todo', { exact: true }).count()).toBe(1)
    await page.locator('#tape .cell').first().waitFor()
  })

  test('whichever page is visited first, the same is kept', async () => {
    const keptAfter = async (path: string) => {
      const { page } = await site.visit(path, { serviceWorkers: 'allow' })
      await kept(page)
      return page.evaluate(async () => {
        const caught = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()))
        const texts = caught.flat().map(async ({ url }) => [url, await (await caches.match(url))?.text()])
        return Object.fromEntries(await Promise.all(texts)) as Record<string, string>
      })
    }
    const shell = await keptAfter('/')
    expect(Object.keys(shell).length).toBeGreaterThan(12)
    for (const path of ['/light-switch/', '/todo/', '/guests/', '/notes/', '/files/']) expect(await keptAfter(path), path).toEqual(shell)
  })

  test('data never passes the cache: it holds the shell alone, and streams are asked of the network', async () => {
    const network = await site.network()
    const stream = site.newStream()
    const { page } = await site.visit(`/todo/?stream=${stream}`, { origin: network.origin, serviceWorkers: 'allow' })
    await kept(page)
    await page.reload()
    const look = () =>
      page.evaluate(async (address) => {
        const cached = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()))
        const answer = await fetch(address).catch(() => undefined)
        return { paths: cached.flat().map(({ url }) => new URL(url).pathname), status: answer?.status }
      }, `/v1/streams/${stream}`)
    const online = await look()
    expect(online.status).toBe(401)
    const isShell = (path: string) =>
      /^\/((todo|light-switch|guests|notes|files)\/)?((main|style|favicon)-[A-Z0-9]{8}\.\w+|\.older-shells)?$/.test(path)
    expect(online.paths.filter((path) => !isShell(path))).toEqual([])
    network.refuse(true)
    network.cut()
    expect(await look()).toEqual({ ...online, status: undefined })
  })
})

describe('a new build', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  let folder: string
  let server: PageServer
  let page: Page

  beforeAll(async () => {
    folder = await mkdtemp(join(root, 'dist/journey-'))
    for (const name of ['src', 'tsconfig.base.json']) await cp(join(root, name), join(folder, name), { recursive: true })
    const apps = join(folder, 'src/apps')
    await buildPages({ apps, pages: join(folder, 'old') })
    for (const [file, before, after] of [
      ['todo/index.html', '<h1>todos</h1>', '<h1>new todos</h1>'],
      ['todo/main.ts', "'demo.todo'", "'demo.new-todo'"],
      ['todo/style.css', '', '.new-todos{color:red}'],
    ] as const) {
      const text = await readFile(join(apps, file), 'utf8')
      await writeFile(join(apps, file), before === '' ? text + after : text.replace(before, after))
    }
    await buildPages({ apps, pages: join(folder, 'new') })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  beforeEach(async () => {
    server = await PageServer.start(join(folder, 'old'))
    ;({ page } = await site.visit('/todo/', { origin: server.origin, serviceWorkers: 'allow' }))
    await kept(page)
  })
  afterEach(() => server.stop())

  /** As a browser does by itself, now and then. */
  const update = (of = page) =>
    of.evaluate(async () => void (await (await navigator.serviceWorker.getRegistration())?.update().catch(() => {})))
  const remark = () => page.getByRole('button', { name: 'Reload', exact: true })
  const streamShown = () => page.locator('.window-bar code').first().textContent()

  test('is told of, and comes with the reload, all of it at once', async () => {
    const old = await versionOf(page)
    expect(await shells(page)).toEqual([`tapeline-shell-${old}`])
    server.folder = join(folder, 'new')
    await update()
    await remark().waitFor()
    expect(await headingOf(page)).toBe('todos')
    expect(await streamShown()).toBe('demo.todo')
    await remark().click()
    await eventually(() => headingOf(page)).toBe('new todos')
    await eventually(() => streamShown()).toBe('demo.new-todo')
    const current = await versionOf(page)
    expect(current).not.toBe(old)
    await eventually(() => shells(page)).toEqual([`tapeline-shell-${current}`])
    expect(await remark().count()).toBe(0)
    await server.stop()
    await page.reload()
    expect(await headingOf(page)).toBe('new todos')
    expect(await streamShown()).toBe('demo.new-todo')
  })

  test('leaves the files of the old one to the pages that are open, and takes them away after these', async () => {
    const old = await versionOf(page)
    const part = await page.locator('link[rel="stylesheet"]').getAttribute('href')
    const other = await page.context().newPage()
    await other.goto(`${server.origin}/`)
    server.folder = join(folder, 'new')
    await update()
    await remark().waitFor()
    await remark().click()
    await eventually(() => headingOf(page)).toBe('new todos')
    expect(await shells(page)).toContain(`tapeline-shell-${old}`)
    const isServed = await other.evaluate((href) => {
      const link = document.createElement('link')
      link.rel = 'stylesheet'
      link.href = href
      return new Promise((resolve) => {
        link.onload = () => resolve(true)
        link.onerror = () => resolve(false)
        document.head.append(link)
      })
    }, part ?? '')
    expect(isServed).toBe(true)
    await other.close()
    await page.reload()
    await eventually(() => shells(page)).toEqual([`tapeline-shell-${await versionOf(page)}`])
  })

  test.each([
    ['a file that does not arrive', () => undefined],
    ['a file with other contents', (contents: Buffer) => Buffer.concat([contents, Buffer.from('\n')])],
  ])('does not come with %s: the old one stays, whole', async (_name, mishap) => {
    const old = await versionOf(page)
    server.folder = join(folder, 'new')
    const spoiled: string[] = []
    server.onFile = (path, contents) => {
      if (!/^\/light-switch\/main-\w+\.js$/.test(path)) return contents
      spoiled.push(path)
      return mishap(contents)
    }
    await update()
    await eventually(() => spoiled.length).toBeGreaterThan(0)
    await eventually(() => page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.installing ?? null)).toBeNull()
    await page.reload()
    expect(await headingOf(page)).toBe('todos')
    await eventually(() => streamShown()).toBe('demo.todo')
    expect(await shells(page)).toEqual([`tapeline-shell-${old}`])
    expect(await remark().count()).toBe(0)
    server.onFile = (_, contents) => contents
    // The browser looks by itself after a reload, too, and who asks meanwhile gets the outcome of that.
    await eventually(async () => {
      await update()
      return remark().count()
    }).toBe(1)
    await remark().click()
    await eventually(() => headingOf(page)).toBe('new todos')
  })
})
