/** Rules of a deployment in the real object, at both doors: the class is in worker.ts beside this. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { call, insert, LiveSocket, publish } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { rowCounts, stubOf } from './objects.ts'
import { expectProblem } from './problem.ts'

async function evict(stream: string): Promise<void> {
  await runInDurableObject(stubOf(stream), () => undefined)
  await evictDurableObject(stubOf(stream), { webSockets: 'hibernate' })
}

const seat = (counter: number, holder: string, more: object = {}) => ({
  counter,
  seen: -1,
  type: 'insert',
  collection: 'seats',
  identifier: '12a',
  values: { holder },
  ...more,
})
/** A publish that is taken. What is not read to its end keeps the object from being evicted. */
async function take(stream: string, body: unknown, token: string): Promise<void> {
  const answer = await publish(stream, body, token)
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('"seqs":[[')])
}

const mischief = (counter: number, identifier: string) => seat(counter, 'x', { collection: 'mischief', identifier })

/** What is written to the log; the object runs in this process. */
const logged: unknown[] = []
beforeEach(() => {
  logged.length = 0
  vi.spyOn(console, 'error').mockImplementation((...parts) => void logged.push(...parts))
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe('rules', () => {
  test.each([false, true])('[X3][L9] refuse by what the tape says, at both doors, with evictions: %s', async (isEvicted) => {
    const stream = `ruled-seats-${isEvicted}`
    const pause = () => (isEvicted ? evict(stream) : Promise.resolve())
    const [alice, bob] = [await testToken({ sub: 'alice' }), await testToken({ sub: 'bob' })]
    await take(stream, { client: 'a', drafts: [seat(1, 'alice')] }, alice)
    await pause()
    const said = await expectProblem(await publish(stream, { client: 'b', drafts: [insert(1), seat(2, 'bob')] }, bob), 'rejected', 422)
    expect(said).toMatchObject({ reason: 'seat-taken', detail: 'By alice.', counter: 2 })
    expect(await (await call(`/v1/streams/${stream}`)).json()).toMatchObject({ latestSeq: 0 })
    await pause()

    const socket = await LiveSocket.open(stream, { token: bob })
    await socket.next()
    socket.send({ type: 'publish', ref: 1, client: 'b', drafts: [seat(1, 'bob')] })
    expect(await socket.next()).toMatchObject({ type: 'refused', ref: 1, code: 'rejected', reason: 'seat-taken', counter: 1 })
    await pause()
    socket.send({ type: 'publish', ref: 2, client: 'b', drafts: [seat(1, 'alice', { identifier: '12b' })] })
    expect(await socket.next()).toMatchObject({ type: 'refused', ref: 2, code: 'rejected', reason: 'not-yours', counter: 1 })
    await pause()
    await take(stream, { client: 'a', drafts: [seat(2, '', { type: 'delete', values: undefined })] }, alice)
    expect(await socket.next()).toMatchObject({ type: 'slice', covers: [[1, 1]] })
    await pause()
    socket.send({ type: 'publish', ref: 3, client: 'b', drafts: [seat(1, 'bob')] })
    expect(await socket.next()).toMatchObject({ type: 'slice', covers: [[2, 2]], events: [{ client: 'b', values: { holder: 'bob' } }] })
    expect(logged).toEqual([])
    socket.close()
  })

  test('[X3] are asked with what the token says and the event as it would be stored', async () => {
    const event = seat(1, 'x', { collection: 'echo', version: 2 })
    const draft = { ...event, expect: { unchanged: true } }
    const said = await expectProblem(
      await publish('ruled-echo', { client: 'a', drafts: [draft] }, await testToken({ sub: 'eve' })),
      'rejected',
      422,
    )
    expect(JSON.parse((said as unknown as { detail: string }).detail)).toEqual({
      event: { seq: 0, client: 'a', ...event },
      sub: 'eve',
      latestSeq: -1,
    })
    expect(await rowCounts('ruled-echo')).toEqual({})
  })

  test.each([
    ['throws', 'A mistake of the rule.'],
    ['promises', 'promise'],
    ['writes', 'not extensible'],
    ['shouts', 'reason'],
  ])('[X3] that have one that %s answer rule-failed, log why and tell nobody, and go on', async (what, why) => {
    const stream = `ruled-${what}`
    const socket = await LiveSocket.open(stream)
    await socket.next()
    const answer = await publish(stream, { client: 'a', drafts: [insert(1), mischief(2, what)] })
    expect(answer.headers.get('Retry-After')).toBe('1')
    const problem = await expectProblem(answer, 'rule-failed', 503)
    expect(problem).toMatchObject({ counter: 2 })
    expect(JSON.stringify(problem)).not.toContain(why)
    socket.send({ type: 'publish', ref: 1, client: 'a', drafts: [mischief(1, what)] })
    expect(await socket.next()).toMatchObject({ type: 'refused', ref: 1, code: 'rule-failed', counter: 1 })
    expect(logged.map(String)).toEqual([expect.stringContaining(why), expect.stringContaining(why)])
    expect(await rowCounts(stream)).toEqual({})
    socket.send({ type: 'publish', ref: 2, client: 'a', drafts: [mischief(1, 'none')] })
    expect(await socket.next()).toMatchObject({ type: 'slice', covers: [[0, 0]], events: [{ values: { holder: 'x' } }] })
    socket.close()
  })

  test('[X3][P8] what two send in one turn is decided one after the other', async () => {
    const tokens = await Promise.all(['ann', 'ben', 'cem', 'dan'].map((sub) => testToken({ sub })))
    const answers = await Promise.all(
      ['ann', 'ben', 'cem', 'dan'].map((sub, i) => publish('ruled-race', { client: sub, drafts: [seat(1, sub)] }, tokens[i])),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422, 422, 422])
    expect(await rowCounts('ruled-race')).toMatchObject({ tape: 1 })
  })
})
