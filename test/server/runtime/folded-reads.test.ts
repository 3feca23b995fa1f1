/** Reading folded: fewer events with the same effect, for the same seqs, from the real object. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import {
  applyEvent,
  decodeSlice,
  foldEvents,
  type ObjectState,
  objectKey,
  type Slice,
  type TapeEvent,
  unborn,
} from '../../../src/protocol/index.ts'
import { formatSeqs } from '../../../src/protocol/seq-ranges.ts'
import { app } from '../../../src/server/edge/app.ts'
import { call, origin, publish } from '../../support/live.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { testToken } from '../../support/tokens.ts'

async function sliceOf(path: string): Promise<Slice> {
  const answer = await call(path)
  expect(answer.status).toBe(200)
  return decodeSlice(await answer.text(), path.includes('fold=true'))
}

function statesOf(events: readonly TapeEvent[]): Record<string, ObjectState> {
  const states = new Map<string, ObjectState>()
  for (const event of events) states.set(objectKey(event), applyEvent(states.get(objectKey(event)) ?? unborn, event))
  return Object.fromEntries(states)
}

/** 300 events of five objects and a text, some in rows of several. */
async function fill(stream: string): Promise<void> {
  const random = new SeededRandom(3)
  let length = 0
  for (let counter = 1; counter <= 300; ) {
    const seen = counter - 2
    const drafts = Array.from({ length: Math.min(1 + random.below(20), 301 - counter) }, () => {
      const made = { counter, seen, collection: 'c' }
      counter++
      const dice = random.next()
      if (dice < 0.4) {
        const offset = random.below(length + 1)
        length += 2
        return { ...made, type: 'update', identifier: 'text', deltas: { text: [{ type: 'insert', offset, values: 'xy' }] } }
      }
      const identifier = `o${random.below(5)}`
      if (dice < 0.5) return { ...made, type: 'delete', identifier }
      return { ...made, type: dice < 0.7 ? 'insert' : 'update', identifier, values: { [`f${random.below(3)}`]: counter } }
    })
    await (await publish(stream, { client: 'a', drafts })).text()
  }
}

describe('folded reads', () => {
  test('[H12] any ranges come folded: the same seqs, fewer events, the same effect', async () => {
    await fill('folded')
    const random = new SeededRandom(4)
    const plain = await sliceOf('/v1/streams/folded/events')
    const all = await sliceOf('/v1/streams/folded/events?fold=true')
    expect({ ...all, events: [] }).toEqual({ ...plain, events: [] })
    expect(all.events.length).toBeLessThanOrEqual(10)
    expect(all.events.find(({ identifier }) => identifier === 'text')?.deltas).toBeUndefined()
    expect(statesOf(all.events)).toEqual(statesOf(foldEvents(plain.events, plain.covers)))
    for (let round = 0; round < 20; round++) {
      const ranges = formatSeqs(
        Array.from({ length: 1 + random.below(3) }, (_, index) => [index * 100, index * 100 + random.below(99)] as const),
      )
      const [some, folded] = await Promise.all([
        sliceOf(`/v1/streams/folded/events?seq=${ranges}`),
        sliceOf(`/v1/streams/folded/events?seq=${ranges}&fold=true`),
      ])
      expect(folded.covers).toEqual(some.covers)
      expect(folded.events).toEqual(foldEvents(some.events, some.covers))
    }
    expect((await sliceOf('/v1/streams/folded/events?fold=false')).events).toHaveLength(300)
    expect(await sliceOf('/v1/streams/nothing-there/events?fold=true')).toMatchObject({ epoch: null, covers: [], events: [] })
  })

  test('[H12][H5] closed ranges that are folded never change, and come from the cache', async () => {
    await fill('folded-cache')
    const { epoch } = await sliceOf('/v1/streams/folded-cache/events?seq=0')
    const read = async (query: string) => {
      const context = createExecutionContext()
      const headers = { Authorization: `Bearer ${await testToken()}` }
      const answer = await app.fetch(
        new Request(`${origin}/v1/streams/folded-cache/events?${query}&epoch=${epoch}`, { headers }),
        env,
        context,
      )
      const text = await answer.text()
      await waitOnExecutionContext(context)
      return { text, etag: answer.headers.get('ETag'), isHit: answer.headers.get('Tapeline-Cache') === 'hit' }
    }
    const first = await read('seq=0-255&fold=true')
    const plain = await read('seq=0-255')
    expect(first.etag).not.toBe(plain.etag)
    const again = await read('seq=0-255&fold=true')
    expect(again).toEqual({ ...first, isHit: true })
    expect(decodeSlice(first.text, true)).toMatchObject({ latestSeq: 255, covers: [[0, 255]] })
  })

  test('[H12][H3] what cannot be folded is refused', async () => {
    for (const query of ['fold=yes', 'fold=', 'fold=true&fold=true', 'fold=true&wait=5']) {
      expect(await (await call(`/v1/streams/folded/events?${query}`)).json()).toMatchObject({ code: 'bad-query', at: 'fold' })
    }
    for (const accept of ['text/event-stream', 'application/x-ndjson']) {
      const answer = await call('/v1/streams/folded/events?fold=true', { headers: { Accept: accept } })
      expect(await answer.json()).toMatchObject({ code: 'bad-query', at: 'fold' })
    }
    expect(await (await call('/v1/streams/folded/events?fold=true&epoch=other')).json()).toMatchObject({ code: 'wrong-epoch' })
  })
})
