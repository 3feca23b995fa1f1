/** Deltas at both doors, with the object evicted between any two messages. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { call, insert, LiveSocket, publish } from '../../support/live.ts'
import { latestSeqOf, stubOf, tapeOf } from './objects.ts'
import { expectProblem } from './problem.ts'

async function evict(stream: string): Promise<void> {
  await runInDurableObject(stubOf(stream), () => undefined)
  await evictDurableObject(stubOf(stream), { webSockets: 'hibernate' })
}

const put = (offset: unknown, values: unknown) => ({ type: 'insert', offset, values })
const typed = (counter: number, seen: number, ...deltas: unknown[]) => ({
  counter,
  seen,
  type: 'update',
  collection: 'tasks',
  identifier: 'task-1',
  deltas: { body: deltas },
})

describe('deltas', () => {
  test.each([false, true])('[D2][L9] are taken on the state that they are meant for, with evictions: %s', async (isEvicted) => {
    const stream = `deltas-${isEvicted}`
    const pause = () => (isEvicted ? evict(stream) : Promise.resolve())
    const socket = await LiveSocket.open(stream)
    await socket.next()
    expect(await (await publish(stream, { client: 'a', drafts: [insert(1)] })).json()).toMatchObject({ seqs: [[0, 0]] })
    await socket.next()
    await pause()
    socket.send({ type: 'publish', ref: 1, client: 'b', drafts: [typed(1, 0, put(0, 'Hello 🙂'))] })
    expect(await socket.next()).toMatchObject({ type: 'slice', events: [{ seq: 1, client: 'b', deltas: { body: [put(0, 'Hello 🙂')] } }] })
    await pause()
    const problem = await expectProblem(await publish(stream, { client: 'a', drafts: [typed(2, 0, put(0, 'x'))] }), 'expect-failed', 412)
    expect(problem).toMatchObject({ counter: 2, latestSeq: 1, conflicts: [[1, 1]] })
    await pause()
    // What it sends again it has taken over the other's.
    expect(await (await publish(stream, { client: 'a', drafts: [typed(2, 1, put(8, '!'))] })).json()).toMatchObject({ seqs: [[2, 2]] })
    await pause()
    const slice = await (await call(`/v1/streams/${stream}/events?seq=1-`)).json<{ events: unknown[] }>()
    expect(slice.events).toMatchObject([{ seq: 1 }, { seq: 2, seen: 1, deltas: { body: [put(8, '!')] } }])
  })

  test('[D1] what are none are refused, and nothing has changed', async () => {
    const stream = 'deltas-bad'
    await (await publish(stream, { client: 'a', drafts: [insert(1)] })).text()
    const before = await tapeOf(stream)
    const tooMany = Array.from({ length: 10_000 }, (_, offset) => put(offset, 'x'))
    const cases: readonly (readonly [string, number, readonly unknown[]])[] = [
      ['invalid', 400, [put(-1, 'x')]],
      ['invalid', 400, [put('0', 'x')]],
      ['invalid', 400, [{ type: 'delete', offset: 2, count: 4 }, put(3, 'x')]],
      ['invalid', 400, [put(0, { base64: '?' })]],
      ['invalid', 400, [put(0, { base64: 'AA==', more: 1 })]],
      ['invalid', 400, [null]],
      ['invalid', 400, []],
      ['lone-surrogate', 400, [put(0, '\ud800')]],
      ['too-many', 413, tooMany],
      ['too-large', 413, [put(0, 'x'.repeat(300_000))]],
    ]
    for (const [code, status, deltas] of cases) {
      await expectProblem(await publish(stream, { client: 'a', drafts: [typed(2, 0, ...deltas)] }), code, status)
    }
    expect(await tapeOf(stream)).toBe(before)
    expect(await latestSeqOf(stream)).toBe(0)
  })
})
