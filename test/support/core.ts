/** A stream's core over any storage, whose turns end when the test says so. */
import { parseJson } from '../../src/protocol/decode.ts'
import { decodeServerFrame, type ServerFrame } from '../../src/protocol/frames.ts'
import { seqMax } from '../../src/protocol/limits.ts'
import type { SeqRanges } from '../../src/protocol/seq-ranges.ts'
import type { Listener } from '../../src/server/broadcast.ts'
import type { SegmentBounds } from '../../src/server/sealed/segment.ts'
import { StreamCore } from '../../src/server/stream-core.ts'
import { joinSlice, type Page } from '../../src/server/tape/slice-reader.ts'
import type { Append, TapeStorage } from '../../src/server/tape/tape-storage.ts'
import type { StreamRules } from '../../src/server/turn/rules.ts'
import type { Submission, Verdict } from '../../src/server/turn/sequencer.ts'
import { memoryContents } from './memory-blobs.ts'
import { MemoryTape } from './memory-tape.ts'
import { randomBytes } from './random-bytes.ts'

export class Ear implements Listener {
  readonly texts: string[] = []

  send(frame: string): void {
    this.texts.push(frame)
  }

  get frames(): ServerFrame[] {
    return this.texts.map(decodeServerFrame)
  }

  /** The frames since the last call. */
  take(): ServerFrame[] {
    return this.texts.splice(0).map(decodeServerFrame)
  }
}

/** Storage that counts appends, and fails when it is told to: before it writes, or after, as a full disk may. */
export class FlakyTape extends MemoryTape {
  readonly appends: Append[] = []
  failing: Error | undefined

  override append(append: Append): void {
    if (this.failing !== undefined) throw this.failing
    super.append(append)
    this.appends.push(append)
  }
}

export class CoreRig<Storage extends TapeStorage> {
  readonly storage: Storage
  readonly listeners = new Set<Listener>()
  readonly reports: unknown[] = []
  readonly contents = memoryContents()
  readonly core: StreamCore
  readonly #turns: (() => void)[] = []
  turnsAsked = 0
  upkeepAsked = 0
  nowMs = 1000

  constructor(storage: Storage, epoch = 'epoch-1', rules?: StreamRules, bounds?: SegmentBounds) {
    this.storage = storage
    this.core = new StreamCore({
      storage,
      contents: this.contents,
      listeners: this.listeners,
      later: (run) => {
        this.turnsAsked++
        this.#turns.push(run)
      },
      now: () => this.nowMs,
      newEpoch: () => epoch,
      randomBytes,
      pause: async () => {},
      onRewritten: () => {},
      onUpkeepDue: () => this.upkeepAsked++,
      report: (error) => this.reports.push(error),
      rules,
      bounds,
    })
  }

  ear(): Ear {
    const ear = new Ear()
    this.listeners.add(ear)
    return ear
  }

  endTurn(): void {
    for (const run of this.#turns.splice(0)) run()
  }

  /** Submits all in one turn and gives their verdicts. */
  commit(...submissions: Submission[]): Verdict[] {
    const verdicts: Verdict[] = []
    submissions.forEach((one, index) => {
      this.core.committer.submit(one, (verdict) => {
        if (verdicts[index] !== undefined) throw new Error('Answered twice.')
        verdicts[index] = verdict
      })
    })
    this.endTurn()
    return verdicts
  }

  /** What is in rows of these ranges. */
  read(ranges: SeqRanges = [[0, seqMax]], bytesMax = Number.POSITIVE_INFINITY): Page {
    const page = this.core.reads.readHot(ranges, { bytesMax })
    if (page === undefined) throw new Error('Some of that is sealed.')
    return page
  }

  events(page = this.read()): unknown[] {
    const { events } = parseJson(new TextDecoder().decode(joinSlice('{"covers":[]', page.pieces))) as { events: unknown[] }
    return events
  }
}
