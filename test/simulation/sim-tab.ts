/**
 * A process of a simulation: a tab, or a program of its own. The real stream over a store that outlives it. It edits
 * at random, and can be killed at any moment.
 */
import {
  type Environment,
  type Publication,
  type RefusedDraft,
  StoreFailure,
  Stream,
  type TabMessage,
  type Transport,
} from '../../src/client/index.ts'
import { History } from '../../src/models/index.ts'
import type { Change, EventType, Values } from '../../src/protocol/index.ts'
import { mortalTransport } from '../support/mortal-transport.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'
import { type Edit, type Line, refusalKey } from './edit.ts'
import { type Extras, withExtras } from './extras.ts'
import type { SimClock } from './sim-clocks.ts'
import { type SimDisk, SimStore } from './sim-disk.ts'
import { collection, fields, identifiers, SimModel } from './sim-model.ts'
import { type SimHub, SimTabs } from './sim-tabs.ts'

export interface TabSurroundings {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly extras: Extras
  readonly clock: SimClock
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
  readonly #history: History
  readonly #around: TabSurroundings
  readonly #store: SimStore
  readonly #tabs: SimTabs | undefined
  #isOwner = false
  /** Why it publishes. */
  #doing: Edit['how'] | undefined
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
    this.model = new SimModel(this.stream, { mayReadAgain: this.#tabs !== undefined, isWatching: around.extras.isWatching })
    const history = new History(this.model)
    this.#history = history
    history.receiver = { didCreateDraft: (change) => this.#vended(change) }
    this.stream.attach({
      receiver: undefined,
      apply: (events, pending, context) => history.apply(events, pending, context),
      reset: () => history.reset(),
    })
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
    const { random, mayDelete, extras, bad } = this.#around
    const type = random.pick(['insert', 'update', 'update', 'delete'] as const)
    const change = this.#change(type === 'delete' && !mayDelete(identifier) ? 'update' : type, identifier, bad)
    this.#do('edit', () => this.model.receiver?.didCreateDraft(withExtras(change, extras)))
  }

  /** Publishes a refused draft again, as it was or changed, or gives it up. Gives which it was. */
  decide(how: 'retry' | 'discard'): RefusedDraft | undefined {
    const { random } = this.#around
    const { refused } = this.stream.status
    if (refused.length === 0) return undefined
    const chosen = random.pick(refused)
    const { place, draft } = chosen
    const { seen: _, ...asItWas } = draft
    if (how === 'discard') this.stream.discard(place)
    else if (random.chance(0.5)) this.#do('retry', () => this.#publish(asItWas, () => this.stream.retry(place), refusalKey(chosen)))
    else {
      const change = this.#changeLike(asItWas)
      this.#do('retry', () => this.#publish(change, () => this.stream.retry(place, change), refusalKey(chosen)))
    }
    return chosen
  }

  /** Says what is to stand after a conflict. False when none is open. */
  decideConflict(): boolean {
    const { random } = this.#around.extras
    const { list } = this.model.conflicts
    if (list.length === 0) return false
    const conflict = random.pick(list)
    const how = random.pick(['mine', 'theirs', 'merge', 'dismiss'] as const)
    this.#do('decision', () => {
      if (how === 'mine') conflict.keepMine()
      else if (how === 'theirs') conflict.keepTheirs()
      else if (how === 'merge') conflict.merge({ [random.pick(fields)]: `merged ${this.#nextMark}` })
      else conflict.dismiss()
    })
    return true
  }

  /** Sets back what it did last, or makes it again. False when there is nothing. */
  undo(): boolean {
    const isRedo = this.#history.canRedo && this.#around.extras.random.chance(0.5)
    let outcome: unknown
    this.#do('undo', () => {
      outcome = isRedo ? this.#history.redo() : this.#history.undo()
    })
    return outcome !== undefined
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

  get #nextMark(): string {
    return `${this.line.name}.${this.line.edits.length}`
  }

  #change(type: EventType, identifier: string, bad: number): Change {
    const { random } = this.#around
    if (type === 'delete') return { type, collection, identifier }
    const mark = this.#nextMark
    const values = {
      [random.pick(fields)]: mark,
      mark,
      ...(type === 'insert' ? { born: mark } : {}),
      ...(random.chance(bad) ? { bad: true } : {}),
    }
    return { type, collection, identifier, values }
  }

  /** Other values, under the same precondition. */
  #changeLike({ type, identifier, version, expect }: Change): Change {
    const change = this.#change(type, identifier, 0)
    const expects = expect === undefined ? {} : { expects: expect.unchanged }
    return {
      ...change,
      ...(change.values === undefined ? {} : { values: { ...change.values, ...expects } }),
      ...(version === undefined ? {} : { version }),
      ...(expect === undefined ? {} : { expect }),
    }
  }

  #do(what: Edit['how'], run: () => void): void {
    this.#doing = what
    run()
    this.#doing = undefined
  }

  /** What the model made: what follows from older edits gets marks of its own. */
  #vended(change: Change): void {
    const { type, identifier } = change
    if (type === 'delete' && !this.#around.mayDelete(identifier)) return
    const isOwn = this.#doing === 'edit' || change.values === undefined
    const marked = isOwn ? change : { ...change, values: this.#remarked(type, change.values) }
    this.#publish(marked, () => this.stream.publish(marked))
  }

  #remarked(type: EventType, values: Values): Values {
    const { expects: _, born: __, ...others } = values
    const mark = this.#nextMark
    return { ...others, mark, ...(type === 'insert' ? { born: mark } : {}) }
  }

  #publish(change: Change, publish: () => Publication, retried?: string): void {
    const { client } = this.stream
    this.#isPublishing = true
    const publication = publish()
    this.#isPublishing = false
    this.line.edits.push({ change, tab: this, index: this.line.edits.length, publication, how: this.#doing ?? 'edit', retried, client })
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
    const { time, random, newId, fail, clock } = this.#around
    return {
      now: clock.now,
      setTimer: (run, afterMs) => time.set(() => this.isAlive && run(), afterMs),
      clearTimer: (timer) => time.clear(timer),
      random: () => random.next(),
      newId,
      report: (error) => {
        if (!(error instanceof StoreFailure)) fail(error)
      },
    }
  }

  /** A dead process hears nothing more. */
  #mortalTransport(): Transport {
    return mortalTransport(this.#around.transport, () => this.isAlive)
  }
}
