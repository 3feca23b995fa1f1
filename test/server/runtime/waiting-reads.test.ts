/** Readers that wait over HTTP: server-sent events and long polls, for whom the Worker listens on a socket. */
import { describe, expect, test } from 'vitest'
import type { TapeEvent } from '../../../src/protocol/event.ts'
import { call, insert, publish, textOf } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { rowCounts, untilSockets } from './objects.ts'

class SseReader {
  readonly answer: Response
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  #text = ''

  constructor(answer: Response) {
    if (answer.body === null) throw new Error('No body.')
    this.answer = answer
    this.#reader = answer.body.getReader()
  }

  static async open(stream: string, query = '', headers: Record<string, string> = {}): Promise<SseReader> {
    const answer = await call(`/v1/streams/${stream}/events${query}`, { headers: { Accept: 'text/event-stream', ...headers } })
    expect([answer.status, answer.headers.get('Content-Type'), answer.headers.get('Cache-Control')]).toEqual([
      200,
      'text/event-stream',
      'no-store',
    ])
    return new SseReader(answer)
  }

  /** The next events, as many as are asked for. */
  async take(count: number): Promise<TapeEvent[]> {
    const events: TapeEvent[] = []
    while (events.length < count) {
      const end = this.#text.indexOf('\n\n')
      if (end < 0) {
        const { done, value } = await this.#reader.read()
        if (done) throw new Error('The stream has ended.')
        this.#text += this.#decoder.decode(value, { stream: true })
        continue
      }
      const block = this.#text.slice(0, end)
      this.#text = this.#text.slice(end + 2)
      const match = /^id: (\d+)\ndata: (.*)$/.exec(block)
      if (match === null) {
        expect(block).toMatch(/^(retry: \d+|: .*)$/)
        continue
      }
      const event = JSON.parse(match[2] ?? '') as TapeEvent
      expect(event.seq).toBe(Number(match[1]))
      events.push(event)
    }
    return events
  }

  async ended(): Promise<boolean> {
    for (;;) if ((await this.#reader.read()).done) return true
  }

  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}

const seqs = (events: readonly TapeEvent[]) => events.map(({ seq }) => seq)
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

async function fill(stream: string, count: number, from = 1): Promise<void> {
  for (let counter = from; counter < from + count; counter += 500) {
    await publish(stream, {
      client: 'a',
      drafts: Array.from({ length: Math.min(500, from + count - counter) }, (_, i) => insert(counter + i)),
    })
  }
}

describe('server-sent events', () => {
  test('[H7] are the events in order and then the live ones, each with its seq as id', async () => {
    await fill('sse-1', 5)
    const reader = await SseReader.open('sse-1')
    expect(await reader.take(5)).toEqual(range(0, 4).map((seq) => ({ seq, client: 'a', ...insert(seq + 1) })))
    await fill('sse-1', 2, 6)
    expect(seqs(await reader.take(2))).toEqual([5, 6])
    await reader.cancel()
  })

  test.each<[query: string, headers: Record<string, string>, first: number]>([
    ['?after=2', {}, 3],
    ['?seq=3-', {}, 3],
    ['', { 'Last-Event-ID': '2' }, 3],
    ['?after=0', { 'Last-Event-ID': '3' }, 4],
    ['?after=0', { 'Last-Event-ID': '' }, 1],
    ['', { 'Last-Event-ID': '-1' }, 0],
  ])('[H7] begin where %s and %j say', async (query, headers, first) => {
    const stream = `sse-2-${first}${query.length}${Object.keys(headers).length}`
    await fill(stream, 5)
    const reader = await SseReader.open(stream, query, headers)
    expect(seqs(await reader.take(5 - first))).toEqual(range(first, 4))
    await reader.cancel()
  })

  test('[H7][H1] of an empty tape begin when it does, and make nothing', async () => {
    const reader = await SseReader.open('sse-3')
    expect(await rowCounts('sse-3')).toEqual({})
    await fill('sse-3', 1)
    expect(seqs(await reader.take(1))).toEqual([0])
    await reader.cancel()
  })

  test('[H7] of a place beyond the tape wait for it', async () => {
    await fill('sse-4', 2)
    const reader = await SseReader.open('sse-4', '?after=3')
    await fill('sse-4', 4, 3)
    expect(seqs(await reader.take(2))).toEqual([4, 5])
    await reader.cancel()
  })

  test('[H7] go on without a gap over more than one frame holds', async () => {
    await fill('sse-5', 2500)
    const reader = await SseReader.open('sse-5', '?after=99')
    expect(seqs(await reader.take(2400))).toEqual(range(100, 2499))
    await fill('sse-5', 1, 2501)
    expect(seqs(await reader.take(1))).toEqual([2500])
    await reader.cancel()
  })

  test('[H7] lose nothing for a slow reader', async () => {
    const reader = await SseReader.open('sse-6')
    for (let counter = 1; counter <= 60; counter++) {
      await publish('sse-6', { client: 'a', drafts: [{ ...insert(counter), values: { text: 'x'.repeat(50_000) } }] })
    }
    expect(seqs(await reader.take(30))).toEqual(range(0, 29))
    await fill('sse-6', 50, 61)
    expect(seqs(await reader.take(80))).toEqual(range(30, 109))
    await reader.cancel()
  })

  test('[H7] end when the stream is deleted, and leave no socket behind when the reader goes', async () => {
    await fill('sse-7', 1)
    const [one, two] = [await SseReader.open('sse-7'), await SseReader.open('sse-7')]
    await one.take(1)
    await untilSockets('sse-7', 2)
    await one.cancel()
    await untilSockets('sse-7', 1)
    await call('/v1/streams/sse-7', { method: 'DELETE', token: await testToken({ may: ['admin'] }) })
    expect(await two.ended()).toBe(true)
  })

  test.each(['?seq=0-4', '?seq=1,5-', '?seq=7'])('[H7] of %s, which is not one open range, are refused', async (query) => {
    const answer = await call(`/v1/streams/sse-8/events${query}`, { headers: { Accept: 'text/event-stream' } })
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'bad-ranges' })])
  })

  test.each(['x', '1.5', '-2', '9007199254740991', '1,2'])('[H7] after Last-Event-ID: %s are refused', async (id) => {
    const answer = await call('/v1/streams/sse-8/events', { headers: { Accept: 'text/event-stream', 'Last-Event-ID': id } })
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'bad-ranges' })])
  })
})

describe('long poll', () => {
  test('[H8] answers at once if there is something', async () => {
    await fill('poll-1', 3)
    expect(await (await call('/v1/streams/poll-1/events?after=0&wait=55')).json()).toMatchObject({
      latestSeq: 2,
      covers: [[1, 2]],
      events: [{ seq: 1 }, { seq: 2 }],
    })
  })

  test('[H8] answers when there is something, and closes its socket', async () => {
    await fill('poll-2', 3)
    const answers = ['?after=2&wait=55', '?seq=3-9&wait=55', '?after=2&wait=55'].map((query) => call(`/v1/streams/poll-2/events${query}`))
    await untilSockets('poll-2', 3)
    await fill('poll-2', 1, 4)
    for (const answer of answers)
      expect(await (await answer).json()).toMatchObject({ latestSeq: 3, covers: [[3, 3]], events: [{ seq: 3 }] })
    await untilSockets('poll-2', 0)
  })

  test('[H8] waits for what it asks for, not for anything', async () => {
    const answer = call('/v1/streams/poll-3/events?seq=2&wait=55')
    await untilSockets('poll-3', 1)
    await fill('poll-3', 1)
    await fill('poll-3', 1, 2)
    await untilSockets('poll-3', 1)
    await fill('poll-3', 1, 3)
    expect(await (await answer).json()).toMatchObject({ covers: [[2, 2]], events: [{ seq: 2 }] })
  })

  test('[H8] answers with an empty slice when the time is over', async () => {
    expect(await (await call('/v1/streams/poll-4/events?wait=1')).json()).toEqual({ epoch: null, latestSeq: -1, covers: [], events: [] })
    await untilSockets('poll-4', 0)
    expect(await rowCounts('poll-4')).toEqual({})
  })

  test('[H8] says so when the stream is deleted while it waits', async () => {
    const answer = call('/v1/streams/poll-5/events?wait=55')
    await untilSockets('poll-5', 1)
    await call('/v1/streams/poll-5', { method: 'DELETE', token: await testToken({ may: ['admin'] }) })
    expect(await (await answer).json()).toMatchObject({ code: 'stream-deleted', status: 410 })
  })

  test('[H8] gives NDJSON to whom asks for it', async () => {
    const answer = call('/v1/streams/poll-6/events?wait=55', { headers: { Accept: 'application/x-ndjson' } })
    await untilSockets('poll-6', 1)
    await fill('poll-6', 2)
    expect(
      (await textOf(await answer))
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as TapeEvent).seq),
    ).toEqual([0, 1])
  })
})
