/**
 * The sequencer: decides a group of publishes and numbers what it takes. Pure: it reads the state that it is
 * given and writes nothing, so the same group on the same tape always gives the same events.
 *
 *   publish ─► another sub's client? ─► duplicates dropped ─► counter last + 1? ─► seen on the tape? ─► expect?
 *           ─► for each draft: seq, encoded, the application's rule
 *
 * A publish is taken as a whole or not at all, and a refused one leaves no trace for the others of its group. What is
 * kept of the newest events, where something uses it, is left as it is on the tape with the whole group.
 */
import { type Code, Refusal, type RefusalDetails } from '../../protocol/codes.ts'
import type { TapeEvent } from '../../protocol/event.ts'
import { freeze } from '../../protocol/freeze.ts'
import { encodeEvent, type Publish } from '../../protocol/publish.ts'
import type { SeqRanges } from '../../protocol/seq-ranges.ts'
import type { LedgerEntry } from '../tape/tape-storage.ts'
import { findUnexpected } from './expectations.ts'
import { isOwner } from './owners.ts'
import type { Recent } from './recent.ts'
import type { RecentKeeper } from './recent-keeper.ts'
import type { Rules } from './rules.ts'

export interface Submission {
  readonly publish: Publish
  /** Who sends it, as the token says. */
  readonly sub: string
}

export interface TapeState {
  readonly epoch: string | undefined
  readonly latestSeq: number
  readonly isClosed?: boolean
  readonly lookup: (client: string) => LedgerEntry | undefined
  readonly recent: Pick<RecentKeeper, 'kept' | 'reaching'>
  /** Absent where the deployment has none. */
  readonly rules?: Rules | undefined
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

export function sequence(state: TapeState, submissions: readonly Submission[]): Group {
  const draft = new GroupDraft(state)
  const verdicts = submissions.map((submission) => {
    const verdict = draft.decide(submission)
    state.recent.kept?.trim()
    return verdict
  })
  return { lines: draft.lines, clients: draft.clients, verdicts }
}

class GroupDraft {
  readonly lines: string[] = []
  readonly clients = new Map<string, LedgerEntry>()
  readonly #state: TapeState

  constructor(state: TapeState) {
    this.#state = state
  }

  decide({ publish, sub }: Submission): Verdict {
    const { client } = publish
    const known = client === undefined ? undefined : (this.clients.get(client) ?? this.#state.lookup(client))
    if (known !== undefined && !isOwner(sub, known)) return refuse('client-taken')
    if (publish.epoch !== undefined && publish.epoch !== this.#state.epoch) {
      return refuse('wrong-epoch', { epoch: this.#state.epoch ?? null })
    }

    const taken = known?.counter ?? 0
    const fresh = client === undefined ? publish.drafts : publish.drafts.filter(({ counter = 0 }) => counter > taken)
    const duplicates = publish.drafts.length - fresh.length
    const head = fresh[0]
    if (head === undefined) return { type: 'taken', seqs: [], duplicates }
    if (this.#state.isClosed === true) return refuse('stream-closed')
    if (client !== undefined && head.counter !== taken + 1) {
      return refuse('counter-skipped', { expected: taken + 1, ...(head.counter === undefined ? {} : { counter: head.counter }) })
    }
    const ahead = fresh.find(({ seen }) => seen > this.#state.latestSeq)
    if (ahead !== undefined) {
      const counter = ahead.counter === undefined ? {} : { counter: ahead.counter }
      return refuse('seen-ahead', { latestSeq: this.#state.latestSeq, ...counter })
    }
    const refusal = findUnexpected(this, publish, fresh) ?? this.#lay({ publish, sub }, fresh)
    if (refusal !== undefined) return { type: 'refused', refusal }
    const counter = fresh.at(-1)?.counter
    if (client !== undefined && counter !== undefined) this.clients.set(client, { counter, sub })
    return { type: 'taken', seqs: [[this.latestSeq - fresh.length + 1, this.latestSeq]], duplicates }
  }

  /** Of the tape with what the group has laid on it so far. */
  get latestSeq(): number {
    return this.#state.latestSeq + this.lines.length
  }

  /** What the newest events up to `latestSeq` wrote, so many of them where the bounds allow. */
  reaching(depth: number): Recent {
    const recent = this.#state.recent.reaching(depth, this.#state.latestSeq)
    // One that has just been read knows nothing of the group yet.
    while (recent.latestSeq < this.latestSeq) recent.read(this.lines[recent.latestSeq - this.#state.latestSeq] as string)
    return recent
  }

  /** Lays a batch on the tape, and takes it off again when it is refused. */
  #lay({ publish, sub }: Submission, fresh: Publish['drafts']): Refusal | undefined {
    const before = this.lines.length
    try {
      for (const draft of fresh) this.#layDraft(draft, publish.client, sub)
      return undefined
    } catch (error) {
      this.lines.length = before
      this.#state.recent.kept?.undoTo(this.latestSeq)
      if (error instanceof Refusal) return error
      throw error
    }
  }

  /** Throws the refusal of one draft: it is too large, or against the application's rule. */
  #layDraft(draft: Publish['drafts'][number], client: string | undefined, sub: string): void {
    const { rules, recent } = this.#state
    const seq = this.latestSeq + 1
    const line = encodeEvent(seq, client, draft)
    if (rules === undefined) {
      recent.kept?.add({ ...draft, seq, client }, line.length)
    } else {
      if (rules.recent > 0) this.reaching(rules.recent)
      // What was encoded is what is stored: the rule is given a copy of that, which it cannot change either.
      const event = freeze(JSON.parse(line) as TapeEvent)
      const refusal = rules.refusalOf(event, sub, rules.recent > 0 ? recent.kept : undefined)
      if (refusal !== undefined) throw refusal
      recent.kept?.add(event, line.length)
    }
    this.lines.push(line)
  }
}

function refuse(code: Code, details: RefusalDetails = {}): Verdict {
  return { type: 'refused', refusal: new Refusal(code, details) }
}
