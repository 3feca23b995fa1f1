/** A tape's state for the sequencer, made of plain events: what storage and ledger would say of them. */
import type { Publish } from '../../src/protocol/publish.ts'
import { type Group, type Submission, sequence, type TapeState, type Verdict, type Written } from '../../src/server/sequencer.ts'
import type { LedgerEntry } from '../../src/server/tape-storage.ts'

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
  readonly events: (Written & { readonly counter?: number })[] = []
  readonly clients = new Map<string, LedgerEntry>()
  readonly asked: number[] = []

  get state(): TapeState {
    return {
      epoch: this.epoch,
      latestSeq: this.events.length - 1,
      lookup: (client) => this.clients.get(client),
      writtenAfter: (seq) => {
        this.asked.push(seq)
        return this.events.slice(seq + 1)
      },
    }
  }

  /** Decides a group and takes what it takes. */
  commit(...submissions: Submission[]): Group {
    const group = sequence(this.state, submissions)
    if (group.lines.length > 0) this.epoch ??= 'epoch-1'
    this.events.push(...group.lines.map((line) => JSON.parse(line) as Written))
    for (const [client, entry] of group.clients) this.clients.set(client, entry)
    return group
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
