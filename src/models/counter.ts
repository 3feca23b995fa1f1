/**
 * A counter for everybody: what is counted at the same time adds up. The collection has a row for each *hand* that
 * counts, with that hand's own subtotal, and the total is their sum.
 *
 * Why not a delta, "three more"? What is on the tape is applied in any order, more than once, folded, with what is
 * pending on top and taken off again: a subtotal can be, as it says how things stand whatever was known before, and a
 * delta cannot, nor would it fold into the next one by the rules that all events have. So rows are plain objects of
 * which the last write wins; no two hands write one row, and so nothing is ever overwritten that counts. What one hand
 * counts while offline is one draft.
 *
 * A hand is a model instance that has counted: rows grow by one for each page that counts, not for each count. (A hand
 * that outlived its page could write over what it counted before it has read its own row back.) A hand whose row does not
 * show what it last wrote, because the server refused that, or somebody else wrote it, or the tape began anew, leaves
 * the row as it is and goes on with a new one. What is counted while a refused count was still on its way includes it.
 */
import type { ModelReconciler, OutboundEventReceiver } from '../client/reconciler.ts'
import type { Change, Draft, ObjectState, TapeEvent, Values } from '../protocol/index.ts'
import { callAll } from './call-all.ts'
import { Listeners } from './listeners.ts'
import { newIdentifier } from './new-identifier.ts'
import { type ShownObject, StampedObjects } from './objects/stamped-objects.ts'

/** A row that holds no whole number. */
export interface Malformed {
  readonly identifier: string
  readonly values: Values
  /** For people. */
  readonly problem: string
}

export interface CounterOptions {
  /** Gives identifiers that nobody else has, for hands. At random by default. */
  readonly newIdentifier?: (() => string) | undefined
  /** Told of rows that hold no whole number: they count 0. */
  readonly onProblem?: ((problem: Malformed) => void) | undefined
}

const field = 'count'

interface Hand {
  readonly identifier: string
  /** What it last wrote. */
  readonly count: number
}

export class Counter implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly collections: readonly string[]
  readonly #collection: string
  readonly #newIdentifier: () => string
  readonly #onProblem: CounterOptions['onProblem']
  readonly #rows: StampedObjects
  readonly #listeners = new Listeners()
  /** What each row counts. */
  readonly #counts = new Map<string, number>()
  /** Exact, whatever rows there are, and so the same in every order. */
  #total = 0n
  #hand: Hand | undefined

  constructor(collection: string, options: CounterOptions = {}) {
    this.collections = [collection]
    this.#collection = collection
    this.#newIdentifier = options.newIdentifier ?? newIdentifier
    this.#onProblem = options.onProblem
    this.#rows = new StampedObjects(collection)
  }

  /** The total, or the safe integer nearest to it: hands that do not know of each other may count beyond those. */
  get value(): number {
    const max = BigInt(Number.MAX_SAFE_INTEGER)
    return Number(this.#total > max ? max : this.#total < -max ? -max : this.#total)
  }

  /**
   * Adds a whole number, or takes it away when that is negative. Throws a RangeError when it, or what would come of it,
   * is not a safe integer; then nothing has happened.
   */
  add(amount: number): void {
    if (!Number.isSafeInteger(amount)) throw new RangeError(`${amount} is not a whole number that can be counted exactly.`)
    if (this.receiver === undefined) throw new Error('Attach the counter to a stream first: stream.attach(counter).')
    const hand = this.#handToCountWith()
    const count = hand.count + amount
    if (!Number.isSafeInteger(count) || !isSafe(this.#total + BigInt(amount))) {
      throw new RangeError(`To add ${amount} would count further than can be counted exactly.`)
    }
    if (amount === 0) return
    this.#hand = { ...hand, count }
    // Inserted anew each time, so that its last write alone is enough.
    const { identifier } = hand
    this.receiver.didCreateDraft({ type: 'insert', collection: this.#collection, identifier, values: { [field]: count } })
  }

  /** Calls `listener` once after each run of events that changed the total, until the function that it gives is called. */
  readonly subscribe = this.#listeners.subscribe

  stateOf({ identifier }: Pick<Change, 'identifier'>): ObjectState {
    return this.#rows.state(identifier)
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    const before = this.value
    const malformed: Malformed[] = []
    for (const identifier of this.#rows.apply(events, pending).touched) {
      const row = this.#rows.get(identifier)
      const count = countOf(row)
      if (row !== undefined && count === undefined) malformed.push(malformedRow(row))
      this.#total += BigInt(count ?? 0) - BigInt(this.#counts.get(identifier) ?? 0)
      if (row === undefined) this.#counts.delete(identifier)
      else this.#counts.set(identifier, count ?? 0)
    }
    callAll([
      ...malformed.map((problem) => () => this.#onProblem?.(problem)),
      ...(this.value === before ? [] : [() => this.#listeners.tell()]),
    ])
  }

  reset(): void {
    const before = this.value
    this.#rows.reset()
    this.#counts.clear()
    this.#total = 0n
    if (before !== 0) this.#listeners.tell()
  }

  #handToCountWith(): Hand {
    const hand = this.#hand
    if (hand !== undefined && countOf(this.#rows.get(hand.identifier)) === hand.count) return hand
    return { identifier: this.#newIdentifier(), count: 0 }
  }
}

function countOf(row: ShownObject | undefined): number | undefined {
  const values: Values = row?.values ?? {}
  const count = Object.hasOwn(values, field) ? values[field] : undefined
  return typeof count === 'number' && Number.isSafeInteger(count) ? count : undefined
}

function malformedRow({ identifier, values }: ShownObject): Malformed {
  return { identifier, values, problem: `Its ${field} is no whole number` }
}

function isSafe(total: bigint): boolean {
  const max = BigInt(Number.MAX_SAFE_INTEGER)
  return -max <= total && total <= max
}
