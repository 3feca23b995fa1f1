/**
 * Reads what objects had been before they came to belong to a filter: from the chunks of the snapshot that hold them and
 * what lies behind those, or from the tape where there is no snapshot, or one that is ahead of the reader.
 */
import type { Refusal } from '../../protocol/codes.ts'
import type { TapeEvent } from '../../protocol/event.ts'
import { Folding, foldEvents, groupByObject, objectKey, objectOfKey } from '../../protocol/fold.ts'
import { partsOf } from '../../protocol/object-state.ts'
import { includes, type SeqRanges, subtract, union } from '../../protocol/seq-ranges.ts'
import { type Contents, isUnreadable } from '../sealed/contents.ts'
import { filtersNaming } from '../sealed/segment-places.ts'
import { parseChunk, type Snapshot, type SnapshotChunk } from '../sealed/snapshot.ts'
import type { FoldedReader } from '../tape/folded-reader.ts'
import type { TapeStorage } from '../tape/tape-storage.ts'
import type { Joining } from './joining.ts'

/** So much is gathered for one answer, and read of the snapshot. */
const bytesMax = 16 * 1024 * 1024

export interface WantedPast {
  /** In order of `since`, each object once. */
  readonly joining: readonly Joining[]
  /** What the answer covers: what the objects wrote there is in it. */
  readonly covers: SeqRanges
  /** The reader knows of the tape up to here: nothing from beyond may come. */
  readonly knownTo: number
  /** Awaited between two steps; throws when the tape is not the same any more. */
  readonly between: () => Promise<void>
}

export interface Past {
  /** Of each object some events outside of `covers`; without those of which not all could be read. */
  readonly objects: ReadonlyMap<string, readonly TapeEvent[]>
  /** There was no room for the objects that have belonged since this seq or later. */
  readonly end: number
  /** Why some could not be read. */
  readonly refusal?: Refusal | undefined
}

export class PastReader {
  readonly #storage: Pick<TapeStorage, 'snapshots'>
  readonly #contents: Contents
  readonly #folded: Pick<FoldedReader, 'pieces'>

  constructor(storage: Pick<TapeStorage, 'snapshots'>, contents: Contents, folded: Pick<FoldedReader, 'pieces'>) {
    this.#storage = storage
    this.#contents = contents
    this.#folded = folded
  }

  async read(wanted: WantedPast): Promise<Past> {
    const { joining, covers, knownTo } = wanted
    const gathered = new Gathered(joining.filter(({ since }) => lastOutside(covers, since - 1) >= 0))
    const { current } = this.#storage.snapshots()
    const snapshot = current !== undefined && current.through <= knownTo ? current : undefined
    const found = snapshot === undefined ? new Set<string>() : await this.#readChunks(snapshot, gathered, wanted)
    const through = snapshot?.through ?? -1
    const { scanned, refusal } = await this.#readTape(gathered, (key) => (found.has(key) ? through + 1 : 0), wanted)
    const objects = new Map<string, readonly TapeEvent[]>(joining.map(({ key }) => [key, []]))
    for (const { key, since } of gathered.joining) {
      const known = found.has(key) ? union([[0, through]], scanned) : scanned
      const missing = subtract(subtract([[0, since - 1]], covers), known)
      const past = foldEvents(gathered.of(key), known).map((event) => outside(event, covers, since))
      if (missing.length === 0) objects.set(key, past)
      else objects.delete(key)
    }
    return { objects, end: gathered.end, refusal }
  }

  /** Gives the keys of the objects of which all that the snapshot has is gathered. */
  async #readChunks(snapshot: Snapshot, gathered: Gathered, { covers, between }: WantedPast): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    let bytes = 0
    for (const [chunk, joining] of Map.groupBy(gathered.joining, ({ key }) => chunkOf(snapshot, key))) {
      const [first] = joining
      if (first === undefined || first.since >= gathered.end) break
      if (bytes >= bytesMax) {
        gathered.end = first.since
        break
      }
      bytes += chunk?.bytes ?? 0
      const content = chunk === undefined ? [] : await this.#contents.get(chunk).then(parseChunk, nothingOfWhatIsLost)
      await between()
      // Then the tape itself has it.
      if (content === undefined) continue
      const objects = groupByObject(content)
      const share = (chunk?.bytes ?? 0) / Math.max(1, content.length)
      for (const { key } of joining) {
        const events = objects.get(key) ?? []
        found.add(key)
        gathered.add(key, [...deathOf(key, events, snapshot.through, covers), ...events], share)
      }
    }
    return found
  }

  /** What the tape has of them, each from a seq on and before it belonged. */
  async #readTape(
    gathered: Gathered,
    fromOf: (key: string) => number,
    { covers, between }: WantedPast,
  ): Promise<{ readonly scanned: SeqRanges; readonly refusal?: Refusal }> {
    const open = new Map(gathered.joining.filter(({ key, since }) => fromOf(key) < since).map(({ key, since }) => [key, since]))
    let from = Number.POSITIVE_INFINITY
    let to = -1
    for (const [key, since] of open) [from, to] = [Math.min(from, fromOf(key)), Math.max(to, since - 1)]
    let scanned: SeqRanges = []
    try {
      const wanted = { any: filtersNaming([...open.keys()].map(objectOfKey)) }
      for await (const piece of this.#folded.pieces(subtract(to < 0 ? [] : [[from, to]], covers), { between, wanted })) {
        const isPast = (event: TapeEvent) => {
          const key = objectKey(event)
          return event.seq < (open.get(key) ?? -1) && event.seq >= fromOf(key)
        }
        const share = piece.bytes / piece.events.length
        for (const [key, events] of groupByObject(piece.events.filter(isPast))) gathered.add(key, events, share)
        scanned = union(scanned, piece.covers)
      }
    } catch (error) {
      if (!isUnreadable(error)) throw error
      return { scanned, refusal: error }
    }
    return { scanned }
  }
}

/** What has been gathered of objects: where it is too much, those go that came to belong last, and one stays. */
class Gathered {
  /** Objects that have belonged since this seq or later are not gathered. */
  end = Number.POSITIVE_INFINITY
  readonly #joining: readonly Joining[]
  readonly #since: ReadonlyMap<string, number>
  readonly #folding = new Folding()
  readonly #sizes = new Map<string, number>()
  #bytes = 0
  #last: number

  constructor(joining: readonly Joining[]) {
    this.#joining = joining
    this.#since = new Map(joining.map(({ key, since }) => [key, since]))
    this.#last = joining.length - 1
  }

  get joining(): readonly Joining[] {
    return this.#joining.filter(({ since }) => since < this.end)
  }

  add(key: string, events: readonly TapeEvent[], bytesEach: number): void {
    if ((this.#since.get(key) ?? this.end) >= this.end) return
    const bytes = events.length * bytesEach
    this.#folding.add(events, [])
    this.#sizes.set(key, (this.#sizes.get(key) ?? 0) + bytes)
    this.#bytes += bytes
    while (this.#bytes > bytesMax && this.#last > 0) this.#drop()
  }

  of(key: string): readonly TapeEvent[] {
    return this.#folding.of(key)
  }

  #drop(): void {
    const { key, since } = this.#joining[this.#last--] as Joining
    this.end = Math.min(this.end, since)
    this.#bytes -= this.#sizes.get(key) ?? 0
    this.#sizes.delete(key)
    this.#folding.forget(key)
  }
}

/** The last seq up to one that is not covered; −1 when all are. */
function lastOutside(covers: SeqRanges, seq: number): number {
  return subtract([[0, seq]], covers).at(-1)?.[1] ?? -1
}

function chunkOf({ chunks }: Snapshot, key: string): SnapshotChunk | undefined {
  return chunks.findLast(({ from }) => from <= key)
}

function nothingOfWhatIsLost(error: unknown): undefined {
  if (!isUnreadable(error)) throw error
}

/**
 * An object that the snapshot has no insert of has died, or was never born: snapshots keep no deletes. The reader may
 * have been given an insert from before its death, so it is told that it was dead before what stands was written.
 */
function deathOf(key: string, events: readonly TapeEvent[], through: number, covers: SeqRanges): readonly TapeEvent[] {
  if (events.some(({ type }) => type === 'insert')) return []
  const seq = lastOutside(covers, (events[0]?.seq ?? through + 1) - 1)
  return seq < 0 ? [] : [{ seq, seen: seq - 1, type: 'delete', ...objectOfKey(key) }]
}

/** The same effect under a seq that is not covered: events there count, whatever the reader has accounted for. */
function outside(event: TapeEvent, covers: SeqRanges, since: number): TapeEvent {
  if (!includes(covers, event.seq)) return event
  const { counter: _, ...known } = event
  const seq = lastOutside(covers, since - 1)
  const stamps = Object.fromEntries(partsOf(event).flatMap((part) => Object.keys(part.values ?? {}).map((field) => [field, part.seq])))
  return { ...known, seq, seen: seq - 1, type: 'update', values: event.values ?? {}, stamps }
}
