/**
 * Eviction between any two messages: one long scenario, played plainly and with the object evicted before every step,
 * before each step alone, and at random. What the clients see is always the same.
 */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { call, insert, LiveSocket, publish, textOf } from '../../support/live.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { testToken } from '../../support/tokens.ts'
import { stubOf } from './objects.ts'

interface World {
  readonly stream: string
  /** A client that publishes, one that does later, and one that may only listen. */
  readonly a: LiveSocket
  readonly b: LiveSocket
  readonly reader: LiveSocket
  newer?: LiveSocket
  newest?: LiveSocket
}

const drafts = (...counters: number[]) => counters.map((counter) => insert(counter))

function frames(socket: LiveSocket, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => socket.nextText()))
}

/** What each of the sockets says next, so many frames each. */
async function told(world: World, a: number, b: number, reader: number): Promise<unknown> {
  return { a: await frames(world.a, a), b: await frames(world.b, b), reader: await frames(world.reader, reader) }
}

async function answerOf(answer: Promise<Response>): Promise<unknown> {
  const { status, headers } = await answer
  return { status, type: headers.get('Content-Type'), etag: headers.get('ETag'), body: await textOf(await answer) }
}

/** A step in which one socket sends a frame, and the three are told so many. */
function says(who: 'a' | 'b' | 'reader', frame: unknown, counts: readonly [a: number, b: number, reader: number]) {
  return (world: World): Promise<unknown> => {
    world[who].send(frame)
    return told(world, ...counts)
  }
}

function showsToken(
  who: 'a' | 'b' | 'reader',
  token: Parameters<typeof testToken>[0],
  counts: readonly [a: number, b: number, reader: number],
) {
  return async (world: World): Promise<unknown> => says(who, { type: 'token', token: await testToken(token) }, counts)(world)
}

async function newerPublishes({ newer }: World, ref: number, counter: number): Promise<unknown> {
  if (newer === undefined) throw new Error('It is not open yet.')
  newer.send({ type: 'publish', ref, client: 'a', drafts: drafts(counter) })
  return frames(newer, 1)
}

const rewrite = (seen: number) => ({ ...insert(2), identifier: 'task-4', seen })

const steps: readonly (readonly [what: string, run: (world: World) => Promise<unknown>])[] = [
  ['the first frames', (w) => told(w, 1, 1, 1)],
  ['a reads the empty tape', says('a', { type: 'fetch', ref: 1, seq: [[0, 9]] }, [1, 0, 0])],
  ['a publishes the first events', says('a', { type: 'publish', ref: 2, client: 'a', drafts: drafts(1, 2) }, [1, 1, 1])],
  ['a publishes more', says('a', { type: 'publish', ref: 3, client: 'a', drafts: drafts(3) }, [1, 1, 1])],
  ['a sends it again', says('a', { type: 'publish', ref: 4, client: 'a', drafts: drafts(2, 3) }, [1, 0, 0])],
  ['a sends some of it again', says('a', { type: 'publish', ref: 5, client: 'a', drafts: drafts(3, 4) }, [1, 1, 1])],
  ['a skips a counter', says('a', { type: 'publish', ref: 6, client: 'a', drafts: drafts(9) }, [1, 0, 0])],
  ['b claims the client of a', says('b', { type: 'publish', ref: 1, client: 'a', drafts: drafts(5) }, [0, 1, 0])],
  ['b publishes as itself', says('b', { type: 'publish', ref: 2, client: 'b', drafts: drafts(1) }, [1, 1, 1])],
  ['the reader tries to publish', says('reader', { type: 'publish', ref: 1, client: 'r', drafts: drafts(1) }, [0, 0, 1])],
  ['a whispers', says('a', { type: 'whisper', client: 'a', data: { at: 3 } }, [0, 1, 1])],
  ['the reader whispers', says('reader', { type: 'whisper', client: 'r', data: 1 }, [0, 0, 1])],
  ['a sends what is no frame', says('a', '{', [1, 0, 0])],
  ['a sends a binary frame', says('a', new ArrayBuffer(2), [1, 0, 0])],
  ['a pings', says('a', 'ping', [1, 0, 0])],
  [
    'a script publishes',
    async (w) => [
      await answerOf(publish(w.stream, { drafts: [{ type: 'delete', collection: 'tasks', identifier: 'task-1' }] })),
      await told(w, 1, 1, 1),
    ],
  ],
  [
    'a publishes over HTTP',
    async (w) => [await answerOf(publish(w.stream, { client: 'a', drafts: drafts(4, 5) })), await told(w, 1, 1, 1)],
  ],
  [
    'a publishes the same over HTTP',
    async (w) => [await answerOf(publish(w.stream, { client: 'a', drafts: drafts(4, 5) })), await told(w, 0, 0, 0)],
  ],
  ['a publishes what is refused over HTTP', (w) => answerOf(publish(w.stream, { client: 'a', drafts: drafts(8) }))],
  ['the state', (w) => answerOf(call(`/v1/streams/${w.stream}`))],
  [
    'b expects nothing to have changed, and is wrong',
    says('b', { type: 'publish', ref: 3, client: 'b', drafts: [rewrite(-1)], expect: { unchanged: true } }, [0, 1, 0]),
  ],
  [
    'b expects nothing to have changed, and is right',
    says('b', { type: 'publish', ref: 4, client: 'b', drafts: [rewrite(6)], expect: { unchanged: true } }, [1, 1, 1]),
  ],
  ['a shows a fresh token', showsToken('a', { sub: 'user-1', expiresInSeconds: 7200 }, [1, 0, 0])],
  ['a shows the token of another', showsToken('a', { sub: 'user-2' }, [1, 0, 0])],
  ['the reader shows a token that allows more', showsToken('reader', { sub: 'user-3' }, [0, 0, 1])],
  ['the reader publishes now', says('reader', { type: 'publish', ref: 2, client: 'r', drafts: drafts(1) }, [1, 1, 1])],
  [
    'a reads ranges',
    says(
      'a',
      {
        type: 'fetch',
        ref: 7,
        seq: [
          [5, 99],
          [0, 1],
        ],
      },
      [1, 0, 0],
    ),
  ],
  ['ranges over HTTP', (w) => answerOf(call(`/v1/streams/${w.stream}/events?seq=7-,2,0-1`))],
  ['all as lines', (w) => answerOf(call(`/v1/streams/${w.stream}/events`, { headers: { Accept: 'application/x-ndjson' } }))],
  [
    'a newer socket of a reads what it lacks',
    async (w) => {
      w.newer = await LiveSocket.open(w.stream, { query: '?after=3' })
      return frames(w.newer, 2)
    },
  ],
  ['the newer socket publishes as a', async (w) => [await newerPublishes(w, 1, 6), await told(w, 0, 1, 1), await w.a.closed]],
  ['the newer socket goes on', async (w) => [await newerPublishes(w, 2, 7), await told(w, 0, 1, 1)]],
  [
    'the newest socket opens as a',
    async (w) => {
      w.newest = await LiveSocket.open(w.stream, { query: '?after=-1&client=a' })
      return [await frames(w.newest, 2), await w.newer?.closed]
    },
  ],
  [
    'the newest socket publishes',
    async (w) => {
      w.newest?.send({ type: 'publish', ref: 1, client: 'a', drafts: drafts(8) })
      return [await told(w, 0, 1, 1), await w.newest?.nextText()]
    },
  ],
  [
    'a socket that opens as the client of another',
    async (w) => {
      const thief = await LiveSocket.open(w.stream, { query: '?client=a', token: await testToken({ sub: 'user-2' }) })
      return frames(thief, 1)
    },
  ],
  [
    'the stream is deleted',
    async (w) => [
      await answerOf(call(`/v1/streams/${w.stream}`, { method: 'DELETE', token: await testToken({ may: ['admin'] }) })),
      await w.b.closed,
      await w.reader.closed,
      await w.newest?.closed,
    ],
  ],
  ['the state after it', (w) => answerOf(call(`/v1/streams/${w.stream}`))],
]

/** What differs between any two runs of the same: the name, the epoch, marks, and how long a token is still good. */
function settled(seen: unknown, stream: string): unknown {
  return JSON.parse(
    JSON.stringify(seen)
      .replaceAll(stream, 'NAME')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}/g, 'EPOCH')
      .replaceAll(/(expiresInMs\\?":)\d+/g, '$10')
      .replaceAll(/(mark\\?":\\?"\d+)\.[\w.-]+/g, '$1.MARK'),
  )
}

async function evict(stream: string): Promise<void> {
  // Only what runs can be evicted.
  await runInDurableObject(stubOf(stream), () => undefined)
  await evictDurableObject(stubOf(stream), { webSockets: 'hibernate' })
}

async function transcript(stream: string, isEvictedBefore: (step: number) => boolean): Promise<Record<string, unknown>> {
  const open = async (sub: string, may: readonly ('read' | 'publish')[]) =>
    LiveSocket.open(stream, { query: '?after=-1', token: await testToken({ sub, may }) })
  const world: World = {
    stream,
    a: await open('user-1', ['read', 'publish']),
    b: await open('user-2', ['read', 'publish']),
    reader: await open('user-3', ['read']),
  }
  const seen: Record<string, unknown> = {}
  for (const [index, [what, run]] of steps.entries()) {
    if (isEvictedBefore(index)) await evict(stream)
    seen[what] = settled(await run(world), stream)
  }
  return seen
}

describe('eviction', () => {
  test('[L9] before every step changes nothing that a client sees', async () => {
    const plainly = await transcript('evict-none', () => false)
    expect(Object.keys(plainly)).toHaveLength(steps.length)
    expect(JSON.stringify(plainly)).toContain('"code\\":\\"client-taken')
    expect(plainly['the newer socket publishes as a']).toMatchObject({ 2: { code: 4409 } })
    expect(plainly['the newest socket opens as a']).toMatchObject([
      [expect.stringContaining('"counter":7'), expect.anything()],
      { code: 4409 },
    ])
    expect(await transcript('evict-all', () => true)).toEqual(plainly)
  })

  test('[L9] before any one step changes nothing that a client sees', async () => {
    const plainly = await transcript('evict-never', () => false)
    await Promise.all(
      steps.map(async ([what], index) => {
        expect(await transcript(`evict-at-${index}-`, (step) => step === index), `evicted before: ${what}`).toEqual(plainly)
      }),
    )
  }, 60_000)

  test('[L9] before steps chosen at random changes nothing that a client sees', async () => {
    const plainly = await transcript('evict-zero', () => false)
    const seeds = Array.from({ length: 10 }, (_, index) => index + 1)
    await Promise.all(
      seeds.map(async (seed) => {
        const random = new SeededRandom(seed)
        expect(await transcript(`evict-seed-${seed}-`, () => random.chance(0.5)), `seed ${seed}`).toEqual(plainly)
      }),
    )
  }, 30_000)

  test('[L9][H7] is not noticed by a reader of server-sent events', async () => {
    await (await publish('evict-sse', { client: 'a', drafts: drafts(1) })).text()
    const answer = await call('/v1/streams/evict-sse/events', { headers: { Accept: 'text/event-stream' } })
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    const until = async (end: string) => {
      while (!text.includes(end)) text += (await reader?.read())?.value ?? ''
    }
    await until('id: 0\n')
    for (let counter = 2; counter <= 6; counter++) {
      await evict('evict-sse')
      await (await publish('evict-sse', { client: 'a', drafts: drafts(counter) })).text()
      await until(`id: ${counter - 1}\n`)
    }
    expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual([0, 1, 2, 3, 4, 5])
    await reader?.cancel()
  })

  test('[L9] that closes the sockets loses nothing: whoever returns with what it has gets the rest', async () => {
    const socket = await LiveSocket.open('evict-close')
    await socket.next()
    socket.send({ type: 'publish', ref: 1, client: 'a', drafts: drafts(1, 2) })
    expect(await socket.next()).toMatchObject({ covers: [[0, 1]] })
    await evictDurableObject(stubOf('evict-close'), { webSockets: 'close' })
    await socket.closed
    const again = await LiveSocket.open('evict-close', { query: '?after=0' })
    expect(await again.next()).toMatchObject({ type: 'welcome', latestSeq: 1, follows: [[1, 1]] })
    expect(await again.next()).toMatchObject({ covers: [[1, 1]] })
    again.send({ type: 'publish', ref: 1, client: 'a', drafts: drafts(2, 3) })
    expect(await again.next()).toMatchObject({ covers: [[2, 2]], events: [{ counter: 3 }] })
  })
})
