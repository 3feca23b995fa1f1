/** Undo and redo on the to-do page: own changes, step by step, and never what others have made of them since. */
import { beforeEach, describe, expect, test } from 'vitest'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'

const site = Site.use()
let stream: string
let todo: TodoPage

beforeEach(async () => {
  stream = site.newStream()
  todo = await TodoPage.open(site, stream)
})

const isAble = async ({ undo, redo }: TodoPage) => [await undo.getAttribute('aria-disabled'), await redo.getAttribute('aria-disabled')]
const press = (...keys: string[]) => keys.reduce((before, key) => before.then(() => todo.page.keyboard.press(key)), Promise.resolve())

test('what was made, renamed, ticked, coloured, moved and deleted is undone step by step, and made again', async () => {
  expect(await isAble(todo)).toEqual(['true', 'true'])
  await todo.add('milk', 'bread')
  await todo.rename('milk', 'oat milk')
  await todo.toggle(0).check()
  await todo.item(1).getByRole('button', { name: 'Colour: none' }).click()
  await todo.page.getByRole('radio', { name: 'green' }).click()
  await todo.handleOf('bread').press('ArrowUp')
  await todo.remove('bread')
  const states = [
    ['milk'],
    ['milk', 'bread'],
    ['oat milk', 'bread'],
    ['✓ oat milk', 'bread'],
    ['✓ oat milk', 'bread'],
    ['bread', '✓ oat milk'],
  ]
  await todo.shows('✓ oat milk')
  for (const state of states.toReversed()) {
    await todo.undo.click()
    await todo.shows(...state)
  }
  expect(await isAble(todo)).toEqual(['false', 'false'])
  await todo.undo.click()
  await todo.shows()
  expect(await isAble(todo)).toEqual(['true', 'false'])
  expect(await todo.undo.evaluate((button) => button === document.activeElement), 'the focus stays').toBe(true)
  for (const state of [...states, ['✓ oat milk']]) {
    await todo.redo.click()
    await todo.shows(...state)
  }
  expect(await todo.item(0).getAttribute('data-label')).toBe('none')
  expect(await isAble(todo)).toEqual(['false', 'true'])
  expect(await todo.undoNote.count()).toBe(0)
})

test('"clear completed" and "mark all" are one step each, and others see them undone', async () => {
  await todo.add('milk', 'bread', 'eggs')
  await todo.toggle(1).check()
  const other = await TodoPage.onDevice(todo, 'other')
  await todo.toggleAll.check()
  await other.shows('✓ milk', '✓ bread', '✓ eggs')
  await todo.undo.click()
  await other.shows('milk', '✓ bread', 'eggs')
  await todo.toggle(2).check()
  await todo.clearCompleted.click()
  await other.shows('milk')
  await todo.page.keyboard.press('Control+z')
  await todo.shows('milk', '✓ bread', '✓ eggs')
  await other.shows('milk', '✓ bread', '✓ eggs')
  await todo.redo.click()
  await other.shows('milk')
})

describe('what others have changed since', () => {
  let other: TodoPage

  beforeEach(async () => {
    await todo.add('milk', 'bread')
    await todo.settled()
    other = await TodoPage.onDevice(todo, 'other')
  })

  test('a name that another device gave is not undone, and the page says so until something else is done', async () => {
    await todo.rename('milk', 'oat milk')
    await other.rename('oat milk', 'soy milk')
    await todo.shows('soy milk', 'bread')
    await todo.settled()
    const { length } = await site.deployment.events(stream)
    await todo.undo.click()
    await eventually(() => todo.undoNote.textContent()).toBe('Nothing was undone: the same was changed elsewhere since.')
    expect(await todo.told()).toBe('Nothing was undone: the same was changed elsewhere since.')
    await todo.shows('soy milk', 'bread')
    await todo.settled()
    expect(await site.deployment.events(stream)).toHaveLength(length)
    await todo.toggle(1).check()
    await eventually(() => todo.undoNote.count()).toBe(0)
  })

  test('of a step of which a part was changed, the rest is undone', async () => {
    await todo.toggleAll.check()
    await other.shows('✓ milk', '✓ bread')
    await other.toggle(0).uncheck()
    await other.toggle(0).check()
    await other.settled()
    await todo.settled()
    await todo.undo.click()
    await todo.shows('✓ milk', 'bread')
    expect(await todo.undoNote.textContent()).toBe('1 of 2 changes was undone: what was changed elsewhere since stays as it is.')
  })

  test('undone without a network, and changed elsewhere meanwhile: that is a conflict like any other', async () => {
    await todo.rename('milk', 'oat milk')
    await other.shows('oat milk', 'bread')
    await todo.settled()
    await todo.goOffline()
    await todo.undo.click()
    await todo.shows('milk', 'bread')
    await other.rename('oat milk', 'soy milk')
    await other.settled()
    await todo.goOnline()
    await other.shows('milk', 'bread')
    await eventually(() => todo.remarks.textContent()).toContain('Renamed elsewhere to “soy milk” while you renamed it to “milk”.')
  })
})

describe('the keys', () => {
  test('undo and redo wherever the focus is, as long as it is in no text', async () => {
    await todo.add('milk', 'bread')
    await todo.toggle(0).focus()
    await press('Control+z')
    await todo.shows('milk')
    await press('Control+y')
    await todo.shows('milk', 'bread')
    await press('Meta+z')
    await todo.shows('milk')
    await press('Meta+Shift+z')
    await todo.shows('milk', 'bread')
    await press('Control+Shift+Z', 'Control+z')
    await todo.shows('milk')
    expect(await todo.told()).toBe('Undone.')
  })

  test('in a text that is being typed they are the browser’s own', async () => {
    await todo.add('milk', 'bread')
    await todo.newTodo.focus()
    await todo.page.keyboard.type('eggs')
    await press('Control+z')
    await eventually(() => todo.newTodo.inputValue()).not.toBe('eggs')
    await todo.shows('milk', 'bread')
    const input = await todo.edit(0)
    await input.pressSequentially('y')
    await press('Control+z')
    await eventually(() => input.inputValue()).toBe('milk')
    await press('Control+z', 'Escape')
    await todo.shows('milk', 'bread')
  })

  test('in the empty input they undo what was made with it', async () => {
    await todo.newTodo.focus()
    await todo.page.keyboard.type('milk')
    await press('Enter')
    await todo.shows('milk')
    await press('Control+z')
    await todo.shows()
    expect(await todo.newTodo.inputValue()).toBe('')
    await press('Control+y')
    await todo.shows('milk')
  })

  test('whose row is undone goes on from the one beside it', async () => {
    await todo.add('milk', 'bread')
    await todo.toggle(1).focus()
    await press('Control+z')
    await todo.shows('milk')
    expect(await todo.toggle(0).evaluate((element) => element === document.activeElement)).toBe(true)
    await press('Control+z')
    await todo.shows()
    expect(await todo.newTodo.evaluate((element) => element === document.activeElement)).toBe(true)
  })
})
