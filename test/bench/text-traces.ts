/**
 * The recorded histories through a real server, once each: clients type them, and one that comes later reads the text.
 *
 * Two who type at once are to know of each other what they knew then, no more and no less. So what one of them sends is on
 * its way until the other is to have it: then it comes on the tape, and to both. By then the writer has all that is on the
 * tape, as what the other did came there in the same way; so one tape can tell whatever two people have lived through.
 */
import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as Y from 'yjs'
import { writeDeltas } from '../../src/protocol/index.ts'
import { startCacheService } from './cache-service.ts'
import { HttpClient } from './http-client.ts'
import { untilQuiet } from './long-tape.ts'
import { HeldNetwork, MeteredClient, MeteredNetwork } from './metered-client.ts'
import type { Table } from './report.ts'
import { type Concurrent, type History, knownOf, readConcurrent, readHistory, updatesOf } from './texts.ts'
import { type Server, startServer } from './workerd.ts'

/** As many as one publish may have. */
const batchDrafts = 1000
const progressMs = 5000

export async function benchTextTraces(traces: string): Promise<readonly Table[]> {
  const cache = await startCacheService()
  // To count rows takes next to nothing beside the rest, and tells what is stored.
  const server = await startServer('Tapeline', { cachePort: cache.port, wrapper: 'row-counter' })
  try {
    return [await alone(server, readHistory(traces)), await together(server, readConcurrent(traces))]
  } finally {
    await server.stop()
    cache.stop()
  }
}

/** Bytes are those of frames and of bodies. */
interface Read {
  readonly events: number
  readonly storedBytes: number
  readonly readMs: number
  readonly readBytes: number
}

interface Written extends Read {
  readonly writtenMs?: number
  readonly sentBytes: number
}

async function alone(server: Server, history: History): Promise<Table> {
  const ways = [await typed(server, history), await published(server, history), throughYjs(history)]
  const row = (figure: string, cell: (way: Written) => number | undefined) => ({ figure, cells: ways.map(cell) })
  return {
    title: `${history.name}: ${history.patches.length} edits through a server`,
    columns: ['typed', 'each apart', 'Yjs'],
    rows: [
      row('ms until all is on the tape', ({ writtenMs }) => writtenMs),
      row('events on the tape; updates', ({ events }) => events),
      row('bytes sent; of all updates', ({ sentBytes }) => sentBytes),
      row('bytes that the server stores; of the whole document', ({ storedBytes }) => storedBytes),
      row('ms until it shows to one who comes later', ({ readMs }) => readMs),
      row('  bytes received', ({ readBytes }) => readBytes),
    ],
  }
}

/** By a client, as fast as it can, each edit in a turn of its own: what waits folds. */
async function typed(server: Server, { patches, end }: History): Promise<Written> {
  const { text, stream, network } = await MeteredClient.open(new MeteredNetwork(server, 'typed'), server, 'writer')
  const progress = progressOf('typed', patches.length)
  const startedAt = performance.now()
  for (const [index, patch] of patches.entries()) {
    text.splice(...patch)
    progress(index)
    await nextTurn()
  }
  await stream.settled()
  const writtenMs = performance.now() - startedAt
  await stream.close()
  return { writtenMs, sentBytes: network.sentBytes, ...(await readBack(server, 'typed', end)) }
}

/** Without a model, each edit an event of its own. */
async function published(server: Server, { patches, end }: History): Promise<Written> {
  const http = new HttpClient(server)
  const client = randomUUID()
  const startedAt = performance.now()
  let sentBytes = 0
  for (let first = 0; first < patches.length; first += batchDrafts) {
    const drafts = patches.slice(first, first + batchDrafts).map(([offset, removed, inserted], index) => {
      const deltas = { text: writeDeltas([{ offset, removed, inserted: inserted || undefined }]) }
      // The tape before the batch; that its maker knows its own earlier drafts goes without saying.
      return { counter: first + index + 1, seen: first - 1, type: 'update', collection: 'notes', identifier: 'text', deltas }
    })
    const body = JSON.stringify({ client, drafts })
    sentBytes += body.length
    await http.post('/v1/streams/published/events', body)
  }
  const writtenMs = performance.now() - startedAt
  http.close()
  return { writtenMs, sentBytes, ...(await readBack(server, 'published', end)) }
}

/** Without a server: it would keep the document, and give it to whoever comes. */
function throughYjs({ patches, end }: History): Written {
  const updates = updatesOf(patches)
  const written = new Y.Doc()
  for (const update of updates) Y.applyUpdate(written, update)
  const state = Y.encodeStateAsUpdate(written)
  const startedAt = performance.now()
  const read = new Y.Doc()
  Y.applyUpdate(read, state)
  if (read.getText('text').toString() !== end) throw new Error('The text is not the recorded one.')
  const readMs = performance.now() - startedAt
  const sentBytes = updates.reduce((sum, { length }) => sum + length, 0)
  return { events: updates.length, sentBytes, storedBytes: state.length, readMs, readBytes: state.length }
}

/** A client that has nothing yet opens the stream and shows the text, when the server has sealed of it what it seals. */
async function readBack(server: Server, name: string, end: string): Promise<Read> {
  await untilQuiet(server)
  const http = new HttpClient(server)
  const { latestSeq } = JSON.parse((await http.get(`/v1/streams/${name}`)).text()) as { latestSeq: number }
  const { bytes } = JSON.parse((await http.get(`/bench/rows/${name}`)).text()) as { bytes: number }
  http.close()
  const progress = progressOf(`${name}, read`, latestSeq + 1)
  const startedAt = performance.now()
  const reader = await MeteredClient.open(new MeteredNetwork(server, name), server, 'reader')
  await reader.until(() => {
    progress(reader.stream.status.progress.have)
    return reader.hasAllUpTo(latestSeq)
  })
  if (reader.text.value !== end) throw new Error('The text that was read is not the recorded one.')
  const readMs = performance.now() - startedAt
  await reader.stream.close()
  return { events: latestSeq + 1, storedBytes: bytes, readMs, readBytes: reader.network.receivedBytes }
}

async function together(server: Server, { endContent, txns }: Concurrent): Promise<Table> {
  const join = (id: string) => MeteredClient.open(new HeldNetwork(server, 'together'), server, id)
  // Where both have put something at one place, that of the first stands first in the recorded text: the ids decide.
  const people = [await join('person-0'), await join('person-1')] as const
  const startedAt = performance.now()
  const exchanges = await replay(txns, people)
  for (const { network } of people) network.letPass(Number.POSITIVE_INFINITY)
  for (const { stream } of people) await stream.settled()
  const latestSeq = Math.max(...people.map(({ stream }) => stream.latestSeq))
  for (const person of people) await person.until(() => person.hasAllUpTo(latestSeq))
  const ms = performance.now() - startedAt
  for (const { text, stream } of people) {
    if (text.value !== endContent) throw new Error('What one of the two shows is not the recorded text.')
    await stream.close()
  }
  const { events, storedBytes, readMs, readBytes } = await readBack(server, 'together', endContent)
  const sum = (of: (network: HeldNetwork) => number) => people.reduce((total, { network }) => total + of(network), 0)
  return {
    title: `friendsforever: ${txns.length} edits of two clients through a server`,
    columns: [''],
    rows: [
      { figure: 'times that one of them came to know what the other had done', cells: [exchanges] },
      { figure: 'ms until both have all', cells: [ms] },
      { figure: 'publishes refused (412), as the other was faster', cells: [sum(({ overtaken }) => overtaken)] },
      { figure: 'events on the tape', cells: [events] },
      { figure: 'bytes sent by both', cells: [sum(({ sentBytes }) => sentBytes)] },
      { figure: 'bytes received by both', cells: [sum(({ receivedBytes }) => receivedBytes)] },
      { figure: 'bytes that the server stores', cells: [storedBytes] },
      { figure: 'ms until it shows to one who comes later', cells: [readMs] },
      { figure: '  bytes received', cells: [readBytes] },
    ],
  }
}

type Typist = MeteredClient<HeldNetwork>

/** Each of the two makes its next edit when it knows exactly what it knew then. Gives how often it had to be told for that. */
async function replay(txns: Concurrent['txns'], people: readonly [Typist, Typist]): Promise<number> {
  const known = knownOf(txns)
  const runs = runsOf(txns, known)
  const told = [-1, -1]
  const progress = progressOf('typed by two', txns.length)
  let exchanges = 0
  for (const [index, { agent, patches }] of txns.entries()) {
    const [me, other] = agent === 0 ? people : [people[1], people[0]]
    const newest = known[index]?.[1 - agent] ?? -1
    if (newest > (told[agent] ?? -1)) {
      told[agent] = newest
      exchanges++
      await tell(other, me, runs[newest] ?? 0)
    }
    for (const patch of patches) me.type(patch, runs[index] ?? 0)
    progress(index)
    await nextTurn()
  }
  return exchanges
}

/** What the one has done comes to the other up to this run, and no further. */
async function tell(one: Typist, other: Typist, run: number): Promise<void> {
  one.network.letPass(run)
  await one.until(() => one.hasBrought(run))
  const { latestSeq } = one.stream
  await other.until(() => other.hasAllUpTo(latestSeq))
}

/** Which run of its maker each edit belongs to, counted from 1: a run ends with what the other came to know as the last. */
function runsOf(txns: Concurrent['txns'], known: ReturnType<typeof knownOf>): readonly number[] {
  const lasts = new Set(txns.map(({ agent }, index) => known[index]?.[1 - agent]))
  const run = [1, 1]
  return txns.map(({ agent }, index) => {
    const own = run[agent] ?? 1
    if (lasts.has(index)) run[agent] = own + 1
    return own
  })
}

/** Says now and then how far it has come, for whoever waits. */
function progressOf(what: string, total: number): (done: number) => void {
  let saidAt = performance.now()
  return (done) => {
    if (performance.now() - saidAt < progressMs) return
    saidAt = performance.now()
    console.error(`${what}: ${done} of ${total}`)
  }
}
