/** The whole client as Node runs it: `openStream` over the real network, with a model that notes what it is given. */
import { openStream, type Stream, type StreamStatus } from '../../src/browser/index.ts'
import { NotingModel } from '../support/test-stream.ts'
import { testToken } from '../support/tokens.ts'

export class NodeClient {
  readonly model = new NotingModel()
  readonly reported: unknown[] = []
  readonly stream: Stream

  constructor(stream: Stream) {
    this.stream = stream
    stream.attach(this.model)
  }

  static open(address: string): NodeClient {
    const reported: unknown[] = []
    const client = new NodeClient(openStream(address, { token: () => testToken(), report: (error) => reported.push(error) }))
    client.stream.subscribe(() => client.reported.push(...reported.splice(0)))
    return client
  }

  /** Resolves when the status is as wished; the test's own time limit says when that takes too long. */
  until(isWished: (status: StreamStatus) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isWished(this.stream.status)) return
        unsubscribe()
        resolve()
      }
      const unsubscribe = this.stream.subscribe(look)
      look()
    })
  }

  /** Resolves when all of the tape up to a seq is here, and nothing waits to be on it. */
  settled(latestSeq: number): Promise<void> {
    return this.until(
      ({ connection, holes, pending }) =>
        connection === 'online' && holes.length === 0 && pending === 0 && this.stream.latestSeq >= latestSeq,
    )
  }

  /** Connects again as soon as the connection is lost, as a browser does that says it is online again. */
  hurry(): void {
    this.stream.subscribe(({ connection }) => {
      if (connection === 'offline') queueMicrotask(() => this.stream.nudge())
    })
  }

  insert(n: number): void {
    this.stream.publish({ type: 'insert', collection: 'things', identifier: `thing-${n}`, values: { n } })
  }
}
