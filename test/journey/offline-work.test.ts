/** Working without a network, on purpose or not: nothing is lost, what is changed often is sent once, windows agree. */
import { expect, test } from 'vitest'
import { refuseDrafts } from './refusals.ts'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'

const site = Site.use()

const noteOf = ({ page }: TodoPage) => page.locator('.window-bar-note').textContent()
const cellNames = ({ pendingCells }: TodoPage) => pendingCells.evaluateAll((cells) => cells.map((cell) => cell.getAttribute('aria-label')))

/** Waits until the browser keeps the pages. */
async function kept({ page }: TodoPage): Promise<void> {
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
}

test('[C11] what is changed again and again waits as one, is counted, and is on the tape once', async () => {
  const stream = site.newStream()
  const todo = await TodoPage.open(site, stream)
  await todo.add('bread', 'milk')
  await todo.settled()
  await todo.workOffline.click()
  await eventually(() => todo.badge()).toBe('paused')
  await todo.toggle(0).check()
  await todo.toggle(0).uncheck()
  await todo.toggle(0).check()
  await todo.add('eggs')
  await todo.shows('✓ bread', 'milk', 'eggs')
  await eventually(() => todo.badgeText()).toContain('pending 2')
  expect(await noteOf(todo)).toContain('4 changes wait as 2')
  await eventually(() => cellNames(todo)).toEqual([
    'pending: update in tasks, 3 changes folded into one, waits to be sent',
    'pending: insert in tasks, waits to be sent',
  ])
  await todo.pendingCells.first().focus()
  await eventually(() => todo.page.locator('.tape-details').textContent()).toContain('It stands for 3 changes')
  expect(await site.deployment.events(stream)).toHaveLength(2)

  await todo.workOffline.click()
  await todo.settled()
  const events = await site.deployment.events(stream)
  expect(events.map(({ type, values }) => [type, values])).toEqual([
    ['insert', { title: 'bread', completed: false, label: 'none', position: 'a0' }],
    ['insert', { title: 'milk', completed: false, label: 'none', position: 'a1' }],
    ['update', { completed: true }],
    ['insert', { title: 'eggs', completed: false, label: 'none', position: 'a2' }],
  ])
  await todo.shows('✓ bread', 'milk', 'eggs')
})

test('[C9] a reload without a network keeps everything, and all of it arrives once', async () => {
  const stream = site.newStream()
  const network = await site.network()
  const todo = await TodoPage.open(site, stream, { origin: network.origin, serviceWorkers: 'allow' })
  await todo.add('bread', 'milk')
  await todo.settled()
  await kept(todo)
  network.refuse(true)
  network.cut()
  await eventually(() => todo.badge()).toBe('offline')
  await todo.add('eggs')
  await todo.toggle(0).check()
  await todo.shows('✓ bread', 'milk', 'eggs')
  await eventually(() => todo.badgeText()).toContain('pending 2')
  for (let reloads = 0; reloads < 2; reloads++) {
    await todo.page.reload()
    await todo.shows('✓ bread', 'milk', 'eggs')
    await eventually(() => todo.badgeText()).toContain('pending 2')
    expect(await todo.pendingCells.count()).toBe(2)
  }
  await todo.toggle(1).check()
  network.refuse(false)
  await todo.visit.comeBack()
  await todo.settled()
  await todo.shows('✓ bread', '✓ milk', 'eggs')
  expect(await site.deployment.events(stream)).toHaveLength(5)
})

test('the light switch opens without a network, too, and what is done there arrives', async () => {
  const stream = site.newStream()
  const network = await site.network()
  const visit = await site.visit('/', { origin: network.origin, serviceWorkers: 'allow' })
  const { page } = visit
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  // A token can be had once: the stream itself has never been opened in this browser.
  network.refuse(true)
  network.cut()
  await page.goto(`${network.origin}/light-switch/?stream=${stream}`)
  await page.getByRole('switch', { name: 'Lamp' }).click()
  await eventually(() => page.locator('#lamp-caption').textContent()).toBe('The lamp is on here, and waits to be so everywhere.')
  network.refuse(false)
  await visit.comeBack()
  await eventually(() => page.locator('#lamp-caption').textContent()).toBe('The lamp is on.')
  expect(await site.deployment.events(stream)).toHaveLength(1)
})

test('[C14] windows of one browser show each other’s changes at once without a network, and send them once', async () => {
  const stream = site.newStream()
  const one = await TodoPage.open(site, stream)
  await one.add('bread')
  await one.settled()
  const two = await TodoPage.beside(one)
  await two.shows('bread')
  await one.workOffline.click()
  await eventually(() => two.badge()).toBe('paused')
  expect(await two.workOffline.getAttribute('aria-checked')).toBe('true')
  await one.add('milk')
  await two.shows('bread', 'milk')
  await two.add('eggs')
  await two.toggle(0).check()
  await one.shows('✓ bread', 'milk', 'eggs')
  await eventually(() => one.badgeText()).toContain('pending 3')
  await eventually(() => two.badgeText()).toContain('pending 3')
  await eventually(() => two.pendingCells.count()).toBe(3)
  // The window that had the connection goes; the other has everything, and goes on.
  await one.page.close()
  await two.add('salt')
  await two.shows('✓ bread', 'milk', 'eggs', 'salt')
  await two.workOffline.click()
  await two.settled()
  const events = await site.deployment.events(stream)
  expect(events.map(({ type, values }) => `${type} ${values?.title ?? values?.completed}`)).toEqual([
    'insert bread',
    'insert milk',
    'insert eggs',
    'update true',
    'insert salt',
  ])
  expect(new Set(events.map(({ client }) => client)).size).toBe(1)
})

test('another device in the same browser is a client of its own, with an outbox of its own', async () => {
  const stream = site.newStream()
  const laptop = await TodoPage.open(site, stream)
  await laptop.add('bread')
  await laptop.settled()
  const link = laptop.page.getByRole('link', { name: 'Open as another device' })
  const opened = laptop.page.context().waitForEvent('page')
  const address = await link.getAttribute('href')
  await link.click()
  await (await opened).close()
  await eventually(() => link.getAttribute('href')).not.toBe(address)
  const phone = await TodoPage.beside(laptop, address ?? '')
  await phone.online()
  await phone.shows('bread')
  await laptop.workOffline.click()
  await eventually(() => laptop.badge()).toBe('paused')
  expect(await phone.badge()).toBe('online')
  await laptop.add('from the laptop')
  await phone.add('from the phone')
  await phone.settled()
  await laptop.shows('bread', 'from the laptop')
  await phone.shows('bread', 'from the phone')
  await laptop.workOffline.click()
  await laptop.shows('bread', 'from the phone', 'from the laptop')
  await phone.shows('bread', 'from the phone', 'from the laptop')
  expect(new Set((await site.deployment.events(stream)).map(({ client }) => client)).size).toBe(2)
  const second = await phone.page.getByRole('link', { name: 'Open a second window' }).getAttribute('href')
  expect(second).toBe(address)
})

test('a tape that was kept comes back folded: one cell for each object, threads for the rest', async () => {
  const stream = site.newStream()
  const tasks = Array.from({ length: 40 }, (_, n) => ({
    type: n < 3 ? 'insert' : 'update',
    collection: 'tasks',
    identifier: `task-${n % 3}`,
    values: n < 3 ? { title: `task ${n}`, completed: false, label: 'none' } : { title: `version ${n}` },
  }))
  await site.deployment.publish(stream, tasks)
  const todo = await TodoPage.open(site, stream)
  const count = (selector: string) => todo.page.locator(`.cell${selector}`).count()
  await todo.page.reload()
  await todo.shows('version 39', 'version 37', 'version 38')
  await eventually(() => count('[data-type="event"]')).toBe(3)
  expect([await count('[data-type="folded"]'), await count('[data-type="hole"]'), await count('')]).toEqual([37, 0, 40])
  const details = todo.page.locator('.tape-details')
  await todo.page.getByRole('option', { name: 'seq 39: folded into seq 0' }).focus()
  await eventually(() => details.textContent()).toContain('kept as a part of seq 0')
  await todo.page.getByRole('option', { name: 'seq 20: overwritten by what came later' }).focus()
  await eventually(() => details.textContent()).toContain('nothing of it shows any more')
  await todo.page.getByRole('option', { name: 'seq 0: insert in tasks, by a script, with later changes folded into it' }).focus()
  await eventually(() => details.textContent()).toContain('title of seq 39')
})

test('[C5] a refused change is explained, and can be tried again or discarded', async () => {
  const stream = site.newStream()
  const visit = await site.visit('/')
  const { page } = visit
  await refuseDrafts(page, 2)
  await page.goto(`${site.deployment.origin}/todo/?stream=${stream}`)
  const newTodo = page.getByPlaceholder('What needs to be done?')
  const items = page.getByTestId('todo-item')
  const refused = page.getByRole('region', { name: /The server refused/ })
  for (const [index, title] of ['bread', 'milk'].entries()) {
    await newTodo.fill(title)
    await newTodo.press('Enter')
    await eventually(() => refused.getByRole('listitem').count()).toBe(index + 1)
  }
  expect(await items.count()).toBe(0)
  expect(await refused.textContent()).toContain('The event, batch, frame or whisper is too large.')
  await refused.getByRole('listitem').filter({ hasText: 'bread' }).getByRole('button', { name: 'Try again' }).click()
  await eventually(() => items.allTextContents()).toEqual(['bread'])
  await refused.getByRole('button', { name: 'Discard' }).focus()
  await page.keyboard.press('Enter')
  await eventually(() => refused.count()).toBe(0)
  await eventually(async () => (await site.deployment.events(stream)).map(({ values }) => values?.title)).toEqual(['bread'])
  expect(await items.allTextContents()).toEqual(['bread'])
})

test('[C13] a browser that keeps nothing is told of in words, and the page works', async () => {
  const stream = site.newStream()
  const visit = await site.visit('/')
  const { page } = visit
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('Site data is blocked.', 'SecurityError')
    }
  })
  await page.goto(`${site.deployment.origin}/todo/?stream=${stream}`)
  await eventually(() => page.locator('#problem').textContent()).toContain('This browser keeps nothing for this page.')
  const newTodo = page.getByPlaceholder('What needs to be done?')
  await newTodo.fill('bread')
  await newTodo.press('Enter')
  await eventually(async () => (await site.deployment.events(stream)).length).toBe(1)
})
