/** The dinner party: who is here, and what happened since one looked, told from the tape or, without it, from the model. */
import type { BrowserContextOptions, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { Visit } from '../support/browser.ts'
import { eventually, Site } from './site.ts'
import { screens, violations } from './violations.ts'

const site = Site.use()

const comes = (name: string, values: object = { name }) => ({ type: 'insert', collection: 'guests', identifier: name, values })
const goes = (name: string) => ({ type: 'delete', collection: 'guests', identifier: name })

/** The page as a person has it in hand. */
class Party {
  readonly visit: Visit
  readonly page: Page

  constructor(visit: Visit, page = visit.page) {
    this.visit = visit
    this.page = page
  }

  static async open(stream: string, options: BrowserContextOptions & { origin?: string } = {}): Promise<Party> {
    const party = new Party(await site.visit(`/guests/?stream=${stream}`, options))
    await eventually(() => party.visit.badge()).toBe('online')
    return party
  }

  /** The same browser, later. */
  async reopen(): Promise<Party> {
    const page = await this.page.context().newPage()
    page.setDefaultTimeout(10_000)
    page.on('pageerror', (error) => this.visit.offences.push(`error: ${error.message}`))
    page.on('request', (request) => {
      if (request.url().includes('/events?')) this.visit.reads.push(request.url())
    })
    await page.goto(this.page.url())
    return new Party(this.visit, page)
  }

  badge(): Promise<string | null> {
    return this.page.getByRole('status').first().getAttribute('data-state')
  }

  button(name: string) {
    return this.page.getByRole('button', { name, exact: true })
  }

  async comeIn(name: string): Promise<void> {
    await this.page.getByLabel('Your name').fill(name)
    await this.button('Come in').click()
  }

  here(): Promise<readonly string[]> {
    return this.page.locator('.guest bdi').allTextContents()
  }

  /** What the porter says. */
  async news(): Promise<readonly string[]> {
    const texts = await this.page.locator('#news :is(li, p)').allTextContents()
    return texts.map((text) => text.replaceAll(/\s+/g, ' ').trim())
  }

  async hears(...news: string[]): Promise<void> {
    await eventually(() => this.news()).toEqual(news)
  }

  /** Waits until the browser keeps the page. */
  async kept(): Promise<void> {
    await this.page.evaluate(async () => void (await navigator.serviceWorker.ready))
  }
}

const justArrived = 'You have just arrived. Whatever happens from now on is told here.'
const withoutConnection = 'That is the short answer, from what this device has. With a connection the tape tells the whole story.'

test('[M9] who was away is told what happened, from exactly the piece of the tape that has not been looked at', async () => {
  const stream = site.newStream()
  await site.deployment.publish(
    stream,
    ['Alex', 'Blake', 'Caroline'].map((name) => comes(name)),
  )
  const anna = await Party.open(stream)
  await anna.hears(justArrived)
  expect(await anna.here()).toEqual(['Alex', 'Blake', 'Caroline'])
  await anna.page.close()

  const ben = await Party.open(stream)
  await ben.button('Goodbye, Blake').click()
  for (const button of ['Let Emily in', 'Goodbye, Emily', 'Let Emily in']) await ben.button(button).click()
  await eventually(() => ben.here()).toEqual(['Alex', 'Caroline', 'Emily'])
  await ben.hears('Blake left.', 'Emily came, left and came back.')
  await eventually(async () => (await site.deployment.events(stream)).length).toBe(7)

  anna.visit.reads.length = 0
  const later = await anna.reopen()
  await later.hears('Blake left.', 'Emily came, left and came back.')
  expect(await later.here()).toEqual(['Alex', 'Caroline', 'Emily'])
  const asked = anna.visit.reads.map((address) => new URL(address).searchParams.get('seq'))
  // Blake's departure and Emily's last arrival came with the welcome; what was folded away is read.
  expect(asked).toEqual(['4-5'])

  await later.button('I have seen this').click()
  await later.hears('Nothing.')
  await later.page.reload()
  await later.hears('Nothing.')
  await ben.button('Goodbye, Alex').click()
  await later.hears('Alex left.')
})

test('[M9] without a connection the answer is the shortest one, and with it again the whole story', async () => {
  const stream = site.newStream()
  await site.deployment.publish(
    stream,
    ['Alex', 'Blake'].map((name) => comes(name)),
  )
  const network = await site.network()
  const anna = await Party.open(stream, { origin: network.origin, serviceWorkers: 'allow' })
  await anna.hears(justArrived)
  await anna.kept()
  await site.deployment.publish(stream, [goes('Blake'), comes('Emily'), goes('Emily'), comes('Emily')])
  await anna.hears('Blake left.', 'Emily came, left and came back.')
  await eventually(() => anna.visit.badgeText()).toBe('online')

  network.refuse(true)
  network.cut()
  await eventually(() => anna.badge()).toBe('offline')
  await anna.page.reload()
  await anna.hears('Blake is gone.', 'Emily is new here.', withoutConnection)
  expect(await anna.here()).toEqual(['Alex', 'Emily'])
  await anna.comeIn('Anna')
  await eventually(() => anna.page.locator('.guest[data-pending] bdi').allTextContents()).toEqual(['Anna'])
  await anna.page.reload()
  await eventually(() => anna.here()).toEqual(['Alex', 'Emily', 'Anna'])

  network.refuse(false)
  await anna.visit.comeBack()
  await anna.hears('Blake left.', 'Emily came, left and came back.', 'Anna came.')
  await eventually(() => anna.page.locator('.guest[data-pending]').count()).toBe(0)
})

test('one comes in by name, leaves, and is known again on this device', async () => {
  const anna = await Party.open(site.newStream())
  await anna.comeIn('  Anna   Maria ')
  await eventually(() => anna.here()).toEqual(['Anna Maria'])
  expect(await anna.page.locator('#own').textContent()).toContain('You are here as Anna Maria.')
  expect(await anna.page.evaluate(() => document.activeElement?.textContent)).toBe('Leave the party')
  await anna.page.reload()
  await eventually(() => anna.page.locator('#own').textContent()).toContain('You are here as Anna Maria.')
  await anna.button('Leave the party').click()
  await eventually(() => anna.here()).toEqual([])
  await eventually(() => anna.page.evaluate(() => document.activeElement?.id)).toBe('own-name')
  await anna.page.reload()
  expect(await anna.page.getByLabel('Your name').inputValue()).toBe('Anna Maria')
  await anna.page.getByLabel('Your name').press('Enter')
  await eventually(() => anna.here()).toEqual(['Anna Maria'])
})

test('[M9] who comes in on two devices at the same time is one guest', async () => {
  const stream = site.newStream()
  const [laptop, phone] = [await Party.open(stream), await Party.open(stream)]
  await laptop.page.getByRole('switch', { name: 'Work offline' }).click()
  await eventually(() => laptop.badge()).toBe('paused')
  await laptop.comeIn('Anna')
  await phone.comeIn('Anna')
  await phone.hears('Anna came.')
  await laptop.page.getByRole('switch', { name: 'Work offline' }).click()
  await eventually(async () => (await site.deployment.events(stream)).length).toBe(2)
  await laptop.hears('Anna came.')
  await phone.hears('Anna came.')
  expect([await laptop.here(), await phone.here()]).toEqual([['Anna'], ['Anna']])
})

test('a story that would be long is not told, but its outcome', async () => {
  const stream = site.newStream()
  await site.deployment.publish(stream, [comes('Blake')])
  const anna = await Party.open(stream)
  await anna.hears(justArrived)
  await site.deployment.publish(
    stream,
    Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? comes('Dan') : goes('Dan'))),
  )
  await anna.hears('Dan came and went, 15 times in all, and is gone now.')
  await anna.page.close()
  const toAndFro = Array.from({ length: 600 }, (_, n) => (n % 2 === 0 ? comes('Dan') : goes('Dan')))
  await site.deployment.publish(stream, [...toAndFro, goes('Blake'), comes('Emily')])
  const later = await anna.reopen()
  await later.hears(
    'Blake is gone.',
    'Emily is new here.',
    'That is the short answer: so much has happened that the whole story would be long.',
  )
})

const hostile = [
  '<img src=x onerror="window.hacked=1;alert(1)">',
  '"><script>window.hacked=2</script>',
  'x'.repeat(10_000),
  `${'word '.repeat(2000)}`,
  'שלום \u202Eevil\u202C עולם',
  '👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 \u0000\u0007',
]

describe('hostile names', () => {
  test('stay text, are cut where they are long, and do not widen the page, whoever wrote them', async () => {
    const stream = site.newStream()
    const anna = await Party.open(stream, { viewport: { width: 360, height: 740 } })
    await anna.hears(justArrived)
    await site.deployment.publish(stream, [
      ...hostile.map((name, n) => ({ ...comes(`<i>${n}</i>`), values: { name } })),
      ...['', ' ', 17, null, ['x'], { toString: 1 }].map((name, n) => ({ ...comes(`odd-${n}`), values: { name } })),
      { ...comes('constructor'), values: {} },
      { type: 'update', collection: 'guests', identifier: '<i>0</i>', values: { name: '<u>renamed</u>' } },
      { type: 'update', collection: 'guests', identifier: 'nobody', values: { name: 'ghost' } },
      { type: 'insert', collection: '<b>others</b>', identifier: 'x', values: {} },
    ])
    const expected = ['<u>renamed</u>', ...hostile.slice(1).map(shorten), ...Array.from({ length: 6 }, (_, n) => `odd-${n}`), 'constructor']
    await eventually(() => anna.here()).toEqual(expected)
    await eventually(async () => (await anna.news())[0]).toBe(`${hostile[0]} came and is called <u>renamed</u> now.`)
    expect(await anna.page.evaluate(() => Reflect.get(window, 'hacked'))).toBeUndefined()
    expect(await anna.page.locator('.party').locator('img, script, u, i').count()).toBe(0)
    expect(await anna.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
    for (const name of ['<u>renamed</u>', 'odd-0', 'constructor']) await anna.button(`Goodbye, ${name}`).click()
    await eventually(async () => (await anna.here()).length).toBe(expected.length - 3)
    await eventually(() => anna.page.locator('.cell[data-type="pending"]').count()).toBe(0)
    await eventually(async () => (await site.deployment.events(stream)).filter(({ type }) => type === 'delete').length).toBe(3)
    await anna.page.reload()
    await eventually(async () => (await anna.here()).length).toBe(expected.length - 3)
  })

  test('can be typed, as far as a name may be one', async () => {
    const stream = site.newStream()
    const anna = await Party.open(stream)
    for (const name of ['', '   ', '\u2003']) {
      await anna.comeIn(name)
      expect(await anna.here()).toEqual([])
    }
    for (const name of hostile) {
      // As somebody who pastes it, past what the input allows.
      await anna.page.getByLabel('Your name').evaluate((input: HTMLInputElement, value) => {
        input.maxLength = 20_000
        input.value = value
      }, name)
      await anna.button('Come in').click()
      await eventually(() => anna.here()).toHaveLength(1)
      await anna.button('Leave the party').click()
      await eventually(() => anna.here()).toEqual([])
    }
    await eventually(async () => (await site.deployment.events(stream)).length).toBe(2 * hostile.length)
    expect(await anna.page.locator('#refused').textContent()).toBe('')
    expect(await anna.page.evaluate(() => Reflect.get(window, 'hacked'))).toBeUndefined()
  })
})

function shorten(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}…` : name
}

test('what this browser kept and nobody could have written does no harm', async () => {
  const stream = site.newStream()
  await site.deployment.publish(stream, [comes('Alex')])
  const visit = await site.visit('/')
  for (const kept of ['{', 'null', '{"seq":"1","here":[]}', '{"seq":1,"here":[["x"]]}', '{"seq":900,"here":[]}']) {
    await visit.page.evaluate(([key, value]) => localStorage.setItem(key, value), [`tapeline.guests.look:${stream}:`, kept] as const)
    await visit.page.goto(`${site.deployment.origin}/guests/?stream=${stream}`)
    const party = new Party(visit)
    await eventually(() => party.badge()).toBe('online')
    await party.hears(justArrived)
    await visit.page.goto(`${site.deployment.origin}/`)
  }
})

describe.each(screens)('%s', (_name, screen) => {
  test('the page violates nothing that axe knows of: empty, with guests and a story, offline', async () => {
    const anna = await Party.open(site.newStream(), screen)
    await anna.hears(justArrived)
    expect(await violations(anna.page), 'empty').toEqual([])
    await anna.comeIn('Anna')
    await anna.button('Let Blake in').click()
    await anna.hears('Anna came.', 'Blake came.')
    await anna.page.locator('.cell[data-type="event"]').first().focus()
    expect(await violations(anna.page), 'with guests').toEqual([])
    await anna.page.getByRole('switch', { name: 'Work offline' }).click()
    await anna.button('Let Dan in').click()
    await eventually(() => anna.page.locator('.guest[data-pending]').count()).toBe(1)
    expect(await violations(anna.page), 'offline').toEqual([])
    expect(await anna.page.locator('#news').getAttribute('aria-live')).toBe('polite')
    expect(await anna.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(screen.viewport.width)
  })
})

test('everything can be done with the keyboard, and the focus never gets lost', async () => {
  const { page, ...party } = await Party.open(site.newStream())
  void party
  const focused = () =>
    page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim())
  await page.getByLabel('Your name').focus()
  await page.keyboard.type('Anna')
  await page.keyboard.press('Enter')
  await eventually(focused).toBe('Leave the party')
  for (const name of ['Goodbye, Anna', 'Let Alex in']) {
    await page.keyboard.press('Tab')
    expect(await focused()).toBe(name)
  }
  await page.keyboard.press('Space')
  await eventually(() => page.locator('.guest bdi').allTextContents()).toEqual(['Anna', 'Alex'])
  await eventually(focused).toBe('Let Blake in')
  await page.keyboard.press('Enter')
  await eventually(focused).toBe('Let Caroline in')
  await page.keyboard.press('Shift+Tab')
  await eventually(focused).toBe('Goodbye, Blake')
  await page.keyboard.press('Enter')
  await eventually(() => page.locator('.guest bdi').allTextContents()).toEqual(['Anna', 'Alex'])
  await eventually(focused).toBe('Goodbye, Alex')
})
