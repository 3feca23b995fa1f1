/** Reading over HTTP: any ranges, in pages, as lines, and from the cache where the answer can never change. */
import { createExecutionContext, evictDurableObject, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, test } from 'vitest'
import { formatSeqs, includes, parseSeqs, type SeqRanges, subtract, union } from '../../../src/protocol/seq-ranges.ts'
import { decodeSlice, type Slice } from '../../../src/protocol/slice.ts'
import { app } from '../../../src/server/edge/app.ts'
import { call, insert, origin, publish, textOf } from '../../support/live.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { testToken } from '../../support/tokens.ts'
import { stubOf } from './objects.ts'

async function sliceOf(path: string): Promise<Slice> {
  const answer = await call(path)
  expect(answer.status).toBe(200)
  return decodeSlice(await answer.text())
}

const seqsOf = ({ events }: Slice) => events.map(({ seq }) => seq)

/** 60 events in rows of 1, 2, 3, 1, 2, 3 … */
async function fill(stream: string): Promise<string> {
  for (let counter = 1, size = 1; counter <= 60; counter += size, size = (size % 3) + 1) {
    const drafts = Array.from({ length: Math.min(size, 61 - counter) }, (_, i) => insert(counter + i))
    // An answer that nobody reads would keep the object from being evicted.
    await (await publish(stream, { client: 'a', drafts })).text()
  }
  return (await (await call(`/v1/streams/${stream}`)).json<{ epoch: string }>()).epoch
}

describe('ranges', () => {
  let epoch = ''
  beforeAll(async () => {
    epoch = await fill('ranges')
  })

  test.each<[query: string, covers: SeqRanges]>([
    ['', [[0, 59]]],
    ['?after=-1', [[0, 59]]],
    ['?after=57', [[58, 59]]],
    ['?after=59', []],
    ['?after=1000', []],
    ['?seq=0', [[0, 0]]],
    [
      '?seq=10-14,17,30-',
      [
        [10, 14],
        [17, 17],
        [30, 59],
      ],
    ],
    [
      '?seq=30-,17,10-14,11-12,14',
      [
        [10, 14],
        [17, 17],
        [30, 59],
      ],
    ],
    ['?seq=58-70,100-', [[58, 59]]],
    ['?seq=60-', []],
    ['?seq=9007199254740991', []],
  ])('[H2][S1] %j covers what it asks for, as far as the tape goes', async (query, covers) => {
    const slice = await sliceOf(`/v1/streams/ranges/events${query}`)
    expect(slice).toMatchObject({ epoch, latestSeq: 59, covers })
    expect(seqsOf(slice)).toEqual(Array.from({ length: 60 }, (_, seq) => seq).filter((seq) => includes(covers, seq)))
    for (const event of slice.events) expect(event).toEqual({ seq: event.seq, client: 'a', ...insert(event.seq + 1) })
  })

  test('[H2] a thousand single seqs are one request', async () => {
    const seq = Array.from({ length: 1000 }, (_, i) => 2 * i).join(',')
    expect(seqsOf(await sliceOf(`/v1/streams/ranges/events?seq=${seq}`))).toEqual(Array.from({ length: 30 }, (_, i) => 2 * i))
  })

  test('[H2][S2] any ranges, at random, are what a plain list gives', async () => {
    const random = new SeededRandom(60)
    for (let round = 0; round < 40; round++) {
      const ranges = Array.from({ length: 1 + random.below(6) }, () => {
        const first = random.below(70)
        return random.chance(0.2) ? `${first}-` : `${first}-${first + random.below(20)}`
      }).join(',')
      const wanted = subtract(parseSeqs(ranges), [[60, Number.MAX_SAFE_INTEGER]])
      expect((await sliceOf(`/v1/streams/ranges/events?seq=${ranges}`)).covers).toEqual(wanted)
    }
  })

  test('[S4] under another epoch they are refused with the right one', async () => {
    const answer = await call('/v1/streams/ranges/events?seq=0-4&epoch=other')
    expect([answer.status, await answer.json()]).toEqual([409, expect.objectContaining({ code: 'wrong-epoch', epoch, latestSeq: 59 })])
    for (const accept of ['application/x-ndjson', 'text/event-stream']) {
      expect(await (await call('/v1/streams/ranges/events?epoch=other', { headers: { Accept: accept } })).json()).toMatchObject({
        code: 'wrong-epoch',
        epoch,
      })
    }
    expect(await (await call('/v1/streams/ranges/events?after=59&wait=9&epoch=other')).json()).toMatchObject({ code: 'wrong-epoch', epoch })
  })

  test('[H6] NDJSON has one event a line', async () => {
    const answer = await call('/v1/streams/ranges/events?seq=3-5,58-', { headers: { Accept: 'application/x-ndjson' } })
    expect([answer.headers.get('Content-Type'), answer.headers.get('Cache-Control')]).toEqual(['application/x-ndjson', 'no-store'])
    const lines = (await textOf(answer)).split('\n')
    expect(lines.pop()).toBe('')
    expect(lines.map((line) => JSON.parse(line))).toEqual([3, 4, 5, 58, 59].map((seq) => ({ seq, client: 'a', ...insert(seq + 1) })))
    const none = await call('/v1/streams/ranges-none/events', { headers: { Accept: 'application/x-ndjson' } })
    expect([none.status, await textOf(none)]).toEqual([200, ''])
  })
})

describe('pages', () => {
  const count = 40
  beforeAll(async () => {
    for (let counter = 1; counter <= count; counter += 4) {
      const drafts = Array.from({ length: 4 }, (_, i) => ({
        ...insert(counter + i),
        values: { text: `${counter + i}`.padEnd(200_000, 'x') },
      }))
      await publish('pages', { client: 'a', drafts })
    }
  })

  test('[H2][S2] of about 2 MiB: asking for what is missing comes to the end', async () => {
    let covered: SeqRanges = []
    const sizes: number[] = []
    for (let missing: SeqRanges = [[0, count - 1]]; missing.length > 0; missing = subtract([[0, count - 1]], covered)) {
      const answer = await call(`/v1/streams/pages/events?seq=${formatSeqs(missing)}`)
      const text = await answer.text()
      sizes.push(text.length)
      const slice = decodeSlice(text)
      expect(seqsOf(slice)).toEqual(Array.from({ length: count }, (_, seq) => seq).filter((seq) => includes(slice.covers, seq)))
      covered = union(covered, slice.covers)
    }
    expect(sizes).toHaveLength(4)
    for (const size of sizes) expect(size).toBeLessThan(2.2 * 1024 * 1024)
  })

  test('[H6] NDJSON goes on over all of them', async () => {
    const text = await textOf(await call('/v1/streams/pages/events', { headers: { Accept: 'application/x-ndjson' } }))
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { seq: number }).seq),
    ).toEqual(Array.from({ length: count }, (_, seq) => seq))
  })

  test('[H6] NDJSON ends where the tape ended when it was asked for', async () => {
    const answer = await call('/v1/streams/pages/events?seq=30-', { headers: { Accept: 'application/x-ndjson' } })
    await publish('pages', { client: 'b', drafts: [insert(1)] })
    expect((await textOf(answer)).trimEnd().split('\n')).toHaveLength(10)
  })

  test('[H4][S3] an immutable page says of the tape only what it covers', async () => {
    const { epoch } = await (await call('/v1/streams/pages')).json<{ epoch: string }>()
    const page = await sliceOf(`/v1/streams/pages/events?seq=0-39&epoch=${epoch}`)
    expect([page.covers, page.latestSeq]).toEqual([[[0, 9]], 9])
  })
})

describe('what never changes', () => {
  /** A request through the Worker, with whatever it put off done. */
  async function settled(
    path: string,
    { token, headers = {} }: { token?: string; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const context = createExecutionContext()
    const authorization = `Bearer ${token ?? (await testToken())}`
    const answer = await app.fetch(new Request(origin + path, { headers: { Authorization: authorization, ...headers } }), env, context)
    const kept = new Response(await answer.text(), answer)
    await waitOnExecutionContext(context)
    return kept
  }

  test('[H4] is immutable, with a strong ETag, and the same byte for byte after more has been published', async () => {
    const epoch = await fill('immutable-1')
    const path = `/v1/streams/immutable-1/events?seq=0-9,20-29&epoch=${epoch}`
    const first = await settled(path)
    expect([first.headers.get('Cache-Control'), first.headers.get('ETag'), first.headers.get('Vary')]).toEqual([
      'private, max-age=31536000, immutable',
      `"${epoch}/0-9,20-29"`,
      'Authorization',
    ])
    const text = await first.text()
    expect(decodeSlice(text)).toMatchObject({
      epoch,
      latestSeq: 29,
      covers: [
        [0, 9],
        [20, 29],
      ],
    })
    await publish('immutable-1', { client: 'b', drafts: [insert(1)] })
    const again = await settled(path)
    expect([again.headers.get('Tapeline-Cache'), again.headers.get('Cache-Control'), again.headers.get('ETag')]).toEqual([
      'hit',
      'private, max-age=31536000, immutable',
      first.headers.get('ETag'),
    ])
    expect(await again.text()).toBe(text)
    const fresh = await stubOf('immutable-1').fetch(origin + path, { headers: { Authorization: `Bearer ${await testToken()}` } })
    expect(await fresh.text()).toBe(text)
  })

  test('[H5] is answered from the cache without the object, however its ranges are written', async () => {
    const epoch = await fill('immutable-2')
    await settled(`/v1/streams/immutable-2/events?seq=0-9&epoch=${epoch}`)
    await evictDurableObject(stubOf('immutable-2'))
    for (const seq of ['0-9', '5-9,0-4', '000-9,3']) {
      const answer = await settled(`/v1/streams/immutable-2/events?seq=${seq}&epoch=${epoch}`)
      expect([answer.status, answer.headers.get('Tapeline-Cache')]).toEqual([200, 'hit'])
    }
    const unchanged = await settled(`/v1/streams/immutable-2/events?seq=0-9&epoch=${epoch}`, {
      headers: { 'If-None-Match': `"${epoch}/0-9"` },
    })
    expect([unchanged.status, unchanged.headers.get('ETag'), await unchanged.text()]).toEqual([304, `"${epoch}/0-9"`, ''])
    const changed = await settled(`/v1/streams/immutable-2/events?seq=0-9&epoch=${epoch}`, { headers: { 'If-None-Match': '"other"' } })
    expect(changed.status).toBe(200)
    // Evicting what does not run is refused: so nothing of the above has woken the object.
    await expect(evictDurableObject(stubOf('immutable-2'))).rejects.toThrow()
  })

  test('[H5][A4] is given to no one without a good token for the stream', async () => {
    const epoch = await fill('immutable-3')
    const path = `/v1/streams/immutable-3/events?seq=0-9&epoch=${epoch}`
    for (let i = 0; i < 2; i++) expect((await settled(path)).status).toBe(200)
    const etag = { 'If-None-Match': `"${epoch}/0-9"` }
    for (const [token, status] of [
      ['', 401],
      ['nonsense', 401],
      [await testToken({ expiresInSeconds: -1 }), 401],
      [await testToken({ name: 'immutable-30' }), 403],
      [await testToken({ may: ['publish', 'admin'] }), 403],
    ] as const) {
      expect((await settled(path, { token })).status).toBe(status)
      expect((await settled(path, { token, headers: etag })).status).toBe(status)
    }
  })

  test('[H5][H11] is kept for an hour at most, because a deleted stream cannot take it back', async () => {
    const epoch = await fill('immutable-6')
    await settled(`/v1/streams/immutable-6/events?seq=0-9&epoch=${epoch}`)
    const kept = await caches.default.match(`${origin}/v1/streams/immutable-6/events?immutable=${encodeURIComponent(`${epoch}/0-9`)}`)
    expect(kept?.headers.get('Cache-Control')).toBe('public, max-age=3600, immutable')
    await kept?.body?.cancel()
  })

  test('[H4] is nothing that reaches beyond the tape, is open, or names no epoch', async () => {
    const epoch = await fill('immutable-4')
    for (const query of [
      `?seq=50-60&epoch=${epoch}`,
      `?seq=60-70&epoch=${epoch}`,
      `?seq=0-9,50-&epoch=${epoch}`,
      '?seq=0-9',
      '',
      `?after=5&epoch=${epoch}`,
    ]) {
      for (let i = 0; i < 2; i++) {
        const answer = await settled(`/v1/streams/immutable-4/events${query}`)
        expect([
          answer.status,
          answer.headers.get('Cache-Control'),
          answer.headers.get('ETag'),
          answer.headers.get('Tapeline-Cache'),
        ]).toEqual([200, 'no-store', null, null])
        expect(await answer.json()).toMatchObject({ latestSeq: 59 })
      }
    }
    await publish('immutable-4', { client: 'b', drafts: [insert(1)] })
    expect((await settled(`/v1/streams/immutable-4/events?seq=50-60&epoch=${epoch}`)).headers.get('ETag')).toBe(`"${epoch}/50-60"`)
  })

  test('[H4][S4] is not what was asked for under another epoch, and that is not kept', async () => {
    await fill('immutable-5')
    for (const epoch of ['other', '', '%22%0A', '..%2F..']) {
      for (let i = 0; i < 2; i++) {
        const answer = await settled(`/v1/streams/immutable-5/events?seq=0-9&epoch=${epoch}`)
        expect([answer.status, answer.headers.get('Cache-Control')]).toEqual([409, 'no-store'])
      }
    }
  })
})
