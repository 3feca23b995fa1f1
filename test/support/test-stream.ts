/** A stream over a transport that the test plays by hand, in virtual time. */
import {
  type ChunkEvents,
  type ClientStore,
  type LinkEvents,
  type LinkRequest,
  MemoryStore,
  type ModelReconciler,
  type OutboundEventReceiver,
  type ReadRequest,
  Stream,
  type Tabs,
  type Transport,
} from '../../src/client/index.ts'
import type { Draft, ObjectFilter, ObjectList, ReadSizes, SeqRanges, Slice, SnapshotIndex, TapeEvent } from '../../src/protocol/index.ts'
import { virtualEnvironment } from './virtual-environment.ts'
import { VirtualTime } from './virtual-time.ts'

export const epoch = 'epoch-1'

export interface TestLink extends LinkRequest {
  readonly events: LinkEvents
  readonly sent: Record<string, unknown>[]
  readonly texts: string[]
  isClosed: boolean
}

/** Keeps every opening and every read for the test to answer. */
export class TestTransport implements Transport {
  readonly links: TestLink[] = []
  readonly reads: (ReadRequest & { readonly answer: (slice: Slice) => void; readonly fail: (error: unknown) => void })[] = []

  connect(request: LinkRequest, events: LinkEvents) {
    const link: TestLink = { ...request, events, sent: [], texts: [], isClosed: false }
    this.links.push(link)
    return {
      send: (text: string) => {
        link.texts.push(text)
        if (text.startsWith('{')) link.sent.push(JSON.parse(text) as Record<string, unknown>)
      },
      close: () => {
        link.isClosed = true
      },
    }
  }

  /** There is none. */
  async readSnapshot(): Promise<SnapshotIndex> {
    return { epoch, latestSeq: -1, covers: [], chunks: [] }
  }

  /** Folded they take a tenth. */
  async readSizes(): Promise<ReadSizes> {
    return { plain: 1000, folded: 100 }
  }

  readonly lists: {
    readonly filters: readonly ObjectFilter[]
    readonly answer: (list: ObjectList) => void
    readonly fail: (error: unknown) => void
  }[] = []

  readObjects({ filters }: Parameters<Transport['readObjects']>[0]): Promise<ObjectList> {
    return new Promise((answer, fail) => this.lists.push({ filters, answer, fail }))
  }

  readonly hashes: { readonly seq: number; readonly answer: (hash: { hash: string }) => void; readonly fail: (error: unknown) => void }[] =
    []

  readHash({ seq }: { readonly seq: number }): Promise<{ hash: string }> {
    return new Promise((answer, fail) => this.hashes.push({ seq, answer, fail }))
  }

  readChunk(_: Parameters<Transport['readChunk']>[0]): Promise<ChunkEvents> {
    throw new Error('There is no snapshot.')
  }

  read(request: ReadRequest): Promise<Slice> {
    return new Promise((answer, fail) => this.reads.push({ ...request, answer, fail }))
  }
}

/** A model that notes what it is given. */
export class NotingModel implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  runs: number[][] = []
  pending: readonly Draft[] = []
  resets = 0

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    if (events.length > 0) this.runs.push(events.map(({ seq }) => seq))
    this.pending = pending
  }

  reset(): void {
    this.resets++
  }

  get seqs(): number[] {
    return this.runs.flat().sort((a, b) => a - b)
  }
}

/** The store of a client that has published before, and so reads everything as it is. */
export async function usedStore(): Promise<MemoryStore> {
  const store = new MemoryStore()
  await store.claim('before')
  await store.save({ client: 'me', nextCounter: 2 })
  return store
}

export interface TestStreamOptions {
  readonly store?: ClientStore
  readonly token?: () => string | Promise<string>
  readonly ids?: string[]
  /** In place of `ids` and 'me'. */
  readonly newId?: () => string
  readonly time?: VirtualTime
  readonly tabs?: Tabs
  readonly wanted?: readonly ObjectFilter[] | undefined
}

export class TestStream {
  readonly time: VirtualTime
  readonly transport = new TestTransport()
  readonly model = new NotingModel()
  readonly reported: unknown[] = []
  /** What `newId` gives next, before it goes on with 'me'. */
  readonly ids: string[]
  readonly stream: Stream
  random = 0.5

  constructor({
    store = new MemoryStore(),
    token = () => 'token',
    ids = [],
    newId,
    time = new VirtualTime(),
    tabs,
    wanted,
  }: TestStreamOptions = {}) {
    this.ids = ids
    this.time = time
    this.stream = new Stream({
      tabs,
      wanted,
      transport: this.transport,
      store,
      token,
      environment: virtualEnvironment(this.time, {
        random: () => this.random,
        newId: newId ?? (() => this.ids.shift() ?? 'me'),
        report: (error) => this.reported.push(error),
      }),
    })
    this.stream.attach(this.model)
  }

  /** The link opened last. */
  get link(): TestLink {
    const link = this.transport.links.at(-1)
    if (link === undefined) throw new Error('No link has been opened.')
    return link
  }

  /** Lets promises settle, and this much time pass. */
  settle(ms = 0): Promise<void> {
    return this.time.advance(ms)
  }

  async frame(frame: Record<string, unknown>): Promise<void> {
    this.link.events.onFrame(JSON.stringify(frame))
    await this.settle()
  }

  /** Opens the link, with a tape that ends at `latestSeq`. */
  async welcome(latestSeq: number, more: Record<string, unknown> = {}): Promise<void> {
    await this.settle()
    await this.frame({ type: 'welcome', epoch: latestSeq < 0 ? null : epoch, latestSeq, expiresInMs: 3_600_000, ...more })
  }

  async slice(covers: SeqRanges, more: Record<string, unknown> = {}): Promise<void> {
    await this.frame({ type: 'slice', ...plainSlice(covers), ...more })
  }
}

/** The slice of these ranges, of a tape that ends with them: every event by someone else. */
export function plainSlice(covers: SeqRanges, by: (seq: number) => Partial<TapeEvent> = () => ({})): Slice {
  const events = covers.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => testEvent(first + i, by(first + i))))
  return { epoch, latestSeq: covers.at(-1)?.[1] ?? -1, covers, events }
}

export function testEvent(seq: number, more: Partial<TapeEvent> = {}): TapeEvent {
  return {
    seq,
    client: 'other',
    counter: seq + 1,
    seen: -1,
    type: 'insert',
    collection: 'things',
    identifier: `thing-${seq}`,
    values: { n: seq },
    ...more,
  }
}

export const change = { type: 'insert', collection: 'things', identifier: 'mine', values: { n: 1 } } as const
