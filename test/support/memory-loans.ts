/** The books of lenders and borrowers in memory. */
import type { Debt, Lender, Loans } from '../../src/server/forks/loans.ts'
import type { UpkeepOptions } from '../../src/server/object/upkeep.ts'

export class MemoryLoans implements Loans {
  readonly #lent = new Map<string, Set<string>>()
  readonly #debts = new Map<string, Debt>()

  lend(fork: string, names: readonly string[]): void {
    this.#lent.set(fork, new Set([...(this.#lent.get(fork) ?? []), ...names]))
  }

  forks(): readonly string[] {
    return [...this.#lent.keys()].sort()
  }

  lentOf(names: readonly string[]): ReadonlySet<string> {
    const all = new Set([...this.#lent.values()].flatMap((some) => [...some]))
    return new Set(names.filter((name) => all.has(name)))
  }

  takeBack(fork: string, kept?: readonly string[]): readonly string[] {
    const lent = [...(this.#lent.get(fork) ?? [])]
    const stays = new Set(kept)
    if (kept === undefined) this.#lent.delete(fork)
    else if (this.#lent.has(fork)) this.#lent.set(fork, new Set(lent.filter((name) => stays.has(name))))
    return lent.filter((name) => !stays.has(name))
  }

  debts(): readonly Debt[] {
    return [...this.#debts.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  owe(lenders: readonly Lender[], borrower: string): void {
    for (const lender of lenders) this.#debts.set(lender.id, { ...lender, borrower, isDue: true })
  }

  settle(id: string): void {
    const debt = this.#debts.get(id)
    if (debt !== undefined) this.#debts.set(id, { ...debt, isDue: false })
  }

  forgive(id: string): void {
    this.#debts.delete(id)
  }
}

/** For streams that nobody forks. */
export const noForks: Pick<UpkeepOptions, 'forker' | 'borrower' | 'loans'> = {
  forker: {
    isUnfinished: false,
    begin: () => Promise.reject(new Error('Nobody forks here.')),
    run: async () => {},
  },
  borrower: { isDue: false, owe: () => {}, giveBack: async () => {}, leave: async () => {} },
  loans: { lentOf: () => new Set() },
}
