/**
 * What a stream's object is made of, and how that hangs together: the core and all that works on it, over what the platform
 * gives it to work with. Everything here can be made anew at any time.
 *
 * It answers nobody: what comes in from outside is `StreamObject`'s.
 */
import { closeCodes } from '../../protocol/codes.ts'
import type { Env } from '../env.ts'
import { IndexBuilder } from '../filters/index-builder.ts'
import { Borrower } from '../forks/borrower.ts'
import { Forker } from '../forks/forker.ts'
import { type AskLender, type LendingAnswer, type LendingCall, takeAnswer } from '../forks/lending.ts'
import { LendableBlobs, type Loans } from '../forks/loans.ts'
import { Parent } from '../forks/parent.ts'
import { SqliteLoans } from '../forks/sqlite-loans.ts'
import { LayeredBlobs } from '../sealed/blobs.ts'
import { BucketBlobs } from '../sealed/bucket-blobs.ts'
import { Contents, gzipCodec } from '../sealed/contents.ts'
import { Lessor } from '../sealed/sealed-state.ts'
import { Sealer } from '../sealed/sealer.ts'
import { SnapshotBuilder } from '../sealed/snapshot-builder.ts'
import { SqliteBlobs } from '../sealed/sqlite-blobs.ts'
import { StreamCore } from '../stream-core.ts'
import { sliceFrame } from '../tape/slice-frames.ts'
import { SqliteSchema } from '../tape/sqlite-schema.ts'
import { SqliteTape } from '../tape/sqlite-tape.ts'
import { TimedBlobs } from '../timed-blobs.ts'
import type { StreamRules } from '../turn/rules.ts'
import { Sessions } from './sessions.ts'
import { Upkeep } from './upkeep.ts'

export interface Parts {
  readonly core: StreamCore
  readonly contents: Contents
  readonly sessions: Sessions
  readonly lessor: Lessor
  readonly loans: Loans
  readonly parent: Parent
  readonly forker: Forker
  readonly upkeep: Upkeep
}

/** What forks ask of another object: only objects of the deployment can. */
export interface LendingObject {
  lend(call: LendingCall, asked: unknown): Promise<LendingAnswer>
}

export function createParts(state: DurableObjectState, env: Env, rules?: StreamRules): Parts {
  const id = state.id.toString()
  const schema = new SqliteSchema(state.storage)
  const storage = new SqliteTape(state.storage, schema)
  const loans = new SqliteLoans(state.storage.sql, schema)
  const rows = new SqliteBlobs(state.storage.sql)
  const bucket = env.SEGMENTS && new TimedBlobs(new BucketBlobs(env.SEGMENTS, id))
  const blobs = bucket === undefined ? rows : new LayeredBlobs(bucket, rows)
  const contents = new Contents(new LendableBlobs(blobs, loans), gzipCodec, report)
  const sessions = new Sessions(state)
  const onUpkeepDue = () => void state.storage.setAlarm(Date.now())
  // Whoever is connected forgets what it has, and reads anew. The frame says so to those who hear of closed sockets late.
  const onChanged = () => {
    const { epoch, latestSeq, closed } = core.state
    sessions.closeAll(closeCodes.changed, 'changed', sliceFrame({ epoch, latestSeq, closed, covers: [] }))
  }
  const shared = { storage, contents, pause, now: Date.now, newEpoch, onUpkeepDue }
  const core = new StreamCore({
    ...shared,
    listeners: sessions,
    later: afterThisTurn,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    onRewritten: onChanged,
    report,
    rules,
  })
  const ask = askerOf(env.STREAMS)
  const idOf = (stream: string) => env.STREAMS.idFromName(stream).toString()
  const forker = new Forker({ ...shared, core, loans, ask, idOf, onMade: onChanged })
  const upkeep = new Upkeep({
    core,
    contents,
    sealer: new Sealer(core.sealed, contents, pause),
    snapshots: new SnapshotBuilder(core.sealed, contents, { pause }),
    indexes: new IndexBuilder(core, pause),
    forker,
    borrower: new Borrower({ tape: core.sealed, loans, ask }),
    loans,
    now: Date.now,
    onExpired: () => sessions.closeAll(closeCodes.deleted, 'stream-deleted'),
    wake: (afterMs) => wakeBy(state.storage, Date.now() + afterMs),
    report,
  })
  const parent = new Parent({ id, core, storage, contents, loans, inRows: (names) => rows.known(names), onReturned: onUpkeepDue })
  return { core, contents, sessions, lessor: new Lessor(core), loans, parent, forker, upkeep }
}

/**
 * The runtime delivers what has arrived before it reads on from a body, even one that is at hand: whatever came in
 * the same turn waits by then. One publish alone goes at once; a timer, which takes a millisecond, is worth it only
 * where others have come and more will.
 */
function afterThisTurn(run: () => void, isAlone: () => boolean): void {
  const decide = () => (isAlone() ? run() : setTimeout(run, 0))
  new Response(' ').text().then(decide, decide)
}

/** Sets the alarm for then, unless it rings sooner: somebody may have asked for it while the last one was at work. */
async function wakeBy(storage: DurableObjectStorage, at: number): Promise<void> {
  const before = await storage.getAlarm()
  if (before === null || at < before) await storage.setAlarm(at)
}

/** After an exception a stub is no good any more: each question has its own. */
function askerOf(namespace: DurableObjectNamespace): AskLender {
  return async (id, call, asked) => {
    const stub = namespace.get(namespace.idFromString(id)) as unknown as LendingObject
    return takeAnswer(await stub.lend(call, asked)) as never
  }
}

function newEpoch(): string {
  return crypto.randomUUID().slice(0, 13)
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

function report(error: unknown): void {
  console.error(error)
}
