/** The live socket in the real object: what is sent at once, to whom, and how sockets end. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Session } from '../../../src/server/object/session.ts'
import { call, insert, LiveSocket, publish } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { rowCounts, stubOf, tapeOf, untilSockets } from './objects.ts'

const publishFrame = (ref: number, client: string, ...counters: number[]) => ({
  type: 'publish',
  ref,
  client,
  drafts: counters.map((counter) => insert(counter)),
})

/** A socket that has had its welcome. */
async function join(stream: string, options: { query?: string; token?: string } = {}): Promise<LiveSocket> {
  const socket = await LiveSocket.open(stream, options)
  expect(await socket.next()).toMatchObject({ type: 'welcome' })
  return socket
}

describe('the live socket', () => {
  test('[L1][H1] welcomes to a stream that does not exist, and makes nothing', async () => {
    const socket = await LiveSocket.open('live-1', { query: '?after=-1' })
    expect(await socket.next()).toEqual({ type: 'welcome', epoch: null, latestSeq: -1, expiresInMs: expect.any(Number) })
    expect(await rowCounts('live-1')).toEqual({})
  })

  test('[L1] sends what is missing at once, if the epoch is the same', async () => {
    await publish('live-2', { client: 'a', drafts: [insert(1), insert(2), insert(3)] })
    const { epoch } = await (await call('/v1/streams/live-2')).json<{ epoch: string }>()
    for (const query of ['?after=0', `?after=0&epoch=${epoch}`]) {
      const socket = await LiveSocket.open('live-2', { query })
      expect(await socket.next()).toMatchObject({ type: 'welcome', epoch, latestSeq: 2, follows: [[1, 2]] })
      expect(await socket.next()).toMatchObject({ type: 'slice', epoch, latestSeq: 2, covers: [[1, 2]], events: [{ seq: 1 }, { seq: 2 }] })
    }
    const other = await LiveSocket.open('live-2', { query: '?after=0&epoch=other' })
    const drawn = { mark: expect.stringMatching(/^2\./), expiresInMs: expect.any(Number) }
    expect(await other.next()).toEqual({ type: 'welcome', epoch, latestSeq: 2, ...drawn })
  })

  test('[L2][P8] tells all of what was published over any door, in one order', async () => {
    const sockets = await Promise.all(Array.from({ length: 5 }, () => join('live-3')))
    for (const [index, socket] of sockets.entries()) {
      for (let counter = 1; counter <= 10; counter++) socket.send(publishFrame(counter, `c${index}`, counter))
    }
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => publish('live-3', { drafts: [{ type: 'delete', collection: 'x', identifier: 'y' }] })),
    )
    for (const answer of answers) expect(answer.status).toBe(200)
    const heard = await Promise.all(
      sockets.map(async (socket) => {
        const events: unknown[] = []
        for (let next = 0; next < 60; ) {
          const frame = await socket.next()
          if (frame.type !== 'slice') throw new Error(frame.type)
          expect(frame.covers).toEqual([[next, next + frame.events.length - 1]])
          expect(frame.latestSeq).toBe(next + frame.events.length - 1)
          next += frame.events.length
          events.push(...frame.events)
        }
        return events
      }),
    )
    const { events } = await (await call('/v1/streams/live-3/events')).json<{ events: unknown[] }>()
    for (const one of heard) expect(one).toEqual(events)
    for (let i = 0; i < 5; i++) {
      const counters = events.flatMap((event) =>
        (event as { client?: string }).client === `c${i}` ? [(event as { counter: number }).counter] : [],
      )
      expect(counters).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    }
  })

  test('[L4] answers a fetch with at most 1 MB, and with what follows when asked again', async () => {
    for (let counter = 1; counter <= 6; counter++)
      await publish('live-4', { client: 'a', drafts: [{ ...insert(counter), values: { text: 'x'.repeat(240_000) } }] })
    const socket = await join('live-4')
    socket.send({ type: 'fetch', ref: 1, seq: [[0, 5]] })
    const text = await socket.nextText()
    expect(text.length).toBeLessThan(1_048_576)
    expect(JSON.parse(text)).toMatchObject({ ref: 1, covers: [[0, 3]], latestSeq: 5 })
    socket.send({ type: 'fetch', ref: 2, seq: [[4, 5]] })
    expect(await socket.next()).toMatchObject({ ref: 2, covers: [[4, 5]] })
  })

  test('[L6] passes whispers on and stores nothing', async () => {
    const [one, two] = [await join('live-5'), await join('live-5')]
    one.send({ type: 'whisper', client: 'a', data: { x: 1, list: [null] } })
    expect(await two.next()).toEqual({ type: 'whisper', client: 'a', data: { x: 1, list: [null] } })
    one.send({ type: 'fetch', ref: 1, seq: [[0, 0]] })
    expect(await one.next()).toMatchObject({ type: 'slice', ref: 1 })
    expect(await tapeOf('live-5')).toBe('none')
  })

  test('[L9] answers pings, and those of a sleeping object without waking it', async () => {
    const socket = await join('live-6')
    socket.send('ping')
    expect(await socket.nextText()).toBe('pong')
    await evictDurableObject(stubOf('live-6'), { webSockets: 'hibernate' })
    socket.send('ping')
    expect(await socket.nextText()).toBe('pong')
    await expect(evictDurableObject(stubOf('live-6'))).rejects.toThrow('not currently running')
  })

  test('[L8] closes the older socket of a client, and reads nothing more from it', async () => {
    const [older, newer] = [await join('live-7'), await join('live-7')]
    older.send(publishFrame(1, 'a', 1))
    for (const one of [older, newer]) expect(await one.next()).toMatchObject({ covers: [[0, 0]] })
    newer.send(publishFrame(1, 'a', 2))
    older.send(publishFrame(2, 'a', 2, 3, 4))
    expect(await newer.next()).toMatchObject({ covers: [[1, 1]] })
    expect(await older.closed).toEqual({ code: 4409, reason: 'superseded' })
    newer.send(publishFrame(2, 'a', 3))
    expect(await newer.next()).toMatchObject({ covers: [[2, 2]], events: [{ counter: 3, identifier: 'task-3' }] })
    await untilSockets('live-7', 1)
  })

  test('[L8] remembers over a sleep which socket a client publishes on, and which was opened later', async () => {
    const sockets = [await join('live-8'), await join('live-8'), await join('live-8')] as const
    sockets[1].send(publishFrame(1, 'a', 1))
    for (const one of sockets) await one.next()
    await evictDurableObject(stubOf('live-8'), { webSockets: 'hibernate' })
    sockets[0].send(publishFrame(1, 'a', 2))
    expect(await sockets[0].closed).toEqual({ code: 4409, reason: 'superseded' })
    await evictDurableObject(stubOf('live-8'), { webSockets: 'hibernate' })
    sockets[2].send(publishFrame(1, 'a', 2))
    expect(await sockets[1].closed).toEqual({ code: 4409, reason: 'superseded' })
    expect(await sockets[2].next()).toMatchObject({ covers: [[1, 1]] })
  })

  test('[L10] closes a socket that leaves more than 8 MiB unread', () => {
    const closed: [number, string][] = []
    const saved: unknown[] = []
    const sent: string[] = []
    const socket = {
      bufferedAmount: 8 * 1024 * 1024,
      send: (frame: string) => sent.push(frame),
      close: (code: number, reason: string) => closed.push([code, reason]),
      serializeAttachment: (value: unknown) => saved.push(value),
    }
    const session = Session.accept(
      socket as unknown as WebSocket,
      { stream: 's', order: 1, sub: 'u', mayPublish: true, expiresAt: 1 },
      () => {},
    )
    const frame = 'x'.repeat(256 * 1024)
    session.send(frame)
    expect([closed, session.hasEnded]).toEqual([[], false])
    socket.bufferedAmount++
    session.send(frame)
    expect([closed, session.hasEnded, saved.at(-1)]).toEqual([[[4408, 'too-slow']], true, expect.objectContaining({ hasEnded: true })])
    session.send('nothing more')
    expect(sent).toHaveLength(2)
  })

  test('[L10] finds it in small frames, too, before 256 KiB more have been sent', () => {
    const closed: number[] = []
    let sent = 0
    const socket = {
      bufferedAmount: 9 * 1024 * 1024,
      send: (frame: string) => {
        sent += frame.length
      },
      close: (code: number) => closed.push(code),
      serializeAttachment: () => undefined,
    }
    const session = Session.accept(
      socket as unknown as WebSocket,
      { stream: 's', order: 1, sub: 'u', mayPublish: true, expiresAt: 1 },
      () => {},
    )
    while (!session.hasEnded && sent < 1024 * 1024) session.send('x'.repeat(1000))
    expect([closed, sent <= 257 * 1024]).toEqual([[4408], true])
  })

  test('[L10] forgives a socket that has closed while it was written to', () => {
    const socket = {
      send: () => {
        throw new TypeError("Can't call WebSocket send() after close().")
      },
      close: () => {
        throw new TypeError('Closed already.')
      },
      serializeAttachment: () => undefined,
    }
    const session = Session.accept(
      socket as unknown as WebSocket,
      { stream: 's', order: 1, sub: 'u', mayPublish: true, expiresAt: 1 },
      () => {},
    )
    session.send('into the void')
    session.end(4401, 'token-expired')
    expect(session.hasEnded).toBe(true)
  })
})

describe('time', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
  const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

  test('[L7] a socket whose token has expired is closed when somebody else publishes, and is not told of it', async () => {
    const brief = await join('time-1', { token: await testToken({ expiresInSeconds: 60 }) })
    const other = await join('time-1')
    later(59)
    await publish('time-1', { client: 'b', drafts: [insert(1)] })
    expect(await brief.next()).toMatchObject({ covers: [[0, 0]] })
    later(1)
    await publish('time-1', { client: 'b', drafts: [insert(2)] })
    expect(await brief.closed).toEqual({ code: 4401, reason: 'token-expired' })
    for (const seq of [0, 1]) expect(await other.next()).toMatchObject({ covers: [[seq, seq]] })
    expect(brief.unread).toEqual([])
  })

  test.each<[what: string, frame: unknown]>([
    ['a publish', publishFrame(1, 'a', 1)],
    ['a fetch', { type: 'fetch', ref: 1, seq: [[0, 0]] }],
    ['a whisper', { type: 'whisper', client: 'a', data: 1 }],
    ['what is no frame', '{'],
    ['a token that is not good', { type: 'token', token: 'a.b.c' }],
  ])('[L7] it is closed by %s of its own, which has no effect', async (what, frame) => {
    const stream = `time-2-${what.replaceAll(' ', '-')}`
    const [brief, other] = [await join(stream, { token: await testToken({ expiresInSeconds: 60 }) }), await join(stream)]
    later(60)
    brief.send(frame)
    expect(await brief.closed).toEqual({ code: 4401, reason: 'token-expired' })
    other.send({ type: 'fetch', ref: 1, seq: [[0, 0]] })
    expect(await other.next()).toMatchObject({ ref: 1, latestSeq: -1 })
    expect(brief.unread).toEqual([])
  })

  test('[L7] it is closed after a sleep, too', async () => {
    const brief = await join('time-3', { token: await testToken({ expiresInSeconds: 60 }) })
    await evictDurableObject(stubOf('time-3'), { webSockets: 'hibernate' })
    later(60)
    await publish('time-3', { client: 'b', drafts: [insert(1)] })
    expect(await brief.closed).toEqual({ code: 4401, reason: 'token-expired' })
    expect(brief.unread).toEqual([])
  })

  test('[L7] a fresh token of the same sub keeps it open, one of another does not', async () => {
    const [renewed, not] = [
      await join('time-4', { token: await testToken({ expiresInSeconds: 60 }) }),
      await join('time-4', { token: await testToken({ expiresInSeconds: 60 }) }),
    ]
    renewed.send({ type: 'token', token: await testToken({ expiresInSeconds: 120 }) })
    expect(await renewed.next()).toEqual({ type: 'token', expiresInMs: expect.any(Number) })
    not.send({ type: 'token', token: await testToken({ sub: 'user-2', expiresInSeconds: 120 }) })
    expect(await not.next()).toMatchObject({ type: 'refused', code: 'forbidden' })
    later(61)
    await (await publish('time-4', { client: 'b', drafts: [insert(1)] })).text()
    expect(await not.closed).toMatchObject({ code: 4401 })
    expect(await renewed.next()).toMatchObject({ covers: [[0, 0]] })
    await evictDurableObject(stubOf('time-4'), { webSockets: 'hibernate' })
    later(60)
    renewed.send(publishFrame(1, 'a', 1))
    expect(await renewed.closed).toMatchObject({ code: 4401 })
  })

  test('[L7][H7] a reader of server-sent events is sent nothing after its token’s end', async () => {
    const answer = await call('/v1/streams/time-5/events', {
      headers: { Accept: 'text/event-stream' },
      token: await testToken({ expiresInSeconds: 60 }),
    })
    later(60)
    await publish('time-5', { client: 'b', drafts: [insert(1)] })
    expect(await answer.text()).toBe('retry: 1000\n\n')
  })

  test('[L7][H8] a long poll whose token ends while it waits is refused', async () => {
    const token = await testToken({ expiresInSeconds: 60 })
    const answer = call('/v1/streams/time-6/events?wait=55', { token })
    await untilSockets('time-6', 1)
    later(60)
    await publish('time-6', { client: 'b', drafts: [insert(1)] })
    expect(await (await answer).json()).toMatchObject({ code: 'token-expired', status: 401 })
  })

  test('[L9] a socket that used to ping and has been silent for three minutes is closed when somebody connects', async () => {
    const [silent, never] = [await join('time-7'), await join('time-7')]
    silent.send('ping')
    expect(await silent.nextText()).toBe('pong')
    later(181)
    await join('time-7')
    expect(await silent.closed).toEqual({ code: 4411, reason: 'silent' })
    never.send({ type: 'fetch', ref: 1, seq: [[0, 0]] })
    expect(await never.next()).toMatchObject({ ref: 1 })
  })

  test('[L6] beyond 30 whispers a second are refused, and the next second takes 30 more', async () => {
    const [one, two] = [await join('time-8'), await join('time-8')]
    for (let i = 1; i <= 31; i++) one.send({ type: 'whisper', client: 'a', data: i })
    expect(await one.next()).toMatchObject({ type: 'refused', code: 'too-often' })
    for (let i = 1; i <= 30; i++) expect(await two.next()).toMatchObject({ type: 'whisper', data: i })
    later(1)
    one.send({ type: 'whisper', client: 'a', data: 'again' })
    expect(await two.next()).toMatchObject({ type: 'whisper', data: 'again' })
  })

  test('[L9] an idle object has no alarm', async () => {
    await join('time-9')
    await publish('time-9', { client: 'b', drafts: [insert(1)] })
    expect(await runInDurableObject(stubOf('time-9'), (_, { storage }) => storage.getAlarm())).toBeNull()
  })
})
