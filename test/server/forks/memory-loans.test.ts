/** The books in memory keep the contract of those in SQLite. */
import { describeLoans } from '../../contract/loans.ts'
import { MemoryLoans } from '../../support/memory-loans.ts'

describeLoans('books in memory', async (run) => {
  const loans = new MemoryLoans()
  run({ loans, reopen: () => loans, erase: () => {} })
})
