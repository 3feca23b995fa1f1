/** The tape in memory keeps the contract of the tape in SQLite. */

import { describeTapeStorage } from '../contract/tape-storage.ts'
import { MemoryTape } from '../support/memory-tape.ts'

describeTapeStorage('the tape in memory', async (run) => {
  const storage = new MemoryTape()
  run({ storage, reopen: () => storage })
})
