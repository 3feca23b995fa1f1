/**
 * A stream towards its forks: tells what they are made of, and keeps book of what they share with it before they have it.
 * It decides nothing for them and changes nothing of its own tape.
 */
import { Refusal } from '../../protocol/codes.ts'
import { type ContentEntry, type Contents, nameOf } from '../sealed/contents.ts'
import { contentsOf, mapContents, namesOf } from '../sealed/known-names.ts'
import { type SegmentBounds, segmentBounds } from '../sealed/segment.ts'
import type { Snapshot } from '../sealed/snapshot.ts'
import type { StreamCore } from '../stream-core.ts'
import { joinLines } from '../tape/slice-reader.ts'
import type { SegmentEntry, TapeStorage } from '../tape/tape-storage.ts'
import { Ledger } from '../turn/ledger.ts'
import type { Asked, ClientsPage, EventsPage, ForkPlan, Lending } from './lending.ts'
import type { Loans } from './loans.ts'

export interface ParentOptions {
  /** The id of this object. */
  readonly id: string
  readonly core: StreamCore
  readonly storage: TapeStorage
  readonly contents: Contents
  readonly loans: Loans
  /** Which of these are rows of the object, which nobody else can read. */
  readonly inRows: (names: readonly string[]) => ReadonlySet<string>
  /** Something may have come back that nothing speaks of any more. */
  readonly onReturned: () => void
  /** How much a tape keeps in rows; as `segmentBounds` says when absent. */
  readonly bounds?: SegmentBounds | undefined
  /** As `pageBounds` says when absent. */
  readonly pages?: PageBounds | undefined
}

/** What comes in one answer. */
export interface PageBounds {
  readonly segments: number
  /** No more segments come when so many of their contents have to be copied. */
  readonly copies: number
  /** Of events. */
  readonly bytes: number
}

const pageBounds: PageBounds = { segments: 256, copies: 32, bytes: 2 * 1024 * 1024 }

/** A snapshot of more chunks that would have to be copied is made anew instead. */
const chunkCopiesMax = 256

export class Parent implements Lending {
  readonly #options: ParentOptions

  constructor(options: ParentOptions) {
    this.#options = options
  }

  plan({ through }: Asked<'plan'>): ForkPlan {
    const { core, storage, loans, bounds } = this.#options
    const { epoch, latestSeq } = core.readState()
    if (epoch === null) throw new Refusal('not-found', { at: 'forkOf', detail: 'There is no such stream.' })
    if (core.isImporting) throw new Refusal('importing', { at: 'forkOf' })
    if (latestSeq < 0) throw new Refusal('invalid', { at: 'forkOf', detail: 'There is nothing on that stream.' })
    const end = through ?? latestSeq
    if (end > latestSeq) throw new Refusal('invalid', { at: 'through', latestSeq, detail: `That stream ends at ${latestSeq}.` })
    return {
      epoch,
      through: end,
      sharedTo: sharedTo([...core.sealed.segmentsFrom(0)], end, bounds),
      indexes: storage.indexes().map(({ name, pointer }) => ({ name, pointer })),
      lenders: loans.debts().map(({ id, stream }) => ({ id, stream })),
    }
  }

  /** A stream that has been deleted has nothing more that could be redacted, and so nothing to note. */
  note({ fork }: Asked<'note'>): void {
    if (this.#isThere) this.#options.loans.lend(fork, [])
  }

  segments({ fork, epoch, from, to }: Asked<'segments'>): readonly SegmentEntry[] {
    this.#check(epoch)
    const { core, pages = pageBounds } = this.#options
    const page: SegmentEntry[] = []
    let copies = 0
    for (const segment of core.sealed.segmentsFrom(from)) {
      if (segment.last > to || copies >= pages.copies || page.length === pages.segments) break
      const offered = mapContents(segment, this.#offering(contentsOf(segment)))
      copies += contentsOf(offered).filter(({ owner }) => owner === undefined).length
      page.push(offered)
    }
    this.#lend(fork, page.flatMap(contentsOf))
    return page
  }

  snapshot({ fork, epoch, to }: Asked<'snapshot'>): Snapshot | undefined {
    this.#check(epoch)
    const { current } = this.#options.core.sealed.snapshots()
    if (current === undefined || current.through > to) return undefined
    const chunks = current.chunks.map(this.#offering(current.chunks))
    if (chunks.filter(({ owner }) => owner === undefined).length > chunkCopiesMax) return undefined
    this.#lend(fork, chunks)
    return { ...current, chunks }
  }

  lendOn({ fork, names }: Asked<'lendOn'>): void {
    const { loans } = this.#options
    const lent = loans.lentOf(names)
    const isBack = names.some((name) => !lent.has(name))
    if (isBack) throw new Refusal('unavailable', { detail: 'What was shared has been given back meanwhile.' })
    loans.lend(fork, names)
  }

  content({ epoch, hash }: Asked<'content'>): Promise<Uint8Array<ArrayBuffer>> {
    return this.#under(epoch, () => this.#options.contents.checkedPacked({ hash }))
  }

  events({ epoch, from, to }: Asked<'events'>): Promise<EventsPage> {
    const { core, pages = pageBounds } = this.#options
    return this.#under(epoch, async () => {
      const { covers, pieces } = await core.reads.read([[from, to]], { bytesMax: pages.bytes, epoch })
      const [first, last] = covers[0] ?? []
      if (first !== from || last === undefined || covers.length > 1) {
        throw new Refusal('damaged', { detail: `Not all of the events ${from} … ${to} can be read.` })
      }
      return { last, body: joinLines(pieces) }
    })
  }

  clients({ epoch, after }: Asked<'clients'>): ClientsPage {
    this.#check(epoch)
    const { core, storage } = this.#options
    const head = storage.head()
    const checkpoint = typeof head === 'object' ? head.checkpoint : -1
    return { ...Ledger.page(storage, checkpoint, after), latestSeq: core.state.latestSeq }
  }

  keeps({ fork, names }: Asked<'keeps'>): void {
    this.#receive(this.#options.loans.takeBack(fork, names))
  }

  gone({ fork }: Asked<'gone'>): void {
    this.#receive(this.#options.loans.takeBack(fork))
  }

  /** An object that is no longer the current one fails here. */
  #check(epoch: string): void {
    const { core } = this.#options
    core.readState()
    core.checkEpoch(epoch)
  }

  /** What cannot be read may have been redacted or deleted meanwhile, and then that is what is wrong. */
  async #under<T>(epoch: string, read: () => Promise<T>): Promise<T> {
    this.#check(epoch)
    try {
      return await read()
    } catch (error) {
      this.#check(epoch)
      throw error
    }
  }

  get #isThere(): boolean {
    return this.#options.storage.head() !== 'deleted'
  }

  /** Gives any of these with its owner where it can be shared, and without one where it has to be copied. */
  #offering(entries: readonly ContentEntry[]): <Entry extends ContentEntry>(entry: Entry) => Entry {
    const { id, inRows } = this.#options
    const copied = inRows(entries.map(nameOf))
    return (entry) => (entry.owner !== undefined || copied.has(entry.hash) ? entry : { ...entry, owner: id })
  }

  #lend(fork: string, entries: readonly ContentEntry[]): void {
    const { id, loans } = this.#options
    const own = entries.filter(({ owner }) => owner === id).map(({ hash }) => hash)
    loans.lend(fork, own)
  }

  /** What nothing speaks of here is to be removed, unless it is lent to others, too. */
  #receive(back: readonly string[]): void {
    if (back.length === 0) return
    const { core, onReturned } = this.#options
    if (this.#isThere) {
      const { sealed } = core
      const known = new Set(namesOf(sealed))
      const unknown = back.filter((name) => !known.has(name))
      const { epoch } = sealed
      if (unknown.length === 0 || epoch === undefined) return
      const snapshots = sealed.snapshots()
      sealed.keepSnapshots({ ...snapshots, garbage: [...new Set([...snapshots.garbage, ...unknown])] }, epoch)
    }
    onReturned()
  }
}

/** As much is left for rows as preconditions look back over, and one event at least. */
export function sharedTo(segments: readonly SegmentEntry[], through: number, { keptEvents, keptBytes } = segmentBounds): number {
  let bytes = 0
  for (const { last, plain } of segments.toReversed()) {
    if (last > through) continue
    if (through - last >= keptEvents || bytes >= keptBytes) return last
    bytes += plain.bytes
  }
  return -1
}
