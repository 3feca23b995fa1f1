/**
 * The objects of one collection: what the tape made of them, by the stamp rule, and this client's pending drafts on
 * top. Models of an application hold one and turn what it shows into their own plain objects.
 *
 * Work is proportional to the objects that an `apply` touches, not to the collection.
 */
import type { ApplyContext } from '../../client/reconciler.ts'
import {
  applyToObject,
  type Draft,
  type Known,
  type ObjectState,
  partsOf,
  settle,
  type TapeEvent,
  toWrite,
  unborn,
  type Values,
  type Write,
  writeOf,
} from '../../protocol/index.ts'
import { type Collision, findCollisions } from './collisions.ts'
import { PendingDrafts } from './pending-drafts.ts'

/** An object as it is to be shown. A new value whenever it changes, so that it can be compared by identity. */
export interface ShownObject {
  readonly identifier: string
  readonly values: Values
  /** Whether drafts that are not on the tape yet have a part in it. */
  readonly isPending: boolean
}

export interface Applied {
  /** The identifiers of the objects that show differently now. */
  readonly touched: ReadonlySet<string>
  /** Concurrent overwrites between this client and another that were not known before. */
  readonly collisions: readonly Collision[]
}

export interface StampedObjectsOptions {
  /** Each plain event, or pending draft, as this model reads it; undefined leaves it out. Must not throw. */
  readonly read?: (<T extends Draft>(change: T) => T | undefined) | undefined
}

interface Stage {
  /** What the tape alone says. */
  tape: ObjectState
  /** With the pending drafts on top; the same value when there are none. */
  state: ObjectState
  shown: ShownObject | undefined
}

interface Entry extends Stage {
  /** As it was before the run that is being applied, if that changes it. */
  before: Stage | undefined
}

/** What an `apply` comes to. */
interface Run {
  readonly changed: (readonly [identifier: string, entry: Entry])[]
  readonly collisions: Collision[]
}

const blank: Readonly<Stage> = { tape: unborn, state: unborn, shown: undefined }
const nobody: ApplyContext = { client: '', holes: [] }

export class StampedObjects {
  readonly #collection: string
  readonly #read: StampedObjectsOptions['read']
  readonly #entries = new Map<string, Entry>()
  readonly #pending: PendingDrafts
  /** The collisions that were told of, by `toldAs`. */
  readonly #told = new Set<number>()
  /** What the objects were that this client has deleted, as somebody may want them back. */
  readonly #buried = new Map<string, Values>()
  /** The objects that have deltas above a hole. */
  readonly #waiting = new Set<string>()
  #context = nobody
  #list: readonly ShownObject[] | undefined = []

  constructor(collection: string, { read }: StampedObjectsOptions = {}) {
    this.#collection = collection
    this.#read = read
    this.#pending = new PendingDrafts(collection)
  }

  /** Applies what a reconciler's `apply` gets. */
  apply(events: readonly TapeEvent[], pending: readonly Draft[], context = this.#context): Applied {
    const isFilled = context.holes !== this.#context.holes
    this.#context = context
    const run: Run = { changed: [], collisions: [] }
    // A hole may be filled by events of other objects alone.
    if (isFilled) for (const identifier of this.#waiting) change(identifier, this.#entryOf(identifier), run)
    for (const identifier of this.#pending.take(pending)) change(identifier, this.#entryOf(identifier), run)
    for (const event of inOrder(events)) {
      if (event.collection !== this.#collection) continue
      if (event.stamps === undefined) this.#applyPlain(event, run)
      else for (const part of partsOf(event)) this.#applyPlain(part, run)
    }
    const touched = new Set<string>()
    for (const [identifier, entry] of run.changed) if (this.#show(identifier, entry)) touched.add(identifier)
    if (touched.size > 0) this.#list = undefined
    return { touched, collisions: run.collisions }
  }

  get(identifier: string): ShownObject | undefined {
    return this.#entries.get(identifier)?.shown
  }

  /** The object as it stands, with the pending drafts on top. */
  state(identifier: string): ObjectState {
    return this.#stage(identifier).state
  }

  /** Where on the tape the object was born; what is pending comes after all that. */
  since(identifier: string): number {
    return this.#stage(identifier).state.since.seq
  }

  /** All visible objects, in no order. */
  *entries(): Iterable<ShownObject> {
    for (const { shown } of this.#entries.values()) if (shown !== undefined) yield shown
  }

  /** All visible objects in the order of their inserts. The same array until one of them changes. */
  get list(): readonly ShownObject[] {
    this.#list ??= [...this.entries()].sort((a, b) => this.since(a.identifier) - this.since(b.identifier))
    return this.#list
  }

  /** The last seq that this client lacks; −1 when it has all. */
  get holesEnd(): number {
    return this.#context.holes.at(-1)?.[1] ?? -1
  }

  /** Whether no hole can hold anything that changes this object: what is older than its last insert or delete never does. */
  isComplete(identifier: string): boolean {
    return this.#stage(identifier).state.since.seq >= this.holesEnd
  }

  /** Whether all that the tape says of this object lies beneath every hole: then its maker's `seen` tells what a change of it was made on. */
  isSettled(identifier: string): boolean {
    const end = this.#context.holes[0]?.[0]
    if (end === undefined) return true
    const { since, later } = this.#stage(identifier).tape
    return since.seq < end && Object.values(later).every(({ seq }) => seq < end)
  }

  /** Whether a pending draft of this object will be refused, as somebody else has written since what it expects to be unchanged. */
  isOvertaken(identifier: string): boolean {
    const { tape } = this.#stage(identifier)
    return this.#pending.of(identifier).some(({ draft }) => {
      const unchanged = draft.expect?.unchanged
      if (unchanged === undefined) return false
      const fields = unchanged === true ? Object.keys(tape.values) : unchanged
      const writes = [tape.since, ...fields.filter((field) => Object.hasOwn(tape.values, field)).map((field) => writeOf(tape, field))]
      return writes.some(({ seq, client }) => seq > draft.seen && client !== this.#context.client)
    })
  }

  /** `isNarrowed`: what was told of the tape is not told again. */
  reset(isNarrowed = false): void {
    this.#entries.clear()
    this.#pending.reset()
    if (!isNarrowed) this.#told.clear()
    this.#buried.clear()
    this.#waiting.clear()
    this.#list = undefined
  }

  #stage(identifier: string): Readonly<Stage> {
    return this.#entries.get(identifier) ?? blank
  }

  #entryOf(identifier: string): Entry {
    let entry = this.#entries.get(identifier)
    if (entry === undefined) {
      entry = { tape: unborn, state: unborn, shown: undefined, before: undefined }
      this.#entries.set(identifier, entry)
    }
    return entry
  }

  #applyPlain(plain: TapeEvent, run: Run): void {
    const event = this.#read === undefined ? plain : this.#read(plain)
    if (event === undefined) return
    const entry = this.#entryOf(event.identifier)
    const by = toWrite(event)
    const tape = applyToObject(entry.tape, event, by)
    if (this.#context.client !== '') this.#collide({ event, by, entry }, run)
    // An entry of which nothing is known yet is here to stay, or to go, after the run.
    if (tape === entry.tape && tape !== unborn) return
    change(event.identifier, entry, run)
    // As they come, so that there are never many.
    entry.tape = event.deltas === undefined ? tape : settle(tape, this.#isKnown, event.seq)
  }

  #collide({ event, by, entry }: { event: TapeEvent; by: Write; entry: Entry }, run: Run): void {
    const before = entry.before ?? entry
    const shownBefore = before.shown?.values ?? this.#buried.get(event.identifier)
    const pending = this.#pending.of(event.identifier)
    const found = findCollisions({ me: this.#context.client, state: entry.tape, event, by, pending, before, shownBefore })
    for (const collision of found) {
      const told = toldAs(collision)
      if (this.#told.has(told)) continue
      this.#told.add(told)
      run.collisions.push(collision)
    }
  }

  /** Brings in what waited for a hole, and lays the pending drafts on top anew, at the end of a run. Whether the object shows differently then. */
  #show(identifier: string, entry: Entry): boolean {
    const { state: before, shown } = entry
    const tape = this.#settled(identifier, entry.tape)
    entry.tape = tape
    const drafts = this.#pending.of(identifier)
    let state = tape
    for (const { draft, rank } of drafts) {
      const read = this.#read === undefined ? draft : this.#read(draft)
      if (read === undefined) continue
      // They were made on what shows: what waits above a hole does not.
      if (read.deltas !== undefined && state.waiting !== undefined) state = { ...state, waiting: undefined }
      state = settle(applyToObject(state, read, toWrite({ ...read, seq: rank, client: this.#context.client })), isAlways)
    }
    const isPending = drafts.length > 0
    const isSame = shown?.isPending === isPending && before.since.seq === state.since.seq && areSame(shown.values, state.values)
    const after = !state.isAlive ? undefined : isSame ? shown : { identifier, values: state.values, isPending }
    if (shown !== undefined && after === undefined && isPending) this.#bury(shown)
    entry.state = state
    entry.shown = after
    entry.before = undefined
    if (tape === unborn && !isPending) this.#entries.delete(identifier)
    return after !== shown
  }

  readonly #isKnown: Known = (first, last) => !this.#context.holes.some((hole) => hole[0] <= last && hole[1] >= first)

  /** The object with the deltas of which no predecessor can be in a hole. */
  #settled(identifier: string, tape: ObjectState): ObjectState {
    if (tape.waiting === undefined) return tape
    const settled = settle(tape, this.#isKnown)
    if (settled.waiting === undefined) this.#waiting.delete(identifier)
    else this.#waiting.add(identifier)
    return settled
  }

  #bury({ identifier, values }: ShownObject): void {
    this.#buried.delete(identifier)
    this.#buried.set(identifier, values)
    const oldest = this.#buried.keys().next()
    if (this.#buried.size > buriedMax && oldest.done !== true) this.#buried.delete(oldest.value)
  }
}

function change(identifier: string, entry: Entry, { changed }: Run): void {
  if (entry.before !== undefined) return
  const { tape, state, shown } = entry
  entry.before = { tape, state, shown }
  changed.push([identifier, entry])
}

/** Deltas need those before them. */
function inOrder(events: readonly TapeEvent[]): readonly TapeEvent[] {
  const isInOrder = events.every(({ seq }, index) => index === 0 || (events[index - 1] as TapeEvent).seq <= seq)
  return isInOrder ? events : events.toSorted((a, b) => a.seq - b.seq)
}

const isAlways: Known = () => true

/** More deletions than anybody answers for. */
const buriedMax = 1000

/** Another's event collides with what is this client's at most twice: once it loses, once it wins. */
function toldAs({ theirs, winner }: Collision): number {
  return 2 * theirs.seq + (winner === 'mine' ? 1 : 0)
}

function areSame(a: Values, b: Values): boolean {
  if (a === b) return true
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
}
