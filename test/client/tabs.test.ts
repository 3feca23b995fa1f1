/** Tabs that share a stream: what the others show of what one of them does, while that one lives. */
import { describe, expect, test } from 'vitest'
import type { TabMessage } from '../../src/client/index.ts'
import { TestStore } from '../support/test-store.ts'
import { NotingModel, plainSlice } from '../support/test-stream.ts'
import { named, own, pendingOf, TestBrowser, type TestTab, twoTabs, watch } from '../support/test-tabs.ts'

describe('a tab that works through another one', () => {
  test('[C14] opens no connection, and shows what is saved: the tape and what is pending', async () => {
    const browser = new TestBrowser()
    const owner = await browser.open('a')
    await owner.welcome(-1, { counter: 0 })
    await owner.slice([[0, 2]])
    owner.stream.publish(named('mine'))
    await owner.settle()
    const follower = await browser.open('b')
    expect(follower.transport.links).toEqual([])
    expect(follower.model.runs[0]).toEqual([0, 1, 2])
    expect(pendingOf(follower)).toEqual(['mine'])
    expect(follower.stream.client).toBe(owner.stream.client)
    expect(follower.stream.status).toEqual(owner.stream.status)
    expect(follower.stream.outbox).toEqual(owner.stream.outbox)
    expect(follower.stream.latestSeq).toBe(2)
  })

  test('[C14] follows: events, drafts, confirmations, refusals and the status, as soon as they are saved', async () => {
    const { owner, follower } = await twoTabs()
    await owner.slice([[0, 0]])
    expect(follower.model.seqs).toEqual([0])
    owner.stream.publish(named('x'))
    owner.stream.publish(named('y'))
    await owner.settle()
    expect(pendingOf(follower)).toEqual(['x', 'y'])
    await owner.frame({ type: 'refused', ref: 1, code: 'invalid', counter: 2 })
    expect(pendingOf(follower)).toEqual(['x'])
    expect(follower.stream.status.refused).toEqual(owner.stream.status.refused)
    await owner.frame(own(owner, 1, 1, 'x'))
    expect([pendingOf(follower), follower.model.seqs]).toEqual([[], [0, 1]])
    await owner.slice([[5, 5]])
    expect(follower.stream.status).toEqual(owner.stream.status)
    expect(follower.stream.status.holes).toEqual([[2, 4]])
    owner.link.events.onClose({})
    await owner.settle()
    expect(follower.stream.status.connection).toBe('offline')
    await owner.settle(1000)
    await owner.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000 })
    expect([follower.model.resets, follower.stream.status]).toEqual([1, owner.stream.status])
  })

  test('[C14] its draft shows at once, is taken, sent by the owner, and confirmed', async () => {
    const { owner, follower } = await twoTabs()
    await owner.slice([[0, 3]])
    const publication = follower.stream.publish(named('theirs'))
    const states = watch(publication)
    expect(follower.model.pending).toEqual([{ ...named('theirs'), seen: 3 }])
    expect(follower.stream.status).toMatchObject({ pending: 1, outbox: { drafts: 1 }, storage: { unsaved: 1 } })
    expect(pendingOf(owner)).toEqual([])
    await follower.settle()
    expect([pendingOf(owner), pendingOf(follower)]).toEqual([['theirs'], ['theirs']])
    expect(owner.link.sent).toMatchObject([{ type: 'publish', drafts: [{ counter: 1, seen: 3, identifier: 'theirs' }] }])
    expect(follower.stream.status.storage.unsaved).toBe(0)
    expect((await owner.store.load())?.tabs).toEqual({ 'b-1': 1 })
    await owner.frame(own(owner, 4, 1, 'theirs'))
    expect([pendingOf(owner), pendingOf(follower), follower.model.seqs.at(-1)]).toEqual([[], [], 4])
    expect(states).toEqual(['queued', 'sent', 'applied'])
    expect(publication.state).toEqual({ type: 'applied', seq: 4 })
    expect(follower.stream.outbox).toEqual([])
  })

  test('[C14] [C12] its publications come to the same ends as the owner’s', async () => {
    const { owner, follower } = await twoTabs()
    owner.link.events.onClose({})
    const [inserted, deleted] = [
      follower.stream.publish(named('gone')),
      follower.stream.publish({ type: 'delete', collection: 'things', identifier: 'gone' }),
    ]
    const [first, second] = [1, 2].map((n) => follower.stream.publish({ ...named('twice'), type: 'update', values: { n } }))
    const refused = follower.stream.publish(named('refused'))
    await follower.settle()
    expect([inserted.state, deleted.state]).toEqual([{ type: 'folded-away' }, { type: 'folded-away' }])
    await owner.settle(1000)
    await owner.welcome(-1, { counter: 0 })
    await owner.frame({ type: 'refused', ref: 1, code: 'invalid', counter: 2 })
    expect(refused.state).toMatchObject({ type: 'refused', code: 'invalid' })
    await owner.frame({
      type: 'slice',
      ...plainSlice([[0, 0]], () => ({ ...named('twice'), type: 'update', values: { n: 2 }, client: owner.stream.client, counter: 1 })),
    })
    expect([first?.state, second?.state]).toEqual([
      { type: 'applied', seq: 0 },
      { type: 'applied', seq: 0 },
    ])
    const { place } = follower.stream.status.refused[0] ?? { place: 0 }
    follower.stream.discard(place)
    await follower.settle()
    expect(refused.state).toEqual({ type: 'discarded' })
    expect([owner.stream.status.refused, follower.stream.status.refused]).toEqual([[], []])
  })

  test('[C14] its publication is told where its draft is only when that is saved, however slow the store is', async () => {
    const { owner, follower } = await twoTabs()
    owner.store.holds = 'before'
    owner.stream.publish(named('mine'))
    await owner.settle()
    const publication = follower.stream.publish(named('theirs'))
    await follower.settle()
    owner.store.letGo()
    await owner.settle()
    expect(publication.state.type).toBe('sent')
    await owner.frame({
      type: 'slice',
      ...plainSlice([[0, 1]], (seq) => ({ ...named(seq === 0 ? 'mine' : 'theirs'), client: owner.stream.client, counter: seq + 1 })),
    })
    expect(publication.state).toEqual({ type: 'applied', seq: 1 })
  })

  test('[C14] tries a refused draft again, once', async () => {
    const { owner, follower } = await twoTabs()
    const publication = follower.stream.publish(named('theirs'))
    await follower.settle()
    await owner.frame({ type: 'refused', ref: 1, code: 'invalid' })
    const { place } = follower.stream.status.refused[0] ?? { place: 0 }
    follower.stream.retry(place, { ...named('theirs'), values: { n: 2 } })
    expect(() => follower.stream.retry(place)).toThrow(RangeError)
    expect(publication.state.type).toBe('queued')
    await follower.settle()
    expect(owner.link.sent.at(-1)).toMatchObject({ drafts: [{ counter: 1, values: { n: 2 } }] })
    expect([owner.stream.status.refused, pendingOf(owner), publication.state.type]).toEqual([[], ['theirs'], 'sent'])
  })

  test('[C14] a model attached late to it is given the tape and what is pending', async () => {
    const { owner, follower } = await twoTabs()
    await owner.slice([[0, 2]])
    owner.stream.publish(named('mine'))
    await owner.settle()
    const late = new NotingModel()
    follower.stream.attach(late)
    await follower.settle()
    expect([late.seqs, late.pending.length]).toEqual([[0, 1, 2], 1])
  })

  test('[C14] settles when the drafts of all tabs are on the tape', async () => {
    const { owner, follower } = await twoTabs()
    owner.stream.publish(named('mine'))
    await owner.settle()
    let isSettled = false
    void follower.stream.settled().then(() => {
      isSettled = true
    })
    await follower.settle()
    expect(isSettled).toBe(false)
    await owner.frame(own(owner, 0, 1, 'mine'))
    expect(isSettled).toBe(true)
  })
})

describe('messages that are lost', () => {
  test('[C14] news: the next ones lead to the store, and nothing is missing', async () => {
    const { browser, owner, follower } = await twoTabs()
    browser.loses = ({ type }) => type === 'news' || type === 'report'
    await owner.slice([[0, 2]])
    owner.stream.publish(named('mine'))
    await owner.settle()
    browser.loses = ({ type }) => type === 'report'
    expect(follower.model.seqs).toEqual([])
    await owner.slice([[3, 3]])
    expect([new Set(follower.model.seqs), pendingOf(follower)]).toEqual([new Set([0, 1, 2, 3]), ['mine']])
  })

  test('[C14] news: whatever the owner says next tells that some were missed', async () => {
    const { browser, owner, follower } = await twoTabs()
    browser.loses = ({ type }) => type === 'news'
    await owner.slice([[0, 2]])
    browser.loses = () => false
    owner.link.events.onClose({})
    await follower.settle()
    expect(follower.model.seqs).toEqual([0, 1, 2])
  })

  test('[C14] drafts: they are handed over again after a while', async () => {
    const { browser, owner, follower } = await twoTabs()
    browser.loses = ({ type }) => type === 'drafts'
    follower.stream.publish(named('first'))
    await follower.settle()
    browser.loses = () => false
    await follower.settle(2000)
    expect(pendingOf(owner)).toEqual(['first'])
  })

  test.each<TabMessage['type']>(['drafts', 'news', 'taken'])('[C14] %s: a draft is neither lost nor taken twice', async (type) => {
    const { browser, owner, follower } = await twoTabs()
    browser.loses = (message) => message.type === type
    const first = follower.stream.publish(named('first'))
    await follower.settle()
    browser.loses = () => false
    const second = follower.stream.publish(named('second'))
    await follower.settle()
    // Whatever still waits is handed over when the owner is heard.
    await browser.open('c')
    expect(pendingOf(owner)).toEqual(['first', 'second'])
    expect(pendingOf(follower)).toEqual(['first', 'second'])
    await owner.frame({
      type: 'slice',
      ...plainSlice([[0, 1]], (seq) => ({ ...named(seq === 0 ? 'first' : 'second'), client: owner.stream.client, counter: seq + 1 })),
    })
    expect([first.state.type, second.state.type]).toEqual(['applied', 'applied'])
  })

  test('[C14] a publication whose end was told in a lost message comes to an end all the same', async () => {
    const { browser, owner, follower } = await twoTabs()
    const applied = follower.stream.publish(named('applied'))
    const refused = follower.stream.publish(named('refused'))
    await follower.settle()
    browser.loses = ({ type }) => type === 'news'
    await owner.frame({ type: 'refused', ref: 1, code: 'invalid', counter: 2 })
    await owner.frame(own(owner, 0, 1, 'applied'))
    browser.loses = () => false
    await owner.slice([[1, 1]])
    expect([applied.state, refused.state]).toMatchObject([{ type: 'applied' }, { type: 'refused', code: 'invalid' }])
  })

  test('[C14] an owner that has forgotten a tab takes its drafts from there on, and no message goes round in circles', async () => {
    const { browser, owner, follower } = await twoTabs()
    follower.stream.publish(named('known'))
    await follower.settle()
    await owner.frame(own(owner, 0, 1, 'known'))
    // So many other tabs have come and gone that this one is forgotten.
    await browser.kill(owner)
    const count = 64
    await follower.settle()
    const next = await browser.open('c')
    await follower.welcome(0, { counter: 1, follows: [[0, 0]] })
    await follower.frame(own(follower, 0, 1, 'known'))
    next.stream.publish(named('first'))
    await next.settle()
    const others: TestTab[] = []
    for (let index = 0; index < count; index++) {
      const other = await browser.open(`other-${index}`)
      others.push(other)
      other.stream.publish(named(`of-${index}`))
      await other.settle()
    }
    expect(Object.keys((await next.store.load())?.tabs ?? {})).toHaveLength(64)
    expect((await next.store.load())?.tabs).not.toHaveProperty('c-1')
    browser.posted.length = 0
    next.stream.publish(named('second'))
    await next.settle()
    expect(pendingOf(follower).at(-1)).toBe('second')
    expect(browser.posted.length).toBeLessThan(50)
  })
})

describe('whispers and orders', () => {
  test('[C14] whispers go both ways', async () => {
    const { owner, follower } = await twoTabs()
    const heard: unknown[] = []
    owner.stream.onWhisper((whisper) => heard.push(['owner', whisper]))
    follower.stream.onWhisper((whisper) => heard.push(['follower', whisper]))
    await owner.frame({ type: 'whisper', client: 'other', data: { x: 1 } })
    const whisper = { client: 'other', data: { x: 1 } }
    expect(heard).toEqual([
      ['owner', whisper],
      ['follower', whisper],
    ])
    follower.stream.whisper({ y: 2 })
    await follower.settle()
    expect(owner.link.sent).toEqual([{ type: 'whisper', client: owner.stream.client, data: { y: 2 } }])
  })

  test('[C14] pause and resume are for all tabs, whichever says so; a nudge reaches the owner', async () => {
    const { owner, follower } = await twoTabs()
    follower.stream.pause()
    await follower.settle()
    expect([owner.stream.status.connection, follower.stream.status.connection, owner.link.isClosed]).toEqual(['paused', 'paused', true])
    owner.stream.resume()
    await owner.welcome(-1, { counter: 0 })
    expect(follower.stream.status.connection).toBe('online')
    owner.link.events.onClose({})
    follower.stream.nudge()
    await follower.settle()
    expect(owner.transport.links).toHaveLength(3)
  })
})

describe('closing', () => {
  test('[C14] a follower that closes is stopped and follows no more; the owner goes on', async () => {
    const { owner, follower } = await twoTabs()
    follower.stream.close()
    expect(() => follower.stream.publish(named('late'))).toThrow('has been closed')
    follower.stream.whisper(1)
    follower.stream.nudge()
    await owner.slice([[0, 0]])
    expect([follower.model.seqs, follower.stream.status.connection]).toEqual([[], 'stopped'])
    expect([owner.stream.status.connection, pendingOf(owner)]).toEqual(['online', []])
    expect([owner.reported, follower.reported]).toEqual([[], []])
    owner.stream.close()
    await owner.settle(1000)
    expect(follower.transport.links).toEqual([])
  })

  test('[C14] an owner that closes hands over to the next tab, with everything that was made there', async () => {
    const { owner, follower } = await twoTabs()
    owner.store.holds = 'before'
    owner.stream.publish(named('saving'))
    await owner.settle()
    owner.stream.publish(named('queued'))
    owner.stream.close()
    await follower.settle()
    expect(follower.transport.links, 'nobody else claims the store before all is saved').toEqual([])
    owner.store.letGo()
    await follower.welcome(-1, { counter: 0 })
    expect(follower.link.sent).toMatchObject([{ drafts: [{ identifier: 'saving' }, { identifier: 'queued' }] }])
    expect(owner.stream.status).toMatchObject({ connection: 'stopped', storage: { trouble: undefined } })
    expect([owner.reported, follower.reported]).toEqual([[], []])
  })

  test('[C14] an owner that closes while it opens the store leaves the store to the next', async () => {
    const browser = new TestBrowser()
    const store = new TestStore()
    store.failures.load = [new Error('busy'), undefined]
    const owner = await browser.open('a', store)
    const follower = await browser.open('b')
    owner.stream.close()
    await follower.settle(5000)
    expect([owner.transport.links.length, follower.transport.links.length]).toEqual([0, 1])
  })
})

test('[C21] a tab that goes without closing wants nothing any more, until it is back', async () => {
  const browser = new TestBrowser()
  const owner = await browser.open('a', undefined, [{ project: ['p1'] }])
  await owner.welcome(-1, { counter: 0 })
  const follower = await browser.open('b', undefined, [{ project: ['p2'] }])
  const onLink = () => owner.link.filters
  expect(onLink()).toEqual([{ project: ['p1'] }, { project: ['p2'] }])
  await owner.welcome(-1, { counter: 0 })
  await browser.show(follower, false)
  await browser.settle(10_000)
  expect(onLink()).toEqual([{ project: ['p1'] }])
  await browser.show(follower, true)
  expect(onLink()).toEqual([{ project: ['p1'] }, { project: ['p2'] }])
})

describe('stores that tabs cannot share', () => {
  test('[C14] [C13] a follower that cannot read the store goes alone, in memory, with its drafts', async () => {
    const browser = new TestBrowser()
    const owner = await browser.open('a')
    await owner.welcome(-1, { counter: 0 })
    const store = new TestStore()
    store.failures.load = [new Error('odd')]
    const follower = await browser.open('b', store)
    const publication = follower.stream.publish(named('theirs'))
    await follower.welcome(-1, { counter: 0 })
    expect(follower.stream.status.storage).toMatchObject({ isDurable: false, trouble: 'unavailable' })
    expect(follower.stream.client).not.toBe(owner.stream.client)
    expect(follower.link.sent).toMatchObject([{ drafts: [{ counter: 1, identifier: 'theirs' }] }])
    expect(publication.state.type).toBe('sent')
  })

  test('[C14] [C13] an owner that sheds the tape tells the others, and each goes on alone; drafts are sent once', async () => {
    const { owner, follower } = await twoTabs()
    follower.stream.publish(named('taken'))
    await follower.settle()
    owner.store.isFull = true
    await owner.slice([[0, 1]])
    await follower.welcome(1, { counter: 0, follows: [[0, 1]] })
    await follower.slice([[0, 1]])
    expect(follower.stream.status).toMatchObject({ connection: 'online', storage: { isDurable: false } })
    expect([owner.link.sent.filter(({ type }) => type === 'publish').length, follower.link.sent]).toEqual([1, []])
    expect(new Set(follower.model.seqs)).toEqual(new Set([0, 1]))
    follower.stream.publish(named('own'))
    await follower.settle()
    expect(follower.link.sent).toMatchObject([{ client: follower.stream.client, drafts: [{ identifier: 'own' }] }])
    expect(pendingOf(owner)).toEqual(['taken'])
  })

  test('[C14] [C13] nobody follows an owner in memory: each tab has one connection of its own, and sends its drafts once', async () => {
    const browser = new TestBrowser()
    const broken = () => {
      const store = new TestStore()
      store.failures.claim = ['unavailable']
      store.failures.load = [new Error('unavailable')]
      return store
    }
    const owner = await browser.open('a', broken())
    await owner.welcome(-1, { counter: 0 })
    const opening = browser.open('b', broken())
    const follower = await opening
    follower.stream.publish(named('theirs'))
    await follower.welcome(-1, { counter: 0 })
    await follower.settle(5000)
    expect(follower.transport.links.length).toBe(1)
    expect([pendingOf(owner), pendingOf(follower)]).toEqual([[], ['theirs']])
    expect(follower.stream.status.storage.trouble).toBe('unavailable')
  })

  test('[C14] [C13] a draft made before the owner has said that it is alone is sent once', async () => {
    const browser = new TestBrowser()
    const store = new TestStore()
    store.failures.claim = ['unavailable']
    const owner = await browser.open('a', store)
    await owner.welcome(-1, { counter: 0 })
    browser.loses = ({ type }) => type === 'hello'
    const follower = await browser.open('b')
    browser.loses = () => false
    follower.stream.publish(named('theirs'))
    await follower.welcome(-1, { counter: 0 })
    expect([pendingOf(owner), pendingOf(follower)]).toEqual([[], ['theirs']])
    expect(follower.link.sent).toHaveLength(1)
  })
})
