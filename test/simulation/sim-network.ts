/**
 * The network of a simulation: delays, cuts at any moment, loses live frames, fails requests. What was under way to
 * the server when a link was cut may still arrive, late, even after the client is back on another link.
 */
import {
  type Closing,
  type Link,
  type LinkEvents,
  type LinkRequest,
  ReadFailure,
  type ReadRequest,
  type Transport,
} from '../../src/client/index.ts'
import {
  decodeChunk,
  decodeSlice,
  type ObjectFilter,
  type ObjectList,
  type Selection,
  type SeqRanges,
  type Slice,
  type SnapshotIndex,
} from '../../src/protocol/index.ts'
import type { Page } from '../../src/server/tape/slice-reader.ts'
import type { TapeReads } from '../../src/server/tape/tape-reads.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'
import { type SimServer, SimSession } from './sim-server.ts'
import type { NetworkTemper } from './temper.ts'

export class SimNetwork {
  readonly temper: NetworkTemper
  readonly #links = new Set<SimLink>()
  readonly #time: VirtualTime
  readonly #random: SeededRandom
  readonly #server: SimServer
  readonly #pageBytes: number

  /** `pageBytes`: small by default, so that there are many of them. */
  constructor(
    server: SimServer,
    { time, random, temper, pageBytes = 2000 }: { time: VirtualTime; random: SeededRandom; temper: NetworkTemper; pageBytes?: number },
  ) {
    this.#pageBytes = pageBytes
    this.#server = server
    this.#time = time
    this.#random = random
    this.temper = temper
  }

  /** A way to the server for one process; `cut` when it is no more. */
  transport(): Transport & { cut(): void } {
    let last: SimLink | undefined
    return {
      connect: (request, events) => {
        last = new SimLink(this.#server, { time: this.#time, random: this.#random, temper: this.temper, events })
        this.#links.add(last)
        last.open(request)
        return last
      },
      cut: () => last?.cut(),
      read: (request) => this.#read(request),
      readSnapshot: () => this.#readSnapshot(),
      readSizes: ({ ranges, epoch }) => this.#request(async () => this.#server.core.reads.sizes(ranges, epoch)),
      readObjects: ({ filters, epoch }) => this.#request(() => this.#objectsOf(filters, epoch)),
      readHash: ({ seq, epoch }) => this.#request(() => this.#server.core.reads.hashAt(seq, epoch)),
      readChunk: ({ hash }) => this.#request(async () => decodeChunk(await this.#server.readChunk(hash))),
    }
  }

  /** Cuts one of the links, without a word to either side until they notice. */
  cutOne(): void {
    const open = [...this.#links].filter((link) => !link.isCut)
    if (open.length > 0) this.#random.pick(open).cut()
  }

  cutAll(): void {
    for (const link of this.#links) link.cut()
    this.#links.clear()
  }

  #delay(): Promise<void> {
    return new Promise((resolve) => this.#time.set(resolve, this.#random.next() * this.temper.delayMsMax))
  }

  /** The request or the answer may get lost. */
  async #request<T>(answer: () => Promise<T>): Promise<T> {
    await this.#delay()
    if (this.#random.chance(this.temper.failure)) throw new ReadFailure('The request was lost.')
    const result = await answer()
    await this.#delay()
    if (this.#random.chance(this.temper.failure)) throw new ReadFailure('The answer was lost.')
    return result
  }

  #readSnapshot(): Promise<SnapshotIndex> {
    return this.#request(async () => {
      const { core } = this.#server
      const { current } = core.sealed.snapshots()
      const chunks = (current?.chunks ?? []).map(({ hash, bytes, events }) => ({ hash, bytes, events }))
      return { ...core.state, covers: current === undefined ? [] : [[0, current.through]], chunks }
    })
  }

  #read(request: ReadRequest): Promise<Slice> {
    let setBacks = 0
    return this.#request(() => {
      ;({ setBacks } = this.#server)
      return this.#answer(request)
    }).then((slice) => {
      this.#server.delivered(slice.events, setBacks)
      return slice
    })
  }

  async #answer({ ranges, epoch, isFolded = false, selection, own }: Omit<ReadRequest, 'token'>): Promise<Slice> {
    const { core } = this.#server
    const page = await pageOf(core.reads, { ranges, isFolded, selection, bounds: { bytesMax: this.#pageBytes, epoch, own } })
    return decodeSlice(new TextDecoder().decode(core.encodePage(page)), isFolded || selection !== undefined)
  }

  async #objectsOf(filters: readonly ObjectFilter[], epoch: string): Promise<ObjectList> {
    const { core } = this.#server
    core.checkEpoch(epoch)
    const objects = core.reads.filterOf({ any: filters, except: [] }).objects(1000)
    return { ...core.state, objects: objects.map(({ collection, identifier }) => [collection, identifier]) }
  }
}

interface Reading {
  readonly ranges: SeqRanges
  readonly isFolded: boolean
  readonly selection: Selection | undefined
  readonly bounds: { readonly bytesMax: number; readonly epoch?: string | undefined; readonly own?: string | undefined }
}

async function pageOf(reads: TapeReads, { ranges, isFolded, selection, bounds }: Reading): Promise<Page> {
  if (selection === undefined) return isFolded ? reads.readFolded(ranges, bounds) : reads.read(ranges, bounds)
  return isFolded ? reads.readFilteredFolded(selection, ranges, bounds) : reads.readFiltered(selection, ranges, bounds)
}

interface LinkSurroundings {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly temper: NetworkTemper
  readonly events: LinkEvents
}

class SimLink implements Link {
  readonly #server: SimServer
  readonly #around: LinkSurroundings
  readonly #session: SimSession
  isCut = false
  /** Each direction keeps its order: nothing arrives before what was sent before it. */
  #upFreeAt = 0
  #downFreeAt = 0
  #isOpen = false
  /** The client has been told that the link is gone, or has left it. */
  #isOver = false
  /** The chance that something under way to the server arrives in spite of a cut. */
  #lateDelivery = 0

  constructor(server: SimServer, around: LinkSurroundings) {
    this.#server = server
    this.#around = around
    this.#session = new SimSession(
      (frame) => this.#down(frame),
      (code) => this.#arriveDown(() => this.#closeClient({ closeCode: code })),
    )
  }

  open(request: LinkRequest): void {
    this.#arriveUp(() => {
      if (this.isCut) return
      this.#isOpen = true
      this.#server.open(this.#session, request)
    })
  }

  send(text: string): void {
    if (this.isCut) return
    this.#arriveUp(() => {
      if (!this.#isOpen || (this.isCut && !this.#around.random.chance(this.#lateDelivery))) return
      if (text === 'ping') this.#down('pong')
      else this.#server.receive(this.#session, text)
    })
  }

  close(): void {
    this.#isOver = true
    this.cut()
  }

  /** Both sides notice later, each at its own time, or the server not before the object is killed. */
  cut(): void {
    if (this.isCut) return
    this.isCut = true
    const { random, time } = this.#around
    this.#lateDelivery = random.pick([0, 0.5, 1])
    time.set(() => this.#closeClient({}), random.next() * 300)
    time.set(() => this.#server.sessions.delete(this.#session), random.next() * 3000)
  }

  #closeClient(closing: Closing): void {
    this.isCut = true
    if (this.#isOver) return
    this.#isOver = true
    this.#around.events.onClose(closing)
  }

  #down(frame: string): void {
    const { random, temper, events } = this.#around
    const isLive = /^{"type":"slice","(epoch|mark)"/.test(frame)
    if (isLive && this.#isOpen && random.chance(temper.loss)) return
    this.#arriveDown(() => events.onFrame(frame))
  }

  #arriveUp(run: () => void): void {
    const { time, random, temper } = this.#around
    this.#upFreeAt = Math.max(this.#upFreeAt, time.now + random.next() * temper.delayMsMax)
    time.set(run, this.#upFreeAt - time.now)
  }

  #arriveDown(run: () => void): void {
    const { time, random, temper } = this.#around
    this.#downFreeAt = Math.max(this.#downFreeAt, time.now + random.next() * temper.delayMsMax)
    time.set(() => {
      if (!this.isCut) run()
    }, this.#downFreeAt - time.now)
  }
}
