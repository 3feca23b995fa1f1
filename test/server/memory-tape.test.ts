/** The tape in memory keeps the contract of the tape in SQLite. */
import { MemoryTape } from '../../src/server/tape/memory-tape.ts'
import { describeTapeStorage } from '../contract/tape-storage.ts'

describeTapeStorage('the tape in memory', async (run) => {
  const storage = new MemoryTape()
  run({ storage, reopen: () => storage })
})
