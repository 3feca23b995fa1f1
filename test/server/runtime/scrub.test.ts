/** What it takes to overwrite what is left of a redaction in SQLite. */
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { noSnapshots } from '../../../src/server/sealed/snapshot.ts'
import { SqliteTape } from '../../../src/server/tape/sqlite-tape.ts'
import { stubOf } from './objects.ts'

const megabyte = 1_000_000
/** What is filled beyond what is free. */
const spareBytes = 18 * megabyte

/** A stream of so many blobs, of which some go with a redaction, and what overwriting takes: in use at most, and in zeros. */
function scrubbing({ blobs, gone }: { readonly blobs: number; readonly gone: number }) {
  return runInDurableObject(stubOf(`scrubbed-${blobs}-${gone}`), async (_, real) => {
    let [most, zeros] = [0, 0]
    const { sql } = real.storage
    const watched = {
      exec(query: string, ...bindings: unknown[]) {
        const cursor = sql.exec(query, ...bindings)
        most = Math.max(most, sql.databaseSize)
        if (query.includes('zeroblob')) zeros += megabyte
        return cursor
      },
      get databaseSize() {
        return sql.databaseSize
      },
    }
    const transactionSync = <T>(run: () => T) => real.storage.transactionSync(run)
    const storage = { sql: watched, transactionSync, sync: () => real.storage.sync() } as unknown as DurableObjectStorage
    const tape = new SqliteTape(storage)
    const row = { first: 0, last: 0, committedAt: 0, checkpoint: 0, ledger: '[]', body: new Uint8Array(3), start: 0 }
    tape.append({ rows: [row], retired: [], newEpoch: 'e' })
    for (let i = 0; i < blobs; i++) sql.exec(`INSERT INTO blob VALUES (?, zeroblob(${megabyte}))`, `${i}`.padStart(3, '0'))
    const before = sql.databaseSize
    const note = { at: 0, sub: 's', reason: 'x', redacted: 1 }
    tape.rewrite({ epoch: 'e2', rows: [], segments: [], snapshots: { ...noSnapshots, isUnclean: true }, note })
    sql.exec('DELETE FROM blob WHERE name < ?', `${gone}`.padStart(3, '0'))
    const kept = sql.databaseSize
    await tape.scrub()
    return { before, kept, most, zeros, after: sql.databaseSize }
  })
}

test('[R1] takes twice the room of what is kept, and the spare, and no more', async () => {
  const { kept, most, zeros, after } = await scrubbing({ blobs: 60, gone: 1 })
  expect(most).toBeLessThan(2 * kept + spareBytes)
  expect(zeros).toBeGreaterThan(kept)
  expect(after).toBeLessThan(kept + megabyte)
})

test('[R1] fills all that was let go of, however much more than what is kept that was', async () => {
  const { before, kept, most, zeros } = await scrubbing({ blobs: 60, gone: 50 })
  expect(zeros).toBeGreaterThan(before - kept)
  expect(most).toBeLessThan(before + spareBytes)
})
