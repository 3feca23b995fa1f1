/**
 * One life of a tab that is to be killed with its browser: it edits over IndexedDB from its first moment on, and tells
 * what it does to the server that it comes from, each time before it goes on. Told to drain, it edits nothing, comes to
 * rest, and says what it shows. Several run side by side, in frames of one page, and share the storage as tabs do.
 */
import { openStream } from '../../src/browser/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import type { Entry } from './history.ts'
import { TortureClient } from './torture-client.ts'

export interface TabLife {
  readonly who: string
  /** Unlike that of any other life of the same tab. */
  readonly life: string
  readonly address: string
  readonly seed: number
  /** Where to tell what it does. */
  readonly entries: string
  readonly drains: boolean
}

const restMsMax = 30_000

const { who, life, address, seed, entries, drains } = JSON.parse(decodeURIComponent(location.search.slice(1))) as TabLife
const random = new SeededRandom(seed)
const client = new TortureClient(who, {
  address,
  random,
  record: tell,
  life,
  open: (at, { token, report }) => openStream(at, { token, report }),
})
setInterval(() => client.hurry(), 20)
if (drains) await drain()
else await edit()

/** Returns when the entry is safe from whatever happens to this browser: only a request that waits can do that. */
function tell(entry: Entry): void {
  const request = new XMLHttpRequest()
  request.open('POST', entries, false)
  request.send(JSON.stringify(entry))
}

async function edit(): Promise<void> {
  for (;;) {
    client.noteKept()
    const burst = random.below(6)
    if (client.stream.status.pending < 400) for (let i = 0; i < burst; i++) client.edit()
    await sleep(random.below(30))
  }
}

/** Asks how long the tape is, once its own drafts are on it, and waits until it has all of it. */
async function drain(): Promise<void> {
  await untilDrained(-1)
  const latestSeq = Number(await (await fetch('/latest-seq')).text())
  await untilDrained(latestSeq)
  if (client.isDrained(latestSeq)) client.recordDrained()
  else client.recordStuck()
}

async function untilDrained(latestSeq: number): Promise<void> {
  const deadline = Date.now() + restMsMax
  while (!client.isDrained(latestSeq) && Date.now() < deadline) await sleep(10)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
