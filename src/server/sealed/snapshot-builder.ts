/**
 * Makes snapshots: a newer one from the last one and the segments since, chunk by chunk; a chunk with nothing new in it
 * stays the same, under the same name. What has been made of it is kept after each chunk, so that it goes on there after
 * a kill.
 */
import type { TapeEvent } from '../../protocol/event.ts'
import { Folding, foldEvents, groupByObject } from '../../protocol/fold.ts'
import type { SeqRanges } from '../../protocol/seq-ranges.ts'
import { parseLines } from '../tape/lines.ts'
import { type Contents, nameOf } from './contents.ts'
import { LostChunk, throwIfLost } from './lost-snapshot.ts'
import { readFolded } from './sealed-reader.ts'
import {
  encodeChunk,
  parseChunk,
  type Snapshot,
  type SnapshotChunk,
  type SnapshotDraft,
  type Snapshots,
  type Snapshotted,
  sizeOf,
} from './snapshot.ts'

export interface SnapshotBounds {
  /** A newer snapshot is made when the segments since are so large, and a quarter of it; and also when they are `atOnceMax`, whatever its size. */
  readonly sinceMin: number
  /** So much is folded into a snapshot at once: in memory it is several times as much. */
  readonly atOnceMax: number
  /** A chunk that grows beyond this is cut. */
  readonly chunkMax: number
  /** One that is smaller is joined with the next. */
  readonly chunkMin: number
  /** Of a snapshot whose list of chunks takes so many bytes none newer is made. */
  readonly listMax: number
}

export const snapshotBounds: SnapshotBounds = {
  sinceMin: 16 * 1024,
  atOnceMax: 16 * 1024 * 1024,
  chunkMax: 1_000_000,
  chunkMin: 256 * 1024,
  // It stands in one row of 2 MB with the list of the next one, and the names of two that are leaving.
  listMax: 512 * 1024,
}

const shareMin = 0.25

/** So many chunks are made before the alarm is asked for again. */
const chunksAtOnce = 64

export class SnapshotBuilder {
  readonly #tape: Snapshotted
  readonly #contents: Contents
  readonly #bounds: SnapshotBounds
  readonly #pause: () => Promise<void>

  constructor(
    tape: Snapshotted,
    contents: Contents,
    { pause, bounds = snapshotBounds }: { pause: () => Promise<void>; bounds?: SnapshotBounds | undefined },
  ) {
    this.#tape = tape
    this.#contents = contents
    this.#bounds = bounds
    this.#pause = pause
  }

  /** Makes a newer snapshot where one is due. Resolves to whether there is more to do. Rejects when that cannot be done now. */
  async run(): Promise<boolean> {
    const { epoch } = this.#tape
    if (epoch === undefined) return false
    const snapshots = this.#tape.snapshots()
    const draft = snapshots.draft ?? this.#begin(snapshots)
    // Kept before anything is stored for it: killed, it goes on with these seqs, though more has been sealed meanwhile.
    if (draft === undefined || !this.#keep({ draft }, epoch)) return false
    return this.#build(draft, epoch).catch((error: unknown) => {
      if (!(error instanceof LostChunk)) throw error
      this.#tape.forgetSnapshots()
      return true
    })
  }

  #begin({ current }: Snapshots): SnapshotDraft | undefined {
    if (listBytesOf(current) >= this.#bounds.listMax) return undefined
    const since = [...this.#tape.segmentsFrom((current?.through ?? -1) + 1)]
    const size = sizeOf(current?.chunks ?? [])
    const { sinceMin, atOnceMax } = this.#bounds
    let bytes = 0
    let through = -1
    for (const { last, plain, folded } of since) {
      if (through >= 0 && bytes > atOnceMax) break
      bytes += (folded ?? plain).bytes
      through = last
    }
    return through < 0 || bytes < Math.min(atOnceMax, Math.max(sinceMin, size * shareMin)) ? undefined : { through, chunks: [], next: '' }
  }

  async #build(begun: SnapshotDraft, epoch: string): Promise<boolean> {
    const { current } = this.#tape.snapshots()
    const fresh = await this.#freshObjects((current?.through ?? -1) + 1, begun.through)
    const covers: SeqRanges = [[0, begun.through]]
    const old = current?.chunks ?? []
    let { chunks, next } = begun
    fresh.take(next)
    let index = old.findIndex((_, at) => (old[at + 1]?.from ?? end) > next)
    if (index < 0) index = old.length
    for (let made = 0; next < end; made++) {
      if (made === chunksAtOnce) return true
      const startOf = (at: number) => old[at]?.from ?? end
      const chunk = old[index]
      const added = [...fresh.take(startOf(index + 1))]
      let size = chunk?.bytes ?? 0
      let count = 1
      if (chunk !== undefined && added.length === 0 && size >= this.#bounds.chunkMin) {
        chunks = [...chunks, chunk]
      } else {
        for (; size < this.#bounds.chunkMin && index + count < old.length; count++) {
          added.push(...fresh.take(startOf(index + count + 1)))
          size += old[index + count]?.bytes ?? 0
        }
        const before: TapeEvent[] = []
        for (const part of old.slice(index, index + count)) {
          const content = await this.#contents.get(part).catch(throwIfLost)
          await this.#pause()
          before.push(...parseChunk(content))
        }
        await this.#pause()
        const folded = withoutDeletes(foldEvents([...before, ...added], covers))
        await this.#pause()
        chunks = [...chunks, ...(await this.#write(folded))]
      }
      index += count
      next = startOf(index)
      if (!this.#keep({ draft: { through: begun.through, chunks, next } }, epoch)) return true
      await this.#pause()
    }
    return this.#finish({ through: begun.through, chunks }, epoch)
  }

  #keep(change: Partial<Snapshots>, epoch: string): boolean {
    return this.#tape.keepSnapshots({ ...this.#tape.snapshots(), ...change }, epoch)
  }

  /** The new one takes the place of the current one; what nobody reads any more goes with the next run. */
  #finish(snapshot: Snapshot, epoch: string): boolean {
    const { current, leaving, garbage } = this.#tape.snapshots()
    const names = new Set(snapshot.chunks.map(nameOf))
    const before = (current?.chunks ?? []).map(nameOf).filter((name) => !names.has(name))
    const gone = [...garbage, ...leaving].filter((name) => !names.has(name) && !before.includes(name))
    this.#keep({ current: snapshot, draft: undefined, leaving: before, garbage: gone }, epoch)
    return true
  }

  /** What the segments of these seqs have of the objects that they touch: each is folded with its chunk, as all at once would hold up others. */
  async #freshObjects(first: number, through: number): Promise<FreshObjects> {
    const folding = new Folding()
    for (const segment of this.#tape.segmentsFrom(first)) {
      if (segment.last > through) break
      const content = await readFolded(this.#contents, segment)
      await this.#pause()
      folding.add(parseLines(content), [[first, segment.last]])
      await this.#pause()
    }
    return new FreshObjects(folding.objects)
  }

  /** Writes events of some objects, in chunks as large as they may be. */
  async #write(events: readonly TapeEvent[]): Promise<readonly SnapshotChunk[]> {
    const objects = Array.from(groupByObject(events), ([key, group]) => new WrittenObject(key, group)).sort((a, b) =>
      a.key < b.key ? -1 : 1,
    )
    const total = objects.reduce((sum, { size }) => sum + size, 0)
    // Parts of about the same size: one that is cut again soon is not worth it.
    const room = total / Math.ceil(total / (this.#bounds.chunkMax * 0.9))
    const chunks: SnapshotChunk[] = []
    let some: WrittenObject[] = []
    let size = 0
    for (const object of objects) {
      if (some.length > 0 && size + object.size > room * 1.05) {
        chunks.push(await this.#put(some))
        some = []
        size = 0
      }
      some.push(object)
      size += object.size
    }
    if (some.length > 0) chunks.push(await this.#put(some))
    return chunks
  }

  async #put(objects: readonly WrittenObject[]): Promise<SnapshotChunk> {
    await this.#pause()
    const lines = objects.flatMap((object) => object.lines).sort((a, b) => a.seq - b.seq)
    const entry = await this.#contents.put(encodeChunk(lines.map(({ text }) => text)))
    return { ...entry, from: objects[0]?.key ?? '', events: lines.length }
  }
}

function listBytesOf(snapshot: Snapshot | undefined): number {
  return new TextEncoder().encode(JSON.stringify(snapshot?.chunks ?? [])).length
}

/** An object's events, written out once. */
class WrittenObject {
  readonly key: string
  readonly lines: readonly { readonly seq: number; readonly text: string }[]
  /** In UTF-16 units: about what they take. */
  readonly size: number

  constructor(key: string, events: readonly TapeEvent[]) {
    this.key = key
    this.lines = events.map((event) => ({ seq: event.seq, text: JSON.stringify(event) }))
    this.size = this.lines.reduce((sum, { text }) => sum + text.length, 0)
  }
}

/** Above every key. */
const end = '\uffff'

/** Objects in the order of their keys, to be taken from the front. */
class FreshObjects {
  readonly #objects: readonly (readonly [key: string, events: readonly TapeEvent[]])[]
  #taken = 0

  constructor(objects: Iterable<readonly [key: string, events: readonly TapeEvent[]]>) {
    this.#objects = [...objects].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** The events of those below a key. */
  take(until: string): readonly TapeEvent[] {
    const from = this.#taken
    while (this.#taken < this.#objects.length && (this.#objects[this.#taken]?.[0] ?? end) < until) this.#taken++
    return this.#objects.slice(from, this.#taken).flatMap(([, events]) => events)
  }
}

/** A run from the start needs no deletes: there is nothing below it that they could end. */
function withoutDeletes(events: readonly TapeEvent[]): readonly TapeEvent[] {
  return events.filter(({ type }) => type !== 'delete')
}
