/** The store in the database of a real browser: its contract, in two tabs at once, and what can be wrong with databases. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ClientStore, OutboxEntry, SavedChange, StoreTrouble } from '../../src/client/index.ts'
import type { TapeEvent } from '../../src/protocol/index.ts'
import { clientStoreContract } from '../contract/client-store.ts'
import { launchBrowser } from '../support/browser.ts'
import { answerEverywhere, bundlePageScript, RemoteStore } from './indexed-db-page.ts'

const origin = 'https://store.test'

let browser: Browser
let script: string
let context: BrowserContext
let tabs: readonly [Page, Page]
/** Uncaught errors, and rejections that nobody takes. */
const offences: string[] = []
let databases = 0

beforeAll(async () => {
  ;[script, browser] = await Promise.all([bundlePageScript(), launchBrowser()])
  context = await browser.newContext()
  await answerEverywhere(context, offences)
  tabs = [await newTab(), await newTab()]
})
afterEach(() => expect(offences.splice(0)).toEqual([]))
afterAll(() => browser.close())

async function newTab(address = origin): Promise<Page> {
  const page = await context.newPage()
  await page.goto(address)
  await page.addScriptTag({ content: script, type: 'module' })
  await page.waitForFunction('globalThis.begun !== undefined')
  return page
}

const newName = () => `tapeline:${origin}/v1/streams/test-${++databases}`

clientStoreContract('IndexedDB', () => {
  const name = newName()
  let opened = 0
  return { open: () => new RemoteStore(tabs[opened++ % 2] as Page, name) }
})

const trouble = (name: StoreTrouble) => expect.objectContaining({ name: 'StoreFailure', trouble: name })

const entry = (place: number, more: Partial<OutboxEntry> = {}): OutboxEntry => ({
  place,
  draft: { type: 'delete', collection: 'things', identifier: `thing-${place}`, seen: -1 },
  madeAt: 1,
  folded: { drafts: 1, bytes: 60 },
  ...more,
})

const insert = (seq: number, text = ''): TapeEvent => ({
  seq,
  seen: -1,
  type: 'insert',
  collection: 'things',
  identifier: `thing-${seq}`,
  values: { text },
})

describe('the store in a database', () => {
  let name: string
  let store: RemoteStore
  let page: Page
  let other: Page

  beforeEach(async () => {
    ;[page, other] = tabs
    name = newName()
    store = new RemoteStore(page, name)
    await store.claim('first')
    await store.save({ client: 'me', put: [entry(1)] })
  })

  /** Does something with the database beside the store, in another tab. */
  const beside = <T>(work: string): Promise<T> => other.evaluate<T>(`openDB(${JSON.stringify(name)}).then(async (db) => { ${work} })`)

  /** A call of the store, for a script that makes several of them in one turn. */
  const call = (method: keyof ClientStore, ...args: readonly unknown[]) =>
    `call(${JSON.stringify([store.handle, name, method, args]).slice(1, -1)})`

  const save = (change: SavedChange) => call('save', change)

  test('[C10] a claim parts the saves of its turn', async () => {
    const second = new RemoteStore(other, name)
    await second.claim('second')
    const calls = [save({ put: [entry(2)] }), call('claim', 'again'), save({ put: [entry(3)] })]
    const answers = await page.evaluate(`Promise.all([${calls}])`)
    expect(answers).toEqual([expect.stringContaining('fenced'), '[null]', '[null]'])
    expect((await store.load())?.outbox).toEqual([entry(1), entry(3)])
  })

  test('[C9] close lets go of the database, after what was called before it', async () => {
    await page.evaluate(`Promise.all([${save({ put: [entry(2)] })}, ${call('close')}])`)
    await expect(page.evaluate("lastDatabase.transaction('outbox')")).rejects.toThrow('InvalidStateError')
    expect((await new RemoteStore(other, name).load())?.outbox).toEqual([entry(1), entry(2)])
  })

  test('[C9] what gives counters waits for the disk, and nothing else does', async () => {
    await page.evaluate('begun.length = 0')
    await store.save({ put: [entry(2)], events: [insert(0)], remove: [1] })
    await store.save({ nextCounter: 2 })
    await store.save({ put: [entry(2, { counter: 1 })] })
    expect(await page.evaluate('begun')).toEqual(['readwrite relaxed', 'readwrite strict', 'readwrite strict'])
  })

  test('[C9] a save that fails half-way has not begun', async () => {
    const nowhere = { ...entry(3), place: {} as number }
    const change = { client: 'you', nextCounter: 9, tabs: { a: 1 }, events: [insert(7)], put: [entry(2), nowhere, entry(4)], remove: [1] }
    await expect(store.save(change)).rejects.toEqual(trouble('failed'))
    expect(await store.load()).toMatchObject({ client: 'me', nextCounter: 1, tabs: {}, outbox: [entry(1)] })
    expect(await store.events()).toEqual([])
  })

  test('[C9] takes up a database that an older version has written', async () => {
    const older = newName()
    const client = { owner: 'before', client: 'me', nextCounter: 3, tape: { epoch: 'e', latestSeq: 0, accounted: [[0, 0]] }, tabs: {} }
    await page.evaluate(`openDB(${JSON.stringify(older)}, 1, { upgrade: (db) => {
      db.createObjectStore('client').put(${JSON.stringify(client)}, 'client')
      db.createObjectStore('outbox', { keyPath: 'place' }).put(${JSON.stringify(entry(1))})
      db.createObjectStore('objects').put([${JSON.stringify(insert(0))}], ['things', 'thing-0'])
    } }).then((db) => db.close())`)
    const after = new RemoteStore(page, older)
    await after.claim('second')
    await after.save({ events: [insert(1)] })
    expect(await after.load()).toMatchObject({ client: 'me', nextCounter: 3, outbox: [entry(1)] })
    expect(await after.events()).toEqual([insert(0), insert(1)])
    await after.close()
  })

  test('[C13] makes way for a newer version in another tab, and says then that it is newer', async () => {
    await other.evaluate(`openDB(${JSON.stringify(name)}, 99).then((db) => db.close())`)
    await expect(store.save({ remove: [1] })).rejects.toEqual(trouble('newer'))
    await expect(store.load()).rejects.toEqual(trouble('newer'))
    await expect(new RemoteStore(other, name).claim('second')).rejects.toEqual(trouble('newer'))
    await other.evaluate(`deleteDB(${JSON.stringify(name)})`)
    await store.claim('again')
  })

  test('[C13] says after five seconds that another tab is in the way, and goes on when it no longer is', async () => {
    const waiting = await context.newPage()
    await waiting.clock.install()
    await waiting.goto(origin)
    await waiting.addScriptTag({ content: script, type: 'module' })
    await beside('globalThis.inTheWay = db')
    // It closes only when it is told to: whoever opens the database now waits for the deletion, which waits for it.
    await store.close()
    await other.evaluate(`void deleteDB(${JSON.stringify(name)})`)
    const late = new RemoteStore(waiting, name)
    const attempt = expect(late.claim('late')).rejects.toEqual(trouble('blocked'))
    await waiting.clock.runFor(5_000)
    await attempt
    await other.evaluate('inTheWay.close()')
    await late.claim('late')
    expect(await late.load()).toBeUndefined()
    await waiting.close()
  })

  test('[C13] a database that is deleted is another one: what is saved needs a new claim', async () => {
    await other.evaluate(`deleteDB(${JSON.stringify(name)})`)
    await expect(store.save({ put: [entry(2)] })).rejects.toEqual(trouble('cleared'))
    await store.claim('again')
    expect(await store.load()).toBeUndefined()
    await store.save({ client: 'me', put: [entry(2)] })
    expect((await store.load())?.outbox).toEqual([entry(2)])
  })

  test('[C13] opens again what the browser has closed', async () => {
    const elsewhere = 'https://cleared.test'
    const cleared = await newTab(elsewhere)
    const session = await context.newCDPSession(cleared)
    const lost = new RemoteStore(cleared, name)
    await lost.claim('first')
    await lost.save({ client: 'me' })
    await session.send('Storage.clearDataForOrigin', { origin: elsewhere, storageTypes: 'indexeddb' })
    expect(await cleared.evaluate('lastClosed')).toBe(true)
    await lost.claim('second')
    expect(await lost.load()).toBeUndefined()
    await cleared.close()
  })

  test('[C13] is unavailable where pages may not keep anything', async () => {
    const sandboxed = await newTab('data:text/html,')
    await expect(new RemoteStore(sandboxed, name).claim('first')).rejects.toEqual(trouble('unavailable'))
    await expect(new RemoteStore(sandboxed, name).load()).rejects.toEqual(trouble('unavailable'))
    await sandboxed.close()
  })

  test('[C13] counts the entries that it cannot understand, and leaves them where they are', async () => {
    const good = JSON.stringify(entry(3))
    const bad = [
      '{ place: 4 }',
      `{ ...${good}, place: 5, draft: { type: 'upsert' } }`,
      `{ ...${good}, place: 6, counter: '1' }`,
      `{ ...${good}, place: 7, refused: 'because' }`,
      `{ ...${good}, place: 8, folded: {} }`,
      `{ ...${good}, place: 9, madeAt: 'now' }`,
      `{ ...${good}, place: 'last' }`,
    ]
    await beside(`for (const row of [${good}, ${bad}]) await db.put('outbox', row); db.close()`)
    expect(await store.load()).toMatchObject({ outbox: [entry(1), entry(3)], unreadable: bad.length, lastPlace: 9 })
    await store.save({ remove: [1] })
    expect(await beside(`const count = await db.count('outbox'); db.close(); return count`)).toBe(1 + bad.length)
  })

  test.each([
    ['nextCounter', '-1'],
    ['client', '7'],
    ['tape', '{ epoch: 1, latestSeq: -1, accounted: [] }'],
    ['tape', "{ epoch: 'e', latestSeq: 3, accounted: [[0]] }"],
    ['tabs', "{ tab: 'many' }"],
  ])('[C13] writes nothing over a client whose %s it cannot understand: %s', async (member, value) => {
    await beside(`await db.put('client', { ...(await db.get('client', 'client')), ${member}: ${value} }, 'client'); db.close()`)
    await expect(store.load()).rejects.toEqual(trouble('unreadable'))
    await expect(store.claim('second')).rejects.toEqual(trouble('unreadable'))
    await expect(store.save({ nextCounter: 2 })).rejects.toEqual(trouble('unreadable'))
  })

  test.each(['7', '[{}]', "[{ ...event, seq: 'first' }]"])(
    '[C13] gives no events when it cannot understand those of an object: %s',
    async (row) => {
      await store.save({ events: [insert(0)] })
      await beside(`const [[event]] = await db.getAll('objects'); await db.put('objects', ${row}, ['things', 'thing-0']); db.close()`)
      await expect(store.events()).rejects.toEqual(trouble('unreadable'))
      await expect(store.save({ events: [insert(0)], put: [entry(2)] })).rejects.toEqual(trouble('unreadable'))
      expect((await store.load())?.outbox).toEqual([entry(1)])
    },
  )
})

describe('a database without room', () => {
  let store: RemoteStore
  let page: Page
  const megabyte = 1_000_000
  const tape = { epoch: 'e', latestSeq: 3, accounted: [[0, 3]] as const }

  /** Random, so that nothing can make it smaller. */
  const noise = () => Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('base64')
  const much = Array.from({ length: 30 }, (_, index) => insert(index + 10, noise()))

  beforeEach(async () => {
    const crowded = `https://crowded-${++databases}.test`
    page = await newTab(crowded)
    const session = await context.newCDPSession(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin: crowded, quotaSize: megabyte })
    store = new RemoteStore(page, newName())
    await store.claim('first')
    expect(await store.save({ client: 'me', nextCounter: 4, tape, events: [insert(0)], put: [entry(1)] })).toBeUndefined()
    return () => page.close()
  })

  test('[C13] sheds what the server has, and says so, rather than lose what it has not', async () => {
    expect(await store.save({ tape: { ...tape, latestSeq: 99 }, events: much, put: [entry(2)], nextCounter: 5 })).toEqual({ shed: true })
    const blank = { epoch: 'e', latestSeq: -1, accounted: [] }
    expect(await store.load()).toMatchObject({ client: 'me', nextCounter: 5, tape: blank, outbox: [entry(1), entry(2)] })
    expect(await store.events()).toEqual([])

    // What was called before the answer came would pretend that all before it was there.
    expect(await store.save({ tape, events: [insert(3)], remove: [1] })).toEqual({ shed: true })
    expect(await store.load()).toMatchObject({ tape: blank, outbox: [entry(2)] })
    expect(await store.events()).toEqual([])

    expect(await store.save({ tape, forgetEvents: true, events: [insert(4)] })).toBeUndefined()
    expect(await store.save({ events: [insert(5)] })).toBeUndefined()
    expect(await store.load()).toMatchObject({ tape })
    expect(await store.events()).toEqual([insert(4), insert(5)])
  })

  test('[C13] keeps the tape again for whoever claims it, which reads it anew', async () => {
    expect(await store.save({ tape, events: much })).toEqual({ shed: true })
    await store.claim('second')
    expect(await store.save({ tape, events: [insert(0)] })).toBeUndefined()
    expect(await store.load()).toMatchObject({ tape })
  })

  test('[C13] saves nothing, and loses nothing, when there is no room even so', async () => {
    const put = much.map(({ seq: place, ...draft }) => entry(place, { draft }))
    await expect(store.save({ nextCounter: 9, put, remove: [1] })).rejects.toEqual(trouble('full'))
    expect(await store.load()).toMatchObject({ nextCounter: 4, tape, outbox: [entry(1)] })
    expect(await store.events()).toEqual([insert(0)])
  })
})
