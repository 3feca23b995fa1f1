/** Looking at the objects from behind: what they store, and whether they exist at all. */

import { listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { call } from '../../support/live.ts'

/** Streams named ruled-… are those with rules, bucketed-… those with a bucket. */
export function stubOf(stream: string): DurableObjectStub {
  const namespace = stream.startsWith('ruled-') ? env.RULED : stream.startsWith('bucketed-') ? env.BUCKETED : env.STREAMS
  return namespace.get(namespace.idFromName(stream))
}

let made = 0

/** Runs inside an object that nothing has been stored in. */
export function inFreshObject<Result>(run: (storage: DurableObjectStorage) => Result): Promise<Result> {
  return runInDurableObject(stubOf(`fresh-${++made}`), (_, { storage }) => run(storage))
}

/** Whether anyone has ever addressed the object of this name. */
export async function isKnown(stream: string): Promise<boolean> {
  const id = env.STREAMS.idFromName(stream).toString()
  return (await listDurableObjectIds(env.STREAMS)).some((known) => known.toString() === id)
}

/** How many rows each table of the stream holds; empty while it has no tables. */
export function rowCounts(stream: string): Promise<Record<string, number>> {
  return runInDurableObject(stubOf(stream), (_, { storage: { sql } }) => {
    const tables = sql
      .exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray()
    return Object.fromEntries(tables.map(({ name }) => [name, sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${name}`).one().n]))
  })
}

/** Everything the tape holds, byte for byte, to see that it has not changed. */
export function tapeOf(stream: string): Promise<string> {
  return runInDurableObject(stubOf(stream), (_, { storage: { sql } }) => {
    if (sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'tape'").toArray().length === 0) return 'none'
    const rows = sql.exec('SELECT first, last, checkpoint, ledger, CAST(body AS TEXT) AS body FROM tape ORDER BY last').toArray()
    return JSON.stringify([sql.exec('SELECT * FROM stream').toArray(), rows, sql.exec('SELECT * FROM client').toArray()])
  })
}

export async function latestSeqOf(stream: string): Promise<number> {
  const { latestSeq } = await (await call(`/v1/streams/${stream}`)).json<{ latestSeq: number }>()
  return latestSeq
}

/** Settles when the object has so many open sockets: a turn at a time, for as long as the test may last. */
export async function untilSockets(stream: string, count: number): Promise<void> {
  const open = () =>
    runInDurableObject(stubOf(stream), (_, state) => state.getWebSockets().filter(({ readyState }) => readyState === WebSocket.OPEN).length)
  while ((await open()) !== count);
}

/** Settles when all before this seq has been sealed, by the object's own alarm. */
export async function untilSealed(stream: string, hotFirst: number): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    // An alarm that runs already has its turn.
    if (!(await runDurableObjectAlarm(stubOf(stream)))) await new Promise((resolve) => setTimeout(resolve, 0))
    const first = await runInDurableObject(
      stubOf(stream),
      (_, { storage: { sql } }) => sql.exec<{ first: number }>('SELECT min(first) AS first FROM tape').one().first,
    )
    if (first >= hotFirst) return
  }
  throw new Error(`The tape of ${stream} has not been sealed up to ${hotFirst}.`)
}

/** Settles when the tape has a snapshot of all that is sealed. */
export async function untilSnapshot(stream: string): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    // An alarm that runs already has its turn.
    if (!(await runDurableObjectAlarm(stubOf(stream)))) await new Promise((resolve) => setTimeout(resolve, 0))
    const isDone = await runInDurableObject(stubOf(stream), (_, { storage: { sql } }) => {
      const [kept] = sql.exec<{ state: string }>('SELECT state FROM snapshot').toArray()
      const { current } = JSON.parse(kept?.state ?? '{}') as { current?: { through: number } }
      return current?.through === sql.exec<{ last: number }>('SELECT max(last) AS last FROM segment').one().last
    })
    if (isDone) return
  }
  throw new Error(`${stream} has no snapshot.`)
}
