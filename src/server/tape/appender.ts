/**
 * Lays groups of events on the tape and tells every listener, in one run: whoever is told of an event finds it stored. The
 * first group makes the stream.
 *
 * It decides nothing: what comes here has been taken, and gets the next seqs as it stands.
 */
import type { TapeEvent } from '../../protocol/event.ts'
import type { Broadcast } from '../broadcast.ts'
import type { Indexes } from '../filters/indexes.ts'
import type { SealingDemand } from '../sealed/sealing-demand.ts'
import type { StreamCoreOptions } from '../stream-core-options.ts'
import type { Group } from '../turn/sequencer.ts'
import { type LoadedHead, newHead } from './loaded-head.ts'
import type { Present } from './present.ts'
import { type CutRow, cutRows } from './row-cutter.ts'
import { sliceFrame } from './slice-frames.ts'

/** What is to be laid on the tape. */
export interface Laying extends Pick<Group, 'lines' | 'clients'> {
  /** It is part of an import; absent otherwise. */
  readonly isImport?: true
}

export interface AppenderOptions extends Pick<StreamCoreOptions, 'storage' | 'now' | 'newEpoch' | 'randomBytes'> {
  readonly indexes: Indexes
  readonly broadcast: Broadcast
  readonly demand: SealingDemand
}

export class Appender {
  readonly #present: Present
  readonly #options: AppenderOptions

  constructor(present: Present, options: AppenderOptions) {
    this.#present = present
    this.#options = options
  }

  /** After a throw nothing of it is stored, and what memory has of the tape must be forgotten. */
  append({ lines, clients, isImport }: Laying): void {
    const { storage, indexes, broadcast, demand, now, newEpoch, randomBytes } = this.#options
    const before = this.#present.head()
    const head = before ?? newHead(newEpoch(), storage, randomBytes)
    const beginsImport = isImport === true && head.latestSeq < 0
    const rows = cutRows(head.latestSeq + 1, lines)
    const latestSeq = head.latestSeq + lines.length
    const record = head.ledger.record(clients)
    const checkpoint = record.isCheckpoint || head.checkpoint < 0 ? latestSeq : head.checkpoint
    const committedAt = now()
    let { bytes } = head
    // Events are read from what was encoded of them only where somebody asks for some objects alone.
    const isIndexed = before !== undefined && indexes.all.length > 0
    const events = isIndexed || broadcast.hasFilters ? lines.map((line) => JSON.parse(line) as TapeEvent) : []
    storage.append({
      rows: rows.map(({ first, last, body }) => {
        const start = bytes
        bytes += body.length
        const { writer } = head.marks
        return { first, last, committedAt, checkpoint, ledger: last === latestSeq ? record.text : '[]', body, start, writer }
      }),
      retired: record.retired,
      newEpoch: before === undefined ? head.epoch : undefined,
      ...(isIndexed ? { members: indexes.membersOf(events) } : {}),
      beginsImport,
      secret: head.marks.unsavedSecret,
    })
    const after = { ...head, latestSeq, checkpoint, bytes, touchedAt: committedAt, ...(beginsImport ? { isImporting: true as const } : {}) }
    this.#present.advance(after)
    demand.consider(after)
    this.#tell(head, rows, events)
  }

  /** `events` are those of all rows, or none where nobody has a filter. */
  #tell({ epoch, marks, latestSeq }: LoadedHead, rows: readonly CutRow[], events: readonly TapeEvent[]): void {
    for (const { first, last, text } of rows) {
      const mark = marks.ofWritten(last)
      const ofRow = events.slice(first - latestSeq - 1, last - latestSeq)
      this.#options.broadcast.send(
        sliceFrame({ epoch, latestSeq: last, mark, covers: [[first, last]] }, text),
        events.length === 0 ? undefined : { epoch, mark, range: [first, last], events: ofRow },
      )
    }
  }
}
