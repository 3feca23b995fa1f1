/**
 * Sockets that are opened as a client, in the real object: each step with the object evicted before it and without,
 * and with publishes of an older socket under way while the newer one is let in.
 */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { call, insert, LiveSocket } from '../../support/live.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { testToken } from '../../support/tokens.ts'
import { rowCounts, stubOf } from './objects.ts'

const superseded = { code: 4409, reason: 'superseded' }

const publishFrame = (ref: number, client: string, ...counters: number[]) => ({
  type: 'publish',
  ref,
  client,
  drafts: counters.map((counter) => insert(counter)),
})

interface Opened {
  readonly socket: LiveSocket
  /** Of its welcome; `absent` when that has none. */
  readonly counter: number | 'absent'
}

async function open(stream: string, query: string, token?: string): Promise<Opened> {
  const socket = await LiveSocket.open(stream, { query, ...(token === undefined ? {} : { token }) })
  const welcome = await socket.next()
  if (welcome.type !== 'welcome') throw new Error(`The first frame is ${welcome.type}.`)
  return { socket, counter: welcome.counter ?? 'absent' }
}

async function countersOf(stream: string, client: string): Promise<number[]> {
  const { events } = await (await call(`/v1/streams/${stream}/events`)).json<{ events: { client?: string; counter: number }[] }>()
  return events.filter((event) => event.client === client).map(({ counter }) => counter)
}

async function evict(stream: string): Promise<void> {
  await runInDurableObject(stubOf(stream), () => undefined)
  await evictDurableObject(stubOf(stream), { webSockets: 'hibernate' })
}

describe.each([
  ['awake', async () => {}],
  ['evicted before each step', evict],
])('a socket that is opened as a client, the object %s', (how, settle) => {
  const name = (what: string) => `open-${what}-${how.replaceAll(' ', '-')}`

  test('[L1][L8][L9] is told the counter, and is the client’s at once: the older ones are closed and not read', async () => {
    const stream = name('plain')
    const silent = await open(stream, '')
    await settle(stream)
    const older = await open(stream, '?client=a')
    expect([silent.counter, older.counter, await rowCounts(stream)]).toEqual(['absent', 0, {}])
    await settle(stream)
    older.socket.send(publishFrame(1, 'a', 1, 2))
    expect(await older.socket.next()).toMatchObject({ covers: [[0, 1]] })
    await settle(stream)
    const newer = await open(stream, '?client=a')
    expect([newer.counter, await older.socket.closed]).toEqual([2, superseded])
    await settle(stream)
    silent.socket.send(publishFrame(1, 'a', 3))
    expect(await silent.socket.closed).toEqual(superseded)
    await settle(stream)
    newer.socket.send(publishFrame(1, 'a', 3))
    expect(await newer.socket.next()).toMatchObject({ covers: [[2, 2]], events: [{ counter: 3 }] })
    expect(await countersOf(stream, 'a')).toEqual([1, 2, 3])
  })

  test('[L8][L9] that nobody has published as yet belongs to the one that opened last', async () => {
    const stream = name('fresh')
    const older = await open(stream, '?client=a')
    await settle(stream)
    const newer = await open(stream, '?client=a')
    expect([older.counter, newer.counter, await older.socket.closed]).toEqual([0, 0, superseded])
    await settle(stream)
    newer.socket.send(publishFrame(1, 'a', 1))
    expect(await newer.socket.next()).toMatchObject({ covers: [[0, 0]] })
  })

  test('[L1][L9][P5] is told nothing of a client that it may not publish as, and closes nobody', async () => {
    const stream = name('other')
    const owner = await open(stream, '?client=a')
    owner.socket.send(publishFrame(1, 'a', 1))
    expect(await owner.socket.next()).toMatchObject({ covers: [[0, 0]] })
    await settle(stream)
    const thief = await open(stream, '?client=a', await testToken({ sub: 'user-2' }))
    await settle(stream)
    const reader = await open(stream, '?client=a', await testToken({ may: ['read'] }))
    expect([thief.counter, reader.counter]).toEqual(['absent', 'absent'])
    await settle(stream)
    thief.socket.send(publishFrame(1, 'a', 2))
    expect(await thief.socket.next()).toMatchObject({ type: 'refused', code: 'client-taken' })
    await settle(stream)
    owner.socket.send(publishFrame(2, 'a', 2))
    expect(await owner.socket.next()).toMatchObject({ covers: [[1, 1]] })
  })
})

describe('a publish that is under way on an older socket', () => {
  test('[L11] has been counted in the welcome, or is never taken', async () => {
    const counts: number[] = []
    for (let seed = 1; seed <= 30; seed++) {
      const random = new SeededRandom(seed)
      const stream = `open-race-${seed}`
      const older = await open(stream, '?client=a')
      let sent = 0
      let isClosed = false
      void older.socket.closed.then(() => {
        isClosed = true
      })
      // The older one sends a few frames in each turn of the loop, before and while the newer one is let in.
      const send = async (isDone: () => boolean) => {
        while (!isDone() && sent < 1000) {
          for (let count = random.next() * 5; count > 0; count--) older.socket.send(publishFrame(++sent, 'a', sent))
          await runInDurableObject(stubOf(stream), () => undefined)
        }
      }
      const before = random.next() * 40
      await send(() => sent >= before)
      const opening = open(stream, '?client=a')
      await send(() => isClosed)
      const { counter } = await opening
      if (random.chance(0.5)) await evict(stream)
      expect(await older.socket.closed).toEqual(superseded)
      expect(await countersOf(stream, 'a'), `seed ${seed}`).toEqual(Array.from({ length: Number(counter) }, (_, i) => i + 1))
      counts.push(Number(counter))
    }
    expect(new Set(counts).size).toBeGreaterThan(1)
  })
})
