/** Appends: what an event costs that is published on the socket or by POST, alone or in a batch, 64 in flight. */
import { type Batch, createClient, publishBody, publishFrame } from './drafts.ts'
import { HttpClient } from './http-client.ts'
import { LiveSocket, latestSeqOf } from './live-socket.ts'
import { compareCosts, type Effort, type Load } from './measure.ts'
import { costRows, type Row } from './report.ts'
import type { Server } from './workerd.ts'

export const inFlight = 64

export async function benchAppend(servers: readonly Server[], effort: Effort): Promise<Row[]> {
  const rows: Row[] = []
  for (const { batch, target } of [
    { batch: 1, target: 2 },
    { batch: 100, target: 4 },
  ]) {
    const socket = await compareCosts(servers, effort, async (server, round) => {
      const publisher = await Publisher.open(server, `socket-${batch}-${round}`)
      return { run: (isOver) => publisher.publish({ batch, inFlight, isOver }), end: () => publisher.close() }
    })
    rows.push(...costRows(`append on the socket, batch of ${batch}, ${inFlight} in flight`, 'event', { costs: socket, target }))
  }
  for (const batch of [1, 100]) {
    const http = await compareCosts(servers, effort, async (server, round) => {
      const client = new HttpClient(server, { connections: inFlight })
      return { run: postingLoad(client, `http-${batch}-${round}`, batch), end: () => client.close() }
    })
    rows.push(...costRows(`append by POST, batch of ${batch}, ${inFlight} in flight`, 'event', { costs: http }))
  }
  return rows
}

/** One client on one socket, whose publishes wait for each other only when so many are in flight. */
export class Publisher {
  readonly #socket: LiveSocket
  readonly #frameOf: (batch: Batch) => string
  readonly #client = createClient()
  #published = 0
  #latestSeq = -1
  #onSlice: () => void = () => {}

  private constructor(socket: LiveSocket, frameOf: (batch: Batch) => string) {
    this.#socket = socket
    this.#frameOf = frameOf
    socket.onFrame = (head) => {
      this.#latestSeq = latestSeqOf(head)
      this.#onSlice()
    }
  }

  /** Opens a stream that nobody has published to, and nobody else will. */
  static async open(server: Server, stream: string, frameOf = publishFrame): Promise<Publisher> {
    return new Publisher(await LiveSocket.open(server, `/v1/streams/${stream}/live`), frameOf)
  }

  /** Publishes until `isOver`, and gives the number of events when all of them have been seen on the tape. */
  publish({ batch, inFlight, isOver }: { batch: number; inFlight: number; isOver: () => boolean }): Promise<number> {
    const before = this.#published
    return new Promise((resolve) => {
      const isFull = () => this.#published - (this.#latestSeq + 1) > (inFlight - 1) * batch
      this.#onSlice = () => {
        const isEnough = isOver()
        this.#socket.together(() => {
          while (!isEnough && !isFull()) this.#send(batch)
        })
        if (this.#published === this.#latestSeq + 1) resolve(this.#published - before)
      }
      this.#onSlice()
    })
  }

  /** Publishes so many events, or up to a batch more. */
  publishCount(count: number, { batch, inFlight }: { batch: number; inFlight: number }): Promise<number> {
    const end = this.#published + count
    return this.publish({ batch, inFlight, isOver: () => this.#published >= end })
  }

  #send(batch: number): void {
    this.#socket.send(this.#frameOf({ client: this.#client, counter: this.#published + 1, seen: this.#latestSeq, count: batch }))
    this.#published += batch
  }

  close(): void {
    this.#socket.close()
  }
}

/** As many clients as may be in flight, each of which posts again when it is answered. */
function postingLoad(client: HttpClient, stream: string, batch: number): Load {
  return async (isOver) => {
    let seen = -1
    const post = async (): Promise<number> => {
      const id = createClient()
      let counter = 1
      for (; !isOver(); counter += batch) {
        const answer = await client.post(`/v1/streams/${stream}/events`, publishBody({ client: id, counter, seen, count: batch }))
        seen = Math.max(seen, Number(/"seqs":\[\[\d+,(\d+)/.exec(answer.text())?.[1]))
      }
      return counter - 1
    }
    const counts = await Promise.all(Array.from({ length: inFlight }, post))
    return counts.reduce((sum, count) => sum + count, 0)
  }
}
