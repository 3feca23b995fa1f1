/** Two devices change the same tasks at once: both are told what was lost, and either can decide otherwise. */
import { beforeEach, describe, expect, test } from 'vitest'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'
import { violations } from './violations.ts'

const site = Site.use()
let stream: string
let laptop: TodoPage
let phone: TodoPage

beforeEach(async () => {
  stream = site.newStream()
  laptop = await TodoPage.open(site, stream)
  await laptop.add('milk', 'bread')
  await laptop.settled()
  phone = await TodoPage.onDevice(laptop, 'phone')
  await phone.shows('milk', 'bread')
})

/** Both work without a network; the laptop is back first, so that what the phone did is later on the tape. */
async function bothOffline(work: () => Promise<void>): Promise<void> {
  await laptop.goOffline()
  await phone.goOffline()
  await work()
  await laptop.goOnline()
  await phone.goOnline()
}

/** What its remarks can be answered with. */
async function choices({ remarks }: TodoPage): Promise<readonly string[]> {
  const texts = await remarks.locator('.quiet-button').allTextContents()
  return texts.map((text) => text.replace(/\s+/g, ' ').trim())
}

async function saysOnce(todo: TodoPage, text: string): Promise<void> {
  await eventually(() => todo.remarks.locator('.remark-text').allTextContents()).toEqual([text])
}

describe('the same task renamed on both', () => {
  beforeEach(async () => {
    await bothOffline(async () => {
      await laptop.rename('milk', 'Oat milk')
      await phone.rename('milk', 'Soy milk')
    })
    await phone.shows('Soy milk', 'bread')
    await laptop.shows('Soy milk', 'bread')
  })

  test('both are told, beside the task, which one stands and what is lost', async () => {
    await saysOnce(
      laptop,
      'Renamed elsewhere to “Soy milk” while you renamed it to “Oat milk”. Theirs came later and stands; yours is lost.',
    )
    await saysOnce(
      phone,
      'Renamed elsewhere to “Oat milk” while you renamed it to “Soy milk”. Yours came later and stands; theirs is lost.',
    )
    expect(await laptop.remarks.getByRole('button', { name: 'Keep theirs (stands now)' }).count()).toBe(1)
    expect(await phone.remarks.getByRole('button', { name: 'Keep mine (stands now)' }).count()).toBe(1)
    expect(await laptop.page.locator('.todo-list > li').first().locator('+ .remark').count()).toBe(1)
    expect(await laptop.items.allTextContents(), 'an item’s text is its title').toEqual(['Soy milk', 'bread'])
    expect(await laptop.told()).toBe(
      '“Soy milk”: Renamed elsewhere to “Soy milk” while you renamed it to “Oat milk”. Theirs came later and stands; yours is lost.',
    )
  })

  test('"keep mine" makes it so on both, ends the remark on both, and can be undone', async () => {
    await laptop.remarks.getByRole('button', { name: 'Keep mine' }).click()
    await laptop.shows('Oat milk', 'bread')
    await phone.shows('Oat milk', 'bread')
    await eventually(() => phone.remarks.count()).toBe(0)
    expect(await laptop.remarks.count()).toBe(0)
    await laptop.undo.click()
    await laptop.shows('Soy milk', 'bread')
    await phone.shows('Soy milk', 'bread')
    expect(await laptop.remarks.count()).toBe(0)
  })

  test('to keep what stands, or to dismiss the remark, writes nothing', async () => {
    await laptop.remarks.getByRole('button', { name: 'Keep theirs' }).click()
    await eventually(() => laptop.remarks.count()).toBe(0)
    await phone.remarks.getByRole('button', { name: 'Dismiss' }).click()
    await eventually(() => phone.remarks.count()).toBe(0)
    await laptop.settled()
    await phone.settled()
    expect(await site.deployment.events(stream)).toHaveLength(4)
  })

  test('the keyboard decides, and goes on from the task', async () => {
    await laptop.remarks.getByRole('button', { name: 'Keep mine' }).focus()
    await laptop.page.keyboard.press('Enter')
    await laptop.shows('Oat milk', 'bread')
    await eventually(() => laptop.toggle(0).evaluate((element) => element === document.activeElement)).toBe(true)
  })

  test('the remark is gone as soon as anybody names the task anew', async () => {
    await phone.rename('Soy milk', 'Rice milk')
    await laptop.shows('Rice milk', 'bread')
    await eventually(() => laptop.remarks.count()).toBe(0)
    expect(await phone.remarks.count()).toBe(0)
  })

  test('behind a filter the remark stands above the list, and names its task', async () => {
    await laptop.filter('Completed').click()
    await laptop.shows()
    await eventually(() => laptop.page.locator('.remarks .remark').count()).toBe(1)
    await laptop.filter('Active').click()
    await eventually(() => laptop.page.locator('.todo-list > .remark').count()).toBe(1)
    expect(await laptop.page.locator('.remarks').count()).toBe(0)
  })
})

test('deleted elsewhere while it was renamed here: it can be brought back', async () => {
  await bothOffline(async () => {
    await laptop.remove('milk')
    await phone.rename('milk', 'Oat milk')
  })
  await phone.shows('bread')
  await saysOnce(phone, 'Deleted elsewhere while you renamed it to “Oat milk”. It is gone, and your change with it.')
  await saysOnce(laptop, '“milk” Renamed elsewhere to “Oat milk” while you deleted it. It stays deleted, and their change is lost.')
  expect(await choices(phone)).toEqual(['Leave it deleted (stands now)', 'Bring it back'])
  await phone.remarks.getByRole('button', { name: 'Bring it back' }).click()
  await phone.shows('Oat milk', 'bread')
  await laptop.shows('Oat milk', 'bread')
  await eventually(() => laptop.remarks.count()).toBe(0)
  expect(await phone.remarks.count()).toBe(0)
  await phone.undo.click()
  await laptop.shows('bread')
})

test('deleted here while it was renamed elsewhere: their change can be brought back', async () => {
  await bothOffline(async () => {
    await laptop.rename('milk', 'Oat milk')
    await phone.remove('milk')
  })
  await laptop.shows('bread')
  await eventually(() => choices(phone)).toEqual(['Bring it back', 'Leave it deleted (stands now)'])
  await phone.remarks.getByRole('button', { name: 'Bring it back' }).click()
  await laptop.shows('Oat milk', 'bread')
  await phone.shows('Oat milk', 'bread')
  await eventually(() => laptop.remarks.count()).toBe(0)
})

test('a colour, and a tick against its opposite, are told of in words; a title that both wrote alike is not', async () => {
  await laptop.toggle(1).check()
  await eventually(() => phone.toggle(1).isChecked()).toBe(true)
  const paint = async (todo: TodoPage, colour: string) => {
    await todo
      .item(0)
      .getByRole('button', { name: /^Colour/ })
      .click()
    await todo.page.getByRole('radio', { name: colour }).click()
  }
  await bothOffline(async () => {
    await paint(laptop, 'red')
    await laptop.rename('milk', 'Milk')
    await laptop.toggle(1).uncheck()
    await phone.rename('milk', 'Milk')
    await paint(phone, 'blue')
    await phone.toggle(1).uncheck()
    await phone.toggle(1).check()
  })
  await eventually(() => laptop.remarks.locator('.remark-text').allTextContents()).toEqual([
    '“Milk” Coloured blue elsewhere while you coloured it red. Theirs came later and stands; yours is lost.',
    '“bread” Ticked elsewhere while you unticked it. Theirs came later and stands; yours is lost.',
  ])
})

test('a change of what others do not touch, and another place in the list, are worth no remark', async () => {
  await bothOffline(async () => {
    await laptop.rename('milk', 'Oat milk')
    await laptop.handleOf('bread').press('ArrowUp')
    await laptop.shows('bread', 'Oat milk')
    await phone.toggle(0).check()
    await phone.handleOf('bread').press('ArrowUp')
    await phone.handleOf('bread').press('ArrowDown')
  })
  await eventually(async () => [...(await laptop.list())].sort()).toEqual(['bread', '✓ Oat milk'])
  await phone.shows(...(await laptop.list()))
  expect([await laptop.remarks.count(), await phone.remarks.count()]).toEqual([0, 0])
})

test('on a phone in the dark a remark has room for any title, and titles stay text', async () => {
  const hostile = `<img src=x onerror="alert(1)"> ${'x'.repeat(300)} \u202Eevil`
  const small = await TodoPage.open(site, stream, { viewport: { width: 360, height: 740 }, colorScheme: 'dark', reducedMotion: 'reduce' })
  await small.goOffline()
  await small.rename('milk', 'Oat milk')
  await small.remove('bread')
  await laptop.rename('milk', hostile)
  await laptop.rename('bread', `${hostile}, too`)
  await laptop.settled()
  await small.goOnline()
  await eventually(() => small.remarks.count()).toBe(2)
  const cut = '“<img src=x onerror="alert(1)"> xxxxxxxxx…”'
  expect(await small.remarks.locator('.remark-text').allTextContents()).toEqual([
    `“bread” Renamed elsewhere to ${cut} while you deleted it. It stays deleted, and their change is lost.`,
    `Renamed elsewhere to ${cut} while you renamed it to “Oat milk”. Yours came later and stands; theirs is lost.`,
  ])
  expect(await small.page.locator('.remark img').count()).toBe(0)
  expect(await small.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
  expect(await violations(small.page)).toEqual([])
})

test('hundreds of conflicts are a few remarks and a number; all can be left as they are', async () => {
  const titles = Array.from({ length: 200 }, (_, n) => `task ${n}`)
  await site.deployment.publish(
    stream,
    titles.map((title, n) => ({ type: 'insert', collection: 'tasks', identifier: `task-${n}`, values: { title } })),
  )
  await eventually(() => laptop.items.count()).toBe(202)
  await laptop.goOffline()
  await laptop.toggleAll.check()
  await eventually(() => laptop.badgeText()).toContain('pending 202')
  await site.deployment.publish(
    stream,
    titles.map((_, n) => ({ type: 'delete', collection: 'tasks', identifier: `task-${n}` })),
  )
  await laptop.goOnline()
  await laptop.shows('✓ milk', '✓ bread')
  await eventually(() => laptop.remarks.count()).toBe(3)
  expect(await laptop.remarks.first().textContent()).toContain('“task 0” Deleted by a script while you ticked it.')
  expect(await laptop.page.locator('.remarks-more').textContent()).toContain('and 197 more conflicts')
  expect(await laptop.told()).toBe('200 changes of yours met changes made elsewhere at the same time.')
  expect(await violations(laptop.page)).toEqual([])
  await laptop.page.getByRole('button', { name: 'Show more' }).click()
  await eventually(() => laptop.remarks.count()).toBe(23)
  await laptop.remarks.nth(4).getByRole('button', { name: 'Bring it back' }).click()
  await laptop.shows('✓ milk', '✓ bread', '✓ task 4')
  expect(await laptop.page.locator('.remarks-more').textContent()).toContain('and 176 more conflicts')
  await laptop.page.getByRole('button', { name: 'Leave all as it is' }).click()
  await eventually(() => laptop.remarks.count()).toBe(0)
  await laptop.shows('✓ milk', '✓ bread', '✓ task 4')
})
