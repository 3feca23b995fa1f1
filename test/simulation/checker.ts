/** What must hold, whatever happens. Each check throws with what it found. */

import { isDeepStrictEqual } from 'node:util'
import { type ShownObject, StampedObjects } from '../../src/models/index.ts'
import { formatSeqs, includes, objectHashes, stateHash, type TapeEvent } from '../../src/protocol/index.ts'
import { seqMax } from '../../src/protocol/limits.ts'
import { type Redaction, redactedEvent } from '../../src/protocol/redaction.ts'
import type { RowSource } from '../../src/server/tape/slice-reader.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { checkConflicts } from './conflict-check.ts'
import type { Edit } from './edit.ts'
import { checkExpectations, checkRules } from './expectation-check.ts'
import { checkFamily } from './family-check.ts'
import { checkRun } from './run-check.ts'
import type { ServerRecord } from './server-record.ts'
import type { Family, SimBrowser } from './sim-browser.ts'
import { collection } from './sim-model.ts'
import type { SimTab } from './sim-tab.ts'
import { checkUndo } from './undo-check.ts'
import { Violation } from './violation.ts'

export interface CheckedTape extends RowSource {
  /** Over how many events preconditions are checked. */
  readonly lookBack?: number | undefined
  readonly snapshot?: { readonly through: number; readonly events: readonly TapeEvent[] } | undefined
}

export class Checker {
  readonly #tape: CheckedTape
  readonly #browsers: readonly SimBrowser[]
  readonly #record: ServerRecord
  /** As they came on the tape. */
  readonly #events: TapeEvent[] = []
  /** As they are on it now: some have been redacted. */
  #left: TapeEvent[] = []
  /** Whether anything on the tape is not what it was when models were given it. */
  #hasChanged = false
  readonly #texts: string[] = []
  readonly #counters = new Map<string, number>()
  /** Objects whose events were too many to be explained with certainty. */
  leftOpen = 0
  /** Whether the tape had a snapshot at the end. */
  snapshots = 0
  /** Programs that ran from start to end and reported every conflict. */
  stayed = 0
  /** Undos whose events were compared with what stood before. */
  undone = 0
  /** Conflicts that models reported. */
  conflicts = 0

  constructor(tape: CheckedTape, browsers: readonly SimBrowser[], record: ServerRecord) {
    this.#tape = tape
    this.#browsers = browsers
    this.#record = record
  }

  /** Everything on the tape, as far as it has been checked. */
  get events(): readonly TapeEvent[] {
    return this.#events
  }

  get #tabs(): readonly SimTab[] {
    return this.#browsers.flatMap(({ open }) => open)
  }

  /** Events say no more what they said; what models were given before cannot be looked up from then on. */
  redact(redaction: Redaction): void {
    this.#hasChanged = true
    this.#left = this.#left.map((event) => redactedEvent(event, redaction))
  }

  /** The tape is what it was before: what came after that is lost, unless somebody still has it to send. */
  setBack(): void {
    const before = this.#events.splice(0)
    this.#left = []
    this.#texts.length = 0
    this.#counters.clear()
    this.readOn()
    this.#hasChanged = true
    this.#lose(before.slice(this.#events.length), (edit, browser) => this.#isThere(edit, browser))
  }

  /** Somebody is given events of before only now, and may take them for confirmed. */
  giveLate(events: readonly TapeEvent[]): void {
    this.#lose(events, () => false)
  }

  /** What was made of the objects of lost events may be lost with them; but not what is still to be sent, or on the tape. */
  #lose(events: readonly TapeEvent[], isKept: (edit: Edit, browser: SimBrowser) => boolean): void {
    for (const browser of this.#browsers) {
      const own = events.filter(({ client }) => client?.startsWith(`${browser.family.name}-`) === true)
      const objects = new Set(own.map(({ identifier }) => identifier))
      for (const edit of browser.lines.flatMap(({ edits }) => edits)) {
        if (objects.has(edit.change.identifier) && !isKept(edit, browser)) edit.isLost = true
      }
    }
  }

  /** Of a tab that works through another one, or has just been robbed by one, nobody knows what that has heard. */
  #isThere({ tab, publication: { state } }: Edit, { tabs }: SimBrowser): boolean {
    if (state.type === 'applied') return state.seq !== undefined && state.seq < this.#events.length
    const isAlone = tabs.every((other) => other === tab || !other.isOwner)
    return isAlone && tab.isAlive && !tab.isClosed && tab.isOwner && (state.type === 'queued' || state.type === 'sent')
  }

  /** After every step: the tape is dense, keeps each client's order, has no event twice, and is all that tabs are given. */
  checkStep(): void {
    this.readOn()
    for (const tab of this.#tabs) {
      if (!this.#hasChanged) for (const run of tab.model.news) checkRun(run, tab.line.name, { events: this.#events, texts: this.#texts })
      tab.model.news = []
    }
  }

  /** Each tab shows the tape as far as it has it, and its own pending drafts on top. */
  checkModels(): void {
    for (const tab of this.#tabs) {
      if (!tab.isQuiet || this.#hasChanged) continue
      const { given, pending, objects } = tab.model
      const expected = new StampedObjects(collection)
      expected.apply(
        this.#events.filter(({ seq }) => includes(given, seq)),
        pending,
      )
      compare(`${tab.line.name}, who was given ${formatSeqs(given)},`, objects.list, expected.list)
    }
  }

  /** When all is quiet: everything that was made is on the tape, once and in order, and everyone shows the same. */
  checkEnd(families: readonly Family[], random: SeededRandom): void {
    this.checkStep()
    this.#checkWhole()
    this.#checkSnapshot()
    const replay = new StampedObjects(collection)
    for (const event of this.#left) replay.apply([event], [])
    for (const tab of this.#tabs) {
      if (!tab.isDrained) throw new Violation(`${tab.line.name} did not come to rest: ${JSON.stringify(tab.stream.status)}`)
    }
    for (const family of families) this.leftOpen += checkFamily(family, this.#events, this.#record)
    checkExpectations(this.#events, this.#record, this.#tape.lookBack)
    checkRules(this.#events)
    for (const browser of this.#browsers) {
      if (this.#hasChanged) continue
      this.stayed += checkConflicts(browser, this.#events)
      this.undone += checkUndo(browser, this.#events)
      this.conflicts += browser.everyTab.reduce((sum, { model }) => sum + model.reports.length, 0)
    }
    for (const tab of this.#tabs) compare(tab.line.name, tab.model.objects.list, replay.list)
    this.checkModels()
    compare('a reader of pieces', this.#inPieces(random), replay.list)
  }

  /** The tape cut at random, in any order, parts of it repeated. */
  #inPieces(random: SeededRandom): readonly ShownObject[] {
    const objects = new StampedObjects(collection)
    const pieces: TapeEvent[][] = []
    for (let from = 0; from < this.#events.length; ) {
      const to = from + 1 + random.below(10)
      pieces.push(this.#left.slice(from, to))
      if (random.chance(0.3)) pieces.push(this.#left.slice(Math.max(0, from - random.below(10)), to))
      from = to
    }
    for (const piece of random.shuffle(pieces)) objects.apply(piece, [])
    return objects.list
  }

  /** What was sealed is what had been on the tape, byte for byte. */
  #checkWhole(): void {
    const texts: string[] = []
    const rows = this.#tape.rowsFrom(0)
    for (let row = rows.next(); row.done !== true; row = rows.next()) texts.push(...new TextDecoder().decode(row.value.body).split(',\n'))
    if (texts.join('\n') !== this.#left.map((event) => JSON.stringify(event)).join('\n'))
      throw new Violation('The tape is not what it was before.')
  }

  #checkSnapshot(): void {
    const { through, events } = this.#tape.snapshot ?? { through: -1, events: [] }
    if (through < 0) return
    this.snapshots = 1
    const fold = stateHash(objectHashes(events, through))
    const replay = stateHash(objectHashes(this.#left.slice(0, through + 1), through))
    if (fold !== replay) throw new Violation(`The snapshot of 0 … ${through} is another state: ${JSON.stringify(events)}`)
    if (events.some(({ type }) => type === 'delete')) throw new Violation('The snapshot has deletes, which nothing below it needs.')
  }

  /** Reads on to where the tape ends now. */
  readOn(): void {
    const rows = this.#tape.rowsFrom(this.#events.length)
    for (let row = rows.next(); row.done !== true && this.#events.length <= seqMax; row = rows.next()) {
      for (const event of JSON.parse(`[${new TextDecoder().decode(row.value.body)}]`) as TapeEvent[]) {
        if (event.seq < this.#events.length) continue
        if (event.seq !== this.#events.length) throw new Violation(`The tape goes from ${this.#events.length - 1} to ${event.seq}.`)
        this.#checkOrder(event)
        this.#events.push(event)
        this.#left.push(event)
        this.#texts.push(JSON.stringify(event))
      }
    }
  }

  #checkOrder({ client, counter, seq }: TapeEvent): void {
    if (client === undefined || counter === undefined) return
    const before = this.#counters.get(client) ?? 0
    if (counter !== before + 1) throw new Violation(`Event ${seq} is ${client}'s draft ${counter}, after its draft ${before}.`)
    this.#counters.set(client, counter)
  }
}

function compare(who: string, shown: readonly ShownObject[], expected: readonly ShownObject[]): void {
  if (!isDeepStrictEqual(shown, expected)) {
    throw new Violation(`${who} shows ${JSON.stringify(shown)} and should show ${JSON.stringify(expected)}.`)
  }
}
