/** Refused drafts that several tabs decide about at the same moment: one of them does, and all know what became of it. */
import { describe, expect, test } from 'vitest'
import type { Draft } from '../../src/protocol/index.ts'
import { change, plainSlice } from '../support/test-stream.ts'
import { named, own, pendingOf, type TestBrowser, type TestTab, twoTabs, watch } from '../support/test-tabs.ts'

interface Refused {
  readonly browser: TestBrowser
  readonly owner: TestTab
  readonly first: TestTab
  readonly second: TestTab
  /** Of the draft that was refused, which `first` had made. */
  readonly states: string[]
}

/** An owner and two tabs, and a draft of one of those that the server has refused, at place 1. */
async function refused(): Promise<Refused> {
  const { browser, owner, follower: first } = await twoTabs()
  const second = await browser.open('c')
  const states = watch(first.stream.publish(named('x')))
  await browser.settle()
  await owner.frame({ type: 'refused', ref: 1, counter: 1, code: 'rejected', reason: 'full' })
  expect([owner, first, second].map(({ stream }) => stream.status.refused.length)).toEqual([1, 1, 1])
  return { browser, owner, first, second, states }
}

const published = (...tabs: TestTab[]) =>
  tabs.flatMap(({ transport }) => transport.links.flatMap(({ sent }) => sent.flatMap(({ drafts = [] }) => drafts as Draft[]))).slice(1)

describe('two tabs that decide at once', () => {
  test('[C5] [C14] both publish it again: it goes once, and both are told of that', async () => {
    const { owner, first, second, states } = await refused()
    const again = [first.stream.retry(1), second.stream.retry(1, { ...named('x'), values: { n: 2 } })].map(watch)
    await owner.settle()
    expect(published(owner)).toMatchObject([{ identifier: 'x', values: { n: 1 } }])
    expect([owner, first, second].map(pendingOf)).toEqual([['x'], ['x'], ['x']])
    await owner.frame(own(owner, 0, 1, 'x'))
    expect([...again, states].map((each) => each.at(-1))).toEqual(['applied', 'applied', 'applied'])
    expect(states).toEqual(['queued', 'sent', 'refused', 'queued', 'sent', 'applied'])
    expect([owner, first, second].map(({ stream }) => stream.status.refused)).toEqual([[], [], []])
    expect([owner, first, second].flatMap(({ reported }) => reported)).toEqual([])
  })

  test('[C5] [C14] the owner and another tab publish it again: it goes once', async () => {
    const { owner, first, states } = await refused()
    const theirs = watch(first.stream.retry(1))
    const ours = watch(owner.stream.retry(1))
    expect(() => owner.stream.retry(1)).toThrow(RangeError)
    await owner.settle()
    expect(published(owner)).toHaveLength(1)
    await owner.frame(own(owner, 0, 1, 'x'))
    expect([ours, theirs, states].map((each) => each.at(-1))).toEqual(['applied', 'applied', 'applied'])
  })

  test('[C5] [C14] one publishes it again, the other discards it: whoever the owner hears first', async () => {
    for (const order of ['retry', 'discard'] as const) {
      const { owner, first, second, states } = await refused()
      if (order === 'discard') first.stream.discard(1)
      const again = watch(second.stream.retry(1))
      if (order === 'retry') first.stream.discard(1)
      expect([order, pendingOf(second)]).toEqual([order, ['x']])
      await owner.settle()
      expect(published(owner)).toHaveLength(order === 'retry' ? 1 : 0)
      expect([again.at(-1), states.at(-1)]).toEqual(order === 'retry' ? ['sent', 'sent'] : ['discarded', 'discarded'])
      expect([owner, first, second].map(pendingOf)).toEqual([1, 2, 3].map(() => (order === 'retry' ? ['x'] : [])))
    }
  })

  test('[C5] [C14] one that comes when the draft is on the tape already is discarded', async () => {
    const { browser, owner, first, second } = await refused()
    browser.loses = ({ type }) => type === 'drafts'
    const late = watch(second.stream.retry(1))
    await browser.settle()
    browser.loses = () => false
    first.stream.retry(1)
    await browser.settle()
    await owner.frame(own(owner, 0, 1, 'x'))
    await browser.settle(5000)
    expect(published(owner)).toHaveLength(1)
    expect([late.at(-1), pendingOf(second)]).toEqual(['discarded', []])
  })
})

describe('a tab that publishes it again', () => {
  test('[C5] [C14] shows it at once, and the refused one no more, whatever is heard of it meanwhile', async () => {
    const { browser, owner, first } = await refused()
    browser.loses = ({ type }) => type === 'drafts'
    first.stream.retry(1)
    expect([pendingOf(first), first.stream.status.refused]).toEqual([['x'], []])
    expect(() => first.stream.retry(1)).toThrow(RangeError)
    // It reads the store again, which has it still.
    await browser.open('d')
    await owner.slice([[0, 0]])
    expect([pendingOf(first), first.stream.status.refused]).toEqual([['x'], []])
    browser.loses = () => false
    await browser.settle(5000)
    expect(published(owner)).toHaveLength(1)
  })

  test('[C5] [C14] does so once, though its owner dies before or after it has saved that', async () => {
    for (const moment of ['before', 'after'] as const) {
      const { browser, owner, first, second } = await refused()
      owner.store.holds = moment
      const again = watch(first.stream.retry(1))
      await browser.settle()
      await browser.kill(owner)
      await browser.settle(5000)
      const next = [first, second].find(({ transport }) => transport.links.length > 0) ?? first
      await next.welcome(-1, { counter: 0 })
      await browser.settle()
      expect([moment, next.link.sent.flatMap(({ drafts = [] }) => drafts)]).toMatchObject([moment, [{ identifier: 'x', counter: 1 }]])
      expect([first, second].map(({ stream }) => stream.status.refused)).toEqual([[], []])
      await next.frame({ type: 'slice', ...plainSlice([[0, 0]], () => ({ ...named('x'), client: next.stream.client, counter: 1 })) })
      expect([moment, again.at(-1)]).toEqual([moment, 'applied'])
    }
  })

  test('[C5] [C14] becomes the owner before it is heard: it does so itself', async () => {
    const { browser, owner, first } = await refused()
    browser.loses = ({ type }) => type === 'drafts'
    const again = watch(first.stream.retry(1))
    await browser.kill(owner)
    await browser.settle()
    await first.welcome(-1, { counter: 0 })
    expect(first.link.sent).toMatchObject([{ drafts: [{ identifier: 'x' }] }])
    expect([again.at(-1), first.stream.status.refused]).toEqual(['sent', []])
    expect((await first.store.load())?.outbox).toHaveLength(1)
  })

  test('[C5] [C14] [C13] goes alone before it is heard: the draft is not lost', async () => {
    const { browser, owner, first } = await refused()
    browser.loses = ({ type }) => type === 'drafts'
    first.stream.retry(1)
    await browser.settle()
    owner.store.isFull = true
    await owner.slice([[0, 0]])
    await first.welcome(0, { counter: 0, follows: [[0, 0]] })
    await first.slice([[0, 0]])
    expect(first.link.sent).toMatchObject([{ drafts: [{ identifier: 'x' }] }])
  })

  test('[C5] [C14] is fenced before it has saved that: whoever is the owner next does, once', async () => {
    const { browser, owner, first, second } = await refused()
    owner.store.holds = 'before'
    const again = watch(owner.stream.retry(1))
    await browser.settle()
    await browser.fence()
    owner.store.letGo()
    await browser.settle(5000)
    const next = [first, second].find(({ transport }) => transport.links.length > 0) ?? first
    await next.welcome(-1, { counter: 0 })
    expect(next.link.sent.flatMap(({ drafts = [] }) => drafts)).toMatchObject([{ identifier: 'x', counter: 1 }])
    expect([owner, first, second].map(({ stream }) => stream.status.refused)).toEqual([[], [], []])
    expect([pendingOf(owner), again.at(-1)]).toEqual([['x'], 'sent'])
  })
})

test('[C5] in one save: whatever instant a process dies, the draft is refused or waits, never both, never neither', async () => {
  const { owner, first } = await refused()
  first.stream.retry(1, { ...change, identifier: 'x' })
  await owner.settle()
  const both = owner.store.saved.filter(
    ({ remove = [], put = [] }) => remove.includes(1) && put.some(({ refused }) => refused === undefined),
  )
  expect(both).toHaveLength(1)
})
