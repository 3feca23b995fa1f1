/** What is wanted by several tabs, or one thing right after another: in which order, and when it is too much for one link. */
import { expect, test } from 'vitest'
import { narrowAfterMs } from '../../src/client/tape/wanting.ts'
import type { ObjectFilter } from '../../src/protocol/index.ts'
import { TestStream } from '../support/test-stream.ts'
import { TestBrowser } from '../support/test-tabs.ts'

function of(...names: string[]): ObjectFilter {
  return { project: names }
}

/** More of these than of one such are too many for a link. */
function many(name: string): ObjectFilter {
  return of(...Array.from({ length: 60 }, (_, index) => `${name}${10 + index}`))
}

test('[C21] what is more than can be asked for at once is let go of before the other is taken up', async () => {
  const client = new TestStream({ wanted: [many('a')] })
  await client.welcome(9, { counter: 0 })
  await client.slice([[0, 9]])
  client.stream.want([many('b')])
  await client.settle()
  expect(client.transport.lists.map(({ filters }) => filters)).toEqual([[many('b')]])
  client.transport.lists[0]?.answer({ epoch: 'epoch-1', latestSeq: 9, objects: [] })
  await client.settle()
  expect(client.link.filters).toEqual([many('b')])
  client.stream.publish({ type: 'update', collection: 'x', identifier: 'a', values: { n: 1 } })
  expect(client.model.pending).toMatchObject([{ seen: -1 }])
  await client.welcome(9, { counter: 0 })
  await client.slice([[0, 4]])
  // Nothing can be let go of, and there is no room for both: what includes them is asked for.
  client.stream.want([many('c'), {}])
  await client.settle()
  expect(client.link.filters).toEqual([many('b'), {}])
})

test('[C14][C21] tabs that want more than can be asked for at once get everything', async () => {
  const browser = new TestBrowser()
  const owner = await browser.open('a', undefined, [many('a')])
  await owner.welcome(9, { counter: 0 })
  await browser.open('b', undefined, [many('b')])
  expect(owner.link.filters).toBeUndefined()
})

test('[C14][C21] what a tab wants first comes before what another wants next', async () => {
  const browser = new TestBrowser()
  const owner = await browser.open('a', undefined, [of('p1'), {}])
  await browser.open('b', undefined, [of('p2')])
  await owner.welcome(9, { counter: 0 })
  expect(owner.link.filters).toEqual([of('p1'), of('p2'), {}])
})

test('[C14][C21] tabs hold what any of them wants, until a tab is closed', async () => {
  const browser = new TestBrowser()
  const owner = await browser.open('a', undefined, [of('p1')])
  await owner.welcome(-1, { counter: 0 })
  expect(owner.link.filters).toEqual([of('p1')])
  const follower = await browser.open('b', undefined, [of('p2')])
  await owner.settle()
  await owner.welcome(3, { counter: 0 })
  await owner.slice([[0, 3]])
  expect(owner.link.filters).toEqual([of('p1'), of('p2')])
  expect(follower.stream.status.parts.map(({ filter }) => filter)).toEqual([of('p2'), of('p1')])
  void follower.stream.close()
  await owner.settle(narrowAfterMs)
  expect(owner.transport.lists.map(({ filters }) => filters)).toEqual([[of('p1')]])
  owner.transport.lists[0]?.answer({ epoch: 'epoch-1', latestSeq: 3, objects: [] })
  await owner.settle()
  expect(owner.stream.status.parts.map(({ filter }) => filter)).toEqual([of('p1')])
})

test('[C14][C21] a tab that missed that less is held shows what is held', async () => {
  const browser = new TestBrowser()
  const owner = await browser.open('a', undefined, [of('p1')])
  await owner.welcome(-1, { counter: 0 })
  const follower = await browser.open('b', undefined, [of('p1')])
  const other = await browser.open('c', undefined, [of('p2')])
  await owner.settle()
  await owner.welcome(3, { counter: 0 })
  await owner.slice([[0, 3]])
  expect([follower.model.resets, follower.model.seqs]).toEqual([0, [0, 1, 2, 3]])
  browser.loses = ({ type }) => type === 'news' || type === 'report'
  void other.stream.close()
  await owner.settle(narrowAfterMs)
  owner.transport.lists[0]?.answer({ epoch: 'epoch-1', latestSeq: 3, objects: [['things', 'thing-1']] })
  await owner.settle()
  browser.loses = () => false
  expect(follower.model.resets).toBe(0)
  follower.model.runs = []
  await owner.welcome(3, { counter: 0 })
  expect(follower.model.resets).toBe(1)
  expect(follower.model.seqs).toEqual([1])
})

test('[G5][C21] a part that was read where the tape went further counts when the link has told of that', async () => {
  const client = new TestStream({ wanted: [of('p1'), of('p2')] })
  await client.welcome(1999, { counter: 0 })
  client.transport.reads[0]?.answer({ epoch: 'epoch-1', latestSeq: 2000, covers: [[0, 1999]], events: [] })
  await client.settle()
  const missing = () => client.stream.status.parts.map((part) => part.missing)
  expect(missing()).toEqual([2000, 2000])
  await client.frame({ type: 'slice', epoch: 'epoch-1', latestSeq: 2000, covers: [], events: [] })
  await client.settle()
  expect(missing()).toEqual([1, 2001])
})
