/** A bucket that holds more than storage speaks of, or less, as when storage was set back and the bucket was not. */
import { describe, expect, test } from 'vitest'
import { objectHashes, stateHash, type TapeEvent } from '../../src/protocol/index.ts'
import { Upkeep } from '../../src/server/object/upkeep.ts'
import { readChunk } from '../../src/server/sealed/lost-snapshot.ts'
import { Sealer } from '../../src/server/sealed/sealer.ts'
import { parseChunk } from '../../src/server/sealed/snapshot.ts'
import { SnapshotBuilder } from '../../src/server/sealed/snapshot-builder.ts'
import { StreamCore } from '../../src/server/stream-core.ts'
import { MemoryBlobs, memoryContents } from '../support/memory-blobs.ts'
import { noForks } from '../support/memory-loans.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { randomBytes } from '../support/random-bytes.ts'
import { draft, submission } from '../support/tape-state.ts'

const pause = async () => {}

/** A stream with a bucket, whose alarm runs when the test says so. */
class BucketRig {
  readonly tape: MemoryTape
  readonly blobs: MemoryBlobs
  readonly core: StreamCore
  readonly contents
  readonly upkeep: Upkeep
  readonly reports: unknown[] = []
  wakes = 0
  readonly #turns: (() => void)[] = []
  #counter: number

  constructor(tape = new MemoryTape(), blobs = new MemoryBlobs(), listMax = 1e6) {
    this.tape = tape
    this.blobs = blobs
    this.contents = memoryContents(blobs)
    this.core = new StreamCore({
      storage: tape,
      contents: this.contents,
      bounds: { eventsMax: 10, bytesMax: 100_000, keptEvents: 5, keptBytes: 1e9 },
      listeners: [],
      later: (run) => this.#turns.push(run),
      now: () => 1000,
      newEpoch: () => 'epoch',
      randomBytes,
      pause,
      onRewritten: () => {},
      onUpkeepDue: () => this.wakes++,
      report: (error) => this.reports.push(error),
    })
    this.#counter = this.core.lookup('a')?.counter ?? 0
    this.upkeep = new Upkeep({
      core: this.core,
      contents: this.contents,
      sealer: new Sealer(this.core.sealed, this.contents, pause),
      snapshots: new SnapshotBuilder(this.core.sealed, this.contents, {
        pause,
        bounds: { sinceMin: 1, atOnceMax: 1e6, chunkMax: 400, chunkMin: 0, listMax },
      }),
      indexes: { run: async () => false },
      ...noForks,
      now: () => 1000,
      onExpired: () => {},
      wake: () => {
        this.wakes++
      },
      report: (error) => this.reports.push(error),
    })
  }

  /** As many events, of so many objects, and all that its alarm does of them. */
  async grow(events: number, objects = 9): Promise<void> {
    for (let i = 0; i < events; i++) {
      const counter = ++this.#counter
      this.core.committer.submit(
        submission('a', [draft(counter, { identifier: `t${counter % objects}`, values: { n: counter } })]),
        () => {},
      )
      for (const run of this.#turns.splice(0)) run()
    }
    await this.rest()
  }

  async rest(): Promise<void> {
    this.wakes = 1
    for (let turns = 0; this.wakes > 0; turns++) {
      if (turns > 1000) throw new Error('There is no end to it.', { cause: this.reports.at(-1) })
      this.wakes = 0
      await this.upkeep.run()
    }
  }

  get chunks(): readonly string[] {
    return (this.core.sealed.snapshots().current?.chunks ?? []).map(({ hash }) => hash)
  }

  read(hash: string): Promise<Uint8Array> {
    return readChunk(this.core.sealed, hash, this.contents.checkedPacked({ hash }))
  }

  /** Whether the snapshot says what the tape does. */
  async isRight(): Promise<boolean> {
    const { current } = this.core.sealed.snapshots()
    if (current === undefined) return false
    const events = (await Promise.all(current.chunks.map(({ hash }) => this.contents.get({ hash })))).flatMap(parseChunk)
    const { hash } = await this.core.reads.hashAt(current.through, undefined)
    return stateHash(objectHashes(events as TapeEvent[], current.through)) === hash
  }
}

describe('a bucket that was not set back', () => {
  test('[T8] a snapshot of which a chunk is lost is made anew when somebody asks for that, and says the same', async () => {
    const before = new BucketRig()
    await before.grow(60)
    const copy = before.tape.copy()
    const { chunks } = before
    for (let times = 0; times < 3; times++) await before.grow(60)
    const rig = new BucketRig(copy, before.blobs)
    expect(rig.chunks).toEqual(chunks)
    const lost = chunks.filter((hash) => !before.blobs.blobs.has(hash))
    expect(lost.length, 'the later snapshots have removed some').toBeGreaterThan(0)
    await expect(rig.read(lost[0] as string)).rejects.toMatchObject({ code: 'damaged' })
    expect([rig.core.sealed.snapshots().current, rig.wakes]).toEqual([undefined, 1])
    await rig.rest()
    expect(await rig.isRight()).toBe(true)
    expect(rig.reports).toEqual([])
  })

  test('[T8] also when the next snapshot would be made of it, and what is made of it again is not removed', async () => {
    const before = new BucketRig()
    await before.grow(60)
    const copy = before.tape.copy()
    const { chunks } = before
    for (const hash of chunks.slice(1)) before.blobs.blobs.delete(hash)
    const rig = new BucketRig(copy, before.blobs)
    await rig.grow(60)
    expect(await rig.isRight()).toBe(true)
    await rig.grow(60)
    expect(await rig.isRight()).toBe(true)
    expect(rig.reports).toEqual([])
    const known = new Set([...rig.chunks, ...rig.core.sealed.snapshots().leaving])
    expect(
      chunks.filter((hash) => before.blobs.blobs.has(hash) && !known.has(hash)),
      'nothing is left of it',
    ).toEqual([])
  })

  test('[T8] what one reads is not the snapshot’s that was made meanwhile: that stays', async () => {
    const rig = new BucketRig()
    await rig.grow(60)
    const old = rig.chunks
    await rig.grow(60)
    const { current } = rig.core.sealed.snapshots()
    const gone = old.find((hash) => !rig.chunks.includes(hash)) as string
    rig.blobs.blobs.delete(gone)
    await expect(rig.read(gone)).rejects.toMatchObject({ code: 'damaged' })
    expect(rig.core.sealed.snapshots().current).toBe(current)
  })

  test('[T8][T5] what was sealed later is in nobody’s way, and goes with the stream', async () => {
    const before = new BucketRig()
    await before.grow(30)
    const copy = before.tape.copy()
    await before.grow(60)
    const rig = new BucketRig(copy, before.blobs)
    await rig.grow(100)
    const segments = [...rig.core.sealed.segmentsFrom(0)]
    expect(segments.at(-1)?.last).toBeGreaterThan(100)
    const page = await rig.core.reads.read([[0, 129]], { bytesMax: 1e9 })
    expect(page.covers).toEqual([[0, 129]])
    expect(await rig.isRight()).toBe(true)
    rig.core.erase()
    await rig.rest()
    expect(rig.blobs.blobs.size).toBe(0)
  })
})

test('[T7] where the folded form of a segment is lost, or not itself, the plain one goes into the snapshot', async () => {
  for (const spoil of [
    (rig: BucketRig, hash: string) => rig.blobs.blobs.delete(hash),
    (rig: BucketRig, hash: string) => rig.blobs.blobs.set(hash, new Uint8Array([1, 2, 3])),
  ]) {
    const rig = new BucketRig()
    await rig.grow(40, 3)
    const { through = -1 } = rig.core.sealed.snapshots().current ?? {}
    const seal = rig.core.sealed.seal.bind(rig.core.sealed)
    let spoilt = 0
    rig.core.sealed.seal = (segment, epoch) => {
      if (segment.folded !== undefined) {
        spoil(rig, segment.folded.hash)
        spoilt++
      }
      return seal(segment, epoch)
    }
    await rig.grow(40, 3)
    expect(spoilt).toBeGreaterThan(2)
    expect(rig.core.sealed.snapshots().current?.through).toBeGreaterThan(through + 20)
    expect(await rig.isRight()).toBe(true)
  }
})

test('[T7] of a snapshot whose list is too long none newer is made, and the tape is sealed and read all the same', async () => {
  const rig = new BucketRig(new MemoryTape(), new MemoryBlobs(), 400)
  for (let times = 0; times < 6; times++) await rig.grow(30, 200)
  const { current } = rig.core.sealed.snapshots()
  expect(current?.chunks.length).toBeGreaterThan(2)
  await rig.grow(60, 200)
  expect(rig.core.sealed.snapshots().current).toEqual(current)
  expect([...rig.core.sealed.segmentsFrom(0)].at(-1)?.last).toBeGreaterThan((current?.through ?? 0) + 60)
  expect(await rig.isRight()).toBe(true)
  expect(rig.reports).toEqual([])
})
