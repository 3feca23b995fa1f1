/**
 * The sequencer: decides a group of publishes and numbers what it takes. Pure: it reads the state that it is
 * given and writes nothing, so the same group on the same tape always gives the same events.
 *
 *   publish ─► another sub's client? ─► duplicates dropped ─► counter last + 1? ─► seen on the tape? ─► expect? ─► seqs
 *
 * A publish is taken as a whole or not at all, and a refused one leaves no trace for the others of its group.
 */
import { type Code, Refusal, type RefusalDetails } from '../protocol/codes.ts'
import { encodeEvent, type Publish } from '../protocol/publish.ts'
import type { SeqRanges } from '../protocol/seq-ranges.ts'
import { normalize } from '../protocol/seq-ranges.ts'
import type { LedgerEntry } from './tape-storage.ts'

export interface Submission {
  readonly publish: Publish
  /** Who sends it, as the token says. */
  readonly sub: string
}

/** What a precondition needs to know of an event on the tape. */
export interface Written {
  readonly seq: number
  readonly client?: string | undefined
  readonly collection: string
  readonly identifier: string
}

export interface TapeState {
  readonly epoch: string | undefined
  readonly latestSeq: number
  readonly lookup: (client: string) => LedgerEntry | undefined
  /** The events after this seq, at most `unchangedWindow`; undefined when they are too large to look through. */
  readonly writtenAfter: (seq: number) => readonly Written[] | undefined
}

export type Verdict =
  | { readonly type: 'taken'; readonly seqs: SeqRanges; readonly duplicates: number }
  | { readonly type: 'refused'; readonly refusal: Refusal }

export interface Group {
  /** The encoded events; the first has seq latestSeq + 1. */
  readonly lines: readonly string[]
  /** The clients whose counters rose. */
  readonly clients: ReadonlyMap<string, LedgerEntry>
  /** One for each submission, in their order. */
  readonly verdicts: readonly Verdict[]
}

/** How far back `expect: { unchanged: true }` looks: parsing so many events takes a few milliseconds at most. */
export const unchangedWindow = 1000

export function sequence(state: TapeState, submissions: readonly Submission[]): Group {
  const draft = new GroupDraft(state)
  const verdicts = submissions.map((submission) => draft.decide(submission))
  return { lines: draft.lines, clients: draft.clients, verdicts }
}

class GroupDraft {
  readonly lines: string[] = []
  readonly clients = new Map<string, LedgerEntry>()
  readonly #written: Written[] = []
  readonly #state: TapeState

  constructor(state: TapeState) {
    this.#state = state
  }

  decide({ publish, sub }: Submission): Verdict {
    const { client } = publish
    const known = client === undefined ? undefined : (this.clients.get(client) ?? this.#state.lookup(client))
    if (known !== undefined && known.sub !== sub) return refuse('client-taken')
    if (publish.epoch !== undefined && publish.epoch !== this.#state.epoch) {
      return refuse('wrong-epoch', { epoch: this.#state.epoch ?? null })
    }

    const taken = known?.counter ?? 0
    const fresh = client === undefined ? publish.drafts : publish.drafts.filter(({ counter = 0 }) => counter > taken)
    const duplicates = publish.drafts.length - fresh.length
    const head = fresh[0]
    if (head === undefined) return { type: 'taken', seqs: [], duplicates }
    if (client !== undefined && head.counter !== taken + 1) {
      return refuse('counter-skipped', { expected: taken + 1, ...(head.counter === undefined ? {} : { counter: head.counter }) })
    }
    const ahead = fresh.find(({ seen }) => seen > this.#state.latestSeq)
    if (ahead !== undefined) {
      const counter = ahead.counter === undefined ? {} : { counter: ahead.counter }
      return refuse('seen-ahead', { latestSeq: this.#state.latestSeq, ...counter })
    }
    return this.#checkExpectation(publish, fresh) ?? this.#take({ publish, sub }, fresh, duplicates)
  }

  get #latestSeq(): number {
    return this.#state.latestSeq + this.lines.length
  }

  #checkExpectation(publish: Publish, fresh: Publish['drafts']): Verdict | undefined {
    const { expect } = publish
    const latestSeq = this.#latestSeq
    if (expect?.latestSeq !== undefined && expect.latestSeq !== latestSeq) {
      return refuse('expect-failed', { latestSeq })
    }
    if (expect?.unchanged !== true) return undefined
    const since = Math.min(...fresh.map(({ seen }) => seen))
    if (latestSeq - since > unchangedWindow) return refuse('catch-up-first', { latestSeq })
    const seenOf = new Map<string, number>()
    for (const draft of fresh) seenOf.set(objectKey(draft), Math.min(draft.seen, seenOf.get(objectKey(draft)) ?? draft.seen))
    const tail = this.#state.writtenAfter(since)
    if (tail === undefined) return refuse('catch-up-first', { latestSeq })
    const conflicts = [...tail, ...this.#written].filter((event) => {
      const seen = seenOf.get(objectKey(event))
      const isOwn = event.client !== undefined && event.client === publish.client
      return seen !== undefined && event.seq > seen && !isOwn
    })
    if (conflicts.length === 0) return undefined
    return refuse('expect-failed', { latestSeq, conflicts: normalize(conflicts.map(({ seq }) => [seq, seq])) })
  }

  #take({ publish, sub }: Submission, fresh: Publish['drafts'], duplicates: number): Verdict {
    const { client } = publish
    const before = this.lines.length
    const first = this.#latestSeq + 1
    try {
      for (const draft of fresh) this.lines.push(encodeEvent(this.#latestSeq + 1, client, draft))
    } catch (error) {
      this.lines.length = before
      if (error instanceof Refusal) return { type: 'refused', refusal: error }
      throw error
    }
    const counter = fresh.at(-1)?.counter
    if (client !== undefined && counter !== undefined) this.clients.set(client, { counter, sub })
    fresh.forEach(({ collection, identifier }, index) => {
      this.#written.push({ seq: first + index, client, collection, identifier })
    })
    return { type: 'taken', seqs: [[first, this.#latestSeq]], duplicates }
  }
}

function objectKey({ collection, identifier }: { readonly collection: string; readonly identifier: string }): string {
  return JSON.stringify([collection, identifier])
}

function refuse(code: Code, details: RefusalDetails = {}): Verdict {
  return { type: 'refused', refusal: new Refusal(code, details) }
}
