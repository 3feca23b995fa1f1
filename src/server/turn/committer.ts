/**
 * Commits what is published: all that came in one turn of the event loop is one group.
 *
 *   submit ─► waiting ─► (turn ends) ─► commit: sequence ─ append ─ broadcast ─ answer, with no await in between
 *
 * It owns what waits, which lives as long as whoever waits for the answer. It gives each submission one verdict, once; where
 * storage fails nothing of the group is on the tape, and all of it is refused.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { StreamCoreOptions } from '../stream-core-options.ts'
import type { Appender } from '../tape/appender.ts'
import type { Present } from '../tape/present.ts'
import { isOwner } from './owners.ts'
import type { RecentKeeper } from './recent-keeper.ts'
import type { Rules } from './rules.ts'
import { type Submission, sequence, type TapeState, type Verdict } from './sequencer.ts'

/** A group is one row's ledger and one run: what is more waits for the next turn. */
const groupMax = 500

interface Waiting {
  readonly submission: Submission
  readonly answer: (verdict: Verdict) => void
}

export interface CommitterOptions extends Pick<StreamCoreOptions, 'later' | 'report'> {
  readonly appender: Appender
  readonly recent: RecentKeeper
  /** Absent where the deployment has none. */
  readonly rules: Rules | undefined
}

export class Committer {
  readonly #present: Present
  readonly #options: CommitterOptions
  #waiting: Waiting[] = []

  constructor(present: Present, options: CommitterOptions) {
    this.#present = present
    this.#options = options
  }

  /** Queues a publish for the group that is committed when this turn ends; `answer` is called then, once. */
  submit(submission: Submission, answer: (verdict: Verdict) => void): void {
    this.#waiting.push({ submission, answer })
    if (this.#waiting.length === 1) this.#commitLater()
  }

  /**
   * The last counter that the tape has taken from a client, 0 for none; undefined when the client is another sub's.
   *
   * What waits of that client is decided first, with all that came before it. So of whatever had been submitted by
   * now, nothing is taken behind this answer: it is on the tape and counted, or has been refused for good. The end of
   * the turn then finds the less to decide, or nothing.
   */
  takenFrom(client: string, sub: string): number | undefined {
    while (this.#waiting.some(({ submission }) => submission.publish.client === client)) this.#commit()
    const entry = this.#present.head()?.ledger.lookup(client)
    if (entry === undefined) return 0
    return isOwner(sub, entry) ? entry.counter : undefined
  }

  #commitLater(): void {
    this.#options.later(
      () => this.#commit(),
      () => this.#waiting.length === 1,
    )
  }

  #commit(): void {
    const waiting = this.#waiting.slice(0, groupMax)
    this.#waiting = this.#waiting.slice(groupMax)
    if (this.#waiting.length > 0) this.#commitLater()
    const verdicts = this.#decide(waiting.map(({ submission }) => submission))
    for (const [index, { answer }] of waiting.entries()) answer(verdicts[index] as Verdict)
  }

  /** One verdict for each submission; what is taken has been appended and broadcast. */
  #decide(submissions: readonly Submission[]): readonly Verdict[] {
    const { appender, recent, report } = this.#options
    try {
      if (this.#present.head()?.isImporting === true) return refuseAll(submissions, new Refusal('importing'))
      const state = this.#tapeState()
      const group = sequence(state, submissions)
      if (group.lines.length > 0) appender.append(group)
      recent.settle(state.latestSeq + group.lines.length)
      return group.verdicts
    } catch (error) {
      // Nothing of the group is stored, and memory may be ahead of storage: read it again before the next group.
      this.#present.forget()
      if (!(error instanceof Refusal)) report(error)
      return refuseAll(submissions, error instanceof Refusal ? error : new Refusal('unavailable'))
    }
  }

  #tapeState(): TapeState {
    const head = this.#present.head()
    const { recent, rules } = this.#options
    return {
      epoch: head?.epoch,
      latestSeq: head?.latestSeq ?? -1,
      isClosed: head?.isClosed === true,
      lookup: (client) => head?.ledger.lookup(client),
      recent,
      rules,
    }
  }
}

function refuseAll(submissions: readonly Submission[], refusal: Refusal): readonly Verdict[] {
  return submissions.map(() => ({ type: 'refused', refusal }))
}
