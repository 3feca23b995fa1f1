/** The tape strip shows what an event had seen, and what was made at the same time: on the cells, and in words. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually, Site } from './site.ts'

const site = Site.use()

const flip = (page: Page) => page.getByRole('switch', { name: 'Lamp' }).click()
const workOffline = (page: Page) => page.getByRole('switch', { name: 'Work offline' }).click()
const details = (page: Page) => page.locator('.details-causality').textContent()
const relations = (page: Page) =>
  page.locator('.cell').evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-relation')).map((relation) => relation ?? '-'))

async function open(stream: string) {
  const visit = await site.visit(`/light-switch/?stream=${stream}`)
  await eventually(() => visit.badge()).toBe('online')
  return visit
}

/** Anna flips the lamp thrice, the last time without knowing of Ben's flip before. */
async function concurrentFlips() {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  const tape = async () => (await site.deployment.events(stream)).map(({ seen }) => seen)
  await flip(anna.page)
  await eventually(tape).toEqual([-1])
  await flip(anna.page)
  await eventually(tape).toEqual([-1, 0])
  await eventually(() => ben.page.locator('.cell[data-type="event"]').count()).toBe(2)
  await workOffline(anna.page)
  await eventually(() => anna.badge()).toBe('paused')
  await flip(anna.page)
  await flip(ben.page)
  await eventually(tape).toEqual([-1, 0, 1])
  return { anna, ben, tape }
}

test('two flips at the same time are marked as such, and spelled out, in both windows', async () => {
  const { anna, ben, tape } = await concurrentFlips()
  await anna.page.locator('.cell[data-type="pending"]').focus()
  await eventually(() => details(anna.page)).toBe('It had seen the tape up to seq 1. Nothing else was made at the same time.')
  expect(await relations(anna.page)).toEqual(['before', 'before', '-'])
  await workOffline(anna.page)
  await eventually(tape).toEqual([-1, 0, 1, 1])
  for (const { page } of [anna, ben]) {
    await eventually(() => page.locator('.cell[data-type="event"]').count()).toBe(4)
    const cell = page.getByRole('option', { name: /^seq 3: insert in lights/ })
    await cell.focus()
    await eventually(() => details(page)).toBe(
      'It had seen the tape up to seq 1. It was made at the same time as 2, which it had not seen.',
    )
    expect(await relations(page)).toEqual(['before', 'before', 'concurrent', '-'])
    await page.keyboard.press('ArrowLeft')
    await eventually(() => details(page)).toBe(
      'It had seen the tape up to seq 1. It was made at the same time as 3, which had not seen it.',
    )
    expect(await relations(page)).toEqual(['before', 'before', '-', 'concurrent'])
    await page.keyboard.press('Home')
    await eventually(() => details(page)).toBe('It had seen nothing of the tape. Nothing else was made at the same time.')
    expect(await relations(page)).toEqual(['-', 'after', 'after', 'after'])
  }
})

test('the marks are not colour alone: names say them, a sign and a line show them, and the sentences describe the cell', async () => {
  const { ben, anna, tape } = await concurrentFlips()
  await workOffline(anna.page)
  await eventually(tape).toEqual([-1, 0, 1, 1])
  const { page } = ben
  const cell = page.getByRole('option', { name: /^seq 3: insert in lights/ })
  await cell.focus()
  await eventually(() => page.getByRole('option', { name: / made at the same time as seq 3$/ }).count()).toBe(1)
  expect(await page.getByRole('option', { name: / seen by seq 3$/ }).count()).toBe(2)
  const describedBy = await cell.getAttribute('aria-describedby')
  expect(await page.locator(`#${describedBy}`).textContent()).toContain('made at the same time as 2')
  const signOf = (relation: string) =>
    page
      .locator(`.cell[data-relation="${relation}"]`)
      .first()
      .evaluate((element) => getComputedStyle(element, '::after').content)
  expect(await signOf('concurrent')).toBe('"∥"')
  expect(await signOf('before')).toBe('""')
})
