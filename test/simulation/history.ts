/** One history: some browsers, one server, a bad network, so many random steps, then peace, and a last look. */

import { MemoryStore } from '../../src/client/index.ts'
import type { ShownObject } from '../../src/models/index.ts'
import { normalize, type TapeEvent } from '../../src/protocol/index.ts'
import type { TapeStorage } from '../../src/server/tape/tape-storage.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { Checker } from './checker.ts'
import { drawExtras, type Extras } from './extras.ts'
import { drawSealing } from './sealing-temper.ts'
import { type Family, SimBrowser } from './sim-browser.ts'
import { SimClocks } from './sim-clocks.ts'
import { collection, identifiers } from './sim-model.ts'
import { SimNetwork } from './sim-network.ts'
import { recentMax } from './sim-rules.ts'
import { type Sealing, SimServer } from './sim-server.ts'
import type { SimTab } from './sim-tab.ts'
import { type Action, drawAction, drawTemper, type Temper } from './temper.ts'
import { Violation } from './violation.ts'

export interface HistoryOptions {
  readonly seed: number
  readonly steps: number
  /** Without versions, preconditions, rules, conflicts and undo, or with them; drawn when it is not said. */
  readonly isPlain?: boolean
  readonly areClocksRight?: boolean
  /** With the server's storage set back now and then. Such a history is plain, and nothing is redacted in it. */
  readonly isSetBack?: boolean
  /** Given, at the end, the tape and what each tab shows. */
  readonly onEnd?: (end: { readonly events: readonly TapeEvent[]; readonly shown: readonly (readonly ShownObject[])[] }) => void
  /** Told of each step, to follow a history. */
  readonly log?: (line: string) => void
  readonly createTape?: () => TapeStorage & { onKill?(random: SeededRandom): void }
  readonly createStore?: (other?: MemoryStore) => MemoryStore
}

/** What happened, so that a test can see that something did. */
export interface HistoryReport {
  readonly events: number
  readonly edits: number
  readonly browsers: number
  /** Objects for which it could not be decided whether what was made is on the tape. */
  readonly leftOpen: number
  readonly snapshots: number
  /** See the checker. */
  readonly stayed: number
  readonly undone: number
  readonly conflicts: number
  readonly counts: Readonly<Record<string, number>>
}

/** Runs one history; rejects with a `Violation` that names the seed. */
export async function runHistory(options: HistoryOptions): Promise<HistoryReport> {
  const history = new History(options)
  try {
    return await history.run()
  } catch (error) {
    options.log?.(`Until then: ${JSON.stringify(history.counts)}`)
    for (const event of history.events) options.log?.(JSON.stringify(event))
    const reason = error instanceof Violation ? error.message : String(error instanceof Error ? error.stack : error)
    throw new Violation(`Seed ${options.seed}, step ${history.step} of ${options.steps}: ${reason}`)
  }
}

/** What is not done after so long will not be done. */
const restMsMax = 600_000
const restMs = 5000
/** Until all segments have been read, one after the other. */
const verifyMsMax = 120_000

class History {
  step = 0
  readonly #options: HistoryOptions
  readonly #random: SeededRandom
  readonly #time = new VirtualTime()
  readonly #tape: TapeStorage & { onKill?(random: SeededRandom): void }
  readonly #server: SimServer
  readonly #network: SimNetwork
  readonly #temper: Temper
  readonly #extras: Extras
  readonly #clocks: SimClocks
  readonly #sealing: Sealing | undefined
  readonly #redacting: { readonly random: SeededRandom; readonly chance: number }
  readonly #settingBack: { readonly random: SeededRandom; readonly isWanted: boolean }
  readonly #families: Family[] = []
  readonly #browsers: SimBrowser[] = []
  readonly #checker: Checker
  readonly counts: Record<string, number> = {}
  readonly #failures: unknown[] = []

  constructor(options: HistoryOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.#tape = options.createTape?.() ?? new MemoryTape()
    const extras = new SeededRandom(options.seed ^ 0x5eed0000)
    this.#extras = drawExtras(extras, options.isSetBack === true ? true : options.isPlain)
    this.#settingBack = { random: new SeededRandom(options.seed ^ 0x5e7bac00), isWanted: options.isSetBack === true }
    const clocks = new SeededRandom(options.seed ^ 0xc10c0000)
    this.#clocks = new SimClocks({ time: this.#time, random: clocks, areRight: options.areClocksRight === true })
    this.#sealing = drawSealing(new SeededRandom(options.seed ^ 0x5ea10000), this.#extras.ruled > 0 ? recentMax : 1)
    this.#redacting = drawRedacting(new SeededRandom(options.seed ^ 0x4ed00000), this.#extras)
    this.#server = new SimServer(this.#time, {
      tape: this.#tape,
      extras: this.#extras,
      sealing: this.#sealing,
      onRedacting: () => this.#checker.readOn(),
      onRedacted: (redaction) => this.#checker.redact(redaction),
      onLate: (events) => this.#checker.giveLate(events),
      count: (what) => this.#count(what),
    })
    this.#temper = drawTemper(this.#random)
    this.#network = new SimNetwork(this.#server, { time: this.#time, random: this.#random, temper: this.#temper.network })
    const count = 2 + this.#random.below(this.#temper.tabs > 0 ? 2 : 4)
    for (let i = 0; i < count; i++) this.#start(String.fromCharCode(65 + i))
    this.#checker = new Checker(this.#server, this.#browsers, this.#server.record)
  }

  async run(): Promise<HistoryReport> {
    for (this.step = 1; this.step <= this.#options.steps; this.step++) {
      await this.#act()
      this.#actMore()
      this.#redact()
      this.#setBack()
      const pause = this.#random.chance(0.05) ? 5000 : this.#random.chance(0.3) ? 0 : 60
      await this.#pass(this.#random.next() * pause)
      this.#checker.checkStep()
      if (this.step % 20 === 0) this.#checker.checkModels()
    }
    await this.#comeToRest()
    this.#checker.checkEnd(this.#families, this.#random)
    await this.#checkSettled()
    await this.#checkVerified()
    const tabs = this.#browsers.flatMap(({ open }) => open)
    this.#options.onEnd?.({ events: this.events, shown: tabs.map(({ model }) => model.objects.list) })
    return this.#report()
  }

  get events(): readonly TapeEvent[] {
    return this.#checker.events
  }

  #start(name: string): void {
    const family: Family = { name, browsers: [], ids: 0, lines: 0 }
    this.#families.push(family)
    const browser = new SimBrowser(family, this.#random.chance(this.#temper.tabs), {
      time: this.#time,
      random: this.#random,
      network: this.#network,
      temper: this.#temper,
      extras: this.#extras,
      clocks: this.#clocks,
      createStore: this.#options.createStore ?? ((other) => new MemoryStore(other)),
      count: (what) => this.#count(what),
      refusedAt: ({ values }) => this.#server.record.refusedAt.get(values?.mark),
      fail: (error) => this.#failures.push(error),
    })
    browser.openTab()
    this.#browsers.push(browser)
  }

  async #pass(ms: number): Promise<void> {
    await this.#time.advance(ms)
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  async #act(): Promise<void> {
    const action = drawAction(this.#temper, this.#random)
    const browser = this.#random.pick(this.#browsers)
    const tab = browser.open.length > 0 ? this.#random.pick(browser.open) : undefined
    this.#options.log?.(`${Math.round(this.#time.now)} ms, step ${this.step}: ${action} (${tab?.line.name ?? browser.name})`)
    if ((await this.#do(action, browser, tab)) !== false) this.#count(action)
  }

  /** What is drawn from generators of its own. */
  #actMore(): void {
    this.#clocks.disturb()
    const { random, decide, undo } = this.#extras
    const tabs = this.#browsers.flatMap(({ open }) => open)
    if (tabs.length === 0) return
    if (random.chance(decide) && random.pick(tabs).decideConflict()) this.#count('decide')
    if (random.chance(undo) && random.pick(tabs).undo()) this.#count('undo')
  }

  /** False when there was nothing to do it with. */
  #do(action: Action, browser: SimBrowser, tab: SimTab | undefined): unknown {
    switch (action) {
      case 'burst':
        return this.#burst()
      case 'cut':
        return this.#network.cutOne()
      case 'sleep':
        return this.#server.sleep()
      case 'kill':
        return this.#kill()
      case 'restart':
        return browser.restart()
      case 'trouble':
        return this.#trouble(browser)
      case 'open tab':
        return browser.openTab()
      case 'steal':
        return browser.steal()
      case 'copy':
        return this.#copy(browser)
      case 'mood':
        this.#server.isStrict = !this.#server.isStrict
        return
    }
    if (tab === undefined) return browser.openTab()
    switch (action) {
      case 'edit':
        return tab.edit()
      case 'spree':
        return this.#spree(tab)
      case 'nudge':
        return tab.stream.nudge()
      case 'pause':
        return tab.stream.pause()
      case 'resume':
        return tab.stream.resume()
      case 'close tab':
        return browser.close(tab)
      case 'kill tab':
        return browser.kill(tab)
      case 'retry':
      case 'discard':
        return browser.decide(tab, action)
    }
  }

  #burst(): void {
    for (const tab of this.#browsers.flatMap(({ open }) => open)) this.#edits(tab, this.#random.below(6))
  }

  #edits(tab: SimTab, count: number, among: readonly string[] = identifiers): void {
    for (let i = 0; i < count; i++) tab.edit(this.#random.pick(among))
  }

  /** Offline, many edits of few objects: there is much to fold. */
  #spree(tab: SimTab): void {
    tab.stream.pause()
    this.#edits(tab, 5 + this.#random.below(20), [this.#random.pick(identifiers), this.#random.pick(identifiers)])
  }

  #kill(): void {
    this.#tape.onKill?.(this.#random)
    this.#server.kill()
    this.#network.cutAll()
  }

  #trouble(browser: SimBrowser): void {
    if (this.#random.chance(0.3)) return browser.restartInTrouble()
    browser.disk.failFor(this.#random.next() * 10_000, this.#random.pick(['full', 'failed'] as const))
  }

  async #copy(browser: SimBrowser): Promise<boolean> {
    if (!browser.mayBeCopied) return false
    const copy = await browser.copy()
    if (copy !== undefined) this.#browsers.push(copy)
    return copy !== undefined
  }

  /** An administrator takes away what some events, or all of an object, have said so far. */
  #redact(): void {
    const { random, chance } = this.#redacting
    if (!random.chance(chance) || this.events.length === 0 || this.#settingBack.isWanted) return
    const seqs = Array.from({ length: 1 + random.below(5) }, () => random.below(this.events.length))
    const identifier = random.pick(identifiers)
    const redaction = random.chance(0.5)
      ? { seq: normalize(seqs.map((seq) => [seq, seq] as const)), reason: 'Asked for.' }
      : { collection, identifier, reason: 'Asked for.' }
    this.#server.redact(redaction).catch((error: unknown) => this.#failures.push(error))
  }

  /** The platform keeps storage, and now and then it is set back to what it was. */
  #setBack(): void {
    const { random, isWanted } = this.#settingBack
    if (!isWanted) return
    if (random.chance(0.1)) this.#server.keepCopy()
    if (!random.chance(0.03)) return
    this.#checker.checkStep()
    if (!this.#server.setBack(random)) return
    this.#network.cutAll()
    this.#checker.setBack()
    // Those who know of more come back when the tape has grown again, perhaps.
    const areAway = random.chance(0.5)
    for (const { stream } of this.#browsers.flatMap(({ open }) => open)) {
      if (areAway && stream.latestSeq >= this.events.length) stream.pause()
    }
    this.#count('set back')
  }

  #count(what: string, times = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + times
  }

  /** Everything heals, every link is made anew, and everyone gets the time they need. */
  async #comeToRest(): Promise<void> {
    const { network, disk, channel } = this.#temper
    network.loss = 0
    network.failure = 0
    disk.failure = 0
    if (this.#sealing !== undefined) this.#sealing.failure = 0
    channel.loss = 0
    for (const browser of this.#browsers) browser.disk.heal()
    await this.#pass(2000)
    for (const { tabs } of this.#browsers) if (tabs.length === 0) for (const browser of this.#browsers) browser.openTab()
    this.#network.cutAll()
    await this.#settle()
    const lost = this.#browsers.filter(({ isDurable }) => !isDurable)
    for (const browser of lost) browser.restart()
    if (lost.length > 0) await this.#settle()
  }

  /** Until nothing is left to do, and some time more, in which nothing may come up again. */
  async #settle(): Promise<void> {
    for (let waitedMs = 0; waitedMs < restMsMax; waitedMs += restMs) {
      for (const { stream } of this.#browsers.flatMap(({ open }) => open)) {
        stream.resume()
        stream.nudge()
      }
      await this.#pass(restMs)
      const isQuiet = !this.#server.isRedacting && this.#browsers.every(({ open }) => open.every((tab) => tab.isDrained))
      if (isQuiet) break
    }
    await this.#pass(restMs)
  }

  /** What each keeps of the tape makes the same state as the server's. */
  async #checkVerified(): Promise<void> {
    const tabs = this.#browsers.flatMap(({ open }) => open).filter(({ stream }) => stream.status.connection === 'online')
    let verified = 0
    for (const { stream, line } of tabs) {
      const check = async () => {
        const { isSame, differing } = await stream.verify()
        if (!isSame) throw new Violation(`${line.name} keeps another state than the server: ${JSON.stringify(differing)}`)
        verified++
      }
      check().catch((error: unknown) => this.#failures.push(error))
    }
    for (let waitedMs = 0; verified < tabs.length && waitedMs < verifyMsMax; waitedMs += 500) await this.#pass(500)
    if (verified < tabs.length) throw new Violation(`${tabs.length - verified} tabs are not verified.`)
    this.#count('verified', verified)
  }

  async #checkSettled(): Promise<void> {
    const tabs = this.#browsers.flatMap(({ open }) => open)
    let settled = 0
    for (const { stream } of tabs) void stream.settled().then(() => settled++)
    await this.#pass(0)
    if (settled < tabs.length) throw new Violation(`${tabs.length - settled} tabs wait to be settled, and nothing is pending.`)
  }

  #report(): HistoryReport {
    const edits = this.#browsers.reduce((sum, { lines }) => sum + lines.reduce((each, line) => each + line.edits.length, 0), 0)
    const { events, leftOpen, snapshots, stayed, undone, conflicts } = this.#checker
    return {
      events: events.length,
      edits,
      browsers: this.#browsers.length,
      leftOpen,
      snapshots,
      stayed,
      undone,
      conflicts,
      counts: this.counts,
    }
  }
}

/** Now and then, in a fifth of the histories; not where conflicts and rules are looked at, which compare what was said. */
function drawRedacting(random: SeededRandom, { isWatching }: Extras): { readonly random: SeededRandom; readonly chance: number } {
  return { random, chance: isWatching || random.chance(0.8) ? 0 : 0.03 }
}
