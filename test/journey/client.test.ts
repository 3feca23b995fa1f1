/** The whole client in Node, against a real deployment, through a network that the test cuts and listens to. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Stream } from '../../src/browser/index.ts'
import { WebTransport } from '../../src/browser/web-transport.ts'
import { MemoryStore } from '../../src/client/index.ts'
import { Deployment } from '../support/deployment.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { testToken } from '../support/tokens.ts'
import { framesOf, requestsOf } from '../support/wire-tap.ts'
import { NodeClient } from './node-client.ts'

let deployment: Deployment
let proxy: TcpProxy
let streams = 0
let name: string
const open: NodeClient[] = []

beforeAll(async () => {
  deployment = await Deployment.start()
})
afterAll(() => deployment.dispose())

beforeEach(async () => {
  name = `client-${++streams}`
  proxy = await TcpProxy.start(deployment.port)
})
afterEach(async () => {
  for (const { stream } of open.splice(0)) stream.close()
  await proxy.stop()
})

/** A client behind the proxy. */
function openClient(origin = proxy.origin): NodeClient {
  const client = NodeClient.open(deployment.streamAddress(name, origin))
  open.push(client)
  return client
}

/** Cuts the client off, publishes these batches behind its back, and lets it return; only what comes then is recorded. */
async function missWhileAway(client: NodeClient, ...batches: ReturnType<typeof things>[]): Promise<void> {
  proxy.refuse(true)
  proxy.cut()
  await client.until(({ connection }) => connection === 'offline')
  for (const batch of batches) await deployment.publish(name, batch)
  proxy.forget()
  proxy.refuse(false)
  client.stream.nudge()
}

function things(count: number, more: object = {}) {
  return Array.from({ length: count }, (_, n) => ({
    type: 'insert',
    collection: 'things',
    identifier: `thing-${n}`,
    values: { n, ...more },
  }))
}

const seqsUpTo = (latestSeq: number) => Array.from({ length: latestSeq + 1 }, (_, seq) => seq)

/** The live sockets that went through the proxy, oldest first. */
const sockets = () => proxy.conversations.map(framesOf).filter((frames) => frames !== undefined)

/** The ranges that were read over HTTP. */
const readsOf = ({ conversations }: TcpProxy) =>
  conversations
    .flatMap(requestsOf)
    .flatMap((line) => /events\?seq=([\d,-]+)&epoch=/.exec(line)?.[1] ?? [])
    .sort()

const fetchesIn = (texts: readonly string[]) =>
  texts.map((text) => JSON.parse(text) as { type: string; seq?: unknown }).filter(({ type }) => type === 'fetch')

test('[C4] forty cuts at random bytes, in both directions: everything is on the tape once and in order', async () => {
  const random = new SeededRandom(4)
  const client = openClient()
  const watcher = openClient(deployment.origin)
  client.hurry()
  await client.settled(-1)

  let inserted = 0
  for (let cut = 1; cut <= 40; cut++) {
    // Mostly the cut meets drafts or their acknowledgement, now and then an opening, or what the cut before left.
    if (random.chance(0.7)) await client.settled(-1)
    while (inserted < cut * 7.5) client.insert(inserted++)
    const manner = random.pick(['reset', 'end'] as const)
    const byBytes = proxy.cutAfter(1 + random.below(1500), { direction: random.pick(['up', 'down']), manner })
    // When all came through before so many bytes had gone, the cut comes now.
    await Promise.race([byBytes, client.until(({ pending }) => pending === 0)])
    proxy.cut(manner)
  }
  await client.settled(299)
  await watcher.settled(299)

  const events = await deployment.events(name)
  expect(events.map(({ identifier }) => identifier)).toEqual(seqsUpTo(299).map((n) => `thing-${n}`))
  expect(events.map(({ counter }) => counter)).toEqual(seqsUpTo(299).map((n) => n + 1))
  expect(new Set(events.map((event) => event.client))).toEqual(new Set([client.stream.client]))
  expect(client.model.seqs).toEqual(seqsUpTo(299))
  expect(watcher.model.seqs).toEqual(seqsUpTo(299))
  expect([...client.reported, ...watcher.reported]).toEqual([])
  // What a reconnecting client is told of at once was on the tape without its knowledge: the acknowledgement was cut off.
  const told = sockets().filter(({ received: [welcome] }) => welcome?.includes('"follows"'))
  const sent = sockets().flatMap((socket) => socket.sent.flatMap((text) => (JSON.parse(text) as { drafts?: unknown[] }).drafts ?? []))
  console.log(`300 drafts over ${sockets().length} sockets, ${told.length} acknowledgements cut off, ${sent.length} drafts sent whole.`)
  expect(told.length).toBeGreaterThan(5)
})

test('[C6] a reconnect with nothing new costs less than 200 bytes of frames and bodies', async () => {
  await deployment.publish(name, things(300))
  const client = openClient()
  client.insert(300)
  await client.settled(300)
  proxy.cut()
  proxy.forget()
  await client.until(({ connection }) => connection === 'offline')
  client.stream.nudge()
  await client.settled(300)
  const [socket] = sockets()
  const bytes = socket?.bytes ?? Number.POSITIVE_INFINITY

  // The next thing that comes is an event that is new: the reconnect was no more than what is counted.
  await deployment.publish(name, things(1))
  await client.settled(301)
  expect(proxy.conversations).toHaveLength(1)
  expect(sockets()[0]?.sent).toEqual([])
  expect(sockets()[0]?.received.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual(['welcome', 'slice'])
  console.log(`A reconnect with nothing new: ${bytes} bytes of frames, no bodies.`)
  expect(bytes).toBeLessThan(200)
})

test('[C1] [L1] ten small events that a client missed come by themselves: these ten and no other', async () => {
  const client = openClient()
  await deployment.publish(name, things(20))
  await client.settled(19)
  await missWhileAway(client, things(10))
  await client.settled(29)

  expect(proxy.conversations.flatMap(requestsOf)).toEqual([expect.stringMatching(/\/live\?after=19&epoch=[\w-]+&client=\w+&mark=[\w.-]+$/)])
  expect(sockets()[0]?.sent).toEqual([])
  expect(sockets()[0]?.received.map((text) => JSON.parse(text))).toEqual([
    expect.objectContaining({ type: 'welcome', latestSeq: 29, follows: [[20, 29]] }),
    expect.objectContaining({ type: 'slice', covers: [[20, 29]], events: Array(10).fill(expect.anything()) }),
  ])
  expect(client.model.seqs).toEqual(seqsUpTo(29))
})

test('[C1] [L4] ten large events that a client missed are asked for in one fetch: these ten and no other', async () => {
  const client = openClient()
  await deployment.publish(name, things(20))
  await client.settled(19)
  await missWhileAway(client, ...things(10, { padding: 'x'.repeat(30_000) }).map((thing) => [thing]))
  await client.settled(29)

  expect(sockets()).toHaveLength(1)
  expect(fetchesIn(sockets()[0]?.sent ?? [])).toEqual([{ type: 'fetch', ref: expect.any(Number), seq: [[20, 29]] }])
  expect(proxy.conversations.flatMap(requestsOf)).toHaveLength(1)
  expect(client.model.seqs).toEqual(seqsUpTo(29))
})

/** Up to where the stream's snapshot goes, once it has one. */
async function snapshotEnd(): Promise<number> {
  const headers = { Authorization: `Bearer ${await testToken()}` }
  for (;;) {
    const answer = await fetch(`${deployment.streamAddress(name)}/snapshot`, { headers })
    const { covers } = (await answer.json()) as { covers: readonly [number, number][] }
    if (covers[0] !== undefined) return covers[0][1]
  }
}

test('[C19] a newcomer to ten thousand events reads their snapshot, and asks for nothing that is in it', async () => {
  await deployment.publish(name, things(10_000))
  const through = await snapshotEnd()
  const startedAt = performance.now()
  const client = openClient()
  await client.settled(9_999)
  console.log(`10,000 events caught up in ${Math.round(performance.now() - startedAt)} ms.`)

  const firsts = readsOf(proxy).map((seqs) => Number.parseInt(seqs, 10))
  // The pages behind it, the first of which may begin within it, when most of that page is missing.
  const pages = [0, 4096, 8192].filter((start) => start + 4095 > through)
  expect(firsts.length).toBeLessThanOrEqual(pages.length)
  expect(firsts.every((first) => first >= (pages[0] ?? 0))).toBe(true)
  expect(client.model.seqs).toEqual(seqsUpTo(9_999))
})

test('[C1] [H5] who has the beginning already asks for the rest page by aligned page, so that one answer serves all', async () => {
  const client = openClient()
  // Who has published is told of conflicts, and so reads events one by one.
  client.insert(0)
  await client.settled(0)
  await deployment.publish(name, things(99))
  await client.settled(99)
  await missWhileAway(client, things(9_900))
  await client.settled(9_999)
  expect(readsOf(proxy)).toEqual(['0-4095', '4096-8191', '8192-9999'])
  expect(client.model.seqs).toEqual(seqsUpTo(9_999))
})

test('[C7] a connection that carries nothing is given up, and what was sent into it is sent again', async () => {
  // Twenty times as fast as the clock, so that a minute of silence is a moment.
  const haste = 20
  const stream = new Stream({
    transport: new WebTransport(new URL(deployment.streamAddress(name, proxy.origin))),
    store: new MemoryStore(),
    token: () => testToken(),
    environment: {
      now: Date.now,
      setTimer: (run, afterMs) => setTimeout(run, afterMs / haste),
      clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
      random: () => 0.5,
      newId: () => crypto.randomUUID(),
      report: (error) => {
        throw error
      },
    },
  })
  const client = new NodeClient(stream)
  open.push(client)
  client.insert(0)
  await client.settled(0)
  proxy.stall(true)
  client.insert(1)
  await client.until(({ connection }) => connection === 'offline')
  expect(stream.status.pending).toBe(1)
  proxy.stall(false)
  await client.settled(1)
  expect((await deployment.events(name)).map(({ identifier }) => identifier)).toEqual(['thing-0', 'thing-1'])
})
