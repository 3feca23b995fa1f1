/** A client that has nothing of a long tape reads it folded; one that has written, or begins to, reads it as it is. */
import { describe, expect, test } from 'vitest'
import type { ReadRequest, Stream } from '../../src/client/index.ts'
import { Text } from '../../src/models/index.ts'
import type { Draft } from '../../src/protocol/index.ts'
import { snapshotBounds } from '../../src/server/sealed/snapshot-builder.ts'
import { SimNetwork } from '../simulation/sim-network.ts'
import { SimProcess } from '../simulation/sim-process.ts'
import { SimServer } from '../simulation/sim-server.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { epoch, TestStream, testEvent } from '../support/test-stream.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const count = 9000

/** A tape with a text that somebody typed, and a newcomer to it. */
async function world({ failure = 0, loss = 0, isSealed = true } = {}) {
  const [time, random] = [new VirtualTime(), new SeededRandom(1)]
  const server = new SimServer(time, isSealed ? {} : { sealing: { random, ...unsealed } })
  for (let counter = 1; counter <= count; ) {
    const seen = counter - 2
    const drafts = Array.from({ length: Math.min(500, count + 1 - counter) }, (): Draft & { counter: number } => ({
      counter: counter++,
      seen,
      type: 'update',
      collection: 'notes',
      identifier: 'text',
      deltas: { text: [{ type: 'insert', offset: 0, values: 'ab'[counter % 2] as string }] },
    }))
    server.core.committer.submit({ publish: { client: 'typist', drafts }, sub: 'sub' }, () => {})
    await time.advance(1)
  }
  expect(server.core.state.latestSeq).toBe(count - 1)
  const network = new SimNetwork(server, { time, random, temper: { loss, failure, delayMsMax: 50 }, pageBytes: 200_000 })
  const reads: ReadRequest[] = []
  const chunks: string[] = []
  const process = new SimProcess('N', {
    time,
    random,
    network: Object.assign(Object.create(network) as SimNetwork, {
      transport: () => {
        const transport = network.transport()
        const { read, readChunk } = transport
        return Object.assign(transport, {
          readChunk: (request: Parameters<typeof readChunk>[0]) => {
            chunks.push(request.hash)
            return readChunk(request)
          },
          read: (request: ReadRequest) => {
            reads.push(request)
            return read(request)
          },
        })
      },
    }),
  })
  const open = () => {
    const stream = process.open()
    const text = new Text('notes')
    stream.attach(text)
    return { stream, text }
  }
  const settle = async (stream: Stream) => {
    for (
      let waited = 0;
      waited < 300 && (stream.latestSeq < count - 1 || stream.status.holes.length > 0 || stream.status.pending > 0);
      waited++
    ) {
      stream.nudge()
      await time.advance(1000)
    }
  }
  return { time, reads, chunks, open, settle, server }
}

const unsealed = {
  bounds: { eventsMax: 1e6, bytesMax: 1e9, keptEvents: 1e6, keptBytes: 1e9 },
  chunks: snapshotBounds,
  delayMsMax: 0,
  failure: 0,
}

const latestSeq = 64 * 1500 - 1

/** A client of a tape with a snapshot of equal chunks, on a link that brings one at a time, four of them meanwhile. */
function slowSnapshot({ chunks, msPerChunk }: { readonly chunks: number; readonly msPerChunk: number }) {
  const client = new TestStream()
  const reads: string[] = []
  let hanging: string | undefined
  let freeAt = 0
  client.transport.readSnapshot = async () => ({
    epoch,
    latestSeq,
    covers: [[0, latestSeq]],
    chunks: Array.from({ length: chunks }, (_, n) => ({ hash: `chunk-${n}`, bytes: 1e6, events: 1 })),
  })
  client.transport.readChunk = async ({ hash }) => {
    reads.push(hash)
    if (hash === hanging) {
      hanging = undefined
      await new Promise(() => {})
    }
    const { time } = client
    freeAt = Math.max(freeAt, time.now) + msPerChunk
    await new Promise<void>((resolve) => time.set(resolve, freeAt - time.now))
    return { events: [testEvent(reads.length)] }
  }
  /** Lets time pass on a link that answers its pings. */
  const pong = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1000) {
      await client.settle(1000)
      if (client.link.texts.at(-1) === 'ping') client.link.events.onFrame('pong')
    }
  }
  const hang = (hash: string) => {
    hanging = hash
  }
  return { client, reads, pong, hang }
}

const whole = 'ba'.repeat(count / 2)

describe('a newcomer to a long tape', () => {
  test('[C19] reads its snapshot, and what is behind that as it is', async () => {
    const { reads, chunks, open, settle, server } = await world()
    const { stream, text } = open()
    await settle(stream)
    expect(text.value).toBe(whole)
    const { through, chunks: all } = server.tape.snapshots().current ?? { through: -1, chunks: [] }
    expect(through).toBeGreaterThan(6000)
    expect(chunks).toEqual(all.map(({ hash }) => hash))
    expect(reads.every(({ isFolded, ranges }) => isFolded !== true && (ranges[0]?.[0] ?? 0) > through)).toBe(true)
    text.splice(0, 0, 'new ')
    await settle(stream)
    expect(stream.status).toMatchObject({ pending: 0, refused: [], holes: [] })
  })

  test('[C19] without a snapshot reads it folded, and the few events at its end as they are', async () => {
    const { reads, open, settle } = await world({ isSealed: false })
    const { stream, text } = open()
    await settle(stream)
    expect(text.value).toBe(whole)
    expect(reads.filter(({ isFolded }) => isFolded).map(({ ranges }) => ranges)).toEqual([[[0, 8959]]])
    text.splice(0, 0, 'new ')
    await settle(stream)
    expect(stream.status).toMatchObject({ pending: 0, refused: [], holes: [] })
  })

  test.each([
    [500, 1, true],
    [501, 12, false],
  ])('[C19][H15] reads it as it is where folding would hardly make it less (%i of 1000 bytes)', async (folded, pages, isFolded) => {
    const client = new TestStream()
    client.transport.readSizes = async () => ({ plain: 1000, folded })
    await client.welcome(49_151)
    await client.settle()
    for (let read = 0; read < client.transport.reads.length; read++) {
      const { ranges, answer } = client.transport.reads[read] as (typeof client.transport.reads)[number]
      answer({ epoch: 'epoch-1', latestSeq: 49_151, covers: ranges, events: [] })
      await client.settle()
    }
    expect(client.transport.reads.map((read) => read.isFolded === true)).toEqual(Array(pages).fill(isFolded))
    expect(client.stream.status.holes).toEqual([])
  })

  test('[C19] [C1] on a slow link reads each chunk once, however long all of them take', async () => {
    const { client, reads, pong } = slowSnapshot({ chunks: 20, msPerChunk: 12_000 })
    await client.welcome(latestSeq, { counter: 0 })
    await pong(250_000)
    expect(client.stream.status).toMatchObject({ holes: [], problem: undefined })
    expect(reads).toHaveLength(20)
    expect([client.transport.reads, client.reported]).toEqual([[], []])
  })

  test('[C19] [C1] after a chunk that does not come reads on with the rest, and asks for nothing while there is no link', async () => {
    const { client, reads, pong, hang } = slowSnapshot({ chunks: 8, msPerChunk: 1000 })
    hang('chunk-2')
    await client.welcome(latestSeq, { counter: 0 })
    await pong(100_000)
    expect(client.stream.status.holes).toEqual([])
    expect(reads.filter((hash) => hash !== 'chunk-2').sort()).toEqual([0, 1, 3, 4, 5, 6, 7].map((n) => `chunk-${n}`))

    const paused = slowSnapshot({ chunks: 8, msPerChunk: 1000 })
    await paused.client.welcome(latestSeq, { counter: 0 })
    paused.client.stream.pause()
    await paused.client.settle(60_000)
    expect(paused.reads).toHaveLength(4)
    paused.client.stream.resume()
    await paused.client.welcome(latestSeq, { counter: 0 })
    await paused.pong(20_000)
    expect([paused.client.stream.status.holes, paused.reads.length]).toEqual([[], 8])
  })

  test('[C19] [C1] waits for a large folded read as long as its bytes may take', async () => {
    const client = new TestStream()
    client.transport.readSizes = async () => ({ plain: 2 ** 26, folded: 2 ** 23, snapshot: 0 })
    await client.welcome(49_151)
    expect(client.transport.reads).toMatchObject([{ isFolded: true, withinMs: 240_000 }])
  })

  test('[C19] goes on with what it has after a restart', async () => {
    const { reads, open, settle } = await world()
    await settle(open().stream)
    const before = reads.length
    const { stream, text } = open()
    await settle(stream)
    expect(text.value).toBe(whole)
    expect(reads).toHaveLength(before)
  })

  test('[C19] that begins to write reads everything as it is, and what it wrote is taken over that', async () => {
    const { time, chunks, open, settle } = await world()
    const { stream, text } = open()
    for (let waited = 0; waited < 200 && chunks.length === 0; waited++) await time.advance(1)
    expect(chunks).toHaveLength(1)
    text.splice(0, 0, 'new ')
    await settle(stream)
    expect(stream.status).toMatchObject({ pending: 0, refused: [], holes: [] })
    expect(text.value.replace('new ', '')).toBe(whole)
    expect(text.value).toContain('new ')
  })

  test('[C19] reads on plainly when a folded read fails, whatever else does', async () => {
    const { open, settle } = await world({ failure: 0.3, loss: 0.1 })
    const { stream, text } = open()
    await settle(stream)
    expect(text.value).toBe(whole)
  })
})
