/**
 * Directories that are kept in step through a real server: a thousand files brought there and into another directory, one
 * of them changed, and a changed line of a large one. Bytes are those of frames and bodies.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Folder } from '../../src/models/index.ts'
import { Disk, FolderSync, type SyncNews } from '../../src/node/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { startCacheService } from './cache-service.ts'
import { MeteredNetwork, meteredStream } from './metered-client.ts'
import type { Table } from './report.ts'
import { type Server, startServer } from './workerd.ts'

const filesCount = 1000
const fileLines = 80

export async function benchFolders(): Promise<readonly Table[]> {
  const cache = await startCacheService()
  const server = await startServer('Tapeline', { cachePort: cache.port })
  const root = await mkdtemp(join(tmpdir(), 'tapeline-folders-'))
  try {
    return [await manyFiles(server, root), await largeFile(server)]
  } finally {
    await server.stop()
    cache.stop()
    await rm(root, { recursive: true })
  }
}

/** A directory, kept in step. */
class Place {
  readonly path: string
  readonly network: MeteredNetwork
  readonly #sync: FolderSync
  readonly #stream: ReturnType<typeof meteredStream>
  #onNews: (news: SyncNews) => void

  private constructor(
    path: string,
    network: MeteredNetwork,
    parts: { sync: FolderSync; stream: ReturnType<typeof meteredStream>; news: { tell: (news: SyncNews) => void } },
  ) {
    this.path = path
    this.network = network
    this.#sync = parts.sync
    this.#stream = parts.stream
    this.#onNews = () => {}
    parts.news.tell = (news) => this.#onNews(news)
  }

  static async open(server: Server, path: string, stream: string): Promise<Place> {
    const network = new MeteredNetwork(server, stream)
    const opened = meteredStream(network, server, path.replaceAll('/', '.').slice(-40))
    const folder = new Folder('files')
    opened.attach(folder)
    const news = { tell: (_: SyncNews) => {} }
    const sync = await FolderSync.start(await Disk.open(path), stream, { folder, stream: opened, onNews: (each) => news.tell(each) })
    return new Place(path, network, { sync, stream: opened, news })
  }

  settled(): Promise<void> {
    return this.#sync.settled()
  }

  /** When a file has come. */
  received(path: string): Promise<void> {
    return new Promise((resolve) => {
      this.#onNews = (news) => news.type === 'received' && news.path === path && resolve()
    })
  }

  async close(): Promise<void> {
    await this.#sync.stop()
    await this.#stream.close()
  }
}

async function manyFiles(server: Server, root: string): Promise<Table> {
  const random = new SeededRandom(1)
  const [from, to] = [join(root, 'from'), join(root, 'to')]
  await mkdir(to)
  let bytes = 0
  const contents = new Map<string, string[]>()
  for (let index = 0; index < filesCount; index++) {
    const lines = Array.from({ length: fileLines }, (_, line) => `${line} ${random.below(2 ** 40).toString(36)} of file ${index}`)
    const path = `d${index % 20}/f${index}.txt`
    contents.set(path, lines)
    await mkdir(join(from, `d${index % 20}`), { recursive: true })
    await writeFile(join(from, path), lines.join('\n'))
    bytes += lines.join('\n').length
  }
  const first = await measure(async () => {
    const place = await Place.open(server, from, 'many')
    await place.settled()
    return place
  })
  const second = await measure(async () => {
    const place = await Place.open(server, to, 'many')
    await place.settled()
    return place
  })
  const [here, there] = [first.result, second.result]
  const [firstSent, secondReceived] = [here.network.sentBytes, there.network.receivedBytes]
  const path = 'd7/f507.txt'
  const lines = contents.get(path) ?? []
  lines[40] = 'This line was changed by somebody.'
  const changed = await measure(async () => {
    const came = there.received(path)
    await writeFile(join(from, path), lines.join('\n'))
    await came
  })
  const row = (figure: string, value: number) => ({ figure, cells: [value] })
  const table = {
    title: `${filesCount} files in step through a server`,
    columns: [''],
    rows: [
      row('bytes of the files', bytes),
      row('ms until all are on the tape', first.ms),
      row('  bytes sent', firstSent),
      row('ms until all are in another directory', second.ms),
      row('  bytes received', secondReceived),
      row('ms from a changed line here to the same there', changed.ms),
      row('  bytes sent', here.network.sentBytes - firstSent),
      row('  bytes received', there.network.receivedBytes - secondReceived),
    ],
  }
  await Promise.all([here.close(), there.close()])
  return table
}

async function largeFile(server: Server): Promise<Table> {
  const random = new SeededRandom(2)
  const lines = Array.from(
    { length: 16_000 },
    () => `${Array.from({ length: 8 }, () => random.below(10_000_000).toString(36)).join(' ')} and so on and on`,
  )
  const network = new MeteredNetwork(server, 'large')
  const stream = meteredStream(network, server, 'large')
  const folder = new Folder('files')
  stream.attach(folder)
  await stream.settled()
  const write = async () => {
    const content = new TextEncoder().encode(lines.join('\n'))
    const before = network.sentBytes
    const { bytes } = folder.write('book.txt', content)
    await stream.settled()
    return { bytes, sent: network.sentBytes - before, size: content.length }
  }
  const whole = await write()
  lines[7_777] = lines[7_777]?.replace('and so on', 'and so ON') ?? ''
  const word = await write()
  lines[5_555] = 'This line was changed by somebody.'
  const line = await write()
  lines[0] = `#${lines[0]}`
  lines[9_999] = 'And so was this one.'
  const both = await write()
  await stream.close()
  const row = (figure: string, { bytes, sent }: { bytes: number; sent: number }) => ({ figure, cells: [bytes, sent] })
  return {
    title: `a file of ${whole.size} bytes, changed`,
    columns: ['the change', 'frame'],
    rows: [
      row('all of it, new', whole),
      row('a word of one line', word),
      row('one line, another one altogether', line),
      row('one line, and a byte at the start', both),
    ],
  }
}

async function measure<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const startedAt = performance.now()
  const result = await work()
  return { result, ms: performance.now() - startedAt }
}
