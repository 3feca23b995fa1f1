/** No page violates what axe knows of the accessibility guidelines, in either colour scheme, on a phone or a desktop. */
import { describe, expect, test } from 'vitest'
import { refuseDrafts } from './refusals.ts'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'
import { screens, violations } from './violations.ts'

const site = Site.use()

describe.each(screens)('%s', (_name, options) => {
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
    await todo.workOffline.click()
    await todo.add('honey')
    await todo.toggle(0).check()
    await todo.toggle(0).uncheck()
    await eventually(() => todo.visit.badgeText()).toContain('pending 2')
    await todo.pendingCells.last().focus()
    expect(await violations(todo.page), 'offline').toEqual([])
  })

  test('the notes: empty, written, with another cursor, offline', async () => {
    const address = `/notes/?stream=${site.newStream()}`
    const visit = await site.visit(address, options)
    await eventually(() => visit.badge()).toBe('online')
    expect(await violations(visit.page), 'empty').toEqual([])
    const other = await site.visit(address, options)
    // Whispers are for those who listen now.
    await eventually(() => other.badge()).toBe('online')
    await other.page.getByLabel('Write at the same time as others').fill('One line.\nAnd another.')
    await eventually(() => visit.page.locator('.cursor-name').count()).toBe(1)
    await visit.page.getByLabel('Write at the same time as others').pressSequentially('x')
    await eventually(() => visit.page.locator('#delta-bytes').count()).toBe(1)
    expect(await violations(visit.page), 'written').toEqual([])
    await visit.page.getByRole('switch', { name: 'Work offline' }).click()
    await visit.page.getByLabel('Write at the same time as others').pressSequentially('y')
    expect(await violations(visit.page), 'offline').toEqual([])
  })

  test('the folder: empty, with files, one on its way, the dialog, a problem', async () => {
    const { page } = await site.visit(`/files/?stream=${site.newStream()}`, options)
    await eventually(() => page.locator('.badge').getAttribute('data-state')).toBe('online')
    expect(await violations(page), 'empty').toEqual([])
    await page.getByLabel('Choose files').setInputFiles([
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('one line') },
      { name: 'NUL', mimeType: 'text/plain', buffer: Buffer.from('x') },
    ])
    await eventually(() => page.locator('.receipts-list li[data-problem]').count()).toBe(1)
    await page.getByRole('switch', { name: 'Work offline' }).click()
    await page.getByLabel('Choose files').setInputFiles({ name: 'offline.txt', mimeType: 'text/plain', buffer: Buffer.from('x') })
    expect(await violations(page), 'with files').toEqual([])
    await page.getByRole('button', { name: 'Edit' }).first().click()
    expect(await violations(page), 'the dialog').toEqual([])
    await page.keyboard.press('Escape')
    expect(await page.getByRole('dialog').count()).toBe(0)
  })

  test('what went wrong, and what is new', async () => {
    const { page } = await site.visit('/', options)
    await refuseDrafts(page, 2)
    await page.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('Site data is blocked.', 'SecurityError')
      }
    })
    await page.goto(`${site.deployment.origin}/todo/?stream=${site.newStream()}`)
    const refused = page.getByRole('region', { name: /The server refused/ }).getByRole('listitem')
    for (const title of ['bread', 'milk']) {
      const before = await refused.count()
      await page.getByPlaceholder('What needs to be done?').fill(title)
      await page.keyboard.press('Enter')
      await eventually(() => refused.count()).toBe(before + 1)
    }
    await eventually(() => page.locator('#problem .problem').count()).toBe(1)
    await page.evaluate(() => {
      const data = { type: 'shell', version: 'another' }
      navigator.serviceWorker.dispatchEvent(new MessageEvent('message', { data }))
    })
    await page.getByRole('button', { name: 'Reload', exact: true }).waitFor()
    expect(await violations(page)).toEqual([])
  })
})
