import { describe, expect, test } from 'vitest'
import { connectDeadlineMs, missesMax, pingIntervalMs, pongDeadlineMs } from '../../src/client/link/connection.ts'
import { Refusal } from '../../src/protocol/index.ts'
import { change, TestStream } from '../support/test-stream.ts'

describe('the live link', () => {
  test('[C6] is opened again after a loss, and resumes behind the last event it has', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.slice([[0, 41]])
    client.link.events.onClose({ closeCode: 1006 })
    expect(client.stream.status.connection).toBe('offline')
    await client.settle(249)
    expect(client.transport.links).toHaveLength(1)
    await client.settle(1)
    expect(client.transport.links).toHaveLength(2)
    expect(client.link.after).toBe(41)
  })

  test('[C6] a nudge shortens the wait', async () => {
    const client = new TestStream()
    await client.settle()
    client.link.events.onClose({})
    client.stream.nudge()
    await client.settle()
    expect(client.transport.links).toHaveLength(2)
  })

  test('[C6] an opening that takes too long is given up', async () => {
    const client = new TestStream()
    await client.settle(connectDeadlineMs)
    expect(client.transport.links[0]?.isClosed).toBe(true)
    expect(client.stream.status.connection).toBe('offline')
  })

  test('[C7] a half-open socket is found by its silence; two misses are allowed', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.settle(pingIntervalMs)
    expect(client.link.texts).toEqual(['ping'])
    await client.settle(pongDeadlineMs * missesMax)
    expect(client.stream.status.connection).toBe('online')
    await client.settle(pongDeadlineMs)
    expect(client.stream.status.connection).toBe('offline')
    expect(client.transport.links[0]?.isClosed).toBe(true)
  })

  test('[C7] a pong, or any frame, ends the suspicion', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.settle(pingIntervalMs + pongDeadlineMs)
    client.link.events.onFrame('pong')
    await client.settle(pongDeadlineMs)
    await client.settle(pongDeadlineMs * 2)
    expect(client.stream.status.connection).toBe('online')
    expect(client.link.texts).toEqual(['ping', 'ping'])
  })

  test('[C7] a link that brings events and carries nothing to the server is given up, too', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    let seq = -1
    while (client.stream.status.connection === 'online' && seq < 100) {
      await client.slice([[++seq, seq]])
      await client.settle(pongDeadlineMs)
    }
    expect(client.time.now).toBeLessThanOrEqual((pingIntervalMs + pongDeadlineMs) * 6)
    expect(client.stream.status.connection).toBe('offline')
  })

  test('[C6] close code 4410 ends the stream', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.link.events.onClose({ closeCode: 4410 })
    await client.settle(60_000)
    expect(client.stream.status).toMatchObject({ connection: 'stopped', problem: 'stream-deleted' })
    expect(client.transport.links).toHaveLength(1)
  })

  test('[C6] what the server refuses for good ends the stream; what a new token may mend is tried again', async () => {
    const client = new TestStream()
    await client.settle()
    client.link.events.onClose({ refusal: 'token-expired' })
    expect(client.stream.status).toMatchObject({ connection: 'offline', problem: 'token-expired' })
    await client.settle(1000)
    client.link.events.onClose({ refusal: 'forbidden' })
    expect(client.stream.status).toMatchObject({ connection: 'stopped', problem: 'forbidden' })
  })

  test.each(['bad-query', 'too-many'] as const)(
    '[C21] what is wanted and refused (%s) is no end: it is said, and something else may be wanted',
    async (refusal) => {
      const client = new TestStream({ wanted: [{ nowhere: ['x'] }] })
      await client.settle()
      client.link.events.onClose({ refusal })
      expect(client.stream.status).toMatchObject({ connection: 'offline', problem: refusal })
      client.stream.want([{ collection: 'tasks' }])
      await client.settle()
      expect(client.transport.links.map(({ filters }) => filters)).toEqual([[{ nowhere: ['x'] }], [{ collection: ['tasks'] }]])
      await client.welcome(99_999, { counter: 0 })
      expect(client.stream.status).toMatchObject({ connection: 'online', problem: undefined })
      for (const { fail } of client.transport.reads.splice(0)) fail(new Refusal(refusal))
      await client.settle()
      expect(client.stream.status).toMatchObject({ connection: 'online', problem: refusal })
    },
  )

  test('[C6] a token that cannot be had is asked for again', async () => {
    let asked = 0
    const client = new TestStream({
      token: () => {
        if (++asked === 1) throw new Error('no network')
        return 'token'
      },
    })
    await client.settle()
    expect(client.transport.links).toHaveLength(0)
    await client.settle(1000)
    expect(client.transport.links).toHaveLength(1)
  })

  test('[L7] a fresh token is shown before the old one ends', async () => {
    let made = 0
    const client = new TestStream({ token: () => `token-${++made}` })
    await client.welcome(-1, { expiresInMs: 15_000 })
    expect(client.link.token).toBe('token-1')
    await client.settle(12_000)
    expect(client.link.sent).toEqual([{ type: 'token', token: 'token-2' }])
    await client.frame({ type: 'token', expiresInMs: 15_000 })
    await client.settle(12_000)
    expect(client.link.sent.at(-1)).toEqual({ type: 'token', token: 'token-3' })
  })

  test('[C6] a frame that cannot be read is reported, and the link made anew', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.link.events.onFrame('{"type":"slice"')
    expect(client.stream.status.connection).toBe('offline')
    expect(client.reported).toHaveLength(1)
  })

  test('[C6] what an old link brings late is not heard', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    const old = client.link
    old.events.onClose({})
    await client.settle(1000)
    await client.welcome(-1)
    old.events.onFrame('nonsense')
    old.events.onClose({ closeCode: 4410 })
    expect(client.stream.status.connection).toBe('online')
    expect(client.reported).toEqual([])
  })

  test('[C6] closing ends everything', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    client.stream.publish(change)
    const closed = client.stream.close()
    expect(() => client.stream.publish(change)).toThrow('has been closed')
    await client.settle(600_000)
    await closed
    await expect(client.stream.settled()).rejects.toThrow('stopped')
    expect(client.transport.links).toHaveLength(1)
    expect(client.link.isClosed).toBe(true)
    expect(client.stream.status).toMatchObject({ connection: 'stopped', problem: undefined, pending: 1 })
  })

  test('[C6] whoever subscribes twice is told twice, and each ends its own', async () => {
    const client = new TestStream()
    let told = 0
    const listener = () => {
      told++
    }
    const endFirst = client.stream.subscribe(listener)
    client.stream.subscribe(listener)
    client.stream.pause()
    const both = told
    endFirst()
    endFirst()
    client.stream.resume()
    expect(both).toBeGreaterThan(0)
    expect([both % 2, told]).toEqual([0, both + both / 2])
  })

  test('[C6] the status is one value until something changes, and tells its listeners', async () => {
    const client = new TestStream()
    const seen: string[] = []
    const unsubscribe = client.stream.subscribe(({ connection }) => seen.push(connection))
    expect(client.stream.status).toBe(client.stream.status)
    await client.welcome(-1)
    unsubscribe()
    client.link.events.onClose({})
    expect(new Set(seen)).toEqual(new Set(['connecting', 'online']))
    expect(client.stream.status.connection).toBe('offline')
  })
})
