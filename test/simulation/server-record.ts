/** What the server of a simulation was sent and what it answered, for the checker: the tape does not say that. */
import { type Change, type Code, codeFacts, type Draft, type DraftExpect, type RefusalDetails } from '../../src/protocol/index.ts'
import type { Submission, Verdict } from '../../src/server/turn/sequencer.ts'

export interface RecordedRefusal extends Pick<RefusalDetails, 'reason' | 'conflicts' | 'latestSeq'> {
  readonly client: string
  readonly draft: Draft
  readonly code: Code
}

export class ServerRecord {
  readonly refusals: RecordedRefusal[] = []
  /** The preconditions of what was taken, by seq. */
  readonly expected = new Map<number, DraftExpect>()
  /** When the draft with a mark was refused for the first time. */
  readonly refusedAt = new Map<unknown, number>()
  readonly #refused = new Set<string>()

  note({ publish }: Submission, verdict: Verdict, at: number): void {
    const { client, drafts } = publish
    if (client === undefined) return
    if (verdict.type === 'taken') {
      const first = verdict.seqs[0]?.[0] ?? 0
      drafts.slice(verdict.duplicates).forEach(({ expect }, index) => {
        if (expect !== undefined) this.expected.set(first + index, expect)
      })
      return
    }
    const { code, details } = verdict.refusal
    const draft = drafts.find(({ counter }) => counter === details.counter)
    if (draft === undefined || draft.counter === undefined || codeFacts(code).recovery !== 'fatal') return
    const { reason, conflicts, latestSeq } = details
    this.refusals.push({
      client,
      draft,
      code,
      ...(reason === undefined ? {} : { reason }),
      ...(conflicts === undefined ? {} : { conflicts }),
      ...(latestSeq === undefined ? {} : { latestSeq }),
    })
    this.#refused.add(keyOf(draft, code, reason))
    const mark = draft.values?.mark
    if (!this.refusedAt.has(mark)) this.refusedAt.set(mark, at)
  }

  /** Whether it ever refused this draft like that. */
  hasRefused(draft: Change, code: Code, reason: string | undefined): boolean {
    return this.#refused.has(keyOf(draft, code, reason))
  }
}

function keyOf({ type, identifier, version, values, expect }: Change, code: Code, reason: string | undefined): string {
  return JSON.stringify([code, reason, type, identifier, version, values, expect])
}
