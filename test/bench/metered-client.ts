/**
 * A real client with a text, over a network that counts the bytes of its frames and bodies; and one whose drafts are on
 * their way for as long as the bench says, so that what each of two knows of the other is what it is to know.
 */
import { WebTransport } from '../../src/browser/web-transport.ts'
import type { ChunkEvents, Environment, Link, LinkEvents, LinkRequest, ReadRequest, Transport } from '../../src/client/index.ts'
import { MemoryStore, Stream } from '../../src/client/index.ts'
import { Text } from '../../src/models/index.ts'
import type { Draft, ObjectFilter, ObjectList, ReadSizes, Slice, SnapshotIndex } from '../../src/protocol/index.ts'
import type { Patch } from './texts.ts'
import type { Server } from './workerd.ts'

export class MeteredNetwork implements Transport {
  readonly #inner: WebTransport
  sentBytes = 0
  receivedBytes = 0
  /** Publishes that came too late. */
  overtaken = 0

  constructor({ port }: Server, stream: string) {
    this.#inner = new WebTransport(new URL(`http://127.0.0.1:${port}/v1/streams/${stream}`))
  }

  connect(request: LinkRequest, events: LinkEvents): Link {
    const onFrame = (text: string) => {
      this.receivedBytes += Buffer.byteLength(text)
      if (/^{"type":"refused".*"code":"expect-failed"/.test(text)) this.overtaken++
      events.onFrame(text)
    }
    const link = this.#inner.connect(request, { onFrame, onClose: (closing) => events.onClose(closing) })
    return { send: (text) => this.send(link, text), close: () => link.close() }
  }

  read(request: ReadRequest): Promise<Slice> {
    return this.#metered(() => this.#inner.read(request))
  }

  readSnapshot(request: { readonly token: string }): Promise<SnapshotIndex> {
    return this.#metered(() => this.#inner.readSnapshot(request))
  }

  readSizes(request: Parameters<Transport['readSizes']>[0]): Promise<ReadSizes> {
    return this.#metered(() => this.#inner.readSizes(request))
  }

  readObjects(request: Parameters<Transport['readObjects']>[0]): Promise<ObjectList> {
    return this.#metered(() => this.#inner.readObjects(request))
  }

  readHash(request: Parameters<Transport['readHash']>[0]): Promise<{ readonly hash: string }> {
    return this.#metered(() => this.#inner.readHash(request))
  }

  readChunk(request: { readonly token: string; readonly hash: string }): Promise<ChunkEvents> {
    return this.#metered(() => this.#inner.readChunk(request))
  }

  #metered<T>(read: () => Promise<T>): Promise<T> {
    const restore = meterBodies((bytes) => {
      this.receivedBytes += bytes
    })
    // The request is made before this returns, so that nobody else's is counted.
    const reading = read()
    restore()
    return reading
  }

  protected send(link: Link, text: string): void {
    this.sentBytes += Buffer.byteLength(text)
    link.send(text)
  }
}

/** Counts the bodies of the requests that are made until the function that it gives is called. */
function meterBodies(count: (bytes: number) => void): () => void {
  const { fetch } = globalThis
  globalThis.fetch = async (...request) => {
    const answer = await fetch(...request)
    const text = answer.text.bind(answer)
    answer.text = async () => {
      const body = await text()
      // What came packed counts as it came.
      const packed = answer.headers.has('Content-Encoding') ? Number(answer.headers.get('Content-Length') ?? 0) : 0
      count(packed > 0 ? packed : Buffer.byteLength(body))
      return body
    }
    return answer
  }
  return () => {
    globalThis.fetch = fetch
  }
}

/** Keeps drafts on their way until those of their version may pass. */
export class HeldNetwork extends MeteredNetwork {
  #version = 0
  /** A client sends no more deltas while some are under way, unless those are in vain. */
  #held: { readonly link: Link; readonly frame: object; readonly drafts: readonly Draft[] } | undefined

  letPass(version: number): void {
    this.#version = version
    if (this.#held === undefined) return
    const { link, frame, drafts } = this.#held
    const passing = drafts.filter((draft) => (draft.version ?? 1) <= version)
    if (passing.length === 0) return
    this.#held = passing.length === drafts.length ? undefined : { link, frame, drafts: drafts.slice(passing.length) }
    super.send(link, JSON.stringify({ ...frame, drafts: passing }))
  }

  protected override send(link: Link, text: string): void {
    if (!text.startsWith('{"type":"publish"')) return super.send(link, text)
    const { drafts, ...frame } = JSON.parse(text) as { drafts: readonly Draft[] }
    this.#held = { link, frame, drafts }
    this.letPass(this.#version)
  }
}

/** A stream of its own over a network, with nothing kept unless there is a store of before. */
export function meteredStream(
  network: MeteredNetwork,
  { token }: Server,
  id: string,
  { store = new MemoryStore(), wanted }: { readonly store?: MemoryStore; readonly wanted?: readonly ObjectFilter[] | undefined } = {},
): Stream {
  return new Stream({ transport: network, store, environment: environmentOf(id), token: () => token, wanted })
}

/** Waits until it is so; asks whenever the status has changed. */
export function whenStatus(stream: Stream, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!isSo()) return
      unsubscribe()
      resolve()
    }
    const unsubscribe = stream.subscribe(check)
    check()
  })
}

export class MeteredClient<Network extends MeteredNetwork = MeteredNetwork> {
  readonly text = new Text('notes')
  readonly network: Network
  readonly stream: Stream

  private constructor(network: Network, server: Server, id: string) {
    this.network = network
    this.stream = meteredStream(network, server, id)
    this.stream.attach(this.text)
  }

  static async open<N extends MeteredNetwork>(network: N, server: Server, id: string): Promise<MeteredClient<N>> {
    const client = new MeteredClient(network, server, id)
    await client.until(() => client.text.isReady && client.stream.status.connection === 'online')
    return client
  }

  hasAllUpTo(seq: number): boolean {
    return this.stream.latestSeq >= seq && this.stream.status.holes.length === 0
  }

  until(isSo: () => boolean): Promise<void> {
    return whenStatus(this.stream, isSo)
  }

  /** As of this version: drafts of different ones do not fold. */
  type(patch: Patch, version: number): void {
    this.text.receiver = { didCreateDraft: (change) => this.stream.didCreateDraft({ ...change, version }) }
    this.text.splice(...patch)
  }

  /** Whether all that it typed up to this version is on the tape. */
  hasBrought(version: number): boolean {
    return this.stream.outbox.every(({ draft }) => (draft.version ?? 1) > version)
  }
}

/** A page's own, but for the id. */
function environmentOf(id: string): Environment {
  return {
    now: Date.now,
    setTimer: (run, afterMs) => setTimeout(run, Math.min(afterMs, 2 ** 31 - 1)),
    clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
    random: Math.random,
    newId: () => id,
    report: console.error,
  }
}
