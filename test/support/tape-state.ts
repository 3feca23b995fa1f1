/** A tape's state for the sequencer, made of plain events: what storage and ledger would say of them. */
import type { TapeEvent } from '../../src/protocol/event.ts'
import type { Publish } from '../../src/protocol/publish.ts'
import type { LedgerEntry, TapeRow } from '../../src/server/tape/tape-storage.ts'
import { RecentKeeper } from '../../src/server/turn/recent-keeper.ts'
import { Rules, type StreamRules } from '../../src/server/turn/rules.ts'
import { type Group, type Submission, sequence, type TapeState, type Verdict } from '../../src/server/turn/sequencer.ts'

export type Draft = Publish['drafts'][number]

export function draft(counter: number, change: Partial<Draft> = {}): Draft {
  return { counter, seen: -1, type: 'insert', collection: 'tasks', identifier: `t${counter}`, values: { n: counter }, ...change }
}

export function anonymousDraft(change: Partial<Draft> = {}): Draft {
  const { counter: _, ...rest } = draft(1, change)
  return rest
}

export function submission(
  client: string | undefined,
  drafts: readonly Draft[],
  more: Partial<Publish> & { sub?: string } = {},
): Submission {
  const { sub = 'user-1', ...rest } = more
  return { sub, publish: { ...(client === undefined ? {} : { client }), drafts, ...rest } }
}

/** Keeps events as a tape would, and decides groups on them with the sequencer. */
export class PlainTape {
  epoch: string | undefined
  readonly events: TapeEvent[] = []
  readonly clients = new Map<string, LedgerEntry>()
  /** How many of the newest events anything wanted to know of. */
  readonly asked: number[] = []
  /** Errors of the rules. */
  readonly reports: unknown[] = []
  readonly #rules: Rules | undefined
  #keeper: RecentKeeper

  constructor(rules?: StreamRules) {
    this.#rules = rules && new Rules(rules, (error) => this.reports.push(error))
    this.#keeper = this.#newKeeper()
  }

  get state(): TapeState {
    const keeper = this.#keeper
    return {
      epoch: this.epoch,
      latestSeq: this.events.length - 1,
      lookup: (client) => this.clients.get(client),
      recent: {
        get kept() {
          return keeper.kept
        },
        reaching: (depth, latestSeq) => {
          this.asked.push(depth)
          return keeper.reaching(depth, latestSeq)
        },
      },
      rules: this.#rules,
    }
  }

  /** Decides a group and takes what it takes. */
  commit(...submissions: Submission[]): Group {
    const group = sequence(this.state, submissions)
    if (group.lines.length > 0) this.epoch ??= 'epoch-1'
    this.events.push(...group.lines.map((line) => JSON.parse(line) as TapeEvent))
    for (const [client, entry] of group.clients) this.clients.set(client, entry)
    this.#keeper.settle(this.events.length - 1)
    return group
  }

  /** What memory alone has is gone. */
  evict(): void {
    this.#keeper = this.#newKeeper()
  }

  #newKeeper(): RecentKeeper {
    return new RecentKeeper({ rowsBack: () => rowsBack(this.events) }, this.#rules?.recent ?? 0)
  }
}

/** Rows of three events each. */
function* rowsBack(events: readonly TapeEvent[]): Generator<TapeRow> {
  for (let end = events.length; end > 0; end -= 3) {
    const first = Math.max(0, end - 3)
    const lines = events.slice(first, end).map((event) => JSON.stringify(event))
    yield { first, last: end - 1, body: new TextEncoder().encode(lines.join(',\n')) }
  }
}

/** A verdict as one value to compare: seqs and duplicates, or the code with its details. */
export function plain(verdict: Verdict | undefined): unknown {
  if (verdict?.type !== 'refused') return verdict
  return { type: 'refused', code: verdict.refusal.code, ...verdict.refusal.details }
}

export function taken(first: number, last: number, duplicates = 0): unknown {
  return { type: 'taken', seqs: [[first, last]], duplicates }
}

export function refused(code: string, details: object = {}): unknown {
  return { type: 'refused', code, ...details }
}
