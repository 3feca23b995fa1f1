/**
 * Makes an empty stream a fork of another: segments are shared, rows copied. Each step asks the parent first, then notes in
 * one transaction what came and how far that is, so whoever is killed goes on there.
 *
 *   begin ─► noting ─► segments ─► snapshot ─► rows ─► clients ─► counters ─► made
 *     ▲                                                              │
 *     └──────────── the parent is under another epoch ◄──────────────┘
 *
 * Nobody publishes until it is made. What it owes is noted before anything is borrowed, and so outlives whatever happens.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { WantedFork } from '../../protocol/settings.ts'
import type { ContentEntry, Contents } from '../sealed/contents.ts'
import type { StreamCore } from '../stream-core.ts'
import { parseLines } from '../tape/lines.ts'
import { cutRows } from '../tape/row-cutter.ts'
import type { LedgerEntry, SegmentEntry, TapeStorage } from '../tape/tape-storage.ts'
import { unclaimed } from '../turn/owners.ts'
import { type Fork, isSameFork, type Making, type Stage } from './fork.ts'
import type { Answered, Asked, AskLender, ForkPlan, LendingCall } from './lending.ts'
import type { Loans } from './loans.ts'

export interface ForkerOptions {
  readonly core: Pick<StreamCore, 'readState' | 'isImporting' | 'forget'>
  readonly storage: TapeStorage
  readonly contents: Contents
  readonly loans: Loans
  readonly ask: AskLender
  /** The id of a stream's object. */
  readonly idOf: (stream: string) => string
  readonly newEpoch: () => string
  /** Wall clock in ms since 1970: stored for people, never used for order. */
  readonly now: () => number
  readonly pause: () => Promise<void>
  /** There is work for the alarm. */
  readonly onUpkeepDue: () => void
  /** The stream is another one than before. */
  readonly onMade: () => void
  /** After so many pages, which take some seconds, the alarm goes on; 64 when absent. */
  readonly stepsAtOnce?: number | undefined
}

export class Forker {
  readonly #options: ForkerOptions

  constructor(options: ForkerOptions) {
    this.#options = options
  }

  /** Whether the stream is a fork that is half made. */
  get isUnfinished(): boolean {
    return this.#options.storage.fork()?.making !== undefined
  }

  /** Begins what `run` goes on with; again it changes nothing. Rejects with `not-empty`, and with what the parent refuses. */
  async begin(stream: string, wanted: WantedFork): Promise<Fork> {
    const begun = this.#begun(wanted)
    if (begun !== undefined) return begun
    const { forkOf, through } = wanted
    const plan = await this.#options.ask(this.#options.idOf(forkOf), 'plan', { through })
    return this.#begun(wanted) ?? this.#make({ of: forkOf, isWhole: through === undefined, borrower: stream }, plan)
  }

  /** Goes on until the fork is made, or for a while. Rejects when that cannot be done now, or not at all any more. */
  async run(): Promise<void> {
    const { storage, pause, stepsAtOnce = 64 } = this.#options
    for (let step = 0; step < stepsAtOnce; step++) {
      const fork = storage.fork()
      if (fork?.making === undefined) return
      await this.#step(fork, fork.making)
      await pause()
    }
  }

  /** What is there when that is what is wanted. Throws `not-empty` where something else is, and `stream-closed`. */
  #begun(wanted: WantedFork): Fork | undefined {
    const { core, storage } = this.#options
    const { latestSeq, closed } = core.readState()
    const fork = storage.fork()
    if (fork !== undefined && isSameFork(fork, wanted)) return fork
    if (fork !== undefined || latestSeq >= 0 || core.isImporting) throw new Refusal('not-empty', { latestSeq })
    if (closed === true) throw new Refusal('stream-closed')
    return undefined
  }

  #make({ of, isWhole, borrower }: Pick<Fork, 'of' | 'isWhole'> & { readonly borrower: string }, plan: ForkPlan): Fork {
    const { core, storage, loans, idOf, newEpoch, onUpkeepDue } = this.#options
    const { epoch, through, sharedTo, indexes, lenders } = plan
    const making: Making = { stage: 'noting', epoch, sharedTo, indexes, next: 0, after: '', end: -1 }
    const fork = { of, through, isWhole, making }
    storage.beginFork(fork, newEpoch())
    loans.owe([{ id: idOf(of), stream: of }, ...lenders], borrower)
    core.forget()
    onUpkeepDue()
    return fork
  }

  async #step(fork: Fork, making: Making): Promise<void> {
    try {
      await this.#stages[making.stage](fork, making)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'wrong-epoch') throw error
      await this.#makeAnew(fork)
    }
  }

  /** The parent has been redacted: nothing of what it said before may stay. */
  async #makeAnew({ of, through, isWhole }: Fork): Promise<void> {
    const { ask, idOf, loans, storage } = this.#options
    const plan = await ask(idOf(of), 'plan', { through })
    this.#checkThere()
    this.#make({ of, isWhole, borrower: borrowerOf(loans) }, plan)
    storage.keepSnapshots({ leaving: [], garbage: [], isUnclean: true })
  }

  readonly #stages: Record<Stage, (fork: Fork, making: Making) => Promise<void>> = {
    noting: async (fork, making) => {
      const { ask, loans } = this.#options
      for (const { id, borrower } of loans.debts()) await ask(id, 'note', { fork: borrower })
      this.#keep(fork, { ...making, stage: 'segments' })
    },

    segments: async (fork, making) => {
      const { next, sharedTo, epoch } = making
      if (next > sharedTo) return this.#keep(fork, { ...making, stage: 'snapshot' })
      const segments = await this.#askParent(fork, 'segments', { fork: this.#name, epoch, from: next, to: sharedTo })
      const secured = await this.#secureSegments(fork, segments)
      const last = segments.at(-1)?.last
      if (last === undefined) throw new Error(`${fork.of} has no segment from ${next} on.`)
      this.#keep(fork, { ...making, next: last + 1 }, (storage) => storage.adopt(secured))
    },

    snapshot: async (fork, making) => {
      const { sharedTo: to, epoch } = making
      const current = await this.#askParent(fork, 'snapshot', { fork: this.#name, epoch, to })
      const isSecure = current !== undefined && (await this.#secureIfThere(fork, current.chunks))
      this.#keep(fork, { ...making, stage: 'rows', next: to + 1 }, (storage) => {
        if (isSecure) storage.keepSnapshots({ ...storage.snapshots(), current })
      })
    },

    rows: async (fork, making) => {
      const { next, epoch } = making
      if (next > fork.through) return this.#keep(fork, { ...making, stage: 'clients' })
      const { last, body } = await this.#askParent(fork, 'events', { epoch, from: next, to: fork.through })
      this.#keep(fork, { ...making, next: last + 1 }, (storage) => this.#append(storage, next, body))
    },

    clients: async (fork, making) => {
      const { clients, latestSeq, isEnd } = await this.#askParent(fork, 'clients', { epoch: making.epoch, after: making.after })
      const after = clients.at(-1)?.[0] ?? making.after
      const reached: Making = isEnd ? { ...making, stage: 'counters', next: fork.through + 1, end: latestSeq } : { ...making, after }
      this.#keep(fork, reached, (storage) => storage.append({ rows: [], retired: clients, newEpoch: undefined }))
    },

    counters: async (fork, making) => {
      const { next, end, epoch } = making
      if (next > end) return this.#finish(fork, making)
      const { last, body } = await this.#askParent(fork, 'events', { epoch, from: next, to: end })
      const events = parseLines(body)
      this.#keep(fork, { ...making, next: last + 1 }, (storage) => {
        const retired = setBack(events, (client) => storage.findClient(client))
        storage.append({ rows: [], retired, newEpoch: undefined })
      })
    },
  }

  #finish({ of, through, isWhole }: Fork, { indexes }: Making): void {
    const { core, storage, onMade, onUpkeepDue } = this.#options
    this.#checkThere()
    storage.endImport()
    storage.keepFork({ of, through, isWhole })
    const known = new Set(storage.indexes().map(({ name }) => name))
    for (const index of indexes) if (!known.has(index.name)) storage.addIndex({ ...index, declaredAt: through, builtTo: -1 })
    storage.rebuildIndexes()
    core.forget()
    onUpkeepDue()
    onMade()
  }

  /** Notes what came, and how far the fork is, in one run. */
  #keep({ of, through, isWhole }: Fork, making: Making, take?: (storage: TapeStorage) => void): void {
    const { core, storage } = this.#options
    this.#checkThere()
    take?.(storage)
    storage.keepFork({ of, through, isWhole, making })
    core.forget()
  }

  /** Throws `stream-deleted` when the fork has been deleted while something was awaited. */
  #checkThere(): void {
    this.#options.core.readState()
  }

  #append(storage: TapeStorage, first: number, body: Uint8Array): void {
    const head = storage.head()
    if (typeof head !== 'object') throw new Error('There is no stream to append to.')
    let { bytes, checkpoint } = head
    const rows = cutRows(first, decoder.decode(body).split(',\n')).map((row) => {
      const start = bytes
      bytes += row.body.length
      if (checkpoint < 0) checkpoint = row.last
      // Whose clients these are is told by `clients`.
      return { ...row, committedAt: this.#options.now(), checkpoint, ledger: '[]', start }
    })
    storage.append({ rows, retired: [], newEpoch: undefined })
  }

  #askParent<Call extends LendingCall>({ of }: Fork, call: Call, asked: Asked<Call>): Promise<Answered<Call>> {
    return this.#options.ask(this.#options.idOf(of), call, asked)
  }

  get #name(): string {
    return borrowerOf(this.#options.loans)
  }

  /** Sees to it that contents stay: those of others by what these note, and those that nobody can share by a copy. */
  async #secure(fork: Fork, entries: readonly ContentEntry[]): Promise<void> {
    const { ask, contents, idOf } = this.#options
    const parent = idOf(fork.of)
    const epoch = fork.making?.epoch ?? ''
    for (const [owner, some] of Map.groupBy(entries, (entry) => entry.owner)) {
      if (owner === undefined) {
        for (const { hash } of some) await contents.adopt({ hash }, await ask(parent, 'content', { epoch, hash }))
      } else if (owner !== parent) {
        await ask(owner, 'lendOn', { fork: this.#name, names: some.map(({ hash }) => hash) })
      }
    }
  }

  /** What can be done without, and is lost to the parent, is left out. */
  async #secureSegments(fork: Fork, segments: readonly SegmentEntry[]): Promise<readonly SegmentEntry[]> {
    const spare = segments.flatMap(({ folded, places }) => [folded, places]).filter((entry) => entry !== undefined)
    const isShared = ({ owner }: ContentEntry) => owner !== undefined
    await this.#secure(fork, [...segments.map(({ plain }) => plain), ...spare.filter(isShared)])
    const lost = new Set<string>()
    for (const entry of spare) if (!(isShared(entry) || (await this.#secureIfThere(fork, [entry])))) lost.add(entry.hash)
    const kept = (entry: ContentEntry | undefined) => (entry === undefined || lost.has(entry.hash) ? undefined : entry)
    return segments.map(({ folded, places, ...segment }) => ({ ...segment, folded: kept(folded), places: kept(places) }))
  }

  /** False when the parent has a newer snapshot by now: then one is made here. */
  async #secureIfThere(fork: Fork, entries: readonly ContentEntry[]): Promise<boolean> {
    try {
      await this.#secure(fork, entries)
      return true
    } catch (error) {
      if (error instanceof Refusal && error.code === 'damaged') return false
      throw error
    }
  }
}

/** Counters are dense, so a client with events behind the end of the fork had published up to the one before the lowest of them. */
function setBack(
  events: ReturnType<typeof parseLines>,
  find: (client: string) => LedgerEntry | undefined,
): readonly (readonly [string, LedgerEntry])[] {
  const changed = new Map<string, LedgerEntry>()
  for (const { client, counter } of events) {
    if (client === undefined || counter === undefined) continue
    const known = changed.get(client) ?? find(client)
    if (known === undefined || known.counter < counter) continue
    // Who has published nothing up to there is not known there.
    changed.set(client, { counter: counter - 1, sub: counter === 1 ? unclaimed : known.sub })
  }
  return [...changed]
}

function borrowerOf(loans: Loans): string {
  const [debt] = loans.debts()
  if (debt === undefined) throw new Error('A fork owes somebody.')
  return debt.borrower
}

const decoder = new TextDecoder()
