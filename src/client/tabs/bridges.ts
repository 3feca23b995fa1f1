/**
 * Takes the deltas that other tabs hand over to where the owner's outbox and tape have gone since the tab looked: what it
 * did not know of lies beneath what it made. For each tab a bridge is kept, of the changes that it may not know of.
 *
 *   owner    … ─ x ─ y ─ u'       u was made where neither x nor y was known: it is taken over both,
 *   tab      … ─ u                 and they over it, as what the tab makes next lies on u
 */
import {
  type Change,
  type Deltas,
  type FieldDeltas,
  objectKey,
  readDeltas,
  type Splices,
  transform,
  writeDeltas,
} from '../../protocol/index.ts'

/** A change of what an owner shows, as it was on top of all that was there. */
export interface ShownChange extends Pick<Change, 'collection' | 'identifier'> {
  readonly deltas: FieldDeltas
  /** Of somebody else's event, or where it is in the outbox. */
  readonly seq?: number | undefined
  readonly place?: number | undefined
  /** Which tab made it; undefined for the owner's own. */
  readonly tab?: string | undefined
}

/** What a tab knew when it made a draft. */
export interface Knowledge {
  readonly tab: string
  readonly seen: number
  /** The highest place of the outbox that it had heard of. */
  readonly place: number
}

/** A tab hears of everything within milliseconds, or reads the store anew. */
const bridgeMax = 200

export class Bridges {
  #recent: readonly ShownChange[] = []
  readonly #byTab = new Map<string, readonly ShownChange[]>()

  record(change: ShownChange): void {
    this.#recent = [...this.#recent, change].slice(-bridgeMax)
    for (const [tab, bridge] of this.#byTab) if (tab !== change.tab) this.#byTab.set(tab, [...bridge, change].slice(-bridgeMax))
  }

  /** The change as it is on top of all that is there now. Undefined when nothing is left of it. */
  bring(change: Change, { tab, seen, place }: Knowledge): Change | undefined {
    const bridge = (this.#byTab.get(tab) ?? this.#recent).filter((each) => !isKnown(each, { seen, place }))
    const own: Record<string, Splices> = {}
    for (const [field, list] of Object.entries(change.deltas ?? {})) own[field] = readDeltas(list)
    const key = objectKey(change)
    const passed = bridge.map((each) => (objectKey(each) === key ? cross(each, own) : each))
    this.#byTab.set(tab, passed)
    const deltas: Record<string, Deltas> = {}
    for (const [field, splices] of Object.entries(own)) if (splices.length > 0) deltas[field] = writeDeltas(splices)
    const { deltas: _, ...plain } = change
    if (Object.keys(deltas).length > 0) return { ...plain, deltas }
    return plain.values === undefined ? undefined : plain
  }

  /** The tape began anew, or another outbox. */
  clear(): void {
    this.#recent = []
    this.#byTab.clear()
  }
}

function isKnown(change: ShownChange, known: Pick<Knowledge, 'seen' | 'place'>): boolean {
  return change.seq === undefined ? (change.place ?? 0) <= known.place : change.seq <= known.seen
}

/** Takes `own` over the change, and gives the change as it is over `own`. */
function cross(change: ShownChange, own: Record<string, Splices>): ShownChange {
  const deltas: Record<string, Deltas> = {}
  for (const [field, list] of Object.entries(change.deltas)) {
    const theirs = readDeltas(list)
    const mine = own[field] ?? []
    if (own[field] !== undefined) own[field] = transform(mine, theirs, 'later')
    const rest = transform(theirs, mine, 'earlier')
    if (rest.length > 0) deltas[field] = writeDeltas(rest)
  }
  return { ...change, deltas }
}
