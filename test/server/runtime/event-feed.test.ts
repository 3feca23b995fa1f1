/** Server-sent events over a stream that the test plays itself, frame by frame: order, gaps and slow readers. */
import { expect, test } from 'vitest'
import type { SeqRanges } from '../../../src/protocol/seq-ranges.ts'
import { answerServerSentEvents } from '../../../src/server/edge/server-sent-events.ts'
import { readQueryOf } from '../../../src/server/read-query.ts'

interface Fetch {
  readonly type: string
  readonly ref: number
  readonly seq: SeqRanges
}

/** The object's side of the socket that the Worker listens on. */
class PlayedStream {
  readonly #pair = new WebSocketPair()
  readonly #asked: Fetch[] = []
  #taker: ((fetch: Fetch) => void) | undefined

  constructor() {
    const { 1: server } = this.#pair
    server.accept()
    server.addEventListener('message', ({ data }) => {
      const fetch = JSON.parse(String(data)) as Fetch
      if (this.#taker === undefined) this.#asked.push(fetch)
      else this.#taker(fetch)
      this.#taker = undefined
    })
  }

  /** Settles when the Worker has been told of the tape up to this seq. */
  told(seq: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pair[0].addEventListener('message', ({ data }) => {
        if ((JSON.parse(String(data)) as { latestSeq: number }).latestSeq >= seq) resolve()
      })
    })
  }

  async fetch(): Promise<Response> {
    return new Response(null, { status: 101, webSocket: this.#pair[0] })
  }

  welcome(latestSeq: number): void {
    this.#pair[1].send(JSON.stringify({ type: 'welcome', epoch: 'e', latestSeq, expiresInMs: 1 }))
  }

  slice(first: number, last: number, { ref, latestSeq = last, text = '' }: { ref?: number; latestSeq?: number; text?: string } = {}): void {
    this.#send([[first, last]], { ref, latestSeq, text })
  }

  /** The answer to a fetch, with what can be read. */
  answer(covers: SeqRanges, latestSeq: number): void {
    this.#send(covers, { ref: 0, latestSeq, text: '' })
  }

  #send(covers: SeqRanges, { ref, latestSeq, text }: { ref: number | undefined; latestSeq: number; text: string }): void {
    const events = covers.flatMap(([first, last]) =>
      range(first, last).map((seq) => ({ seq, seen: -1, type: 'insert', collection: 'x', identifier: 'y', values: { text } })),
    )
    this.#pair[1].send(JSON.stringify({ type: 'slice', ref, epoch: 'e', latestSeq, covers, events }))
  }

  /** The next frame from the Worker. */
  asked(): Promise<Fetch> {
    const fetch = this.#asked.shift()
    return fetch === undefined ? new Promise((resolve) => (this.#taker = resolve)) : Promise.resolve(fetch)
  }

  get unanswered(): number {
    return this.#asked.length
  }

  close(): void {
    this.#pair[1].close(4401, 'token-expired')
  }
}

/** The ids in what is written, each with its event. */
function idsOf(text: string): number[] {
  return [...text.matchAll(/^id: (\d+)\ndata: \{.*"seq":(\d+)/gm)].map(([, id, seq]) => {
    expect(id).toBe(seq)
    return Number(id)
  })
}

async function open(stream: PlayedStream, latestSeq: number): Promise<Response> {
  const request = new Request('https://tapeline.example/v1/streams/s/events', { headers: { Accept: 'text/event-stream' } })
  const answer = answerServerSentEvents(request, readQueryOf(request), stream)
  stream.welcome(latestSeq)
  return await answer
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

test('[H7] a live event that comes before what lies between is written after it', async () => {
  const stream = new PlayedStream()
  const answer = await open(stream, 5)
  expect(await stream.asked()).toEqual({ type: 'fetch', ref: 0, seq: [[0, 5]] })
  stream.slice(6, 6)
  stream.slice(0, 3, { ref: 0, latestSeq: 6 })
  expect(await stream.asked()).toEqual({ type: 'fetch', ref: 0, seq: [[4, 6]] })
  stream.slice(7, 8)
  stream.slice(4, 6, { ref: 0, latestSeq: 8 })
  expect(await stream.asked()).toEqual({ type: 'fetch', ref: 0, seq: [[7, 8]] })
  stream.slice(7, 8, { ref: 0 })
  stream.slice(9, 9)
  stream.close()
  expect(idsOf(await answer.text())).toEqual(range(0, 9))
})

test('[H7][S2] an event that comes twice is written once, and a lost frame is fetched', async () => {
  const stream = new PlayedStream()
  const answer = await open(stream, -1)
  stream.slice(0, 2)
  stream.slice(1, 3)
  stream.slice(0, 1)
  stream.slice(6, 6)
  expect(await stream.asked()).toEqual({ type: 'fetch', ref: 0, seq: [[4, 6]] })
  stream.slice(4, 6, { ref: 0 })
  stream.close()
  expect(idsOf(await answer.text())).toEqual(range(0, 6))
})

test('[H7][T6] nothing is written beyond what cannot be read: the answer ends there, and nobody asks again and again', async () => {
  const stream = new PlayedStream()
  const answer = await open(stream, 9)
  expect(await stream.asked()).toEqual({ type: 'fetch', ref: 0, seq: [[0, 9]] })
  stream.answer(
    [
      [0, 2],
      [6, 9],
    ],
    9,
  )
  expect(await stream.asked()).toEqual({ type: 'fetch', ref: 0, seq: [[3, 9]] })
  stream.answer([[6, 9]], 9)
  expect(idsOf(await answer.text())).toEqual(range(0, 2))
  expect(stream.unanswered).toBe(0)
})

test('[H7] for a reader that does not read, nothing is piled up: it is fetched when it reads again', async () => {
  const stream = new PlayedStream()
  const answer = await open(stream, -1)
  const reader = answer.body?.getReader()
  const told = stream.told(99)
  for (let seq = 0; seq < 100; seq++) stream.slice(seq, seq, { text: 'x'.repeat(40_000) })
  let text = ''
  const decoder = new TextDecoder()
  const readUntil = async (seq: number) => {
    while (!text.includes(`id: ${seq}\n`)) text += decoder.decode((await reader?.read())?.value, { stream: true })
  }
  await told
  expect(stream.unanswered).toBe(0)
  const all = readUntil(99)
  const [[first, last] = [0, 0]] = (await stream.asked()).seq
  expect([first > 5, first < 40, last]).toEqual([true, true, 99])
  stream.slice(first, last, { ref: 0 })
  await all
  expect(idsOf(text)).toEqual(range(0, 99))
  expect(stream.unanswered).toBe(0)
  stream.close()
})
