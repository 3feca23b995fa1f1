/**
 * One life of a client that is to be killed: it edits over a durable store from its first moment on, and writes what it
 * does, line by line, to a file that outlives it. Told to drain, it edits nothing, comes to rest, says what it shows,
 * and ends by itself.
 */
import { openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { SqliteStore } from '../../src/node/sqlite-store.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import type { Entry } from './history.ts'
import { RecordingStore } from './recording-store.ts'
import { TortureClient } from './torture-client.ts'

export interface ClientLife {
  readonly who: string
  /** Unlike that of any other life of the same client. */
  readonly life: string
  readonly address: string
  readonly storePath: string
  readonly historyPath: string
  readonly seed: number
  readonly drains: boolean
}

const timeScale = 20
const restMsMax = 30_000

const { who, life, address, storePath, historyPath, seed, drains } = JSON.parse(process.argv[2] ?? '') as ClientLife
const file = openSync(historyPath, 'a')
const random = new SeededRandom(seed)
const store = new RecordingStore(new SqliteStore(storePath), who, write)
const client = new TortureClient(who, { address, random, record, store, timeScale, life })
setInterval(() => client.hurry(), 5)
client.stream.subscribe(({ connection }) => {
  if (connection === 'online') console.log('online')
})
if (drains) await drain()
else await edit()

/** A line is written as a whole before anything else happens. */
function write(entry: Entry): void {
  writeSync(file, `${JSON.stringify(entry)}\n`)
}

function record(entry: Entry): void {
  if (entry.type !== 'delivered') return write(entry)
  // What the store gave back is known already; whether it is right shows in the model.
  const events = entry.events.filter((event) => !store.hasGiven(event))
  if (events.length > 0) write({ ...entry, events })
}

async function edit(): Promise<void> {
  console.log('editing')
  for (;;) {
    client.noteKept()
    const burst = random.chance(0.1) ? 30 : random.below(8)
    if (client.stream.status.pending < 400) for (let i = 0; i < burst; i++) client.edit()
    await sleep(random.below(20))
  }
}

/** Says when its own drafts are on the tape, hears then how long the tape is, and waits until it has all of it. */
async function drain(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  await untilDrained(-1)
  console.log('empty')
  const latestSeq = Number((await lines.next()).value)
  await untilDrained(latestSeq)
  if (client.isDrained(latestSeq)) client.recordDrained()
  else client.recordStuck()
  process.exit(0)
}

async function untilDrained(latestSeq: number): Promise<void> {
  const deadline = Date.now() + restMsMax
  while (!client.isDrained(latestSeq) && Date.now() < deadline) await sleep(5)
}
