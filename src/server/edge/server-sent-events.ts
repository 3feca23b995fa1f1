/**
 * Server-sent events: the stored events in order of seq, then the live ones, each with its seq as id, so that a
 * reader who returns with Last-Event-ID goes on where it was.
 *
 *   socket: welcome, slices ─► the next seq in order? ─► out, with those that follow it without a gap
 *                              a later one? ─► fetch what lies between; it comes again
 *                              fetched, and still not there? ─► the end: the reader returns after a while
 */
import { Refusal } from '../../protocol/codes.ts'
import type { TapeEvent } from '../../protocol/event.ts'
import type { ServerFrame } from '../../protocol/frames.ts'
import { seqMax } from '../../protocol/limits.ts'
import { problemResponse } from '../problem.ts'
import { afterOf, type ReadQuery } from '../read-query.ts'
import { checkEpoch, type Listening, listen } from './listening.ts'

/** Proxies close what is silent for a minute. */
const keepAliveMs = 20_000

export async function answerServerSentEvents(
  request: Request,
  query: ReadQuery,
  stream: { fetch(request: Request): Promise<Response> },
): Promise<Response> {
  const feed = new Feed(firstSeqOf(request, query), query.epoch)
  const ear = await listen(request, stream, {
    after: feed.next - 1,
    epoch: query.epoch,
    onFrame: (frame) => feed.receive(frame),
    onClose: () => feed.end(),
  })
  if (ear instanceof Response) return ear
  feed.ear = ear
  const refusal = await feed.welcomed
  if (refusal !== undefined) return problemResponse(refusal)
  request.signal.addEventListener('abort', () => feed.end())
  return new Response(feed.body, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } })
}

function firstSeqOf(request: Request, { ranges }: ReadQuery): number {
  const lastId = request.headers.get('Last-Event-ID')
  if (lastId !== null && lastId !== '') return afterOf(lastId) + 1
  const [range] = ranges
  if (range === undefined || ranges.length > 1 || range[1] !== seqMax) {
    throw new Refusal('bad-ranges', {
      at: 'seq',
      detail: 'Server-sent events go on for ever: ask for one open range, as seq=10- or after=9.',
    })
  }
  return range[0]
}

/** What waits for a slow reader before it has to fetch what it misses. */
const bytesWaitingMax = 1024 * 1024

class Feed {
  readonly body: ReadableStream<Uint8Array>
  /** Settles with the first frame: with a refusal when the epoch is another one. */
  readonly welcomed: Promise<Refusal | undefined>
  ear: Listening | undefined
  next: number
  readonly #epoch: string | undefined
  #isFetching = false
  /** The next slice comes without having been asked for. */
  #isAnnounced = false
  #latestSeq = -1
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #welcome!: (refusal: Refusal | undefined) => void
  #keepAlive: ReturnType<typeof setInterval> | undefined

  constructor(next: number, epoch: string | undefined) {
    this.next = next
    this.#epoch = epoch
    this.welcomed = new Promise((resolve) => {
      this.#welcome = resolve
    })
    this.body = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#fetchMissing(),
        cancel: () => this.end(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: bytesWaitingMax }),
    )
  }

  receive(frame: ServerFrame): void {
    if (frame.type === 'refused') return this.end()
    if (frame.type !== 'welcome' && frame.type !== 'slice') return
    this.#latestSeq = Math.max(this.#latestSeq, frame.latestSeq)
    if (frame.type === 'welcome') return this.#begin(frame)
    if (frame.ref !== undefined || this.#isAnnounced) this.#isFetching = false
    this.#isAnnounced = false
    const out = runFrom(this.next, frame.events)
    // The next event cannot be read now.
    if (frame.ref !== undefined && out.length === 0) return this.end()
    // What a full reader cannot take is not kept for it, but fetched again when it can.
    if (out.length > 0 && !this.#isFull) {
      this.next += out.length
      this.#write(out.map((event) => `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
    }
    this.#fetchMissing()
  }

  end(): void {
    clearInterval(this.#keepAlive ?? null)
    this.#welcome(new Refusal('unavailable'))
    this.ear?.close()
    try {
      this.#controller.close()
    } catch {
      // Ended already, by the reader or by the stream.
    }
  }

  #begin(frame: ServerFrame & { type: 'welcome' }): void {
    try {
      checkEpoch(this.#epoch, frame)
      this.#welcome(undefined)
      this.#isAnnounced = frame.follows !== undefined
      this.#isFetching = this.#isAnnounced
      this.#write('retry: 1000\n\n')
      this.#keepAlive = setInterval(() => this.#isFull || this.#write(': still here\n\n'), keepAliveMs)
    } catch (error) {
      this.#welcome(error as Refusal)
      this.end()
    }
  }

  /** Asks for what lies between the last event written and the end of the tape, while the reader keeps up. */
  #fetchMissing(): void {
    if (this.#isFetching || this.#isFull || this.next > this.#latestSeq || this.ear === undefined) return
    this.#isFetching = true
    this.ear.send({ type: 'fetch', ref: 0, seq: [[this.next, this.#latestSeq]] })
  }

  get #isFull(): boolean {
    return (this.#controller.desiredSize ?? 0) <= 0
  }

  #write(text: string): void {
    this.#controller.enqueue(encoder.encode(text))
  }
}

/** The events from a seq on, up to the first gap: what could not be read is left out of a slice. */
function runFrom(first: number, events: readonly TapeEvent[]): readonly TapeEvent[] {
  return events.filter(({ seq }) => seq >= first).filter(({ seq }, index) => seq === first + index)
}

const encoder = new TextEncoder()
