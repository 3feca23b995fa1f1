/** One lamp for everybody: the smallest model there is, whose events carry the whole state. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually, Site } from './site.ts'

const site = Site.use()

const lampOf = (page: Page) => page.getByRole('switch', { name: 'Lamp' })
const isOn = async (page: Page) => (await lampOf(page).getAttribute('aria-checked')) === 'true'
const flip = (on: boolean) => ({ type: 'insert', collection: 'lights', identifier: 'lamp', values: { on } })

async function open(stream: string) {
  const visit = await site.visit(`/light-switch/?stream=${stream}`)
  await eventually(() => visit.badge()).toBe('online')
  return visit
}

test('two windows share the lamp', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  expect(await isOn(anna.page)).toBe(false)
  await lampOf(anna.page).click()
  await eventually(() => isOn(ben.page)).toBe(true)
  expect(await isOn(anna.page)).toBe(true)
  await lampOf(ben.page).click()
  await eventually(() => isOn(anna.page)).toBe(false)
  expect(await anna.page.locator('#lamp-caption').textContent()).toBe('The lamp is off.')
})

test('the keyboard flips it: Space and Enter', async () => {
  const { page } = await open(site.newStream())
  await lampOf(page).focus()
  await page.keyboard.press('Space')
  await eventually(() => isOn(page)).toBe(true)
  await page.keyboard.press('Enter')
  await eventually(() => isOn(page)).toBe(false)
  await eventually(() => page.locator('#lamp-caption').textContent()).toBe('The lamp is off.')
})

test('[C2] a window that has received nothing but the last flip of a long tape is right already', async () => {
  const stream = site.newStream()
  // More than the server sends by itself when a window opens, and ending with the lamp off.
  await site.deployment.publish(
    stream,
    Array.from({ length: 1500 }, (_, n) => flip(n % 2 === 0)),
  )
  const visit = await site.visit('/light-switch/')
  const held: (() => Promise<void>)[] = []
  await visit.page.route(/\/events\?/, (route) => void held.push(() => route.continue()))
  await visit.page.goto(`${site.deployment.origin}/light-switch/?stream=${stream}`)
  await eventually(() => visit.badge()).toBe('catching-up')
  await site.deployment.publish(stream, [flip(true)])
  await eventually(() => isOn(visit.page)).toBe(true)
  await eventually(() => visit.badgeText()).toContain('catching up 1 / 1,501')
  for (const release of held) await release()
  await eventually(() => visit.badge()).toBe('online')
  expect(await isOn(visit.page)).toBe(true)
})

test('[C3] a flip without a network shows at once, says that it waits, and arrives', async () => {
  const stream = site.newStream()
  const anna = await open(stream)
  const network = await site.network()
  const ben = await site.visit(`/light-switch/?stream=${stream}`, { origin: network.origin })
  await eventually(() => ben.badge()).toBe('online')
  network.refuse(true)
  network.cut()
  await eventually(() => ben.badge()).toBe('offline')
  await lampOf(ben.page).click()
  await eventually(() => isOn(ben.page)).toBe(true)
  expect(await ben.page.locator('#lamp-caption').textContent()).toMatch(/waits/)
  expect(await isOn(anna.page)).toBe(false)
  network.refuse(false)
  await ben.comeBack()
  await eventually(() => isOn(anna.page)).toBe(true)
  await eventually(() => ben.page.locator('#lamp-caption').textContent()).toBe('The lamp is on.')
})

test('a name that guests may not open is explained, and nothing is opened', async () => {
  const visit = await site.visit('/light-switch/?stream=private<img src=x onerror=alert(1)>')
  await visit.page.getByRole('heading', { name: 'This page cannot open that stream' }).waitFor()
  expect(await visit.page.getByText('private<img src=x onerror=alert(1)>').count()).toBe(1)
  expect(visit.sockets).toEqual([])
})
