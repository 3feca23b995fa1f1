/** Who reads a long tape: real clients that have nothing or most of it, and plain readers in each of the ways there are. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '../../src/client/index.ts'
import { MemoryStore } from '../../src/client/index.ts'
import { Collection } from '../../src/models/index.ts'
import { decodeSlice, type ObjectFilter, type TapeEvent } from '../../src/protocol/index.ts'
import { HttpClient } from './http-client.ts'
import { progress } from './long-tape.ts'
import { median } from './measure.ts'
import { MeteredNetwork, meteredStream } from './metered-client.ts'
import { type Figures, thousands } from './report.ts'
import type { Server } from './workerd.ts'

/** The SDK's aligned pages. */
const pageEvents = 4096

export interface LongStream {
  readonly server: Server
  readonly stream: string
  readonly epoch: string
  readonly latestSeq: number
  /** How many tasks its tape comes to. */
  readonly shown: number
  /** How many of them belong to a project. */
  readonly shownIn: (project: string) => number
}

/** Gives how many bytes came and went. */
type Reader = () => Promise<number>

interface Reading {
  /** What is made before the clock runs. */
  readonly prepare: () => Reader | Promise<Reader>
  readonly times: number
}

export async function measureReaders(long: LongStream, rounds: number): Promise<Figures> {
  const { latestSeq } = long
  const figures: Record<string, number> = {}
  const compare = async (name: string, prepare: Reading['prepare'], times = rounds) => {
    progress(`${long.stream}: ${name}`)
    Object.assign(figures, await measure(name, long, { prepare, times }))
  }
  await compare('a cold client', () => () => readAsClient(long, new MemoryStore()))
  await compare('all in plain pages', () => () => readPlain(long), latestSeq > 500_000 ? 1 : rounds)
  await compare('all folded', () => () => readHttp(long, (client) => readFolded(long, client, 0)))
  await compare('snapshot and folded tail', () => () => readHttp(long, (client) => readSnapshot(long, client)))
  for (const missed of [1000, 100_000]) {
    const last = latestSeq - missed
    if (last < 0) continue
    const kept: TapeEvent[] = []
    await readHttp(long, (client) => readFolded({ ...long, latestSeq: last }, client, 0, (events) => kept.push(...events)))
    await compare(`a client that missed ${thousands(missed)}`, async () => {
      const store = await storeOf(long, last, kept)
      return () => readAsClient(long, store)
    })
  }
  return { ...figures, ...(await measureFiltered(long, rounds)) }
}

/** One of a hundred projects, by an attribute that is declared now. */
async function measureFiltered(long: LongStream, rounds: number): Promise<Figures> {
  const { server, stream, shownIn } = long
  const project = 'project-7'
  const client = new HttpClient(server)
  progress(`${stream}: declaring an attribute`)
  const startedAt = performance.now()
  const before = server.cpuMs()
  const path = `/v1/streams/${stream}/indexes`
  await client.put(`${path}/project`, '{"pointer":"/project"}')
  while ((await client.get(path)).text().includes('building')) await sleep(20)
  const built = { 'an attribute, declared late: ms until known': performance.now() - startedAt, 'and of CPU': server.cpuMs() - before }
  client.close()
  const wanted = [{ project: [project] }]
  progress(`${stream}: 1 % of the objects`)
  const one = { ...long, shown: shownIn(project) }
  const cold = { prepare: () => () => readAsClient(one, new MemoryStore(), wanted), times: rounds }
  const plain = { prepare: () => () => readHttp(long, (http) => readFiltered(long, http, project)), times: rounds }
  return {
    ...built,
    ...(await measure('1 % of the objects, a cold client', long, cold)),
    ...(await measure('1 % of the objects, as they are', long, plain)),
  }
}

/** All events of a project, in as many reads as it takes. */
async function readFiltered({ stream, epoch, latestSeq }: LongStream, client: HttpClient, project: string): Promise<void> {
  for (let next = 0; next <= latestSeq; ) {
    const answer = await client.get(`/v1/streams/${stream}/events?seq=${next}-${latestSeq}&epoch=${epoch}&project=${project}`)
    next = endOf(JSON.parse(answer.text())) + 1
  }
}

async function measure(name: string, { server }: LongStream, { prepare, times }: Reading): Promise<Figures> {
  const rounds: (readonly number[])[] = []
  for (let round = 0; round < times; round++) {
    const reader = await prepare()
    const before = [performance.now(), server.cpuMs(), ownCpuMs()] as const
    const bytes = await reader()
    rounds.push([performance.now() - before[0], bytes / 1e6, server.cpuMs() - before[1], ownCpuMs() - before[2]])
  }
  const of = (index: number) => median(rounds.map((round) => round[index] ?? Number.NaN))
  return { [`${name}: ms`]: of(0), [`${name}: MB`]: of(1), [`${name}: ms of CPU, server`]: of(2), [`${name}: ms of CPU, own`]: of(3) }
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The SDK's client, until its model shows the whole tape. */
async function readAsClient(
  { server, stream, latestSeq, shown }: LongStream,
  store: MemoryStore,
  wanted?: readonly ObjectFilter[],
): Promise<number> {
  const network = new MeteredNetwork(server, stream)
  const client = meteredStream(network, server, 'a-cold-client', { store, wanted })
  const tasks = new Collection('tasks')
  client.attach(tasks)
  await whenChanged(client, tasks, () => client.latestSeq >= latestSeq && client.status.holes.length === 0 && tasks.size === shown)
  await client.close()
  return network.receivedBytes + network.sentBytes
}

function whenChanged(client: Stream, tasks: Collection, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => isSo() && resolve()
    client.subscribe(check)
    tasks.subscribe(check)
  })
}

/** What a client has kept that has read the tape up to a seq. */
async function storeOf({ epoch }: LongStream, last: number, events: readonly TapeEvent[]): Promise<MemoryStore> {
  const store = new MemoryStore()
  await store.claim('the bench')
  await store.save({ client: 'a-reader', nextCounter: 1, tape: { epoch, latestSeq: last, accounted: [[0, last]] }, events })
  return store
}

async function readHttp({ server }: LongStream, read: (client: HttpClient) => Promise<unknown>): Promise<number> {
  const client = new HttpClient(server)
  await read(client)
  client.close()
  return client.bytesRead
}

function readPlain(long: LongStream): Promise<number> {
  const { stream, epoch, latestSeq } = long
  return readHttp(long, async (client) => {
    for (let next = 0; next <= latestSeq; ) {
      const last = Math.min(next - (next % pageEvents) + pageEvents - 1, latestSeq)
      const answer = await client.get(`/v1/streams/${stream}/events?seq=${next}-${last}&epoch=${epoch}`)
      next = endOf(JSON.parse(answer.text())) + 1
    }
  })
}

/** From a seq to the end, in as many reads as it takes. */
async function readFolded(
  { stream, epoch, latestSeq }: LongStream,
  client: HttpClient,
  from: number,
  take: (events: readonly TapeEvent[]) => void = () => {},
): Promise<void> {
  for (let next = from; next <= latestSeq; ) {
    const answer = await client.get(`/v1/streams/${stream}/events?seq=${next}-${latestSeq}&epoch=${epoch}&fold=true`)
    const slice = decodeSlice(answer.text(), true)
    take(slice.events)
    next = endOf(slice) + 1
  }
}

async function readSnapshot(long: LongStream, client: HttpClient): Promise<void> {
  const path = `/v1/streams/${long.stream}/snapshot`
  const index = JSON.parse((await client.get(path)).text()) as {
    readonly covers: Ranges
    readonly chunks: readonly { readonly hash: string }[]
  }
  for (const { hash } of index.chunks) JSON.parse((await client.get(`${path}/${hash}`)).text())
  await readFolded(long, client, endOf(index) + 1)
}

type Ranges = readonly (readonly [number, number])[]

function endOf({ covers }: { readonly covers: Ranges }): number {
  return covers.at(-1)?.[1] ?? -1
}

/** Cold readers at once, each on a connection of its own: what they cost, and what of it reaches the object. */
export async function measureCrowd(long: LongStream, readers: number): Promise<Figures> {
  const { server, stream, epoch, latestSeq } = long
  progress(`${stream}: ${readers} readers at once`)
  const clients = Array.from({ length: readers }, () => new HttpClient(server))
  const path = `/v1/streams/${stream}`
  let requests = 0
  const read = async (client: HttpClient) => {
    const index = JSON.parse((await client.get(`${path}/snapshot`)).text()) as Awaited<ReturnType<typeof JSON.parse>>
    for (const { hash } of index.chunks) await client.skip(`${path}/snapshot/${hash}`)
    await client.skip(`${path}/events?seq=${endOf(index) + 1}-${latestSeq}&epoch=${epoch}&fold=true`)
    requests += index.chunks.length + 2
  }
  const calls = async () => (JSON.parse((await clients[0]?.get('/bench/calls'))?.text() ?? '{}') as { calls: number }).calls
  const before = { calls: await calls(), cpuMs: server.cpuMs(), at: performance.now() }
  await Promise.all(clients.map(read))
  const after = { calls: await calls(), cpuMs: server.cpuMs(), at: performance.now() }
  for (const client of clients) client.close()
  const name = `${thousands(readers)} cold readers at once`
  return {
    [`${name}: seconds`]: (after.at - before.at) / 1000,
    [`${name}: requests`]: requests,
    [`${name}: requests to the object`]: after.calls - before.calls,
    [`${name}: ms of CPU per reader`]: (after.cpuMs - before.cpuMs) / readers,
    [`${name}: MB per reader`]: clients.reduce((sum, { bytesRead }) => sum + bytesRead, 0) / readers / 1e6,
  }
}
