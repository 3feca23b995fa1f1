/** What happens to drafts, models and publications when the owner of a shared stream changes, at whatever moment. */
import { describe, expect, test } from 'vitest'
import { plainSlice } from '../support/test-stream.ts'
import { named, own, pendingOf, TestBrowser, type TestTab, twoTabs, watch } from '../support/test-tabs.ts'

/** What it has published on its links, in order. */
const sentBy = ({ transport }: TestTab) =>
  transport.links.flatMap(({ sent }) =>
    sent.flatMap(({ type, drafts }) =>
      type === 'publish' ? (drafts as { identifier: string }[]).map(({ identifier }) => identifier) : [],
    ),
  )

describe('when the owner dies', () => {
  test('[C14] a follower takes over: identity, tape, counters, and what the dead one had sent', async () => {
    const { browser, owner, follower } = await twoTabs()
    await owner.slice([[0, 2]])
    owner.stream.publish(named('mine'))
    await owner.settle()
    const { client } = owner.stream
    await browser.kill(owner)
    expect(follower.link).toMatchObject({ after: 2, client })
    await follower.welcome(2, { counter: 0 })
    expect(follower.link.sent).toMatchObject([{ client, drafts: [{ counter: 1, identifier: 'mine' }] }])
    await follower.frame(own(follower, 3, 1, 'mine'))
    expect([pendingOf(follower), follower.model.seqs.at(-1), follower.model.resets]).toEqual([[], 3, 0])
  })

  test('[C14] drafts that it had not taken are not lost, and keep their order and their publications', async () => {
    const { browser, owner, follower } = await twoTabs()
    browser.loses = ({ type }) => type === 'drafts'
    const states = ['x', 'y'].map((identifier) => watch(follower.stream.publish(named(identifier))))
    await follower.settle()
    await browser.kill(owner)
    browser.loses = () => false
    await follower.welcome(-1, { counter: 0 })
    expect(sentBy(follower)).toEqual(['x', 'y'])
    await follower.frame({
      type: 'slice',
      ...plainSlice([[0, 1]], (seq) => ({ ...named('xy'[seq] ?? ''), client: follower.stream.client, counter: seq + 1 })),
    })
    expect(states).toEqual([
      ['queued', 'sent', 'applied'],
      ['queued', 'sent', 'applied'],
    ])
  })

  test('[C12] [C14] a draft above a hole is applied when the store has what fills it, though nobody told', async () => {
    const { browser, owner, follower } = await twoTabs()
    const states = watch(follower.stream.publish(named('mine')))
    await follower.settle()
    await owner.frame(own(owner, 1, 1, 'mine'))
    expect(states.at(-1)).toBe('on-tape')
    browser.loses = () => true
    await owner.slice([[0, 0]])
    await owner.settle()
    expect(states.at(-1)).toBe('on-tape')
    await browser.kill(owner)
    browser.loses = () => false
    await follower.settle()
    expect(states).toEqual(['queued', 'sent', 'on-tape', 'applied'])
  })

  test('[C14] drafts that it had taken and saved, and told nobody of, are sent once; so is what comes behind them', async () => {
    const { browser, owner, follower } = await twoTabs()
    owner.store.holds = 'after'
    const taken = watch(follower.stream.publish(named('taken')))
    await follower.settle()
    follower.stream.publish(named('behind'))
    await follower.settle()
    expect(follower.stream.status.storage.unsaved).toBe(2)
    await browser.kill(owner)
    owner.store.letGo()
    await follower.welcome(-1, { counter: 0 })
    expect(sentBy(follower)).toEqual(['taken', 'behind'])
    expect(pendingOf(follower)).toEqual(['taken', 'behind'])
    await follower.frame({
      type: 'slice',
      ...plainSlice([[0, 1]], (seq) => ({ ...named(seq === 0 ? 'taken' : 'behind'), client: follower.stream.client, counter: seq + 1 })),
    })
    expect(taken.at(-1)).toBe('applied')
    expect(pendingOf(follower)).toEqual([])
  })

  test('[C14] drafts that it had taken and not saved are handed over again, to a third tab, too', async () => {
    const { browser, owner, follower } = await twoTabs()
    const third = await browser.open('c')
    owner.store.holds = 'before'
    const states = watch(third.stream.publish(named('x')))
    await third.settle()
    expect(pendingOf(owner)).toEqual(['x'])
    await browser.kill(owner)
    owner.store.letGo()
    await follower.welcome(-1, { counter: 0 })
    expect([sentBy(follower), pendingOf(follower), pendingOf(third)]).toEqual([['x'], ['x'], ['x']])
    await follower.frame(own(follower, 0, 1, 'x'))
    expect([states, pendingOf(third)]).toEqual([['queued', 'sent', 'applied'], []])
  })

  test('[C14] a publication whose draft went onto the tape untold comes to its end, in the new owner and in a third tab', async () => {
    const { browser, owner, follower } = await twoTabs()
    const third = await browser.open('c')
    const [first, second] = [follower.stream.publish(named('x')), third.stream.publish(named('y'))]
    await owner.settle()
    browser.loses = () => true
    await owner.frame({
      type: 'slice',
      ...plainSlice([[0, 1]], (seq) => ({ ...named('xy'[seq] ?? ''), client: owner.stream.client, counter: seq + 1 })),
    })
    await browser.kill(owner)
    browser.loses = () => false
    await follower.welcome(1, { counter: 2 })
    await browser.open('d')
    expect([first.state.type, second.state.type]).toEqual(['applied', 'applied'])
    expect([pendingOf(follower), pendingOf(third), follower.model.seqs.includes(1), third.model.seqs.includes(1)]).toEqual([
      [],
      [],
      true,
      true,
    ])
  })

  test('[C14] a publication is not taken for that of a later draft', async () => {
    const { browser, owner, follower } = await twoTabs()
    const first = watch(follower.stream.publish(named('x')))
    await owner.settle()
    browser.loses = () => true
    await owner.frame(own(owner, 0, 1, 'x'))
    await browser.kill(owner)
    browser.loses = () => false
    await follower.welcome(0, { counter: 1 })
    follower.stream.publish(named('later'))
    await follower.settle()
    await follower.frame({ type: 'refused', ref: 1, code: 'invalid' })
    expect(first).toEqual(['queued', 'sent', 'applied'])
  })

  test('[C14] a refusal that nobody was told of shows on both', async () => {
    const { browser, owner, follower } = await twoTabs()
    const third = await browser.open('c')
    const refused = third.stream.publish(named('x'))
    await owner.settle()
    browser.loses = () => true
    await owner.frame({ type: 'refused', ref: 1, code: 'invalid' })
    await browser.kill(owner)
    browser.loses = () => false
    await follower.welcome(-1, { counter: 0 })
    await browser.open('d')
    expect([pendingOf(follower), pendingOf(third)]).toEqual([[], []])
    expect(third.stream.status.refused).toMatchObject([{ code: 'invalid', draft: { identifier: 'x' } }])
    expect(follower.stream.status.refused).toEqual(third.stream.status.refused)
    expect(refused.state).toMatchObject({ type: 'refused', code: 'invalid' })
  })

  test('[C14] what was paused stays paused, and goes on when any tab says so', async () => {
    const { browser, owner, follower } = await twoTabs()
    owner.stream.pause()
    await owner.settle()
    await browser.kill(owner)
    await follower.settle(5000)
    expect([follower.stream.status.connection, follower.transport.links]).toEqual(['paused', []])
    follower.stream.resume()
    await follower.settle()
    expect(follower.transport.links).toHaveLength(1)
  })

  test('[C14] a third tab follows the new owner, and its drafts go through it', async () => {
    const { browser, owner, follower } = await twoTabs()
    const third = await browser.open('c')
    await browser.kill(owner)
    await follower.welcome(-1, { counter: 0 })
    third.stream.publish(named('x'))
    await third.settle()
    await follower.slice([[0, 0]])
    expect([sentBy(follower), pendingOf(third), third.model.seqs]).toEqual([['x'], ['x'], [0]])
    expect(third.stream.status).toEqual(follower.stream.status)
    await browser.kill(follower)
    await third.welcome(0, { counter: 0 })
    expect(sentBy(third)).toEqual(['x'])
  })

  test('[C14] one after the other, with drafts made in every gap: each is sent, none twice in a row of owners', async () => {
    const browser = new TestBrowser()
    const made: string[] = []
    let tabs = [await browser.open('t0'), await browser.open('t1')]
    for (let round = 2; round < 8; round++) {
      tabs = [...tabs, await browser.open(`t${round}`)]
      const [first, ...others] = tabs
      for (const tab of tabs) {
        const identifier = `${round}-${tabs.indexOf(tab)}`
        tab.stream.publish(named(identifier))
        made.push(identifier)
        if (round % 2 === 0) await tab.settle()
      }
      if (round % 3 === 0) await browser.settle()
      if (first !== undefined) {
        await browser.settle()
        await browser.kill(first)
      }
      tabs = others
    }
    const [last] = tabs
    if (last === undefined) throw new Error('No tab is left.')
    await last.welcome(-1, { counter: 0 })
    expect(sentBy(last).toSorted()).toEqual(made.toSorted())
    for (const tab of tabs) expect(pendingOf(tab).toSorted()).toEqual(made.toSorted())
  })

  test('[C14] models attached in the gap show everything', async () => {
    const { browser, owner, follower } = await twoTabs()
    await owner.slice([[0, 2]])
    owner.stream.publish(named('mine'))
    await owner.settle()
    await browser.kill(owner)
    const { NotingModel } = await import('../support/test-stream.ts')
    const late = new NotingModel()
    follower.stream.attach(late)
    await follower.settle()
    expect([new Set(late.seqs), late.pending.length]).toEqual([new Set([0, 1, 2]), 1])
  })
})

describe('when the owner is fenced', () => {
  test('[C14] it follows, and hands over what it had not saved', async () => {
    const { browser, owner, follower } = await twoTabs()
    owner.stream.publish(named('saved'))
    await owner.settle()
    const { client } = owner.stream
    const heir = await browser.open('c')
    // A lock can be lost, and another process can take the store at any moment.
    await browser.fence()
    const states = watch(owner.stream.publish(named('unsaved')))
    await owner.settle()
    expect(owner.transport.links[0]?.isClosed).toBe(true)
    expect(sentBy(owner)).toEqual(['saved'])
    await follower.welcome(-1, { counter: 0 })
    expect(sentBy(follower)).toEqual(['saved', 'unsaved'])
    expect([pendingOf(owner), pendingOf(heir), pendingOf(follower)]).toEqual(Array.from({ length: 3 }, () => ['saved', 'unsaved']))
    await follower.frame({
      type: 'slice',
      ...plainSlice([[0, 1]], (seq) => ({ ...named(seq === 0 ? 'saved' : 'unsaved'), client, counter: seq + 1 })),
    })
    expect([pendingOf(owner), states]).toEqual([[], ['queued', 'sent', 'applied']])
    expect(owner.stream.status).toEqual(follower.stream.status)
  })

  test('[C14] what it had taken from another tab, and not saved, comes from that tab alone', async () => {
    const { browser, owner, follower } = await twoTabs()
    const third = await browser.open('c')
    await browser.fence()
    owner.store.holds = 'before'
    third.stream.publish(named('theirs'))
    await third.settle()
    owner.stream.publish(named('own'))
    owner.store.letGo()
    await follower.welcome(-1, { counter: 0 })
    await browser.settle(5000)
    expect(sentBy(follower).toSorted()).toEqual(['own', 'theirs'])
  })

  test('[C14] [C11] a delete that met its insert, which the store still has, is handed over, too', async () => {
    const { browser, owner, follower } = await twoTabs()
    owner.link.events.onClose({})
    const inserted = owner.stream.publish(named('gone'))
    await owner.settle()
    await browser.fence()
    const deleted = owner.stream.publish({ type: 'delete', collection: 'things', identifier: 'gone' })
    await follower.welcome(-1, { counter: 0 })
    expect([sentBy(follower), pendingOf(follower), pendingOf(owner)]).toEqual([[], [], []])
    expect([inserted.state.type, deleted.state.type]).toEqual(['folded-away', 'folded-away'])
  })

  test('[C14] what it had not saved keeps its order', async () => {
    const { browser, owner, follower } = await twoTabs()
    owner.link.events.onClose({})
    owner.stream.publish(named('first'))
    await owner.settle()
    await browser.fence()
    owner.stream.publish(named('second'))
    owner.stream.publish({ ...named('first'), type: 'update', values: { m: 1 } })
    owner.stream.publish(named('third'))
    await follower.welcome(-1, { counter: 0 })
    expect(sentBy(follower)).toEqual(['first', 'second', 'third'])
  })

  test('[C14] drafts from before it was the owner, or before the store was read, do not confuse the count', async () => {
    const browser = new TestBrowser()
    const opening = browser.open('a')
    const owner = await opening
    owner.stream.publish(named('early'))
    await owner.welcome(-1, { counter: 0 })
    const follower = await browser.open('b')
    follower.stream.publish(named('followed'))
    await follower.settle()
    browser.loses = ({ type }) => type === 'drafts'
    follower.stream.publish(named('adopted'))
    await browser.kill(owner)
    browser.loses = () => false
    await follower.welcome(-1, { counter: 0 })
    const third = await browser.open('c')
    await browser.fence()
    follower.stream.publish(named('unsaved'))
    await follower.settle()
    browser.posted.length = 0
    await third.welcome(-1, { counter: 0 })
    follower.stream.publish(named('last'))
    await follower.settle()
    expect(pendingOf(third)).toEqual(['early', 'followed', 'adopted', 'unsaved', 'last'])
    expect(pendingOf(follower)).toEqual(pendingOf(third))
    expect(browser.posted.length).toBeLessThan(50)
  })

  test('[C14] [C8] under another epoch it forgets the old tape, like all others', async () => {
    const { browser, owner, follower } = await twoTabs()
    await owner.slice([[0, 2]])
    await browser.fence()
    owner.stream.publish(named('x'))
    browser.loses = ({ type }) => type === 'owner' || type === 'news'
    await owner.settle()
    await follower.settle()
    await follower.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000, counter: 0 })
    browser.loses = () => false
    await browser.open('d')
    expect([owner.model.resets, follower.model.resets]).toEqual([1, 1])
    expect(pendingOf(follower)).toEqual(['x'])
  })
})

test('[C14] a draft made before the first tab knows whether it is the owner goes through whoever is', async () => {
  const { owner, browser } = await twoTabs()
  const opening = browser.open('c')
  const third = await opening
  third.stream.publish(named('x'))
  await third.settle()
  expect(pendingOf(owner)).toEqual(['x'])
})
