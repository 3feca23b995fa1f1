/** The Worker's own answers of what is sealed: where it cannot give them, and when they are none any more. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { decodeSlice } from '../../../src/protocol/index.ts'
import { Leases } from '../../../src/server/edge/leases.ts'
import { answerImmutableRead, type Sealed } from '../../../src/server/edge/sealed-answers.ts'
import { readQueryOf } from '../../../src/server/read-query.ts'
import type { SealedView } from '../../../src/server/sealed/sealed-state.ts'
import { call, insert, origin, publish } from '../../support/live.ts'
import { stubOf, untilSealed } from './objects.ts'

test('[T6][H4] what was sealed in rows, before the bucket was bound, is read as ever, under its epoch, too', async () => {
  const stream = 'bucketed-later'
  for (let first = 1; first <= 6000; first += 500) {
    const drafts = Array.from({ length: 500 }, (_, i) => insert(first + i))
    await (await publish(stream, { client: 'a', drafts })).text()
  }
  await untilSealed(stream, 2000)
  const last = await intoRows(stream)
  const { epoch } = await (await call(`/v1/streams/${stream}`)).json<{ epoch: string }>()
  for (const [from, to] of [
    [300, 399],
    [last - 5, last + 5],
  ] as const) {
    const answer = await call(`/v1/streams/${stream}/events?seq=${from}-${to}&epoch=${epoch}`)
    expect([answer.status, answer.headers.get('ETag')]).toEqual([200, `"${epoch}/${from}-${to}"`])
    expect(decodeSlice(await answer.text())).toMatchObject({ latestSeq: to, covers: [[from, to]] })
  }
})

/** Moves what is sealed first out of the bucket, to where an object without one keeps it; gives its last seq. */
async function intoRows(stream: string): Promise<number> {
  const [{ last, plain }, name] = await runInDurableObject(stubOf(stream), (_, { storage, id }) => [
    storage.sql.exec<{ last: number; plain: string }>('SELECT last, plain FROM segment ORDER BY last LIMIT 1').one(),
    id.toString(),
  ])
  const [hash] = JSON.parse(plain) as [string]
  const body = await (await env.SEGMENTS.get(`${name}/${hash}`))?.arrayBuffer()
  await runInDurableObject(stubOf(stream), (_, { storage }) => void storage.sql.exec('INSERT INTO blob VALUES (?, ?)', hash, body))
  await env.SEGMENTS.delete(`${name}/${hash}`)
  return last
}

test('[H5] a Worker remembers of all streams together what fits an isolate, and the one at hand in any case', async () => {
  const segments = Array.from({ length: 60_000 }, (_, i) => ({ first: i, last: i, plain: { hash: 'x', bytes: 1, stored: 1 } }))
  const asked: number[] = []
  const stream = {
    fetch: async (request: Request) => {
      const through = Number(new URL(request.url).searchParams.get('through') ?? -1)
      asked.push(through)
      const more = segments.slice(through + 1)
      return Response.json({ epoch: 'e', latestSeq: 60_000, segments: more, snapshot: null, leaving: [], leaseMs: 0 })
    },
  }
  const leases = new Leases()
  const request = new Request(`${origin}/v1/streams/x/events`)
  for (const name of ['a', 'a', 'b', 'b', 'a']) expect((await leases.of(request, name, stream)).segments).toHaveLength(60_000)
  expect(asked).toEqual([-1, 59_999, -1, 59_999, -1])
})

test('[H5][R1] a copy is no answer any more when the epoch has ended while it was looked for', async () => {
  const request = new Request(`${origin}/v1/streams/looked-for/events?seq=0-9&epoch=e`)
  const view: SealedView = { epoch: 'e', latestSeq: 9, segments: [], snapshot: null, leaving: [], tag: '' }
  const kept: Promise<unknown>[] = []
  const context = { waitUntil: (promise: Promise<unknown>) => void kept.push(promise) }
  const answer = (viewNow: SealedView) =>
    answerImmutableRead(
      {
        ...{ request, view, context, objectId: 'x', env: {} as Sealed['env'] },
        viewNow: async () => viewNow,
        isKnown: async () => true,
        forward: async () => new Response('{}', { headers: { ETag: '"e/0-9"' } }),
      },
      readQueryOf(request),
    )
  for (const cache of [null, 'hit']) {
    const given = await answer(view)
    expect([await given.text(), given.headers.get('Tapeline-Cache')]).toEqual(['{}', cache])
    await Promise.all(kept)
  }
  await expect(answer({ ...view, epoch: 'f' })).rejects.toMatchObject({ code: 'wrong-epoch' })
})
