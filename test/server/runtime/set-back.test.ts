/** Storage that is set back beneath the real object: what sockets, readers and the Worker’s copies make of it. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { expect, onTestFinished, test, vi } from 'vitest'
import { decodeSlice } from '../../../src/protocol/index.ts'
import { Leases } from '../../../src/server/edge/leases.ts'
import { call, insert, LiveSocket, publish as post } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { stubOf } from './objects.ts'

/** Rows behind a seq go, as if they had never been; the object begins anew. */
async function setBack(stream: string, latestSeq: number): Promise<void> {
  await runInDurableObject(stubOf(stream), (_, { storage }) => {
    storage.sql.exec('DELETE FROM tape WHERE last > ?', latestSeq)
  })
  await evictDurableObject(stubOf(stream), { webSockets: 'close' })
}

async function publish(stream: string, client: string, counters: readonly number[]): Promise<void> {
  for (const counter of counters) expect(await (await post(stream, { client, drafts: [insert(counter)] })).json()).toHaveProperty('seqs')
}

async function stateOf(stream: string): Promise<{ readonly epoch: string; readonly latestSeq: number }> {
  return (await call(`/v1/streams/${stream}`)).json()
}

async function welcomeOf(socket: LiveSocket) {
  const frame = await socket.next()
  if (frame.type !== 'welcome') throw new Error(`The first frame is ${frame.type}.`)
  return frame
}

test('[S6][R1] whoever shows a mark that is lost is welcomed under a new epoch, and all others are closed', async () => {
  onTestFinished(() => void vi.restoreAllMocks())
  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  const stream = 'set-back-live'
  await publish(stream, 'a', [1, 2, 3])
  const { epoch } = await stateOf(stream)
  const { mark } = await welcomeOf(await LiveSocket.open(stream))
  await setBack(stream, 0)
  const other = await LiveSocket.open(stream, { query: `?after=0&epoch=${epoch}` })
  expect(await welcomeOf(other)).toMatchObject({ epoch, latestSeq: 0 })
  await publish(stream, 'b', [1, 2, 3, 4, 5])
  expect((await stateOf(stream)).epoch).toBe(epoch)

  const socket = await LiveSocket.open(stream, { query: `?after=2&epoch=${epoch}&client=a&mark=${mark}` })
  const welcome = await welcomeOf(socket)
  expect(welcome).toMatchObject({ latestSeq: 5, counter: 1 })
  expect(welcome.epoch).not.toBe(epoch)
  expect(welcome).not.toHaveProperty('follows')
  expect((await other.closed).code).toBe(4412)
  expect(log).toHaveBeenCalledOnce()

  await publish(stream, 'a', [2])
  expect(await socket.next()).toMatchObject({ type: 'slice', epoch: welcome.epoch, latestSeq: 6 })
  const again = await LiveSocket.open(stream, { query: `?after=2&epoch=${epoch}&mark=${mark}` })
  expect((await welcomeOf(again)).epoch).toBe(welcome.epoch)
  expect(await stateOf(stream)).toMatchObject({ epoch: welcome.epoch, latestSeq: 6 })
  expect(await (await call(`/v1/streams/${stream}/redactions`, { token: await testToken({ may: ['admin'] }) })).json()).toEqual({
    redactions: [],
  })
})

test('[S6][H5] pages of what was lost are not answered from a copy', async () => {
  onTestFinished(() => void vi.restoreAllMocks())
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const stream = 'set-back-cached'
  await publish(stream, 'a', [1, 2, 3])
  const { epoch } = await stateOf(stream)
  const read = () => call(`/v1/streams/${stream}/events?seq=0-2&epoch=${epoch}`)
  expect(decodeSlice(await (await read()).text()).events.map(({ client }) => client)).toEqual(['a', 'a', 'a'])
  const copy = await read()
  expect([copy.headers.get('Tapeline-Cache'), copy.headers.get('Tapeline-Mark')]).toEqual(['hit', null])
  await copy.arrayBuffer()
  await setBack(stream, 0)
  await publish(stream, 'b', [1, 2, 3, 4])
  // What the Worker knows of it ends with its lease.
  await vi.waitFor(
    async () => {
      const answer = await read()
      await answer.arrayBuffer()
      expect(answer.status).toBe(409)
    },
    { timeout: 3000, interval: 100 },
  )
  expect((await stateOf(stream)).epoch).not.toBe(epoch)
})

test('[S6][H5] a Worker asks the object once for a mark of a copy that those it knows do not stand for', async () => {
  const asked: string[][] = []
  const markOf = (seq: number, writer: string) => `${seq}.${writer}.${'m'.repeat(11)}`
  const newest = markOf(9, 'now')
  let epoch = 'e'
  const stream = {
    fetch: async (request: Request) => {
      const marks = new URL(request.url).searchParams.getAll('mark').filter((mark) => mark !== '')
      asked.push(marks)
      if (marks.includes(markOf(8, 'lost'))) epoch = 'f'
      return Response.json({ epoch, latestSeq: 9, mark: newest, segments: [], snapshot: null, leaving: [], leaseMs: 500 })
    },
  }
  const leases = new Leases()
  const request = new Request('https://tapeline.example/v1/streams/x/events')
  const knows = (mark: string) => leases.knows(mark, request, { name: 'x', stream })
  await leases.of(request, 'x', stream)
  const knowsAll = async (...marks: string[]) => {
    for (const mark of marks) expect(await knows(mark), mark).toBe(true)
  }
  await knowsAll(newest, markOf(7, 'now'), markOf(0, 'now'))
  expect(asked).toEqual([[]])
  await knowsAll(markOf(5, 'then'), markOf(5, 'then'), markOf(3, 'then'), newest)
  expect(asked.splice(0)).toEqual([[], [newest, markOf(5, 'then')]])
  await knowsAll(markOf(6, 'then'))
  expect(asked.splice(0)).toEqual([[newest, markOf(6, 'then')]])
  expect(await knows(markOf(8, 'lost'))).toBe(false)
  expect(asked.splice(0)).toHaveLength(1)
  await knowsAll(markOf(8, 'now'), markOf(1, 'then'), markOf(8, 'lost'))
  expect(asked).toHaveLength(2)
})
