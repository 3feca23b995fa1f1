/** What others do to a task while it is edited here, and what is too much for one: nothing of it passes without a word. */
import type { Locator } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'
import { violations } from './violations.ts'

const site = Site.use()
let stream: string
let anna: TodoPage
let ben: TodoPage

beforeEach(async () => {
  stream = site.newStream()
  anna = await TodoPage.open(site, stream)
  await anna.add('One', 'Two')
  ben = await TodoPage.open(site, stream)
  await ben.shows('One', 'Two')
})

const notes = ({ page }: TodoPage) => page.getByRole('alert')
const hasFocus = (locator: Locator) => locator.evaluate((element) => element === document.activeElement)

async function isAccessible({ page }: TodoPage): Promise<void> {
  expect(await violations(page)).toEqual([])
}

describe('renamed elsewhere during an edit', () => {
  let input: Locator

  beforeEach(async () => {
    input = await anna.edit(1)
    await input.fill('Two A')
    await ben.rename('Two', 'Two B')
    await eventually(() => anna.titles.last().textContent()).toBe('Two B')
  })

  test('the edit that is saved stands, and says what it overwrote', async () => {
    await input.press('Enter')
    await anna.shows('One', 'Two A')
    await eventually(() => anna.remarks.locator('.remark-text').allTextContents()).toEqual([
      '“Two A” Renamed elsewhere to “Two B” while you edited it. Yours stands.',
    ])
    expect(await anna.told()).toBe('“Two A”: Renamed elsewhere to “Two B” while you edited it. Yours stands.')
    expect(await anna.remarks.getByRole('button', { name: 'Keep mine (stands now)' }).count()).toBe(1)
    await isAccessible(anna)
    await ben.shows('One', 'Two A')
    expect(await ben.remarks.count()).toBe(0)
  })

  test('"keep theirs" makes it so on both, and can be undone', async () => {
    await input.press('Enter')
    await anna.remarks.getByRole('button', { name: 'Keep theirs' }).click()
    await anna.shows('One', 'Two B')
    await ben.shows('One', 'Two B')
    expect(await anna.remarks.count()).toBe(0)
    await anna.undo.click()
    await anna.shows('One', 'Two A')
    await ben.shows('One', 'Two A')
    expect(await anna.remarks.count()).toBe(0)
  })

  test('"keep mine" writes nothing, and another name closes the remark', async () => {
    await input.press('Enter')
    await anna.remarks.getByRole('button', { name: 'Keep mine' }).click()
    await eventually(() => anna.remarks.count()).toBe(0)
    await anna.settled()
    expect(await site.deployment.events(stream)).toHaveLength(4)
    await (await anna.edit(0)).fill('One A')
    await ben.rename('One', 'One B')
    await eventually(() => anna.titles.first().textContent()).toBe('One B')
    await anna.page.keyboard.press('Enter')
    await eventually(() => anna.remarks.count()).toBe(1)
    await ben.shows('One A', 'Two A')
    await ben.rename('One A', 'One C')
    await anna.shows('One C', 'Two A')
    expect(await anna.remarks.count()).toBe(0)
  })

  test('whoever saves the same, or cancels, has overwritten nothing', async () => {
    await input.fill('Two B')
    await input.press('Enter')
    await eventually(() => anna.page.locator('input.edit').count()).toBe(0)
    await (await anna.edit(1)).fill('Two C')
    await anna.page.keyboard.press('Escape')
    await anna.shows('One', 'Two B')
    expect(await anna.remarks.count()).toBe(0)
  })
})

test('deleted elsewhere during an edit: the row says so, and what is saved is added anew', async () => {
  const input = await anna.edit(1)
  await input.fill('Two A')
  expect(await notes(anna).count()).toBe(0)
  await ben.remove('Two')
  await eventually(() => notes(anna).allTextContents()).toEqual([
    'Deleted elsewhere while you edit it. Saving a changed title adds it anew.',
  ])
  expect(await hasFocus(input)).toBe(true)
  await isAccessible(anna)
  await input.press('Enter')
  await anna.shows('One', 'Two A')
  await ben.shows('One', 'Two A')
  expect(await notes(anna).count()).toBe(0)
})

describe('a title that is too long for one task', () => {
  const long = 'x'.repeat(300_000)
  const note = 'Not saved. This is too long for one task: shorten it and try again.'

  test('stays in the field for new tasks, which says why until something succeeds', async () => {
    await anna.add(long)
    await eventually(() => notes(anna).allTextContents()).toEqual([note])
    expect(await anna.newTodo.inputValue()).toHaveLength(long.length)
    expect(await hasFocus(anna.newTodo)).toBe(true)
    await isAccessible(anna)
    await anna.add('Three')
    await anna.shows('One', 'Two', 'Three')
    expect(await notes(anna).count()).toBe(0)
  })

  test('stays in the edit, which ends when it is shortened or cancelled, and not before', async () => {
    const input = await anna.edit(0)
    await input.fill(long)
    await input.press('Enter')
    await eventually(() => notes(anna).allTextContents()).toEqual([note])
    expect(await hasFocus(input)).toBe(true)
    await anna.titles.last().dblclick()
    expect(await hasFocus(input), 'no other edit takes its place').toBe(true)
    expect(await input.inputValue()).toHaveLength(long.length)
    await input.fill('One A')
    await input.press('Enter')
    await anna.shows('One A', 'Two')
    expect(await notes(anna).count()).toBe(0)
    await (await anna.edit(0)).fill(long)
    await anna.page.keyboard.press('Enter')
    await eventually(() => notes(anna).count()).toBe(1)
    await anna.page.keyboard.press('Escape')
    await eventually(() => notes(anna).count()).toBe(0)
    await anna.shows('One A', 'Two')
  })
})

test('the buttons of a row are named after its task, cut where it is long', async () => {
  await anna.add('y'.repeat(50))
  const names = (index: number) =>
    anna
      .item(index)
      .getByRole('button')
      .evaluateAll((buttons) => buttons.map((button) => button.getAttribute('aria-label')))
  await eventually(() => anna.items.count()).toBe(3)
  expect(await names(1)).toEqual(['Move, Two', 'Colour: none, Two', 'Delete, Two'])
  expect((await names(2)).at(-1)).toBe(`Delete, ${'y'.repeat(40)}…`)
  await anna
    .toggle(0)
    .and(anna.page.getByRole('checkbox', { name: 'Toggle Todo', exact: true }))
    .check()
  await anna.shows('✓ One', 'Two', 'y'.repeat(50))
})
