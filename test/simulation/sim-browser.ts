/** A browser, or one program, of a simulation: a disk, and the tabs or the process that come and go over it. */
import type { OutboxEntry, SavedChange } from '../../src/client/index.ts'
import type { Change } from '../../src/protocol/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'
import { type Line, refusalKey } from './edit.ts'
import type { Extras } from './extras.ts'
import type { SimClock, SimClocks } from './sim-clocks.ts'
import { type DiskSurroundings, SimDisk } from './sim-disk.ts'
import { identifiers } from './sim-model.ts'
import type { SimNetwork } from './sim-network.ts'
import { SimTab } from './sim-tab.ts'
import { SimHub } from './sim-tabs.ts'
import type { Temper } from './temper.ts'
import { Violation } from './violation.ts'

const tabsMax = 3
const copiesMax = 2

export interface RefusedEntry extends Pick<OutboxEntry, 'place' | 'draft' | 'refused' | 'refusal'> {
  /** Whether it was ever on the disk: it may have been decided about before that, or by a process that lives in memory. */
  readonly isKept: boolean
}

export interface BrowserSurroundings {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly network: SimNetwork
  readonly temper: Temper
  readonly extras: Extras
  readonly clocks: SimClocks
  readonly createStore: DiskSurroundings['createStore']
  readonly count: (what: string) => void
  /** When the server refused the draft first. */
  readonly refusedAt: (draft: Change) => number | undefined
  readonly fail: (error: unknown) => void
}

/** Browsers whose disks are copies of one: what they publish may bear the same client id. */
export interface Family {
  readonly name: string
  readonly browsers: SimBrowser[]
  ids: number
  lines: number
}

export class SimBrowser {
  readonly family: Family
  readonly hasTabs: boolean
  readonly disk: SimDisk
  tabs: readonly SimTab[] = []
  /** What was made here, by every tab and process that ever was. */
  readonly lines: Line[] = []
  /** What its original had not brought onto the tape when it was copied from it. */
  readonly inherited: OutboxEntry[] = []
  /** Every draft that was kept as refused, or decided about before it was kept. */
  readonly refused: RefusedEntry[] = []
  /** How often each refused draft was published again or given up, by `refusalKey`. */
  readonly decided = new Map<string, number>()
  readonly everyTab: SimTab[] = []
  /** The outbox as it is on the disk. */
  readonly #outbox = new Map<number, OutboxEntry>()
  readonly #around: BrowserSurroundings
  readonly #clock: SimClock
  #hub: SimHub | undefined

  constructor(family: Family, hasTabs: boolean, around: BrowserSurroundings) {
    this.family = family
    this.hasTabs = hasTabs
    this.#around = around
    const { time, random, temper, createStore, count } = around
    family.browsers.push(this)
    this.#clock = around.clocks.create()
    this.disk = new SimDisk({ time, random, temper: temper.disk, createStore, count })
    if (hasTabs) this.#hub = new SimHub({ time, random, temper: temper.channel, count })
  }

  get name(): string {
    return `${this.family.name}${this.family.browsers.indexOf(this) || ''}`
  }

  /** Those that an application works with. */
  get open(): readonly SimTab[] {
    return this.tabs.filter(({ isClosed }) => !isClosed)
  }

  openTab(): void {
    if (this.tabs.length >= (this.hasTabs ? tabsMax : 1)) return
    const { time, random, network, temper, extras, count, fail } = this.#around
    const { family } = this
    const tab = new SimTab({
      time,
      random,
      extras,
      clock: this.#clock,
      transport: network.transport(),
      disk: this.disk,
      hub: this.#hub,
      line: this.#line(),
      newId: () => `${family.name}-${++family.ids}`,
      count,
      bad: temper.bad,
      mayDelete: (identifier) => this.#mayDelete(identifier),
      onCommit: (change) => this.#committed(change),
      fail,
    })
    this.tabs = [...this.tabs, tab]
    this.everyTab.push(tab)
  }

  /**
   * Each profile of a family deletes its own objects; and where undo deletes, too, none that another has deleted before
   * they were told apart.
   */
  #mayDelete(identifier: string): boolean {
    const { browsers } = this.family
    if (browsers.length < 2) return true
    if (identifiers.indexOf(identifier) % (copiesMax + 1) !== browsers.indexOf(this)) return false
    return this.#around.extras.undo === 0 || browsers.every((other) => other === this || !other.hasDeleted(identifier))
  }

  hasDeleted(identifier: string): boolean {
    return this.lines.some(({ edits }) => edits.some(({ change }) => change.type === 'delete' && change.identifier === identifier))
  }

  /** Tabs are of one line each. A program goes on with what it did before, unless it could not read it. */
  #line(): Line {
    const last = this.lines.at(-1)
    if (!this.hasTabs && last !== undefined && this.disk.openingFailures < unreadableAfter && !this.#wasInMemory) return last
    this.#wasInMemory = false
    const line = { name: `${this.name}${this.family.lines++}`, edits: [] }
    this.lines.push(line)
    return line
  }

  #wasInMemory = false

  kill(tab: SimTab): void {
    if (!this.isDurable) this.#wasInMemory = true
    tab.kill()
    this.tabs = this.tabs.filter((each) => each !== tab)
  }

  /** Closes a tab's stream; the page is gone a while later. */
  close(tab: SimTab): void {
    const { time, random } = this.#around
    tab.close()
    time.set(() => this.kill(tab), random.next() * 2000)
  }

  /** The machine is switched off and on again. */
  restart(): void {
    for (const tab of this.tabs) this.kill(tab)
    this.openTab()
  }

  /** The disk cannot be read for a while, or not at all. */
  restartInTrouble(): void {
    for (const tab of this.tabs) this.kill(tab)
    this.disk.openingFailures = 1 + this.#around.random.below(unreadableAfter)
    this.openTab()
  }

  /** Whether all tabs keep what they do. */
  get isDurable(): boolean {
    return this.tabs.every(({ stream }) => stream.status.storage.isDurable)
  }

  steal(): boolean {
    return this.#hub?.steal() === true
  }

  get mayBeCopied(): boolean {
    return this.family.browsers.length <= copiesMax
  }

  /** Another browser with a copy of this one's disk. Undefined while there is nothing on it. */
  async copy(): Promise<SimBrowser | undefined> {
    const copy = new SimBrowser(this.family, this.hasTabs, this.#around)
    const saved = await this.disk.copyTo(copy.disk)
    if (saved === undefined) {
      this.family.browsers.pop()
      return undefined
    }
    for (const entry of saved.outbox) copy.#outbox.set(entry.place, entry)
    copy.inherited.push(...saved.outbox.filter(({ refused }) => refused === undefined))
    copy.refused.push(...this.refused)
    for (const [key, times] of this.decided) copy.decided.set(key, times)
    copy.openTab()
    return copy
  }

  /** Has one of its tabs decide about a refused draft. */
  decide(tab: SimTab, how: 'retry' | 'discard'): boolean {
    const refused = tab.decide(how)
    if (refused === undefined) return false
    const key = refusalKey(refused)
    this.decided.set(key, (this.decided.get(key) ?? 0) + 1)
    const { place, draft, code, reason } = refused
    const refusal = reason === undefined ? undefined : { reason }
    this.refused.push({ place, draft, refused: code, refusal, isKept: false })
    return true
  }

  #committed(change: SavedChange): void {
    for (const [id, drafts] of Object.entries(change.tabs ?? {})) {
      for (const tab of this.everyTab) tab.taken(id, drafts)
    }
    for (const entry of change.put ?? []) this.#kept(entry)
    for (const place of change.remove ?? []) this.#outbox.delete(place)
    for (const entry of change.put ?? []) if (entry.refused !== undefined) this.#checkDependants(entry)
  }

  #kept(entry: OutboxEntry): void {
    const before = this.#outbox.get(entry.place)
    this.#outbox.set(entry.place, entry)
    if (entry.refused !== undefined) {
      this.refused.push({ ...entry, isKept: true })
      this.#around.count('refused')
    } else if (entry.counter !== undefined && before?.counter === undefined) {
      for (let i = 1; i < entry.folded.drafts; i++) this.#around.count('folded')
    }
  }

  /** With an insert, what was written to its object before the server had refused it is refused, too. */
  #checkDependants({ place, draft }: OutboxEntry): void {
    if (draft.type !== 'insert') return
    const { refusedAt, fail, clocks } = this.#around
    const until = refusedAt(draft) ?? 0
    const later = [...this.#outbox.values()].filter((each) => each.place > place && each.draft.identifier === draft.identifier)
    for (const entry of later.sort((a, b) => a.place - b.place)) {
      if (entry.draft.type === 'insert') return
      const isLeft = entry.refused === undefined && clocks.trueTimeOf(entry.madeAt) < until
      if (isLeft) fail(new Violation(`${this.name} goes on with ${refusalKey(entry)}, whose object was refused.`))
    }
  }
}

/** A client that fails to open its store so often goes on in memory. */
const unreadableAfter = 4
