/** Preconditions of single drafts and versions, at both doors, with the object evicted between any two messages. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { call, insert, LiveSocket, publish } from '../../support/live.ts'
import { rowCounts, stubOf } from './objects.ts'
import { expectProblem } from './problem.ts'

async function evict(stream: string): Promise<void> {
  await runInDurableObject(stubOf(stream), () => undefined)
  await evictDurableObject(stubOf(stream), { webSockets: 'hibernate' })
}

/** A publish that is taken. What is not read to its end keeps the object from being evicted. */
async function take(stream: string, body: unknown): Promise<void> {
  const answer = await publish(stream, body)
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('"seqs":[[')])
}

const update = (counter: number, values: object, more: object = {}) => ({
  counter,
  seen: -1,
  type: 'update',
  collection: 'tasks',
  identifier: 'task-1',
  values,
  ...more,
})

describe('expect of a draft', () => {
  test.each([false, true])('[X1][L9] is held over HTTP and the socket, with evictions: %s', async (isEvicted) => {
    const stream = `expect-${isEvicted}`
    const pause = () => (isEvicted ? evict(stream) : Promise.resolve())
    const socket = await LiveSocket.open(stream)
    await socket.next()
    await take(stream, { client: 'a', drafts: [insert(1)] })
    await socket.next()
    await pause()
    await take(stream, { client: 'b', drafts: [update(1, { title: 'B' })] })
    await socket.next()
    await pause()

    const titled = update(2, { title: 'A' }, { seen: 0, expect: { unchanged: ['title'] } })
    const problem = await expectProblem(await publish(stream, { client: 'a', drafts: [titled] }), 'expect-failed', 412)
    expect(problem).toMatchObject({ counter: 2, latestSeq: 1, conflicts: [[1, 1]] })
    await pause()
    socket.send({ type: 'publish', ref: 1, client: 'a', drafts: [update(2, {}), update(3, { title: 'A' }, titledAs(0))] })
    expect(await socket.next()).toMatchObject({
      type: 'refused',
      ref: 1,
      code: 'expect-failed',
      counter: 3,
      latestSeq: 1,
      conflicts: [[1, 1]],
    })
    await pause()
    socket.send({ type: 'publish', ref: 2, client: 'a', drafts: [update(2, { done: true }, { seen: 0, expect: { unchanged: ['done'] } })] })
    expect(await socket.next()).toMatchObject({ type: 'slice', covers: [[2, 2]], events: [{ client: 'a', values: { done: true } }] })
    await pause()
    socket.send({ type: 'publish', ref: 3, client: 'a', drafts: [update(3, { title: 'A' }, titledAs(1))] })
    const slice = await socket.next()
    expect(slice).toMatchObject({ type: 'slice', covers: [[3, 3]] })
    expect(JSON.stringify(slice)).not.toContain('expect')
    socket.close()
  })

  const titledAs = (seen: number) => ({ seen, expect: { unchanged: ['title'] } })

  test.each([false, true])('[X2][L9] that has seen too little is to catch up, with evictions: %s', async (isEvicted) => {
    const stream = `expect-far-${isEvicted}`
    const script = Array.from({ length: 501 }, (_, n) => ({ type: 'update', collection: 'other', identifier: `x${n}`, values: { n } }))
    await take(stream, { drafts: script })
    await take(stream, { drafts: script })
    const as = (seen: number) => ({ client: 'a', drafts: [update(1, {}, { seen, expect: { unchanged: true } })] })
    if (isEvicted) await evict(stream)
    expect(await expectProblem(await publish(stream, as(0)), 'catch-up-first', 412)).toMatchObject({ counter: 1, latestSeq: 1001 })
    if (isEvicted) await evict(stream)
    await take(stream, as(1))
  })

  test('[X2] on a stream that does not exist is held on an empty tape, and refused without a trace', async () => {
    const one = update(1, {}, { expect: { unchanged: true } })
    await take('expect-new', { client: 'a', drafts: [one, update(2, {}, { expect: { unchanged: ['f'] } })] })
    await expectProblem(await publish('expect-none', { client: 'a', drafts: [one], expect: { latestSeq: 0 } }), 'expect-failed', 412)
    expect(await rowCounts('expect-none')).toEqual({})
  })
})

describe('the version of a model', () => {
  test('[E3] goes on the tape as it was sent and comes back, live, read and after an eviction', async () => {
    const socket = await LiveSocket.open('version-1')
    await socket.next()
    const drafts = [{ ...insert(1), version: 2 }, insert(2), { ...insert(3), version: 1_000_000 }]
    await take('version-1', { client: 'a', drafts })
    const events = drafts.map((draft, seq) => ({ seq, client: 'a', ...draft }))
    expect(await socket.next()).toMatchObject({ type: 'slice', events })
    await evict('version-1')
    const answer = await call('/v1/streams/version-1/events')
    expect(((await answer.json()) as { events: unknown }).events).toEqual(events)
    socket.close()
  })

  test.each([0, -1, 1.5, 1e9, '2', null, [2]])('[E3] that is %j is invalid, and nothing is stored', async (version) => {
    const problem = await expectProblem(await publish('version-bad', { client: 'a', drafts: [{ ...insert(1), version }] }), 'invalid', 400)
    expect(problem).toMatchObject({ at: 'drafts[0].version' })
    const socket = await LiveSocket.open('version-bad')
    await socket.next()
    socket.send({ type: 'publish', ref: 1, drafts: [{ type: 'delete', collection: 'x', identifier: 'y', version }] })
    expect(await socket.next()).toMatchObject({ type: 'refused', ref: 1, code: 'invalid', at: 'drafts[0].version' })
    expect(await rowCounts('version-bad')).toEqual({})
    socket.close()
  })
})
