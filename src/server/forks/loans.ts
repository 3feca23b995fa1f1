/**
 * The books of what streams share: what this one has lent to whom, and whom it owes. They outlive the stream, until all has
 * come back and everyone has been told.
 */
import type { Blobs } from '../sealed/blobs.ts'
import { isBorrowed } from '../sealed/contents.ts'

/** A stream that a fork has been made of, directly or by way of another. */
export interface Lender {
  /** Of its object. */
  readonly id: string
  readonly stream: string
}

export interface Debt extends Lender {
  /** The name of this stream, as the lender knows it. */
  readonly borrower: string
  /** The lender has not been told yet what is left of what it lent. */
  readonly isDue: boolean
}

export interface Loans {
  /** Notes that a fork is made of this stream, and has borrowed these contents. */
  lend(fork: string, names: readonly string[]): void

  /** Forks that are made of this stream, or share something of it. */
  forks(): readonly string[]

  /** Which of these contents are lent. */
  lentOf(names: readonly string[]): ReadonlySet<string>

  /** Of what the fork has borrowed it has these alone; without them it is no more. Gives what came back. */
  takeBack(fork: string, kept?: readonly string[]): readonly string[]

  debts(): readonly Debt[]

  /** Notes whom this stream owes from now on, with everything due. */
  owe(lenders: readonly Lender[], borrower: string): void

  /** The lender has been told. */
  settle(id: string): void

  /** Nothing is owed to the lender any more. */
  forgive(id: string): void
}

/** Removes nothing that is lent, nor what is somebody else's. */
export class LendableBlobs implements Blobs {
  readonly #blobs: Blobs
  readonly #loans: Pick<Loans, 'lentOf'>

  constructor(blobs: Blobs, loans: Pick<Loans, 'lentOf'>) {
    this.#blobs = blobs
    this.#loans = loans
  }

  put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#blobs.put(name, body)
  }

  get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#blobs.get(name)
  }

  async remove(names: readonly string[]): Promise<void> {
    const own = names.filter((name) => !isBorrowed(name))
    const lent = this.#loans.lentOf(own)
    await this.#blobs.remove(own.filter((name) => !lent.has(name)))
  }

  list(after?: string): Promise<readonly string[]> {
    return this.#blobs.list(after)
  }
}
