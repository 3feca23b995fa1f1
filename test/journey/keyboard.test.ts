/** The to-do page in the hands of somebody who has no pointer. */
import { beforeEach, expect, test } from 'vitest'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'

const site = Site.use()
let todo: TodoPage

beforeEach(async () => {
  todo = await TodoPage.open(site, site.newStream())
})

/** What has the focus, as a screen reader would name it. */
function focused(): Promise<string> {
  return todo.page.evaluate(() => {
    const element = document.activeElement
    if (element === null) return 'nothing'
    const input = element instanceof HTMLInputElement ? element : undefined
    const row = input?.closest('[data-testid="todo-item"]')?.querySelector('label')?.textContent
    const label = input?.labels?.[0]?.textContent
    const name = element.getAttribute('aria-label') ?? label ?? element.textContent?.trim() ?? ''
    return row === undefined || row === null ? name : `${name}: ${row}`
  })
}

async function press(...keys: string[]): Promise<void> {
  for (const key of keys) await todo.page.keyboard.press(key)
}

async function tabTo(name: string): Promise<void> {
  for (let tabs = 0; tabs < 40; tabs++) {
    if ((await focused()) === name) return
    await press('Tab')
  }
  throw new Error(`Tab does not reach "${name}".`)
}

async function type(...titles: string[]): Promise<void> {
  for (const title of titles) {
    await todo.page.keyboard.type(title)
    await press('Enter')
  }
}

test('everything can be done: add, tick, edit, remove, filter, clear', async () => {
  await type('bread', 'milk', 'eggs')
  await todo.shows('bread', 'milk', 'eggs')
  await tabTo('Toggle Todo: milk')
  await press('Space')
  await todo.shows('bread', '✓ milk', 'eggs')

  await press('F2')
  await eventually(focused).toBe('Edit: milk')
  await press('End')
  await todo.page.keyboard.type(' and honey')
  await press('Enter')
  await todo.shows('bread', '✓ milk and honey', 'eggs')
  await eventually(focused).toBe('Toggle Todo: milk and honey')
  await press('F2')
  await todo.page.keyboard.type(' not')
  await press('Escape')
  await todo.shows('bread', '✓ milk and honey', 'eggs')
  expect(await focused()).toBe('Toggle Todo: milk and honey')

  await tabTo('Delete, milk and honey')
  await press('Enter')
  await todo.shows('bread', 'eggs')
  await eventually(focused).toBe('Toggle Todo: eggs')
  await press('Space')
  await todo.shows('bread', '✓ eggs')

  await tabTo('Completed')
  await press('Enter')
  await todo.shows('✓ eggs')
  await tabTo('Clear completed')
  await press('Space')
  await eventually(() => todo.items.count()).toBe(0)
  expect(await focused()).toBe('What needs to be done?')
})

test('all can be marked as complete', async () => {
  await type('bread', 'milk')
  await todo.shows('bread', 'milk')
  await tabTo('Mark all as complete')
  await press('Space')
  await todo.shows('✓ bread', '✓ milk')
  expect(await focused()).toBe('Mark all as complete')
})

test('a colour is chosen with the arrow keys, and the focus comes back', async () => {
  await type('bread')
  await tabTo('Colour: none, bread')
  await press('Enter')
  await eventually(focused).toBe('none')
  await press('ArrowRight', 'ArrowRight')
  expect(await focused()).toBe('orange')
  await press('Enter')
  await eventually(() => todo.item(0).getAttribute('data-label')).toBe('orange')
  await eventually(focused).toBe('Colour: orange, bread')
  await press('Enter', 'End')
  await eventually(focused).toBe('pink')
  await press('Escape')
  await eventually(focused).toBe('Colour: orange, bread')
  expect(await todo.item(0).getAttribute('data-label')).toBe('orange')
})

test('what has the focus can be seen, everywhere Tab goes', async () => {
  await type('bread')
  await todo.shows('bread')
  const unseen = new Set<string>()
  for (let tabs = 0; tabs < 30; tabs++) {
    await press('Tab')
    const isSeen = await todo.page.evaluate(() => {
      const element = document.activeElement
      if (element === null || element === document.body) return true
      const shows = (one: Element | null, pseudo?: string) => {
        if (one === null) return false
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one, pseudo)
        return (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none'
      }
      const label = element instanceof HTMLInputElement ? (element.labels?.[0] ?? element.nextElementSibling) : null
      const inside = element.querySelector('*')
      return [element, label, inside].some((one) => shows(one) || shows(one, '::before') || shows(one, '::after'))
    })
    if (!isSeen) unseen.add(await focused())
  }
  expect([...unseen]).toEqual([])
})

test('the tape is read cell by cell with the arrow keys', async () => {
  await type('bread', 'milk', 'eggs')
  await todo.settled()
  const cell = todo.page.getByRole('option', { name: /^seq 2: insert in tasks, by this device/ })
  await eventually(() => cell.count()).toBe(1)
  await cell.focus()
  await press('ArrowLeft')
  await eventually(() => todo.page.locator('.tape-details').textContent()).toContain('"milk"')
  await press('Home')
  await eventually(() => todo.page.locator('.tape-details').textContent()).toContain('"bread"')
})
