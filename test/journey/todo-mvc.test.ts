/** What every to-do application does that keeps to the TodoMVC specification. */
import { beforeEach, describe, expect, test } from 'vitest'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'

const site = Site.use()
const three = ['buy some cheese', 'feed the cat', 'book a doctor']
let todo: TodoPage
let stream: string

beforeEach(async () => {
  stream = site.newStream()
  todo = await TodoPage.open(site, stream)
})

describe('a new to-do', () => {
  test('without any there is nothing but the input, which has the focus', async () => {
    expect(await todo.items.count()).toBe(0)
    expect(await todo.page.locator('.main, .footer').count()).toBe(0)
    expect(await todo.newTodo.evaluate((element) => element === document.activeElement)).toBe(true)
  })

  test('goes to the end of the list, and the input is ready for the next', async () => {
    await todo.newTodo.fill('buy some cheese')
    await todo.newTodo.press('Enter')
    await todo.shows('buy some cheese')
    expect(await todo.newTodo.inputValue()).toBe('')
    await todo.add('feed the cat')
    await todo.shows('buy some cheese', 'feed the cat')
    expect(await todo.page.locator('.main').isVisible()).toBe(true)
    expect(await todo.page.locator('.footer').isVisible()).toBe(true)
  })

  test('is trimmed, and nothing but spaces makes none', async () => {
    await todo.add('   feed the cat  ', '    ', '')
    await todo.shows('feed the cat')
  })

  test('has neither class nor tick before it is done', async () => {
    await todo.add('feed the cat')
    await todo.shows('feed the cat')
    expect(await todo.item(0).getAttribute('class')).toBeNull()
    expect(await todo.toggle(0).isChecked()).toBe(false)
  })
})

describe('the counter', () => {
  test('counts what is left, in the singular and the plural', async () => {
    await todo.add('buy some cheese')
    await eventually(() => todo.count.textContent()).toBe('1 item left')
    await todo.add('feed the cat')
    await eventually(() => todo.count.textContent()).toBe('2 items left')
    await todo.toggle(0).check()
    await eventually(() => todo.count.textContent()).toBe('1 item left')
    await todo.toggle(1).check()
    await eventually(() => todo.count.textContent()).toBe('0 items left')
    expect(await todo.count.locator('strong').textContent()).toBe('0')
  })
})

describe('with three to-dos', () => {
  beforeEach(async () => {
    await todo.add(...three)
    await todo.shows(...three)
  })

  test('all can be marked as complete, and none', async () => {
    await todo.toggleAll.check()
    await todo.shows(...three.map((title) => `✓ ${title}`))
    expect(await todo.item(2).getAttribute('class')).toBe('completed')
    await todo.toggleAll.uncheck()
    await todo.shows(...three)
  })

  test('"mark all" follows what becomes of each', async () => {
    await todo.toggleAll.check()
    await todo.toggle(0).uncheck()
    await eventually(() => todo.toggleAll.isChecked()).toBe(false)
    await todo.toggle(0).check()
    await eventually(() => todo.toggleAll.isChecked()).toBe(true)
    await todo.clearCompleted.click()
    await eventually(() => todo.toggleAll.count()).toBe(0)
  })

  test('one can be done and undone', async () => {
    await todo.toggle(1).check()
    await todo.shows('buy some cheese', '✓ feed the cat', 'book a doctor')
    await todo.toggle(1).uncheck()
    await todo.shows(...three)
  })

  test('one can be removed by its button, which shows under the pointer', async () => {
    await todo.item(1).hover()
    await todo.item(1).locator('button.destroy').click()
    await todo.shows('buy some cheese', 'book a doctor')
    await eventually(() => todo.count.textContent()).toBe('2 items left')
  })

  test('those that are done can be cleared, and the button is there only while there are any', async () => {
    expect(await todo.clearCompleted.count()).toBe(0)
    await todo.toggle(1).check()
    await todo.clearCompleted.click()
    await todo.shows('buy some cheese', 'book a doctor')
    await eventually(() => todo.clearCompleted.count()).toBe(0)
  })

  test('they are there after a reload, with what was done', async () => {
    await todo.toggle(0).check()
    await todo.shows('✓ buy some cheese', 'feed the cat', 'book a doctor')
    await todo.settled()
    await todo.page.reload()
    await todo.shows('✓ buy some cheese', 'feed the cat', 'book a doctor')
    expect(await todo.count.textContent()).toBe('2 items left')
  })
})

describe('editing', () => {
  beforeEach(async () => {
    await todo.add(...three)
    await todo.shows(...three)
  })

  test('a double click puts the focus into an input with the title, and hides the other controls', async () => {
    const input = await todo.edit(1)
    expect(await input.inputValue()).toBe('feed the cat')
    expect(await input.evaluate((element) => element === document.activeElement)).toBe(true)
    expect(await todo.item(1).getAttribute('class')).toBe('editing')
    expect(await todo.toggle(1).isVisible()).toBe(false)
    expect(await todo.item(1).getByTestId('todo-title').isVisible()).toBe(false)
    expect(await todo.item(1).locator('button.destroy').isVisible()).toBe(false)
  })

  test.each(['Enter', 'blur'])('%s saves, trimmed', async (end) => {
    const input = await todo.edit(1)
    await input.fill('   feed both cats ')
    await (end === 'Enter' ? input.press('Enter') : input.blur())
    await todo.shows('buy some cheese', 'feed both cats', 'book a doctor')
    expect(await todo.page.locator('.editing, input.edit').count()).toBe(0)
  })

  test('Escape leaves everything as it was', async () => {
    const input = await todo.edit(1)
    await input.fill('something else')
    await input.press('Escape')
    await eventually(() => todo.page.locator('input.edit').count()).toBe(0)
    await todo.shows(...three)
    await todo.settled()
    expect((await site.deployment.events(stream)).map(({ type }) => type)).toEqual(['insert', 'insert', 'insert'])
  })

  test('what is emptied is removed', async () => {
    const input = await todo.edit(1)
    await input.fill('   ')
    await input.press('Enter')
    await todo.shows('buy some cheese', 'book a doctor')
  })

  test('saving what has not changed writes nothing on the tape', async () => {
    const input = await todo.edit(1)
    await input.press('Enter')
    await todo.shows(...three)
    await todo.settled()
    expect(await site.deployment.events(stream)).toHaveLength(3)
  })
})

describe('routing', () => {
  beforeEach(async () => {
    await todo.add(...three)
    await todo.toggle(1).check()
    await todo.shows('buy some cheese', '✓ feed the cat', 'book a doctor')
  })

  test('shows all, the active or the completed ones, and says which', async () => {
    const selected = () => todo.page.locator('.filters a.selected').allTextContents()
    expect((await selected()).map((name) => name.trim())).toEqual(['All'])
    await todo.filter('Active').click()
    await todo.shows('buy some cheese', 'book a doctor')
    expect(await todo.filter('Active').getAttribute('class')).toBe('selected')
    expect(new URL(todo.page.url()).hash).toBe('#/active')
    await todo.filter('Completed').click()
    await todo.shows('✓ feed the cat')
    expect(await selected()).toEqual(['Completed'])
    expect(new URL(todo.page.url()).hash).toBe('#/completed')
    await todo.filter('All').click()
    await todo.shows('buy some cheese', '✓ feed the cat', 'book a doctor')
    expect(new URL(todo.page.url()).hash).toBe('#/')
    expect(await todo.count.textContent()).toBe('2 items left')
  })

  test('goes back with the back button', async () => {
    await todo.filter('Active').click()
    await todo.filter('Completed').click()
    await todo.shows('✓ feed the cat')
    await todo.page.goBack()
    await todo.shows('buy some cheese', 'book a doctor')
    await todo.page.goBack()
    await todo.shows('buy some cheese', '✓ feed the cat', 'book a doctor')
  })

  test('is kept by a reload, and begins where a link says', async () => {
    await todo.settled()
    await todo.filter('Completed').click()
    await todo.page.reload()
    await todo.shows('✓ feed the cat')
    const visit = await site.visit(`/todo/?stream=${stream}#/active`)
    await eventually(() => visit.page.getByTestId('todo-title').allTextContents()).toEqual(['buy some cheese', 'book a doctor'])
  })

  test('moves an item out of sight when it no longer belongs there', async () => {
    await todo.filter('Active').click()
    await todo.toggle(0).click()
    await todo.shows('book a doctor')
    await todo.add('call mother')
    await todo.shows('book a doctor', 'call mother')
  })
})

test('on a phone, where nothing hovers, the buttons of an item are there to be touched', async () => {
  const phone = await TodoPage.open(site, stream, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true })
  await phone.add('feed the cat', 'book a doctor')
  const button = phone.item(0).locator('button.destroy')
  await eventually(() => button.evaluate((element) => getComputedStyle(element).opacity)).toBe('1')
  const box = await button.boundingBox()
  expect(Math.min(box?.width ?? 0, box?.height ?? 0)).toBeGreaterThanOrEqual(24)
  await button.tap()
  await phone.shows('book a doctor')
})
