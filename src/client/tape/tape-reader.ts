/**
 * Reads plain events off the tape over HTTP, for whoever wants to look at them: what an event had said before others were
 * written over it, who made it, what it had seen. Nothing is applied or stored.
 */
import {
  checkRange,
  codeFacts,
  formatSeqs,
  includes,
  intersect,
  normalize,
  type ObjectFilter,
  pageEvents,
  Refusal,
  rangesMax,
  type SeqRanges,
  type Slice,
  seqMax,
  subtract,
  type TapeEvent,
} from '../../protocol/index.ts'
import { ask } from '../link/ask.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import type { Asking } from '../link/transport.ts'

/** What to read: these seqs, or all after one. */
export type Wanted = SeqRanges | { readonly after: number }

export interface KnownEnd {
  readonly epoch: string | null
  readonly latestSeq: number
}

export class TapeReader {
  readonly #parts: ClientParts
  /** Why nothing can be read now; undefined while it can. */
  readonly #trouble: () => string | undefined

  constructor(parts: ClientParts, trouble: () => string | undefined) {
    this.#parts = parts
    this.#trouble = trouble
  }

  /** In order of seq, up to where the tape ends now. Rejects with a `Refusal`, or an Error when that cannot be done. */
  async read(wanted: Wanted, { epoch: known, latestSeq }: KnownEnd): Promise<readonly TapeEvent[]> {
    let rest = rangesOf(wanted)
    let epoch = known ?? undefined
    const events: TapeEvent[] = []
    while (rest.length > 0) {
      const ranges = pageOf(rest, latestSeq)
      const slice = await this.#page(ranges, epoch)
      if (epoch !== undefined && slice.epoch !== epoch) throw new Refusal('wrong-epoch', { epoch: slice.epoch })
      epoch = slice.epoch ?? undefined
      for (const event of slice.events) if (includes(rest, event.seq)) events.push(event)
      rest = subtract(rest, slice.covers)
      // Of what lies beyond what was known, the answer says where it ends.
      if ((ranges[0]?.[0] ?? 0) > latestSeq) rest = intersect(rest, slice.latestSeq < 0 ? [] : [[0, slice.latestSeq]])
      if (slice.covers.length === 0 && rest.length > 0) throw new Error(`The server had nothing of ${formatSeqs(ranges)}.`)
    }
    return events.sort((a, b) => a.seq - b.seq)
  }

  /** The server's hash of what 0 … seq has made of all objects. Rejects like `read`. */
  async hash(seq: number, epoch: string): Promise<string> {
    const { hash } = await this.#ask((asking) => this.#parts.transport.readHash({ ...asking, seq, epoch }))
    return hash
  }

  /** All of 0 … seq, folded, or what of it belongs to any of some filters. Rejects like `read`. */
  async readFolded(seq: number, epoch: string, filters?: readonly ObjectFilter[]): Promise<readonly TapeEvent[]> {
    const selection = filters === undefined ? undefined : { any: filters, except: [] }
    const events: TapeEvent[] = []
    for (let rest: SeqRanges = [[0, seq]]; rest.length > 0; ) {
      const ranges = rest
      const slice = await this.#ask((asking) => this.#parts.transport.read({ ...asking, ranges, epoch, isFolded: true, selection }))
      for (const event of slice.events) events.push(event)
      rest = subtract(rest, slice.covers)
      if (slice.covers.length === 0) throw new Error(`The server had nothing of ${formatSeqs(ranges)}.`)
    }
    return events
  }

  #page(ranges: SeqRanges, epoch: string | undefined): Promise<Slice> {
    return this.#ask((asking) => this.#parts.transport.read({ ...asking, ranges, epoch }))
  }

  async #ask<T>(question: (asking: Asking) => Promise<T>, attempt = 1): Promise<T> {
    const trouble = this.#trouble()
    if (trouble !== undefined) throw new Error(trouble)
    try {
      return await ask(this.#parts, question)
    } catch (error) {
      if (!(error instanceof Refusal)) throw new Error('The tape cannot be read: the server was not reached.', { cause: error })
      if (codeFacts(error.code).recovery !== 'renew' || attempt > 1) throw error
      return this.#ask(question, attempt + 1)
    }
  }
}

/** Throws `bad-ranges`. */
function rangesOf(wanted: Wanted): SeqRanges {
  if (!('after' in wanted)) return normalize(wanted.map(([first, last]) => checkRange(first, last)))
  const { after } = wanted
  if (!Number.isSafeInteger(after) || after < -1 || after >= seqMax) {
    throw new Refusal('bad-ranges', { at: 'after', detail: 'after is a seq, or -1 for everything.' })
  }
  return [[after + 1, seqMax]]
}

/** The first of what is left: one page of what is known to be there, which a cache may have, or all that lies beyond. */
function pageOf(rest: SeqRanges, latestSeq: number): SeqRanges {
  const first = rest[0]?.[0] ?? 0
  if (first > latestSeq) return rest.slice(0, rangesMax)
  const start = first - (first % pageEvents)
  return intersect(rest, [[start, Math.min(start + pageEvents - 1, latestSeq)]]).slice(0, rangesMax)
}
