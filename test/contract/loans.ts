/** What the books of lenders and borrowers keep: run over memory in Node, and over SQLite inside the real object. */
import { describe, expect, test } from 'vitest'
import type { Loans } from '../../src/server/forks/loans.ts'

export interface LoansRig {
  readonly loans: Loans
  /** The same opened again as after a sleep. */
  reopen(): Loans
  /** The stream is deleted, but for its books. */
  erase(): void
}

/** `withRig` gives the test the books of a stream that has been published to, and runs it where they live. */
export function describeLoans(name: string, withRig: (run: (rig: LoansRig) => void) => Promise<void>): void {
  const onRig = (title: string, run: (rig: LoansRig) => void) => test(title, () => withRig(run))

  describe(name, () => {
    onRig('[V6] what is lent to several comes back from each of them', ({ loans, reopen, erase }) => {
      loans.lend('f', ['x', 'y'])
      loans.lend('g', ['y', 'z'])
      loans.lend('g', ['y'])
      for (const one of [loans, reopen()]) expect(one.lentOf(['w', 'x', 'y', 'z'])).toEqual(new Set(['x', 'y', 'z']))
      expect([...loans.takeBack('f', ['y', 'q'])]).toEqual(['x'])
      erase()
      for (const one of [loans, reopen()]) expect(one.lentOf(['w', 'x', 'y', 'z'])).toEqual(new Set(['y', 'z']))
      expect([...loans.takeBack('g')].sort()).toEqual(['y', 'z'])
      expect([loans.takeBack('g'), loans.takeBack('nobody', ['y'])]).toEqual([[], []])
      expect(reopen().lentOf(['x', 'y', 'z'])).toEqual(new Set(['y']))
      expect([...loans.takeBack('f', [])]).toEqual(['y'])
    })

    onRig('[V7] forks are known until they are no more, whatever they have', ({ loans, reopen }) => {
      loans.lend('g', [])
      loans.lend('f', ['x'])
      loans.takeBack('f', [])
      for (const one of [loans, reopen()]) expect(one.forks()).toEqual(['f', 'g'])
      expect([loans.takeBack('f'), loans.takeBack('g')]).toEqual([[], []])
      expect(reopen().forks()).toEqual([])
    })

    onRig('[V6] what is owed is due until the lender has been told, and is kept when the stream has ended', ({ loans, reopen, erase }) => {
      const lenders = [
        { id: 'p', stream: 'parent' },
        { id: 'q', stream: 'grandparent' },
      ]
      loans.owe(lenders, 'me')
      loans.settle('p')
      const debts = lenders.map((lender) => ({ ...lender, borrower: 'me', isDue: lender.id === 'q' }))
      erase()
      for (const one of [loans, reopen()]) expect(one.debts()).toEqual(debts)
      loans.owe(lenders, 'me')
      expect(
        reopen()
          .debts()
          .map(({ isDue }) => isDue),
      ).toEqual([true, true])
      loans.forgive('p')
      expect(reopen().debts()).toMatchObject([{ id: 'q' }])
    })

    onRig('[V6] there may be many of them', ({ loans, reopen }) => {
      const names = Array.from({ length: 25_000 }, (_, i) => `${i}`.padStart(43, '0'))
      loans.lend('f', names)
      expect(reopen().lentOf(names).size).toBe(25_000)
      expect(loans.takeBack('f', names.slice(1)).length).toBe(1)
      expect(loans.takeBack('f').length).toBe(24_999)
    })
  })
}
