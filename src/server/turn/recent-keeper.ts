/**
 * Keeps what the newest events wrote for as long as something asks for it. Where nothing does there is nothing: the
 * tape is read when the first question comes, only as far back as it goes, and it is let go when the questions stop.
 */
import type { TapeEvent } from '../../protocol/event.ts'
import { freeze } from '../../protocol/freeze.ts'
import type { TapeStorage } from '../tape/tape-storage.ts'
import { fieldsOf, Recent, recentEventsMax, recentFieldsMax, recentUnitsMax } from './recent.ts'

/** The least that is read at once: whoever is a little behind is soon a little more so. */
const sizeMin = 64

export class RecentKeeper {
  readonly #storage: Pick<TapeStorage, 'rowsBack'>
  /** How many of the newest events rules may ask for. */
  readonly #keeps: number
  #recent: Recent | undefined
  #askedAt = -1

  constructor(storage: Pick<TapeStorage, 'rowsBack'>, keeps: number) {
    this.#storage = storage
    this.#keeps = keeps
  }

  /** What there is already, to be kept up with the tape. */
  get kept(): Recent | undefined {
    return this.#recent
  }

  /** What the newest `depth` events wrote, where the bounds allow; read from a tape that ends at `latestSeq` if need be. */
  reaching(depth: number, latestSeq: number): Recent {
    this.#askedAt = latestSeq
    if (this.#recent === undefined || this.#recent.size < depth) {
      // Reading twice as far each time, a tape is read back twice in all at most.
      const size = Math.min(recentEventsMax, Math.max(sizeMin, this.#keeps, this.#recent === undefined ? depth : 2 * depth))
      this.#recent = loadRecent(this.#storage, latestSeq, { size, keeps: this.#keeps })
    }
    return this.#recent
  }

  /** A group has been stored. What nobody has asked about for as long as reading it anew would take is let go. */
  settle(latestSeq: number): void {
    if (latestSeq - this.#askedAt > recentEventsMax) this.forget()
  }

  /** Memory may be ahead of storage, or is no longer wanted. */
  forget(): void {
    this.#recent = undefined
  }
}

/** Reads the end of the tape, newest events first, until the bounds are met. */
export function loadRecent(storage: Pick<TapeStorage, 'rowsBack'>, latestSeq: number, bounds: { size: number; keeps: number }): Recent {
  const read: { readonly event: TapeEvent; readonly units: number }[] = []
  let units = 0
  let fields = 0
  for (const line of linesBack(storage)) {
    const event = JSON.parse(line) as TapeEvent
    units += line.length
    fields += fieldsOf(event).length
    if (read.length === bounds.size || units > recentUnitsMax || fields > recentFieldsMax) break
    read.push({ event, units: line.length })
  }
  const recent = new Recent(latestSeq - read.length, bounds)
  for (const { event, units } of read.reverse()) recent.add(bounds.keeps > 0 ? freeze(event) : event, units)
  recent.trim()
  return recent
}

/** The events of the tape as text, from the newest back. */
function* linesBack(storage: Pick<TapeStorage, 'rowsBack'>): Generator<string> {
  const rows = storage.rowsBack()
  for (let next = rows.next(); next.done !== true; next = rows.next()) {
    const { body } = next.value
    for (let end = body.length; end > 0; ) {
      const start = body.lastIndexOf(lineBreak, end - 1) + 1
      yield decoder.decode(body.subarray(start, end))
      // Between two lines stand a comma and a line break.
      end = start - 2
    }
  }
}

const lineBreak = 0x0a
const decoder = new TextDecoder()
