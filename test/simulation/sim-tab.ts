/**
 * A process of a simulation: a tab, or a program of its own. The real stream over a store that outlives it. It edits
 * at random, and can be killed at any moment.
 */
import {
  type Environment,
  type ModelReconciler,
  type OutboundEventReceiver,
  type Publication,
  type RefusedDraft,
  StoreFailure,
  Stream,
  type TabMessage,
  type Transport,
} from '../../src/client/index.ts'
import { StampedObjects } from '../../src/models/index.ts'
import { type Change, type Draft, type EventType, type SeqRanges, subtract, type TapeEvent, union } from '../../src/protocol/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'
import { type SimDisk, SimStore } from './sim-disk.ts'
import { type SimHub, SimTabs } from './sim-tabs.ts'

export const collection = 'things'
export const identifiers = ['a', 'b', 'c', 'd', 'e']
const fields = ['x', 'y']

/** A change that a tab made. */
export interface Edit {
  readonly change: Change
  readonly tab: SimTab
  /** Its place among the edits of its line. */
  readonly index: number
  /** Undefined for one that took over what became of a refused draft. */
  readonly publication: Publication | undefined
}

/** Edits that reach the tape in their order: those of one tab, or of the processes that followed each other. */
export interface Line {
  readonly name: string
  readonly edits: Edit[]
}

/** A model that also knows how much of the tape it was given, for the checker. */
export class SimModel implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly objects = new StampedObjects(collection)
  readonly #stream: Stream
  /** What the stream had accounted for whenever it gave events. (One that was fenced goes back to what is saved.) */
  given: SeqRanges = []
  /** Given since the checker looked last. */
  news: TapeEvent[] = []
  pending: readonly Draft[] = []

  constructor(stream: Stream) {
    this.#stream = stream
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    for (const event of events) this.news.push(event)
    if (events.length > 0) this.#note()
    this.pending = pending
    this.objects.apply(events, pending)
  }

  reset(): void {
    this.given = []
    this.objects.reset()
  }

  #note(): void {
    const { holes, progress } = this.#stream.status
    if (progress.total > 0) this.given = union(this.given, subtract([[0, progress.total - 1]], holes))
  }
}

export interface TabSurroundings {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly transport: Transport & { cut(): void }
  readonly disk: SimDisk
  readonly hub: SimHub | undefined
  readonly line: Line
  readonly newId: () => string
  readonly count: (what: string) => void
  /** Chance that an edit is one that a strict server refuses. */
  readonly bad: number
  /** What it may delete: profiles that may share a client id must not make drafts that look the same. */
  readonly mayDelete: (identifier: string) => boolean
  readonly onCommit: (change: Parameters<SimStore['save']>[0]) => void
  /** Told of what nobody expected. */
  readonly fail: (error: unknown) => void
}

export class SimTab {
  readonly stream: Stream
  readonly model: SimModel
  readonly line: Line
  isAlive = true
  /** It has closed its stream, and will be gone soon. */
  isClosed = false
  /** So many edits of the line were on the disk, or with an earlier life, when it was last saved. */
  covered: number
  readonly #around: TabSurroundings
  readonly #store: SimStore
  readonly #tabs: SimTabs | undefined
  #isOwner = false
  #isPublishing = false
  /** Under which ids its drafts are handed over, and how many edits came before the first of each. */
  readonly #handingOver = new Map<string, number>()

  constructor(around: TabSurroundings) {
    this.#around = around
    this.line = around.line
    this.covered = this.line.edits.length
    this.#tabs = around.hub === undefined ? undefined : new SimTabs(around.hub, (message) => this.#posted(message))
    this.#store = new SimStore(around.disk, {
      covers: () => (this.isOwner ? this.line.edits.length : undefined),
      onCommit: (change, covered) => {
        if (covered !== undefined) this.covered = Math.max(this.covered, covered)
        around.onCommit(change)
      },
    })
    this.stream = new Stream({
      transport: this.#mortalTransport(),
      store: this.#store,
      environment: this.#environment(),
      token: () => 'token',
      ...(this.#tabs === undefined ? {} : { tabs: this.#tabs }),
    })
    this.model = new SimModel(this.stream)
    this.stream.attach(this.model)
  }

  get isOwner(): boolean {
    return this.#tabs === undefined ? this.stream.client !== '' : this.#isOwner
  }

  /** Whether nothing is on its way to this tab that it would show. */
  get isQuiet(): boolean {
    return this.isOwner || (this.#around.disk.busy === 0 && this.#tabs?.underWay === 0)
  }

  get isDrained(): boolean {
    const { pending, holes, connection } = this.stream.status
    return pending === 0 && holes.length === 0 && connection === 'online'
  }

  edit(identifier = this.#around.random.pick(identifiers)): void {
    const { random, mayDelete } = this.#around
    const type = random.pick(['insert', 'update', 'update', 'delete'] as const)
    const change = this.#change(type === 'delete' && !mayDelete(identifier) ? 'update' : type, identifier, this.#around.bad)
    this.#publish(change, () => this.stream.publish(change))
  }

  /** Publishes a refused draft again, as it was or changed, or gives it up. Gives which it was. */
  decide(how: 'retry' | 'discard'): RefusedDraft | undefined {
    const { random } = this.#around
    const { refused } = this.stream.status
    if (refused.length === 0) return undefined
    const chosen = random.pick(refused)
    const { place, draft } = chosen
    if (how === 'discard') this.stream.discard(place)
    else if (random.chance(0.5)) {
      const { type, collection, identifier, values } = draft
      this.#publish({ type, collection, identifier, values }, () => this.stream.retry(place))
    } else {
      const change = this.#change(draft.type, draft.identifier, 0)
      this.#publish(change, () => this.stream.retry(place, change))
    }
    return chosen
  }

  /** The store has taken so many drafts that were handed over under this id. */
  taken(id: string, drafts: number): void {
    const base = this.#handingOver.get(id)
    if (base !== undefined) this.covered = Math.max(this.covered, base + drafts)
  }

  close(): void {
    this.isClosed = true
    this.stream.close()
  }

  /** The process dies, with nothing but the disk left. */
  kill(): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.#store.kill()
    this.#tabs?.kill()
    this.#around.transport.cut()
  }

  #change(type: EventType, identifier: string, bad: number): Change {
    const { random } = this.#around
    if (type === 'delete') return { type, collection, identifier }
    const mark = `${this.line.name}.${this.line.edits.length}`
    const values = {
      [random.pick(fields)]: mark,
      mark,
      ...(type === 'insert' ? { born: mark } : {}),
      ...(random.chance(bad) ? { bad: true } : {}),
    }
    return { type, collection, identifier, values }
  }

  #publish(change: Change, publish: () => Publication | void): void {
    this.#isPublishing = true
    const publication = publish() ?? undefined
    this.#isPublishing = false
    this.line.edits.push({ change, tab: this, index: this.line.edits.length, publication })
  }

  #posted(message: TabMessage): void {
    switch (message.type) {
      case 'owner':
      case 'alone':
        if (!this.#isOwner) this.#around.count('owner')
        this.#isOwner = true
        return
      case 'hello':
        this.#isOwner = false
        return
      case 'drafts': {
        // The last of them is what was made last.
        const made = this.line.edits.length + (this.#isPublishing ? 1 : 0)
        this.#handingOver.set(message.tab, made - (message.first + message.drafts.length - 1))
      }
    }
  }

  #environment(): Environment {
    const { time, random, newId, fail } = this.#around
    return {
      now: () => time.now,
      setTimer: (run, afterMs) => time.set(() => this.isAlive && run(), afterMs),
      clearTimer: (timer) => time.clear(timer),
      random: () => random.next(),
      newId,
      report: (error) => {
        const isExpected = error instanceof StoreFailure || (error instanceof Error && /was lost|had nothing|too long/.test(error.message))
        if (!isExpected) fail(error)
      },
    }
  }

  /** A dead process hears nothing more. */
  #mortalTransport(): Transport {
    const { transport } = this.#around
    return {
      connect: (request, events) =>
        transport.connect(request, {
          onFrame: (text) => this.isAlive && events.onFrame(text),
          onClose: (closing) => this.isAlive && events.onClose(closing),
        }),
      read: async (request) => {
        const slice = await transport.read(request)
        return this.isAlive ? slice : new Promise(() => {})
      },
    }
  }
}
