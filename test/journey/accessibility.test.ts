/** No page violates what axe knows of the accessibility guidelines, in either colour scheme, on a phone or a desktop. */
import { AxeBuilder } from '@axe-core/playwright'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'

const site = Site.use()

const settings: readonly (readonly [string, BrowserContextOptions])[] = [
  ['desktop, light', { viewport: { width: 1280, height: 900 }, colorScheme: 'light' }],
  ['desktop, dark', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }],
  ['phone, light', { viewport: { width: 360, height: 740 }, colorScheme: 'light', hasTouch: true }],
  ['phone, dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true }],
]

/** What is wrong, where, and why, in one line each. */
async function violations(page: Page): Promise<readonly string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, any }) => `${id}: ${help} ${target.join(' ')} ${any[0]?.message ?? ''}`),
  )
}

describe.each(settings)('%s', (_name, setting) => {
  // What moves has half its colour for a moment; a person who asked for less motion sees none of it.
  const options: BrowserContextOptions = { ...setting, reducedMotion: 'reduce' }

  test('the first page', async () => {
    const { page } = await site.visit('/', options)
    expect(await violations(page)).toEqual([])
  })

  test('the light switch, off and on', async () => {
    const visit = await site.visit(`/light-switch/?stream=${site.newStream()}`, options)
    await eventually(() => visit.badge()).toBe('online')
    expect(await violations(visit.page)).toEqual([])
    await visit.page.getByRole('switch', { name: 'Lamp' }).click()
    await eventually(() => visit.page.locator('#lamp-caption').textContent()).toBe('The lamp is on.')
    expect(await violations(visit.page)).toEqual([])
  })

  test('the to-do list: empty, with items, editing, choosing a colour, offline', async () => {
    const todo = await TodoPage.open(site, site.newStream(), options)
    expect(await violations(todo.page), 'empty').toEqual([])
    await todo.add('bread', 'milk', 'eggs')
    await todo.toggle(1).check()
    await todo
      .item(0)
      .getByRole('button', { name: /^Colour/ })
      .click()
    expect(await violations(todo.page), 'choosing a colour').toEqual([])
    await todo.page.getByRole('radio', { name: 'yellow' }).click()
    await todo.settled()
    await todo.page.locator('.cell[data-type="event"]').first().focus()
    expect(await violations(todo.page), 'with items').toEqual([])
    const input = await todo.edit(0)
    expect(await violations(todo.page), 'editing').toEqual([])
    await input.press('Escape')
    await todo.page.getByRole('button', { name: 'Unplug this window' }).click()
    await todo.add('honey')
    await eventually(() => todo.visit.badgeText()).toContain('pending 1')
    expect(await violations(todo.page), 'offline').toEqual([])
  })
})
