/** A fork towards those whom it owes: tells them what it still has of theirs, and at its end that it is no more. */
import { isBorrowed, keyOf } from '../sealed/contents.ts'
import { namesOf } from '../sealed/known-names.ts'
import type { Snapshotted } from '../sealed/snapshot.ts'
import type { AskLender } from './lending.ts'
import type { Loans } from './loans.ts'

export interface BorrowerOptions {
  readonly tape: Pick<Snapshotted, 'segmentsFrom' | 'snapshots'>
  readonly loans: Loans
  readonly ask: AskLender
}

export class Borrower {
  readonly #options: BorrowerOptions

  constructor(options: BorrowerOptions) {
    this.#options = options
  }

  get isDue(): boolean {
    return this.#options.loans.debts().some(({ isDue }) => isDue)
  }

  /** Something of theirs may be spoken of no more: all lenders are to be told. */
  owe(): void {
    const { loans } = this.#options
    for (const debt of loans.debts()) loans.owe([debt], debt.borrower)
  }

  /** Whatever nothing speaks of here any more goes back. Rejects when somebody cannot be told now. */
  async giveBack(): Promise<void> {
    const { tape, loans, ask } = this.#options
    const kept = Map.groupBy(namesOf(tape).filter(isBorrowed).map(keyOf), ({ owner }) => owner)
    for (const { id, borrower } of loans.debts()) {
      await ask(id, 'keeps', { fork: borrower, names: (kept.get(id) ?? []).map(({ hash }) => hash) })
      loans.settle(id)
    }
  }

  /** The stream has been deleted: all goes back. Rejects like `giveBack`. */
  async leave(): Promise<void> {
    const { loans, ask } = this.#options
    for (const { id, borrower } of loans.debts()) {
      await ask(id, 'gone', { fork: borrower })
      loans.forgive(id)
    }
  }
}
