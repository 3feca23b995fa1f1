/** Reading the tape for its own sake: what the events said before they were folded and written over. */
import { describe, expect, test } from 'vitest'
import { Refusal, type SeqRanges, seqMax } from '../../src/protocol/index.ts'
import { epoch, plainSlice, TestStream, testEvent } from '../support/test-stream.ts'
import { twoTabs } from '../support/test-tabs.ts'

/** A client that knows a tape of so many events, and has shown none of those it reads here. */
async function knowing(count: number): Promise<TestStream> {
  const client = new TestStream()
  await client.welcome(-1)
  await client.slice([[0, count - 1]])
  client.model.runs = []
  return client
}

/** Answers the reads of a tape of so many events, as they come, until there are no more. */
async function serve(client: TestStream, count: number, perPage = 10_000): Promise<SeqRanges[]> {
  const asked: SeqRanges[] = []
  for (let index = 0; index < client.transport.reads.length; index++) {
    const { ranges, answer } = client.transport.reads[index] ?? { ranges: [], answer: () => {} }
    asked.push(ranges)
    const [first = 0, last = 0] = ranges[0] ?? []
    const end = Math.min(last, count - 1, first + perPage - 1)
    const covers: SeqRanges = end < first ? [] : [[first, end], ...ranges.slice(1).filter(([, each]) => each < count)]
    // What can never change says no more than what it covers.
    answer({ ...plainSlice(covers), latestSeq: last === seqMax ? count - 1 : end })
    await client.settle()
  }
  return asked
}

describe('reading the tape', () => {
  test('[C18] gives plain events in order of seq, and neither applies nor keeps them', async () => {
    const client = await knowing(10)
    const before = client.stream.status
    const reading = client.stream.read([
      [7, 8],
      [1, 2],
      [2, 3],
    ])
    await client.settle()
    expect(client.transport.reads).toMatchObject([
      {
        token: 'token',
        epoch,
        ranges: [
          [1, 3],
          [7, 8],
        ],
      },
    ])
    client.transport.reads[0]?.answer({ ...plainSlice([[0, 8]]), latestSeq: 8 })
    expect(await reading).toEqual([1, 2, 3, 7, 8].map((seq) => testEvent(seq)))
    expect([client.model.runs, client.stream.status]).toEqual([[], before])
  })

  test('[C18] reads everything by default, in pages that a cache may have, to where the tape ends by then', async () => {
    const client = await knowing(5000)
    const reading = client.stream.read()
    await client.settle()
    const asked = await serve(client, 5002)
    expect(asked).toEqual([[[0, 4095]], [[4096, 4999]], [[5000, seqMax]]])
    expect((await reading).map(({ seq }) => seq)).toEqual(Array.from({ length: 5002 }, (_, seq) => seq))
  })

  test('[C18] reads what comes after a seq; nothing when nothing does', async () => {
    const client = await knowing(10)
    const reading = client.stream.read({ after: 6 })
    await client.settle()
    expect(await serve(client, 10)).toEqual([[[7, 9]], [[10, seqMax]]])
    expect((await reading).map(({ seq }) => seq)).toEqual([7, 8, 9])
    const none = client.stream.read({ after: 9 })
    await client.settle()
    client.transport.reads[2]?.answer({ epoch, latestSeq: 9, covers: [], events: [] })
    expect(await none).toEqual([])
    expect(await client.stream.read([])).toEqual([])
  })

  test('[C18] [S2] asks again for what an answer does not cover', async () => {
    const client = await knowing(100)
    const reading = client.stream.read([[0, 99]])
    await client.settle()
    expect(await serve(client, 100, 40)).toEqual([[[0, 99]], [[40, 99]], [[80, 99]]])
    expect(await reading).toHaveLength(100)
  })

  test('[C18] asks for a thousand ranges at a time', async () => {
    const client = await knowing(4000)
    const ranges = Array.from({ length: 1500 }, (_, index) => [index * 2, index * 2] as const)
    const reading = client.stream.read(ranges)
    await client.settle()
    const asked = await serve(client, 4000)
    expect(asked.map(({ length }) => length)).toEqual([1000, 500])
    expect(await reading).toHaveLength(1500)
  })

  test('[C18] needs nothing to be known yet: the answer says which tape it is, and the rest is read of that', async () => {
    const client = new TestStream()
    const reading = client.stream.read()
    await client.settle()
    expect(client.transport.reads[0]).toMatchObject({ ranges: [[0, seqMax]], epoch: undefined })
    client.transport.reads[0]?.answer({ ...plainSlice([[0, 4]]), latestSeq: 6 })
    await client.settle()
    expect(client.transport.reads[1]).toMatchObject({ ranges: [[5, 6]], epoch })
    client.transport.reads[1]?.answer({ ...plainSlice([[5, 6]]) })
    expect(await reading).toHaveLength(7)
    const empty = new TestStream()
    const nothing = empty.stream.read()
    await empty.settle()
    empty.transport.reads[0]?.answer({ epoch: null, latestSeq: -1, covers: [], events: [] })
    expect(await nothing).toEqual([])
  })

  test('[C18] [C16] leaves out what cannot be read here', async () => {
    const client = await knowing(3)
    const reading = client.stream.read([[0, 2]])
    await client.settle()
    const slice = plainSlice([[0, 2]])
    client.transport.reads[0]?.answer({
      ...slice,
      events: slice.events.filter(({ seq }) => seq !== 1),
      unreadable: [{ seq: 1, problem: '' }],
    })
    expect((await reading).map(({ seq }) => seq)).toEqual([0, 2])
    expect(client.stream.status.unreadable).toBe(0)
  })

  test('[C18] [C14] reads from a tab that works through another one, over a request of its own', async () => {
    const { owner, follower } = await twoTabs()
    await owner.slice([[0, 3]])
    const reading = follower.stream.read({ after: 1 })
    await follower.settle()
    expect(owner.transport.reads).toEqual([])
    await serve(follower, 4)
    expect((await reading).map(({ seq }) => seq)).toEqual([2, 3])
  })
})

describe('reading that fails', () => {
  const refusal = (code: string) => expect.objectContaining({ name: 'Refusal', code })

  test.each<[name: string, wanted: SeqRanges | { readonly after: number }]>([
    ['a reversed range', [[3, 2]]],
    ['a range below zero', [[-1, 2]]],
    ['no whole numbers', [[0.5, 2]]],
    ['a seq that is none', { after: -2 }],
    ['one that is not whole', { after: Number.NaN }],
  ])('[C18] rejects %s, and asks for nothing', async (_, wanted) => {
    const client = await knowing(3)
    await expect(client.stream.read(wanted)).rejects.toEqual(refusal('bad-ranges'))
    expect(client.transport.reads).toEqual([])
  })

  test('[C18] rejects without a network, and with what the server says', async () => {
    const client = await knowing(3)
    const cases: [unknown, unknown][] = [
      [new TypeError('fetch failed'), expect.objectContaining({ message: expect.stringContaining('not reached') })],
      [new Refusal('forbidden'), refusal('forbidden')],
      [new Refusal('wrong-epoch'), refusal('wrong-epoch')],
    ]
    for (const [error, expected] of cases) {
      const reading = expect(client.stream.read()).rejects.toEqual(expected)
      await client.settle()
      client.transport.reads.at(-1)?.fail(error)
      await reading
    }
    expect(client.stream.status).toMatchObject({ connection: 'online', problem: undefined })
  })

  test('[C18] rejects what takes more than a minute, and an answer of another tape', async () => {
    const client = await knowing(3)
    const late = expect(client.stream.read()).rejects.toThrow('not reached')
    await client.settle(60_000)
    await late
    const other = expect(client.stream.read([[0, 2]])).rejects.toEqual(refusal('wrong-epoch'))
    await client.settle()
    client.transport.reads.at(-1)?.answer({ ...plainSlice([[0, 2]]), epoch: 'epoch-2' })
    await other
    const nothing = expect(client.stream.read([[0, 2]])).rejects.toThrow('had nothing of 0-2')
    await client.settle()
    client.transport.reads.at(-1)?.answer({ epoch, latestSeq: 2, covers: [], events: [] })
    await nothing
  })

  test('[C18] shows a fresh token once when one is not good any more', async () => {
    const tokens = ['old', 'older', 'fresh']
    const client = new TestStream({ token: () => tokens.shift() ?? 'last' })
    await client.welcome(-1)
    await client.slice([[0, 2]])
    const reading = client.stream.read([[0, 2]])
    await client.settle()
    client.transport.reads[0]?.fail(new Refusal('token-expired'))
    await client.settle()
    expect(client.transport.reads.map(({ token }) => token)).toEqual(['older', 'fresh'])
    client.transport.reads[1]?.answer(plainSlice([[0, 2]]))
    expect(await reading).toHaveLength(3)
    const refused = expect(client.stream.read([[0, 2]])).rejects.toEqual(refusal('token-expired'))
    for (const index of [2, 3]) {
      await client.settle()
      client.transport.reads[index]?.fail(new Refusal('token-expired'))
    }
    await refused
  })

  test('[C18] rejects once the stream is closed, in the middle of it, too, and while it works offline on purpose', async () => {
    const client = await knowing(5000)
    client.stream.pause()
    await expect(client.stream.read()).rejects.toThrow('offline on purpose')
    client.stream.resume()
    const reading = expect(client.stream.read()).rejects.toThrow('has been closed')
    await client.settle()
    void client.stream.close()
    client.transport.reads[0]?.answer({ ...plainSlice([[0, 4095]]), latestSeq: 4095 })
    await reading
    await expect(client.stream.read()).rejects.toThrow('has been closed')
    expect(client.transport.reads).toHaveLength(1)
  })
})
