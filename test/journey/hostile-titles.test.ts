/** What anybody can put on a tape stays text on every page: no markup of it lives, no script of it runs. */
import { expect, test } from 'vitest'
import { testToken } from '../support/tokens.ts'
import { eventually, Site } from './site.ts'
import { TodoPage } from './todo-page.ts'

const site = Site.use()

const titles = [
  '<img src=x onerror="window.hacked=1;alert(1)">',
  '<script>window.hacked=2;alert(2)</script>',
  '"><svg onload=alert(3)>',
  "javascript:alert(4) ' onmouseover='alert(5)",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the page must not evaluate
  '${alert(6)} {{alert(7)}} <!--?lit$-->',
  `long ${'word '.repeat(400)}${'x'.repeat(3000)}`,
  'שלום \u202Eevil\u202C עולם',
  '👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 \u0000\u0007 \u2028 end',
]

/** Values of other types than a page expects, and objects that are none of its. */
const oddities: readonly object[] = [
  { type: 'insert', collection: 'tasks', identifier: 'odd-1', values: { title: { toString: 'no' }, completed: 'yes', label: ['red'] } },
  { type: 'insert', collection: 'tasks', identifier: 'odd-2', values: { title: 17, completed: 1, label: 'url(x)' } },
  { type: 'insert', collection: 'tasks', identifier: '<i>odd-3</i>"', values: { constructor: 'x', 'on<i>': '<u>' } },
  { type: 'update', collection: 'tasks', identifier: 'nobody', values: { title: 'ghost' } },
  { type: 'insert', collection: '<i>others</i>', identifier: 'x', values: {} },
]

async function isUnharmed(todo: TodoPage): Promise<void> {
  expect(await todo.page.evaluate(() => Reflect.get(window, 'hacked'))).toBeUndefined()
  expect(await todo.page.locator('.todo-list, #tape').locator('img, script, iframe, u, i').count()).toBe(0)
}

test('hostile titles stay text in the list, whoever wrote them', async () => {
  const stream = site.newStream()
  const anna = await TodoPage.open(site, stream)
  await anna.add(...titles)
  const typed = titles.map((title) => title.trim())
  await eventually(() => anna.titles.allTextContents()).toEqual(typed)
  await isUnharmed(anna)
  await anna.settled()
  const ben = await TodoPage.open(site, stream)
  await eventually(() => ben.titles.allTextContents()).toEqual(typed)
  await isUnharmed(ben)

  const script = site.newStream()
  await site.deployment.publish(script, [
    ...titles.map((title, n) => ({ type: 'insert', collection: 'tasks', identifier: `task-${n}`, values: { title, completed: false } })),
    ...oddities,
  ])
  const carol = await TodoPage.open(site, script)
  await eventually(() => carol.titles.allTextContents()).toEqual([...titles, '', '17', ''])
  await isUnharmed(carol)
  await carol.add('and the page still works')
  await eventually(() => carol.titles.last().textContent()).toBe('and the page still works')
})

test('hostile titles do not widen the page', async () => {
  const stream = site.newStream()
  await site.deployment.publish(
    stream,
    titles.map((title, n) => ({ type: 'insert', collection: 'tasks', identifier: `task-${n}`, values: { title } })),
  )
  const todo = await TodoPage.open(site, stream, { viewport: { width: 360, height: 640 } })
  await eventually(() => todo.items.count()).toBe(titles.length)
  expect(await todo.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
})

test('hostile values stay text on the tape, spelled out and cut where they are long', async () => {
  const stream = site.newStream()
  await site.deployment.publish(
    stream,
    titles.map((title, n) => ({
      type: 'insert',
      collection: '<b>tasks</b>',
      identifier: `<i>${n}</i>`,
      values: { '<u>title</u>': title },
    })),
  )
  const todo = await TodoPage.open(site, stream)
  const cells = todo.page.locator('.cell[data-type="event"]')
  await eventually(() => cells.count()).toBe(titles.length)
  for (const [seq, title] of titles.entries()) {
    await cells.nth(seq).focus()
    const details = todo.page.locator('.tape-details')
    await eventually(() => details.textContent()).toContain(`seq ${seq}: insert in <b>tasks</b>`)
    expect(await details.textContent()).toContain(JSON.stringify(title).slice(0, 200))
    expect(await details.locator('b, i, u, img, script, svg').count()).toBe(0)
  }
  await isUnharmed(todo)
})

test('what gets into a page in spite of all does not run, and is noticed', async () => {
  const todo = await TodoPage.open(site, site.newStream())
  const outcome = await todo.page.evaluate(() => {
    const image = document.createElement('img')
    try {
      image.setAttribute('onerror', 'window.hacked = 1')
    } catch (error) {
      return error instanceof Error ? error.name : 'thrown'
    }
    image.src = '/nowhere'
    document.body.append(image)
    return 'planted'
  })
  expect(outcome).toBe('TypeError')
  await todo.page.evaluate(() => {
    const frame = document.createElement('iframe')
    frame.src = 'https://example.com/'
    document.body.append(frame)
  })
  await eventually(() => todo.visit.offences.join()).toMatch(/policy: .*Content Security Policy/)
  expect(await todo.page.evaluate(() => Reflect.get(window, 'hacked'))).toBeUndefined()
  todo.visit.offences.length = 0
})

test('hostile titles can be edited as what they are', async () => {
  const todo = await TodoPage.open(site, site.newStream())
  await todo.add('<b>bold</b> "quoted"')
  const input = await todo.edit(0)
  expect(await input.inputValue()).toBe('<b>bold</b> "quoted"')
  await input.press('End')
  await input.pressSequentially('<script>')
  await input.press('Enter')
  await todo.shows('<b>bold</b> "quoted"<script>')
})

test('[N4] half a surrogate pair is refused by the server, and mended by the page before it is sent', async () => {
  const stream = site.newStream()
  const answer = await fetch(`${site.deployment.streamAddress(stream)}/events`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${await testToken()}`, 'Content-Type': 'application/json' },
    body: '{"drafts":[{"type":"insert","collection":"tasks","identifier":"x","values":{"title":"half \\ud83d"}}]}',
  })
  expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'lone-surrogate' })])

  const todo = await TodoPage.open(site, stream)
  await todo.newTodo.evaluate((input: HTMLInputElement) => {
    input.value = 'half \ud83d'
  })
  await todo.newTodo.press('Enter')
  await todo.shows('half \ufffd')
  await todo.settled()
  expect((await site.deployment.events(stream)).map(({ values }) => values?.title)).toEqual(['half \ufffd'])
})
