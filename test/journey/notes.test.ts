/** The notes: a text that several people write at once, offline for a while, with each other's cursors. */
import type { BrowserContextOptions, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually, Site } from './site.ts'

const site = Site.use()

const sheetOf = (page: Page) => page.getByLabel('Write at the same time as others')
const textOf = (page: Page) => sheetOf(page).inputValue()
const offlineOf = (page: Page) => page.getByRole('switch', { name: 'Work offline' })

async function open(stream: string, options: BrowserContextOptions & { origin?: string } = {}) {
  const visit = await site.visit(`/notes/?stream=${stream}`, options)
  await eventually(() => visit.badge()).toBe('online')
  return visit
}

async function placeCursor(page: Page, offset: number): Promise<void> {
  await sheetOf(page).focus()
  await sheetOf(page).evaluate((element, at) => (element as HTMLTextAreaElement).setSelectionRange(at, at), offset)
}

test('[D8] two write in one line at once, and no keystroke is lost', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  await sheetOf(anna.page).fill('The  sat on the .')
  await eventually(() => textOf(ben.page)).toBe('The  sat on the .')
  await placeCursor(anna.page, 4)
  await placeCursor(ben.page, 16)
  await Promise.all([anna.page.keyboard.type('big black cat', { delay: 15 }), ben.page.keyboard.type('red mat', { delay: 20 })])
  const expected = 'The big black cat sat on the red mat.'
  await eventually(() => textOf(anna.page)).toBe(expected)
  await eventually(() => textOf(ben.page)).toBe(expected)
  expect(await anna.page.locator('#refused').textContent()).toBe('')
})

test('[D8][D9] one is offline for a while, and all of it comes together', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  await sheetOf(anna.page).fill('Dear all,\nbye')
  await eventually(() => textOf(ben.page)).toBe('Dear all,\nbye')
  await offlineOf(ben.page).click()
  await placeCursor(ben.page, 9)
  await ben.page.keyboard.type('\nit is late.')
  await placeCursor(anna.page, 5)
  await anna.page.keyboard.type('friends and ')
  await placeCursor(anna.page, (await textOf(anna.page)).length)
  await anna.page.keyboard.type('!')
  // Keystrokes that wait come to few deltas.
  await eventually(() => ben.badgeText()).toContain('pending 1')
  await offlineOf(ben.page).click()
  const expected = 'Dear friends and all,\nit is late.\nbye!'
  await eventually(() => textOf(anna.page)).toBe(expected)
  await eventually(() => textOf(ben.page)).toBe(expected)
  expect(await sheetOf(ben.page).evaluate((element) => (element as HTMLTextAreaElement).selectionStart)).toBe(expected.indexOf('\nbye'))
})

test('[L6] the others see where one writes, and under which name', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  await anna.page.getByLabel('Your name').fill('<b>Anna</b>')
  await sheetOf(anna.page).fill('Hello')
  const cursor = ben.page.locator('.cursor')
  await eventually(() => cursor.locator('.cursor-name').textContent()).toBe('<b>Anna</b>')
  await eventually(() => ben.page.locator('#writers').textContent()).toBe('<b>Anna</b> is here.')
  const before = await cursor.boundingBox()
  // It moves with the text, though its owner does nothing.
  await placeCursor(ben.page, 0)
  await ben.page.keyboard.type('Well: ')
  await eventually(async () => ((await cursor.boundingBox())?.x ?? 0) - (before?.x ?? 0)).toBeGreaterThan(30)
})

test('[M11] hostile and long texts are text', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  const hostile = '<img src=x onerror=alert(1)> \u202eright to left\u202c שלום 🙂👩‍👩‍👧 \u0000 end'
  await sheetOf(anna.page).fill(hostile)
  await eventually(() => textOf(ben.page)).toBe(hostile)
  const long = 'A line of a long text. 🙂\n'.repeat(1000)
  // As if pasted: to type so much takes a browser longer than anybody waits.
  await sheetOf(anna.page).evaluate((element, pasted) => {
    ;(element as HTMLTextAreaElement).value = pasted
    element.dispatchEvent(new InputEvent('input', { bubbles: true }))
  }, long)
  await eventually(() => textOf(ben.page)).toBe(long)
  await placeCursor(ben.page, 15_010)
  await ben.page.keyboard.type('in the middle')
  await eventually(async () => (await textOf(anna.page)).slice(15_010, 15_023)).toBe('in the middle')
  await sheetOf(ben.page).fill('')
  await eventually(() => textOf(anna.page)).toBe('')
})

test('[C9] what was written offline is there after a reload, and arrives later', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  await sheetOf(anna.page).fill('one two')
  await eventually(() => textOf(ben.page)).toBe('one two')
  const network = await site.network()
  const carl = await open(stream, { origin: network.origin })
  await eventually(() => textOf(carl.page)).toBe('one two')
  network.refuse(true)
  network.cut()
  await placeCursor(carl.page, 3)
  await carl.page.keyboard.type(' and a half')
  await placeCursor(ben.page, 0)
  await ben.page.keyboard.type('zero ')
  await eventually(() => carl.badgeText()).toContain('pending 1')
  network.refuse(false)
  await carl.page.reload()
  await eventually(() => textOf(anna.page)).toBe('zero one and a half two')
  await eventually(() => textOf(carl.page)).toBe('zero one and a half two')
})

test('what was sent is weighed against copies', async () => {
  const { page } = await open(site.newStream())
  await sheetOf(page).fill('A text of some length, which nobody wants to copy. '.repeat(40))
  await eventually(() => page.locator('.scales-sentence').textContent()).toContain('so far')
  for (const letter of 'some') await page.keyboard.type(letter, { delay: 60 })
  await eventually(() => page.locator('.scales-sentence').textContent()).toMatch(/copying would have taken [\d.,]+ times as much/)
})
