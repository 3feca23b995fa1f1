/**
 * What a fork asks of the streams that it is made of, from object to object. Each call may come twice, and changes nothing
 * the second time. A call of a fork names it, so that the lender's book says for whom something stays.
 */
import { Refusal, type RefusalDetails } from '../../protocol/codes.ts'
import type { Snapshot } from '../sealed/snapshot.ts'
import type { SegmentEntry } from '../tape/tape-storage.ts'
import type { LedgerPage } from '../turn/ledger.ts'
import type { IndexPlan } from './fork.ts'
import type { Lender } from './loans.ts'

/** Contents without an owner are rows of the parent, to be copied; all others have been lent by the answer, or belong to a lender of the parent. */
export interface Lending {
  /** Whether a fork can be made, and of what. Notes nothing. Refuses with `at`. */
  plan(asked: { readonly through: number | undefined }): Awaitable<ForkPlan>
  /** The fork is going to be made of this stream, or of a fork of it. */
  note(asked: Borrowing): Awaitable<void>
  /** Some segments of from … to, one at least. */
  segments(asked: Borrowing & Range): Awaitable<readonly SegmentEntry[]>
  /** The snapshot, if it ends by `to` and is not too much to copy. */
  snapshot(asked: Borrowing & Omit<Range, 'from'>): Awaitable<Snapshot | undefined>
  /** Lends what another has borrowed to one more. Throws `unavailable` when some of it has been given back. */
  lendOn(asked: Borrowing & Named): Awaitable<void>
  /** A content, packed. Throws `damaged` when it is not there, as for a snapshot that has a newer one by now. */
  content(asked: { readonly epoch: string; readonly hash: string }): Awaitable<Uint8Array<ArrayBuffer>>
  /** The stored events from … last as lines: as many as a page holds. */
  events(asked: Range): Awaitable<EventsPage>
  /** Some clients behind the one that is given, in order, as the tape up to `latestSeq` has them. Those that are left are none when `isEnd`. */
  clients(asked: { readonly epoch: string; readonly after: string }): Awaitable<ClientsPage>
  /** Of all that was lent the fork has these alone. */
  keeps(asked: Borrowing & Named): Awaitable<void>
  /** The fork is no more. */
  gone(asked: Borrowing): Awaitable<void>
}

export interface ForkPlan {
  readonly epoch: string
  readonly through: number
  readonly sharedTo: number
  readonly indexes: readonly IndexPlan[]
  /** Of whom the parent itself was made. */
  readonly lenders: readonly Lender[]
}

export interface EventsPage {
  readonly last: number
  readonly body: Uint8Array
}

export interface ClientsPage extends LedgerPage {
  readonly latestSeq: number
}

interface Borrowing {
  readonly fork: string
}

interface Named {
  readonly names: readonly string[]
}

interface Range {
  readonly epoch: string
  readonly from: number
  readonly to: number
}

type Awaitable<T> = T | Promise<T>

export type LendingCall = keyof Lending
export type Asked<Call extends LendingCall> = Parameters<Lending[Call]>[0]
export type Answered<Call extends LendingCall> = Awaited<ReturnType<Lending[Call]>>

/** Asks an object, by its id. Rejects with what it refuses, or with whatever kept the question from it. */
export type AskLender = <Call extends LendingCall>(id: string, call: Call, asked: Asked<Call>) => Promise<Answered<Call>>

/** An answer from object to object, which carries values alone. */
export type LendingAnswer = { readonly value: unknown } | { readonly refused: Refusal['code']; readonly details: RefusalDetails }

export async function answerLending(lending: Lending, call: LendingCall, asked: unknown): Promise<LendingAnswer> {
  try {
    return { value: await (lending[call] as (asked: unknown) => unknown).call(lending, asked) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { refused: error.code, details: error.details }
  }
}

/** The value of an answer. What is refused is so for the stream that was named as the parent. */
export function takeAnswer(answer: LendingAnswer): unknown {
  if ('value' in answer) return answer.value
  throw new Refusal(answer.refused, { at: 'forkOf', ...answer.details })
}
