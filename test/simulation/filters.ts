/**
 * Clients that hold parts of a tape, and change their minds: real streams and the real core, a bad network, clients and
 * servers that die, in virtual time. At the end each shows whole objects, all that it wants, and nothing else.
 */
import type { ModelReconciler, OutboundEventReceiver, Stream } from '../../src/client/index.ts'
import { narrowAfterMs } from '../../src/client/tape/wanting.ts'
import {
  applyEvent,
  everything,
  foldEvents,
  includesFilter,
  type ObjectFilter,
  objectKey,
  type TapeEvent,
  unborn,
  type Values,
} from '../../src/protocol/index.ts'
import type { Redaction } from '../../src/protocol/redaction.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { drawSealing } from './sealing-temper.ts'
import { SharedTexts, textDrafts, textsCollection } from './shared-texts.ts'
import { SimNetwork } from './sim-network.ts'
import { comeToRest, isDrained, type SimParts, SimProcess } from './sim-process.ts'
import { SimServer } from './sim-server.ts'
import { Violation } from './violation.ts'
import { eventsOf } from './writers.ts'

const projects = ['p1', 'p2', 'p3', 'p4']

export interface FiltersReport {
  readonly events: number
  /** How often a client let go of something. */
  readonly resets: number
  readonly setBacks: number
  /** How often something was put into a text. */
  readonly typed: number
  readonly sealed: number
  readonly redacted: number
}

/** Keeps what it is given, and works out from that what there is. */
class Board implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  #events: TapeEvent[] = []
  isReady = false
  resets = 0

  apply(events: readonly TapeEvent[], _: unknown, { client }: { readonly client: string }): void {
    this.isReady = client !== ''
    this.#events.push(...events)
  }

  reset(): void {
    this.resets++
    this.#events = []
  }

  get objects(): Record<string, Values> {
    return livingOf(this.#events)
  }
}

function livingOf(events: readonly TapeEvent[]): Record<string, Values> {
  const objects = new Map<string, ReturnType<typeof applyEvent>>()
  const plain = events.filter(({ collection }) => collection !== textsCollection)
  for (const event of foldEvents(plain)) objects.set(objectKey(event), applyEvent(objects.get(objectKey(event)) ?? unborn, event))
  const living = [...objects].filter(([, { isAlive }]) => isAlive).map(([key, { values }]) => [key, sorted(values)] as const)
  return Object.fromEntries(living.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function sorted(values: Values): Values {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)))
}

class Reader {
  readonly name: string
  readonly #random: SeededRandom
  readonly #process: SimProcess
  wanted: readonly ObjectFilter[]
  board!: Board
  texts!: SharedTexts
  typed = 0
  stream!: Stream
  #made = 0

  constructor(name: string, parts: SimParts) {
    this.name = name
    this.#random = parts.random
    this.#process = new SimProcess(name, parts)
    this.wanted = this.#someFilters()
    this.open()
  }

  open(): void {
    this.stream = this.#process.open(this.wanted)
    this.board = new Board()
    this.stream.attach(this.board)
    this.texts = new SharedTexts(this.stream, projects)
  }

  wantOther(): void {
    this.wanted = this.#someFilters()
    this.stream.want(this.wanted)
  }

  edit(): void {
    const random = this.#random
    const keys = Object.keys(this.board.objects)
    if (!this.board.isReady) return
    const isNew = keys.length === 0 || random.chance(0.3)
    const identifier = isNew ? `${this.name}${++this.#made}` : random.pick(keys).slice(random.pick(keys).indexOf('.') + 6)
    const collection = isNew ? random.pick(['tasks', 'notes']) : random.pick(keys).slice(2, 7)
    const project = random.chance(isNew ? 0.8 : 0.3) ? { project: random.pick(projects) } : {}
    const values = { [`f${random.below(3)}`]: ++this.#made, ...project }
    const type = isNew ? 'insert' : random.chance(0.1) ? 'delete' : 'update'
    this.board.receiver?.didCreateDraft(type === 'delete' ? { type, collection, identifier } : { type, collection, identifier, values })
  }

  type(): void {
    if (this.texts.type(`${this.name}${this.typed}`, this.wanted, this.#random)) this.typed++
  }

  #someFilters(): readonly ObjectFilter[] {
    const some = () => {
      const collection = this.#random.chance(0.3) ? { collection: [this.#random.pick(['tasks', 'notes'])] } : {}
      const project = this.#random.chance(0.8) ? { project: [this.#random.pick(projects)] } : {}
      return { ...collection, ...project }
    }
    const filters = Array.from({ length: 1 + this.#random.below(3) }, some)
    // What is urgent, and then all the rest.
    return this.#random.chance(0.2) ? [...filters, everything] : filters
  }
}

export async function runFilters({ seed, steps }: { readonly seed: number; readonly steps: number }): Promise<FiltersReport> {
  const random = new SeededRandom(seed)
  const time = new VirtualTime()
  const counts: Record<string, number> = {}
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1
  }
  const sealing = drawSealing(new SeededRandom(seed ^ 0x5ea10000), 1)
  const server = new SimServer(time, { sealing, count })
  server.core.declareIndex('project', '/project')
  server.core.committer.submit({ publish: { client: 'maker', drafts: textDrafts(projects) }, sub: 'maker' }, () => {})
  // Storage that is set back speaks of what a redaction has taken away for good.
  const isSetBack = random.chance(0.5)
  const temper = { loss: 0.05, failure: 0.1, delayMsMax: 100 }
  const network = new SimNetwork(server, { time, random, temper })
  const readers = ['A', 'B', 'C'].map((name) => new Reader(name, { time, network, random }))
  let resets = 0
  const fail = (what: string) => {
    throw new Violation(`Seed ${seed}: ${what}`)
  }
  for (let step = 0; step < steps; step++) {
    const reader = random.pick(readers)
    const dice = random.next()
    if (dice < 0.03) network.cutOne()
    else if (dice < 0.04) {
      server.kill()
      network.cutAll()
    } else if (dice < 0.06) server.sleep()
    else if (dice < 0.08) {
      resets += reader.board.resets
      reader.open()
    } else if (dice < 0.11) reader.stream.pause()
    else if (dice < 0.2) reader.stream.resume()
    else if (dice < 0.3) reader.wantOther()
    else if (dice < 0.33) server.keepCopy()
    else if (dice < 0.34) {
      if (isSetBack && server.setBack(random)) network.cutAll()
    } else if (dice < 0.36) {
      // Without one of the deltas before them, others would not fit.
      const events = eventsOf(server).filter(({ collection }) => collection !== textsCollection)
      if (!isSetBack && events.length > 0) void server.redact(redactionOf(random.pick(events), random))
    } else if (random.chance(0.4)) reader.type()
    else reader.edit()
    await time.advance(random.next() * random.pick([0, 20, 300, 20_000]))
  }
  temper.loss = 0
  temper.failure = 0
  if (sealing !== undefined) sealing.failure = 0
  const streams = () => readers.map(({ stream }) => stream)
  await comeToRest(streams, { time, network, isAtRest: () => !server.isRedacting })
  await time.advance(10 * narrowAfterMs)
  await comeToRest(streams, { time, network, isAtRest: () => true })
  const events = eventsOf(server)
  for (const { name, board, texts, stream, wanted } of readers) {
    resets += board.resets
    if (!isDrained(stream)) fail(`${name} did not come to rest: ${JSON.stringify(stream.status)}`)
    const refused = stream.status.refused.filter(({ code }) => code !== 'wrong-epoch')
    if (refused.length > 0) fail(`${name} was refused ${JSON.stringify(refused)}.`)
    for (const wrong of texts.wrongs(events, wanted)) fail(`${name}: ${wrong}`)
    const expected = livingOf(events.filter((event) => wanted.some((filter) => belongs(filter, event, events))))
    if (JSON.stringify(board.objects) !== JSON.stringify(expected)) {
      fail(`${name} wants ${JSON.stringify(wanted)}, shows ${JSON.stringify(board.objects)} and should show ${JSON.stringify(expected)}.`)
    }
    const verifying = stream.verify()
    await time.advance(10_000)
    const { isSame, differing } = await verifying
    if (!isSame) fail(`${name} keeps other objects than the server: ${JSON.stringify(differing)}`)
  }
  const typed = readers.reduce((sum, reader) => sum + reader.typed, 0)
  const { setBacks } = server
  return { events: events.length, resets, setBacks, typed, sealed: counts.sealed ?? 0, redacted: counts.redacted ?? 0 }
}

function redactionOf({ seq, collection, identifier }: TapeEvent, random: SeededRandom): Redaction {
  const reason = 'Asked for.'
  return random.chance(0.5) ? { seq: [[seq, seq]], reason } : { collection, identifier, reason }
}

/** Whether an object has ever had, for each name, one of the values. */
function belongs(filter: ObjectFilter, object: TapeEvent, events: readonly TapeEvent[]): boolean {
  const { project, ...names } = filter
  if (!includesFilter(names, { collection: [object.collection] })) return false
  const isOf = (event: TapeEvent) => objectKey(event) === objectKey(object)
  return project === undefined || events.some((event) => isOf(event) && project.includes(String(event.values?.project)))
}
