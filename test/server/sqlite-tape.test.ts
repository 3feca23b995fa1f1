/** The tape in SQLite, over the double of an object's storage that Node's tests have. */
import { SqliteTape } from '../../src/server/tape/sqlite-tape.ts'
import { describeTapeStorage } from '../contract/tape-storage.ts'
import { ObjectDisk } from '../support/object-disk.ts'

describeTapeStorage('the tape in SQLite, in Node', async (run) => {
  const disk = new ObjectDisk()
  const storage = { sql: disk.sql, transactionSync: <T>(work: () => T) => disk.transactionSync(work), sync: async () => disk.commit() }
  run({ storage: new SqliteTape(storage), reopen: () => new SqliteTape(storage) })
})
