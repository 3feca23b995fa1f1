/** A client that wants a part of a tape, then more, less, or one part before the others. */
import { describe, expect, test } from 'vitest'
import {
  type LinkEvents,
  type LinkRequest,
  MemoryStore,
  type ModelReconciler,
  type OutboundEventReceiver,
  type ReadRequest,
  type Stream,
} from '../../src/client/index.ts'
import { ReadFailure } from '../../src/client/link/transport.ts'
import { narrowAfterMs } from '../../src/client/tape/wanting.ts'
import { type ObjectFilter, Refusal, type Slice, type TapeEvent } from '../../src/protocol/index.ts'
import { SimNetwork } from '../simulation/sim-network.ts'
import { SimProcess } from '../simulation/sim-process.ts'
import { SimServer } from '../simulation/sim-server.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { TestStream } from '../support/test-stream.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const projects = 4
/** More than is asked for on the link, which brings all parts at once. */
const count = 1200

/** Notes what it has been given since it began anew. */
class Noting implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  events: TapeEvent[] = []
  resets = 0

  apply(events: readonly TapeEvent[]): void {
    this.events.push(...events)
  }

  reset(): void {
    this.events = []
    this.resets++
  }

  get seqs(): number[] {
    return sorted(this.events.map(({ seq }) => seq))
  }
}

/** A tape of tasks in projects p0 … p3, in turn, and a client of it. */
async function world(wanted: readonly ObjectFilter[]) {
  const [time, random] = [new VirtualTime(), new SeededRandom(1)]
  const server = new SimServer(time, {})
  server.core.declareIndex('project', '/project')
  const submit = (client: string, drafts: readonly object[]) => {
    const numbered = drafts.map((draft, index) => ({ counter: index + 1, seen: -1, collection: 'tasks', ...draft }))
    server.core.committer.submit({ publish: { client, drafts: numbered as never }, sub: 'sub' }, () => {})
    return time.advance(1000)
  }
  const task = (_: unknown, index: number) => ({ type: 'insert', identifier: `t${index}`, values: { project: `p${index % projects}` } })
  const tasks = Array.from({ length: count }, task)
  await submit('maker', tasks.slice(0, 600))
  await submit('other-maker', tasks.slice(600))
  const network = new SimNetwork(server, { time, random, temper: { loss: 0, failure: 0, delayMsMax: 50 }, pageBytes: 1e6 })
  const links: LinkRequest[] = []
  const reads: { readonly request: ReadRequest; readonly slice: Slice }[] = []
  const noted = () => {
    const transport = network.transport()
    const { read, connect } = transport
    return Object.assign(transport, {
      connect: (request: LinkRequest, events: LinkEvents) => {
        links.push(request)
        return connect(request, events)
      },
      read: async (request: ReadRequest) => {
        const slice = await read(request)
        reads.push({ request, slice })
        return slice
      },
    })
  }
  const process = new SimProcess('N', {
    time,
    random,
    network: Object.assign(Object.create(network) as SimNetwork, { transport: noted }),
  })
  const open = (filters = wanted) => {
    const stream = process.open(filters)
    const model = new Noting()
    stream.attach(model)
    return { stream, model }
  }
  const seqsRead = () => sorted(reads.flatMap(({ slice }) => slice.events.map(({ seq }) => seq)))
  return { time, server, network, links, reads, seqsRead, submit, open }
}

function of(...names: string[]): ObjectFilter {
  return { project: names }
}

function seqsOf(...names: string[]): number[] {
  return Array.from({ length: count }, (_, seq) => seq).filter((seq) => names.includes(`p${seq % projects}`))
}

function sorted(seqs: readonly number[]): number[] {
  return seqs.toSorted((a, b) => a - b)
}

async function isVerified(stream: Stream, time: VirtualTime): Promise<boolean> {
  const verifying = stream.verify()
  await time.advance(1000)
  return (await verifying).isSame
}

describe('wanting', () => {
  test('[C21] more and more of a tape reads nothing twice, up to all of it', async () => {
    const { time, open, seqsRead, server } = await world([of('p1')])
    const { stream, model } = open()
    await time.advance(1000)
    expect(seqsRead()).toEqual(seqsOf('p1'))
    const progress = { have: count, total: count }
    expect(stream.status).toMatchObject({ holes: [], progress, parts: [{ filter: of('p1'), missing: 0 }] })
    stream.want([of('p1'), of('p2')])
    await time.advance(1000)
    expect(seqsRead()).toEqual(seqsOf('p1', 'p2'))
    stream.want([{}])
    await time.advance(1000)
    expect(seqsRead()).toEqual(seqsOf('p0', 'p1', 'p2', 'p3'))
    expect(stream.status).toMatchObject({ holes: [], parts: [], connection: 'online' })
    expect([...server.sessions].filter(({ hasEnded }) => !hasEnded).map(({ filter }) => filter)).toEqual([undefined])
    expect(model).toMatchObject({ seqs: seqsOf('p0', 'p1', 'p2', 'p3'), resets: 0 })
  })

  test('[C21][G6] less is let go of after a while, reads nothing, and leaves the models what belongs', async () => {
    const { time, open, seqsRead } = await world([{}])
    const { stream, model } = open()
    await time.advance(1000)
    const before = seqsRead().length
    stream.want([of('p3')])
    await time.advance(narrowAfterMs - 100)
    expect(model).toMatchObject({ resets: 0, events: { length: count } })
    await time.advance(1000)
    expect(model).toMatchObject({ resets: 1, seqs: seqsOf('p3') })
    expect(seqsRead().length).toBe(before)
    expect(stream.status).toMatchObject({ holes: [], parts: [{ filter: of('p3'), missing: 0 }] })
    expect(await isVerified(stream, time)).toBe(true)
  })

  test('[C21] who looks at one thing, then another, and at the first again soon, reads nothing twice', async () => {
    const { time, open, seqsRead } = await world([of('p0')])
    const { stream, model } = open()
    await time.advance(1000)
    for (const name of ['p1', 'p0', 'p1', 'p0', 'p1']) {
      stream.want([of(name)])
      await time.advance(narrowAfterMs / 2)
    }
    expect(seqsRead()).toEqual(seqsOf('p0', 'p1'))
    await time.advance(narrowAfterMs)
    expect(model).toMatchObject({ resets: 1, seqs: seqsOf('p1') })
  })

  test('[C21] what is urgent is read first, then the rest', async () => {
    const { time, open, reads, seqsRead } = await world([of('p2'), {}])
    const { stream } = open()
    const isUrgentHere = () => stream.latestSeq >= 0 && stream.status.parts[0]?.missing === 0
    for (let ms = 0; !isUrgentHere() && ms < 1000; ms += 5) await time.advance(5)
    expect(seqsRead()).toEqual(seqsOf('p2'))
    expect(stream.status).toMatchObject({ holes: [[0, count - 1]], parts: [{ missing: 0 }, { filter: {}, missing: count }] })
    await time.advance(1000)
    expect(reads.map(({ request }) => request.selection)).toEqual([
      { any: [of('p2')], except: [] },
      { any: [{}], except: [of('p2')] },
    ])
    expect(stream.status).toMatchObject({ holes: [], parts: [] })
  })

  test('[C21] a link that comes back while others write brings it all as it is, and stays', async () => {
    const { time, open, server, network, links } = await world([of('p1'), {}])
    const { stream } = open()
    await time.advance(3000)
    expect(stream.status).toMatchObject({ holes: [], parts: [] })
    const before = links.length
    let written = 0
    const write = () => {
      const draft = { counter: ++written, seen: -1, type: 'insert', collection: 'tasks', identifier: `late${written}`, values: {} } as const
      server.core.committer.submit({ publish: { client: 'late', drafts: [draft] }, sub: 'sub' }, () => {})
      time.set(write, 40)
    }
    network.cutAll()
    write()
    await time.advance(10_000)
    expect(links.length - before).toBe(1)
    expect(stream.status).toMatchObject({ connection: 'online', parts: [] })
  })

  test('[C21] what was read is there after a restart, whatever is wanted then', async () => {
    const { time, open, seqsRead } = await world([of('p1'), of('p2')])
    open()
    await time.advance(1000)
    const { stream, model } = open([of('p2'), of('p3')])
    await time.advance(2 * narrowAfterMs)
    expect(seqsRead()).toEqual(seqsOf('p1', 'p2', 'p3'))
    expect(model.seqs).toEqual(seqsOf('p2', 'p3'))
    expect(await isVerified(stream, time)).toBe(true)
  })

  test('[C21] what is wanted before the store has been read leaves what is in it', async () => {
    const { promise: isRead, resolve: read } = Promise.withResolvers<void>()
    class SlowStore extends MemoryStore {
      override async load() {
        await isRead
        return super.load()
      }
    }
    const store = new SlowStore()
    await store.claim('before')
    const tape = { epoch: 'epoch-1', latestSeq: 9, accounted: [[0, 9]], parts: [{ filter: of('p1'), accounted: [[0, 9]] }] } as const
    await store.save({ client: 'me', nextCounter: 1, tape })
    const client = new TestStream({ store, wanted: [of('p1')] })
    client.stream.want([of('p1'), of('p2')])
    await client.settle()
    read()
    await client.welcome(9, { counter: 0 })
    expect(client.stream.status.parts).toEqual([
      { filter: of('p1'), missing: 0 },
      { filter: of('p2'), missing: 10 },
    ])
  })

  test('[G7] what is made beside what is wanted is confirmed, and leaves the models then', async () => {
    const { time, open } = await world([of('p1')])
    const { stream, model } = open()
    await time.advance(1000)
    const make = (identifier: string) => stream.publish({ type: 'insert', collection: 'tasks', identifier, values: { project: 'p0' } })
    const first = make('mine')
    await time.advance(1000)
    stream.pause()
    const second = make('mine, too')
    stream.resume()
    await time.advance(1000)
    expect([first.state.type, second.state.type]).toEqual(['applied', 'applied'])
    expect(stream.status).toMatchObject({ pending: 0, holes: [] })
    expect(model.seqs).toEqual(seqsOf('p1'))
  })

  test('[C21][G2] what comes to belong is there as a whole', async () => {
    const { time, open, submit } = await world([of('p1')])
    const { model } = open()
    await time.advance(1000)
    await submit('mover', [{ type: 'update', identifier: 't4', values: { project: 'p1' } }])
    expect(model.events.at(-1)).toMatchObject({
      seq: 4,
      type: 'insert',
      identifier: 't4',
      values: { project: 'p1' },
      stamps: { project: count },
    })
  })

  test('[C21] what is no filter is said at once, and nothing is changed', async () => {
    const { open } = await world([of('p1')])
    const { stream } = open()
    expect(() => stream.want([])).toThrow(Refusal)
    expect(() => stream.want([{ project: [] }])).toThrow(Refusal)
    expect(() => stream.want([{ project: 7 as never }])).toThrow(Refusal)
    expect(() => stream.want([null as never])).toThrow(Refusal)
    expect(() => stream.want(Array.from({ length: 101 }, (_, n) => of(`p${n}`)))).toThrow(Refusal)
    expect(() => stream.want([of('x'.repeat(201))])).toThrow(Refusal)
    expect(stream.wanted).toEqual([of('p1')])
  })

  test('[C21] what came since the server has said what belongs is asked for again, and nothing else', async () => {
    const client = new TestStream({ wanted: [of('p1'), of('p2')] })
    await client.welcome(9, { counter: 0 })
    await client.slice([[0, 9]])
    client.stream.want([of('p2')])
    await client.settle(narrowAfterMs)
    client.transport.lists[0]?.answer({ epoch: 'epoch-1', latestSeq: 8, objects: [['things', 'thing-1']] })
    await client.settle()
    await client.welcome(9, { counter: 0 })
    expect(client.stream.status).toMatchObject({ holes: [[9, 9]], parts: [{ filter: of('p2'), missing: 1 }] })
  })

  test('[C21] while the server cannot say what belongs, more is held than is wanted', async () => {
    const client = new TestStream({ wanted: [of('p1'), of('p2')] })
    await client.welcome(9, { counter: 0 })
    await client.slice([[0, 9]])
    client.stream.want([of('p1')])
    await client.settle(narrowAfterMs)
    client.transport.lists.at(-1)?.fail(new ReadFailure('The network is gone.'))
    await client.settle(2 * narrowAfterMs)
    expect(client.transport.lists.map(({ filters }) => filters)).toEqual([[of('p1')], [of('p1')]])
    client.transport.lists.at(-1)?.fail(new Refusal('too-large'))
    await client.settle(10 * narrowAfterMs)
    expect(client.transport.lists.length).toBe(2)
    expect(client.reported.at(-1)).toMatchObject({ code: 'too-large' })
    expect(client.model.resets).toBe(0)
    expect(client.stream.status.parts.map(({ filter }) => filter)).toEqual([of('p1'), of('p2')])
  })
})
