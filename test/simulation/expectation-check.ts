/**
 * What the server decided, looked at from the whole tape: a precondition held for everything that was taken under it,
 * and failed for everything that was refused for it; the rules allow all that is on the tape.
 */
import { isDeepStrictEqual } from 'node:util'
import { countSeqs, type Draft, type DraftExpect, includes, normalize, type TapeEvent } from '../../src/protocol/index.ts'
import { recentEventsMax } from '../../src/server/turn/recent.ts'
import type { RecordedRefusal, ServerRecord } from './server-record.ts'
import { recentBefore, rejectionOf } from './sim-rules.ts'
import { Violation } from './violation.ts'

/** `lookBack`: over how many events the server checks preconditions. */
export function checkExpectations(tape: readonly TapeEvent[], { expected, refusals }: ServerRecord, lookBack = recentEventsMax): void {
  for (const event of tape) {
    const said = event.values?.expects as DraftExpect['unchanged'] | undefined
    const expect = expected.get(event.seq)
    if (event.values !== undefined && !isDeepStrictEqual(said, expect?.unchanged)) {
      throw new Violation(`Event ${event.seq} was to expect ${JSON.stringify(said)}, and was sent with ${JSON.stringify(expect)}.`)
    }
    const [inTheWay] = othersSince(tape, { draft: event, client: event.client, expect, latestSeq: event.seq - 1 })
    if (inTheWay !== undefined) throw new Violation(`Event ${event.seq} is on the tape, and event ${inTheWay} stands in its way.`)
  }
  for (const refusal of refusals) checkRefusal(tape, refusal, lookBack)
}

function checkRefusal(
  tape: readonly TapeEvent[],
  { draft, client, code, conflicts = [], latestSeq = -1 }: RecordedRefusal,
  lookBack: number,
): void {
  if (code === 'catch-up-first' && latestSeq - draft.seen <= lookBack) {
    throw new Violation(`${JSON.stringify(draft)} was refused as too far behind ${latestSeq}.`)
  }
  if (code !== 'expect-failed') return
  const inTheWay = othersSince(tape, { draft, client, expect: draft.expect, latestSeq })
  const isTrue = countSeqs(normalize(conflicts)) === inTheWay.length && inTheWay.every((seq) => includes(conflicts, seq))
  if (inTheWay.length === 0 || !isTrue) {
    throw new Violation(`${client}'s ${JSON.stringify(draft)} was refused for ${JSON.stringify(conflicts)}; in its way are ${inTheWay}.`)
  }
}

interface Expecting {
  readonly draft: Draft
  readonly client: string | undefined
  readonly expect: DraftExpect | undefined
  readonly latestSeq: number
}

/** What others wrote, of what a draft expects to be unchanged, behind what it had seen. */
function othersSince(tape: readonly TapeEvent[], { draft, client, expect, latestSeq }: Expecting): readonly number[] {
  if (expect === undefined) return []
  const { unchanged } = expect
  return tape.slice(draft.seen + 1, latestSeq + 1).flatMap((event) => {
    if (event.client === client || event.identifier !== draft.identifier) return []
    const isInTheWay = unchanged === true || event.type !== 'update' || unchanged.some((field) => Object.hasOwn(event.values ?? {}, field))
    return isInTheWay ? [event.seq] : []
  })
}

export function checkRules(tape: readonly TapeEvent[]): void {
  for (const event of tape) {
    const { weight, name } = event.values ?? {}
    if (weight === undefined && name === undefined) continue
    const rejection = rejectionOf(event, recentBefore(tape, event.seq))
    if (rejection !== undefined) throw new Violation(`Event ${event.seq} is on the tape, and against the rules: ${rejection.reason}.`)
  }
}
