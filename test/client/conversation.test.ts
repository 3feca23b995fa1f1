import { expect, test } from 'vitest'
import { plainSlice, TestStream } from '../support/test-stream.ts'

test('[C8] a link that tells of another tape, and brings more of it than is wanted, is given up before anything is read', async () => {
  const client = new TestStream()
  await client.welcome(0)
  await client.slice([[0, 0]])
  client.stream.want([{ collection: 'things' }])
  client.link.events.onClose({})
  await client.settle(1000)
  const before = client.link
  expect(before.filters).toBeUndefined()

  const anew = { type: 'welcome', epoch: 'epoch-2', latestSeq: 5000, expiresInMs: 3_600_000 }
  await client.frame(anew)
  expect([before.isClosed, client.model.resets, client.transport.reads]).toEqual([true, 1, []])
  expect(client.link).toMatchObject({ epoch: 'epoch-2', after: -1, filters: [{ collection: ['things'] }] })

  await client.frame(anew)
  expect(client.transport.reads[0]).toMatchObject({ epoch: 'epoch-2', selection: { any: [{ collection: ['things'] }] } })
})

test('[V1] that a stream is closed is known from welcomes and slices, and holds while there is no link', async () => {
  const client = new TestStream()
  await client.welcome(0, { closed: true })
  expect(client.stream.status.isClosed).toBe(true)
  client.link.events.onClose({})
  await client.settle(1000)
  expect(client.stream.status.isClosed).toBe(true)
  await client.welcome(0)
  expect(client.stream.status.isClosed).toBe(false)
  await client.frame({ type: 'slice', ...plainSlice([[0, 0]]), closed: true })
  expect(client.stream.status.isClosed).toBe(true)
})
