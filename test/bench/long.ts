/**
 * What a long tape costs, by its length: who reads it, who opens it when it sleeps, who publishes to it, and what is
 * kept. Opening and publishing are not to depend on the length; reading is to depend on what the tape comes to.
 */
import type { SealedState } from '../../src/server/sealed/sealed-state.ts'
import { type BucketService, startBucketService } from './bucket-service.ts'
import { type CacheService, startCacheService } from './cache-service.ts'
import { HttpClient } from './http-client.ts'
import { LiveSocket } from './live-socket.ts'
import { measurePublishes } from './long-publish.ts'
import { type LongStream, measureCrowd, measureReaders } from './long-readers.ts'
import { fill, progress, settle, TaskTape, untilQuiet } from './long-tape.ts'
import { type Effort, median } from './measure.ts'
import { type Figures, type Table, tableOf, thousands } from './report.ts'
import { type Server, type ServerOptions, startServer } from './workerd.ts'

const stream = 'long'
const path = `/v1/streams/${stream}`
const crowd = 1000
/** So many are not sealed yet. */
const hotEvents = 2000

interface Services {
  readonly cache: CacheService
  readonly bucket: BucketService
}

export async function benchLong(effort: Effort, lengths: readonly number[]): Promise<readonly Table[]> {
  const services = { cache: await startCacheService(), bucket: await startBucketService() }
  const ports = { cachePort: services.cache.port, bucketPort: services.bucket.port }
  // Without a bucket one length is enough: what differs is where the same parts lie.
  const variants = [
    ...lengths.map((length) => ({ name: thousands(length), length, options: ports })),
    ...lengths
      .filter((length) => length <= 100_000)
      .slice(-1)
      .map((length) => ({ name: `${thousands(length)} °`, length, options: { cachePort: ports.cachePort } })),
  ]
  try {
    const measured: { name: string; figures: readonly Figures[] }[] = []
    for (const { name, ...variant } of variants) {
      progress(`${name} events`)
      measured.push({ name, figures: [await measureLength(variant, services, effort), await countRows(variant)] })
    }
    const byLength = measured.map(({ name, figures }) => ({ name, figures: Object.assign({}, ...figures) as Figures }))
    return [
      tableOf('a long tape, by its events (°: without a bucket)', byLength),
      tableOf('publishes beside sealing, and without', await measurePublishes(ports, effort)),
    ]
  } finally {
    services.cache.stop()
    await services.bucket.stop()
  }
}

interface Variant {
  readonly length: number
  readonly options: Omit<ServerOptions, 'wrapper'>
}

async function measureLength({ length, options }: Variant, { cache, bucket }: Services, { rounds }: Effort): Promise<Figures> {
  const before = await bucket.amount()
  const server = await startServer('Tapeline', { ...options, wrapper: 'call-counter' })
  try {
    const client = new HttpClient(server)
    const tape = new TaskTape(length)
    const startedAt = performance.now()
    await fill(client, stream, { tape, length })
    const filledAt = performance.now()
    const state = await settle(server, client, stream)
    const filling = { 'filling: seconds': (filledAt - startedAt) / 1000, 'µs of CPU per event, sealed': (server.cpuMs() / length) * 1000 }
    const inMemory = { 'MB of memory, at most, filling': server.memory().bytesMax / 1e6 }
    const kept = storageOf(state, { server, length, bucketBytes: (await bucket.amount()).bytes - before.bytes })
    const long: LongStream = {
      server,
      stream,
      epoch: state.epoch ?? '',
      latestSeq: state.latestSeq,
      shown: tape.shown,
      shownIn: (project) => tape.shownIn(project),
    }
    // Who reads alone finds no copy in a cache, who comes with a thousand others does.
    cache.keep(false)
    const readers = await measureReaders(long, Math.min(rounds, 3))
    const afterReaders = { 'MB of memory, at most, reading': server.memory().bytesMax / 1e6 }
    cache.keep(true)
    const readersAtOnce = await measureCrowd(long, crowd)
    const { bytes, bytesMax } = server.memory()
    const afterCrowd = { 'MB of memory, at most, at once': bytesMax / 1e6, 'MB of memory at the end': bytes / 1e6 }
    client.close()
    const opening = await measureOpening(server, rounds)
    return { ...readers, ...opening, ...readersAtOnce, ...inMemory, ...afterReaders, ...afterCrowd, ...filling, ...kept }
  } finally {
    await server.stop()
  }
}

/** Each time after a restart, on a Worker that has answered something else. */
async function measureOpening(server: Server, rounds: number): Promise<Figures> {
  progress('opening it when it sleeps')
  const body = '{"drafts":[{"seen":-1,"type":"update","collection":"others","identifier":"one","values":{"title":"Buy milk"}}]}'
  const ways: Readonly<Record<string, (client: HttpClient) => Promise<unknown>>> = {
    'its state': (client) => client.get(path),
    'the welcome on a socket': () =>
      new Promise((resolve, reject) => {
        const opening = LiveSocket.open(server, `${path}/live`, () => void opening.then((socket) => resolve(socket.close())))
        opening.catch(reject)
      }),
    'a publish': (client) => client.post(`${path}/events`, body),
    'where its snapshot is': (client) => client.get(`${path}/snapshot`),
  }
  const figures: Record<string, number> = {}
  for (const [name, open] of Object.entries(ways)) {
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      await server.restart()
      const client = new HttpClient(server)
      await client.get('/v1/streams/nobody-published-to')
      const startedAt = performance.now()
      await open(client)
      times.push(performance.now() - startedAt)
      client.close()
    }
    figures[`asleep: ms until ${name}`] = median(times)
  }
  return figures
}

function storageOf(
  { segments, snapshot }: SealedState,
  { server, length, bucketBytes }: { server: Server; length: number; bucketBytes: number },
): Figures {
  const sum = (entries: readonly { bytes: number; stored: number }[]) => ({
    bytes: entries.reduce((total, { bytes }) => total + bytes, 0),
    stored: entries.reduce((total, { stored }) => total + stored, 0),
  })
  const plain = sum(segments.map((segment) => segment.plain))
  const folded = sum(segments.flatMap((segment) => segment.folded ?? []))
  const places = sum(segments.flatMap((segment) => segment.places ?? []))
  const chunks = sum(snapshot?.chunks ?? [])
  const sealed = (segments.at(-1)?.last ?? -1) + 1
  return {
    'sealed: segments': segments.length,
    'sealed: bytes of JSON per event': plain.bytes / sealed,
    'sealed: bytes stored per event': plain.stored / sealed,
    'sealed: bytes stored folded, besides, per event': folded.stored / sealed,
    'sealed: bytes stored of places, besides, per event': places.stored / sealed,
    'sealed: share of their JSON, plain alone': plain.stored / plain.bytes,
    'sealed: share of their JSON': (plain.stored + folded.stored + places.stored) / plain.bytes,
    'snapshot: chunks': snapshot?.chunks.length ?? 0,
    'snapshot: MB of JSON': chunks.bytes / 1e6,
    'snapshot: MB stored': chunks.stored / 1e6,
    'snapshot: events behind it': length - 1 - (snapshot?.through ?? -1),
    'MB of files of the database': server.storedBytes() / 1e6,
    'MB in the bucket': bucketBytes / 1e6,
  }
}

/** On a server that counts, which is slower: rows written and bytes kept before anything is sealed, and when all is. */
async function countRows({ length, options }: Variant): Promise<Figures> {
  progress('counting rows')
  const server = await startServer('Tapeline', { ...options, wrapper: 'row-counter' })
  try {
    const client = new HttpClient(server)
    const tape = new TaskTape(length)
    const counted = async () => JSON.parse((await client.get(`/bench/rows/${stream}`)).text()) as { rows: number; bytes: number }
    await fill(client, stream, { tape, length: hotEvents })
    const hot = await counted()
    await fill(client, stream, { tape, length })
    await untilQuiet(server)
    const all = await counted()
    client.close()
    return {
      'hot: rows written per event, batches of 100': hot.rows / hotEvents,
      'hot: bytes of the database per event': hot.bytes / hotEvents,
      'sealed: rows written per event, with the hot ones': all.rows / length,
      'sealed: bytes of the database per event': all.bytes / length,
    }
  } finally {
    await server.stop()
  }
}
