/** Tasks in another order: by key, mouse and finger, behind filters, with others at it, and without a network. */
import { beforeEach, expect, test } from 'vitest'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'

const site = Site.use()
const four = ['milk', 'bread', 'eggs', 'salt']
let stream: string
let todo: TodoPage
let other: TodoPage

beforeEach(async () => {
  stream = site.newStream()
  todo = await TodoPage.open(site, stream)
  await todo.add(...four)
  await todo.settled()
  other = await TodoPage.onDevice(todo, 'other')
  await other.shows(...four)
})

const hasFocus = (title: string) => todo.handleOf(title).evaluate((element) => element === document.activeElement)

test('the arrow keys move a task by its handle, the focus goes along, and both devices show it', async () => {
  await todo.handleOf('milk').press('ArrowDown')
  await todo.shows('bread', 'milk', 'eggs', 'salt')
  expect(await todo.told()).toBe('“milk” moved to position 2 of 4.')
  await eventually(() => hasFocus('milk')).toBe(true)
  await todo.page.keyboard.press('ArrowDown')
  await todo.page.keyboard.press('End')
  await todo.shows('bread', 'eggs', 'salt', 'milk')
  await other.shows('bread', 'eggs', 'salt', 'milk')
  await todo.page.keyboard.press('ArrowDown')
  expect(await todo.told()).toBe('“milk” stays at position 4 of 4.')
  await todo.page.keyboard.press('Home')
  await other.shows(...four)
  await todo.page.keyboard.press('ArrowUp')
  await todo.shows(...four)
  await todo.settled()
  const events = await site.deployment.events(stream)
  expect(events.slice(4).map(({ type, values }) => [type, ...Object.keys(values ?? {})])).toEqual(Array(4).fill(['update', 'position']))
})

test('Alt and an arrow key move it from anywhere in its row', async () => {
  await todo.toggle(2).press('Alt+ArrowUp')
  await todo.shows('milk', 'eggs', 'bread', 'salt')
  expect(await todo.toggle(1).evaluate((element) => element === document.activeElement)).toBe(true)
  await todo.toggle(1).press('ArrowUp')
  await todo.shows('milk', 'eggs', 'bread', 'salt')
  await other.shows('milk', 'eggs', 'bread', 'salt')
})

test('the mouse drags it, down and up, and the place where it was is one undo away', async () => {
  await todo.dragOver('milk', 'eggs')
  expect(await todo.item(0).getAttribute('data-drag')).toBe('lifted')
  await todo.shows(...four)
  await todo.page.mouse.up()
  await todo.shows('bread', 'eggs', 'milk', 'salt')
  await other.shows('bread', 'eggs', 'milk', 'salt')
  await todo.dragOver('salt', 'bread')
  await todo.page.mouse.up()
  await todo.shows('salt', 'bread', 'eggs', 'milk')
  expect(await todo.told()).toBe('“salt” moved to position 1 of 4.')
  expect(await todo.page.locator('[data-drag]').count()).toBe(0)
  await todo.undo.click()
  await todo.shows('bread', 'eggs', 'milk', 'salt')
  await other.shows('bread', 'eggs', 'milk', 'salt')
})

test('Escape puts it back, and so does letting go where it was', async () => {
  await todo.dragOver('milk', 'salt')
  await todo.page.keyboard.press('Escape')
  await eventually(() => todo.page.locator('[data-drag]').count()).toBe(0)
  await todo.page.mouse.up()
  expect(await todo.told()).toBe('Not moved.')
  await todo.dragOver('milk', 'salt')
  const { x = 0, y = 0 } = (await todo.handleOf('milk').boundingBox()) ?? {}
  const start = await todo.page.locator('.todo-list').boundingBox()
  await todo.page.mouse.move(x + 5, (start?.y ?? y) + 20)
  await todo.page.mouse.up()
  await todo.shows(...four)
  await todo.settled()
  expect(await site.deployment.events(stream)).toHaveLength(4)
})

test('a finger drags it by its handle, and the page stays where it is', async () => {
  const phone = await TodoPage.open(site, stream, { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true })
  await phone.shows(...four)
  const [from, to] = [await phone.handleOf('milk').boundingBox(), await phone.itemOf('eggs').boundingBox()]
  if (from === null || to === null) throw new Error('What is to be dragged is not on the page.')
  expect(Math.min(from.width, from.height)).toBeGreaterThanOrEqual(24)
  const finger = await phone.page.context().newCDPSession(phone.page)
  const x = from.x + from.width / 2
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ys: readonly number[]) =>
    finger.send('Input.dispatchTouchEvent', { type, touchPoints: ys.map((y) => ({ x, y })) })
  const start = from.y + from.height / 2
  const end = to.y + to.height / 2 + 4
  await touch('touchStart', [start])
  for (let step = 1; step <= 5; step++) await touch('touchMove', [start + ((end - start) * step) / 5])
  await touch('touchEnd', [])
  await phone.shows('bread', 'eggs', 'milk', 'salt')
  await other.shows('bread', 'eggs', 'milk', 'salt')
  expect(await phone.page.evaluate(() => scrollY)).toBe(0)
})

test('behind a filter it moves among those in sight, past the hidden ones between them', async () => {
  await todo.toggle(1).check()
  await todo.filter('Active').click()
  await todo.shows('milk', 'eggs', 'salt')
  await todo.handleOf('milk').press('ArrowDown')
  await todo.shows('eggs', 'milk', 'salt')
  expect(await todo.told()).toBe('“milk” moved to position 2 of 3.')
  await other.shows('✓ bread', 'eggs', 'milk', 'salt')
  await todo.dragOver('salt', 'eggs')
  await todo.page.mouse.up()
  await todo.shows('salt', 'eggs', 'milk')
  await other.shows('✓ bread', 'salt', 'eggs', 'milk')
})

test('what others do while a task is in hand does not take it out of it', async () => {
  await todo.dragOver('milk', 'eggs')
  await other.handleOf('salt').press('Home')
  await other.handleOf('milk').press('End')
  await todo.shows('salt', 'bread', 'eggs', 'milk')
  await other.remove('bread')
  await other.add('tea')
  await other.toggle(2).check()
  await todo.shows('salt', 'eggs', '✓ milk', 'tea')
  expect(await todo.itemOf('milk').getAttribute('data-drag')).toBe('lifted')
  const tea = await todo.itemOf('tea').evaluate((row) => row.getBoundingClientRect().bottom)
  await todo.page.mouse.move(200, tea - 2, { steps: 3 })
  await todo.page.mouse.up()
  await todo.shows('salt', 'eggs', 'tea', '✓ milk')
  await other.shows('salt', 'eggs', 'tea', '✓ milk')

  await todo.dragOver('salt', 'tea')
  await other.remove('salt')
  await todo.shows('eggs', 'tea', '✓ milk')
  await eventually(() => todo.page.locator('[data-drag]').count()).toBe(0)
  await todo.page.mouse.up()
  await todo.shows('eggs', 'tea', '✓ milk')
})

test('near the edge of the window the list scrolls under what is dragged', async () => {
  await todo.page.setViewportSize({ width: 800, height: 500 })
  const many = Array.from({ length: 20 }, (_, n) => `task ${n}`)
  await todo.add(...many)
  await todo.shows(...four, ...many)
  await todo.page.evaluate(() => scrollTo(0, 0))
  const { x = 0, y = 0 } = (await todo.handleOf('milk').boundingBox()) ?? {}
  await todo.page.mouse.move(x + 10, y + 20)
  await todo.page.mouse.down()
  await todo.page.mouse.move(x + 10, 496, { steps: 4 })
  const isPast = () => todo.itemOf('task 12').evaluate((row) => row.getBoundingClientRect().bottom < 480)
  await eventually(isPast).toBe(true)
  await todo.page.mouse.move(x + 10, 250)
  await todo.page.mouse.up()
  const index = (await todo.list()).indexOf('milk')
  expect(index).toBeGreaterThan(4)
  const row = await todo.itemOf('milk').boundingBox()
  expect(Math.abs((row?.y ?? 0) + 30 - 250)).toBeLessThan(62)
  await other.shows(...(await todo.list()))
})

test('both devices move without a network, and end with the same order', async () => {
  await todo.goOffline()
  await other.goOffline()
  await todo.handleOf('milk').press('End')
  await todo.handleOf('salt').press('Home')
  await todo.shows('salt', 'bread', 'eggs', 'milk')
  await other.handleOf('eggs').press('Home')
  await other.handleOf('milk').press('ArrowDown')
  await other.add('tea')
  await other.shows('eggs', 'bread', 'milk', 'salt', 'tea')
  await todo.goOnline()
  await other.goOnline()
  await eventually(async () => [...(await todo.list())].sort()).toEqual([...four, 'tea'].sort())
  await other.shows(...(await todo.list()))
  expect([await todo.remarks.count(), await other.remarks.count()]).toEqual([0, 0])
  await other.page.reload()
  await other.shows(...(await todo.list()))
})

test('tasks of old tapes, which have no place of their own, show in the order in which they were made, and can be moved', async () => {
  const old = site.newStream()
  await site.deployment.publish(
    old,
    four.map((title, n) => ({
      type: 'insert',
      collection: 'tasks',
      identifier: `old-${n}`,
      values: { title, completed: false, label: 'none' },
    })),
  )
  const page = await TodoPage.open(site, old)
  await page.shows(...four)
  await page.handleOf('salt').press('ArrowUp')
  await page.shows('milk', 'bread', 'salt', 'eggs')
  await page.add('tea')
  await page.shows('milk', 'bread', 'salt', 'eggs', 'tea')
  const second = await TodoPage.open(site, old)
  await second.shows('milk', 'bread', 'salt', 'eggs', 'tea')
  await page.undo.click()
  await page.undo.click()
  await second.shows(...four)
})
