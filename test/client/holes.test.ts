import { describe, expect, test } from 'vitest'
import { retryDelayMs } from '../../src/client/link/connection.ts'
import { ReadFailure } from '../../src/client/link/transport.ts'
import { Refusal } from '../../src/protocol/index.ts'
import { epoch, plainSlice, TestStream, usedStore } from '../support/test-stream.ts'

describe('discovering holes', () => {
  test('[C1] a client that holds 0–9 and 15–19 of 20 events asks for 10–14 and nothing else, in one request', async () => {
    const client = new TestStream()
    await client.welcome(9, { follows: [[0, 9]] })
    await client.slice([[0, 9]])
    client.link.events.onClose({})
    await client.settle(1000)
    expect(client.link.after).toBe(9)
    await client.welcome(14)
    await client.slice([[15, 19]])
    expect(client.stream.status.holes).toEqual([[10, 14]])
    expect(client.link.sent).toEqual([{ type: 'fetch', ref: 1, seq: [[10, 14]] }])
    expect(client.transport.reads).toEqual([])
  })

  test('[C1] [C2] live events first: what lies beneath is asked for once, and shown beneath', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.slice([[0, 9]])
    await client.slice([[15, 19]])
    expect(client.link.sent).toEqual([{ type: 'fetch', ref: 1, seq: [[10, 14]] }])
    expect(client.model.seqs).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19])
    await client.slice([[20, 20]])
    expect(client.link.sent).toHaveLength(1)
    await client.slice([[10, 14]], { ref: 1, latestSeq: 20 })
    expect(client.stream.status).toMatchObject({ holes: [], progress: { have: 21, total: 21 } })
    expect(client.model.seqs).toHaveLength(21)
  })

  test('[C1] a lost frame shows as a hole with the next one, and several at once are asked for together', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.slice([[0, 0]])
    await client.slice([
      [2, 2],
      [4, 5],
      [9, 9],
    ])
    const seq = [
      [1, 1],
      [3, 3],
      [6, 8],
    ]
    expect(client.link.sent).toEqual([{ type: 'fetch', ref: 1, seq }])
  })

  test('[S2] an answer that covers less is followed by a request for the rest', async () => {
    const client = new TestStream()
    await client.welcome(99)
    expect(client.link.sent).toEqual([{ type: 'fetch', ref: 1, seq: [[0, 99]] }])
    await client.slice([[0, 59]], { ref: 1, latestSeq: 99 })
    expect(client.link.sent.at(-1)).toEqual({ type: 'fetch', ref: 2, seq: [[60, 99]] })
  })

  test('[S2] a slice that comes twice is applied once', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.slice([[0, 3]])
    await client.slice([[2, 5]])
    await client.slice([[0, 5]])
    expect(client.model.runs).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ])
  })

  test('[S3] nothing below latestSeq is taken for granted', async () => {
    const client = new TestStream()
    await client.welcome(4)
    await client.slice([], { latestSeq: 7 })
    expect(client.stream.status.progress).toEqual({ have: 0, total: 8 })
  })
})

describe('catching up in bulk', () => {
  test('[C1] many events come over HTTP in aligned pages, four requests at a time', async () => {
    const client = new TestStream({ store: await usedStore() })
    await client.welcome(29_999)
    expect(client.link.sent).toEqual([])
    expect(client.transport.reads.map(({ ranges }) => ranges)).toEqual([[[0, 4095]], [[4096, 8191]], [[8192, 12_287]], [[12_288, 16_383]]])
    client.transport.reads[1]?.answer(plainSlice([[4096, 8191]]))
    await client.settle()
    expect(client.transport.reads).toHaveLength(5)
    expect(client.stream.status.progress).toEqual({ have: 4096, total: 30_000 })
  })

  test('[C1] a request that fails is made again, after a while', async () => {
    const client = new TestStream()
    await client.welcome(4999)
    client.transport.reads[0]?.fail(new ReadFailure('no network'))
    await client.settle()
    expect(client.transport.reads).toHaveLength(2)
    await client.settle(retryDelayMs(0, client.random))
    expect(client.transport.reads.at(-1)?.ranges).toEqual([[0, 4095]])
    expect(client.reported).toEqual([])
  })

  test('[C1] so is one that fails by a mistake, which is told', async () => {
    const client = new TestStream()
    await client.welcome(4999)
    const mistake = new RangeError('A deadline is a whole number.')
    client.transport.reads[0]?.fail(mistake)
    await client.settle(retryDelayMs(0, client.random))
    expect(client.transport.reads.at(-1)?.ranges).toEqual([[0, 4095]])
    expect(client.reported).toEqual([mistake])
  })

  test('[C8] another epoch on the way leads to a new connection; a fatal refusal ends the stream', async () => {
    const client = new TestStream()
    await client.welcome(4999)
    client.transport.reads[0]?.fail(new Refusal('wrong-epoch', { epoch: 'epoch-2' }))
    await client.settle()
    expect(client.stream.status.connection).toBe('offline')

    const refused = new TestStream()
    await refused.welcome(4999)
    refused.transport.reads[0]?.fail(new Refusal('forbidden'))
    await refused.settle()
    expect(refused.stream.status).toMatchObject({ connection: 'stopped', problem: 'forbidden' })
  })

  test('[C8] under another epoch everything is forgotten but the outbox', async () => {
    const client = new TestStream()
    await client.welcome(-1)
    await client.slice([[0, 9]])
    client.link.events.onClose({})
    await client.settle(1000)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 2, expiresInMs: 1000 })
    expect(client.model.resets).toBe(1)
    expect(client.stream.status.holes).toEqual([[0, 2]])
    expect(client.link.sent).toEqual([{ type: 'fetch', ref: 1, seq: [[0, 2]] }])
    expect(client.link.epoch).toBe(epoch)
  })
})
