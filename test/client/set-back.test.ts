/** A client whose server’s storage was set back: what it shows of the tape that it knows, and how it goes on. */
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/client/index.ts'
import { Text } from '../../src/models/index.ts'
import { change, epoch, plainSlice, TestStream, testEvent } from '../support/test-stream.ts'

const mark = (seq: number) => `${seq}.writer.abcdefghijk`

async function reconnect(client: TestStream): Promise<void> {
  client.link.events.onClose({})
  await client.settle(1000)
}

describe('the mark of a tape', () => {
  test('[C22] is the newest that came on the link, and is shown on the next, after a restart, too', async () => {
    const store = new MemoryStore()
    const client = new TestStream({ store })
    await client.welcome(1, { mark: mark(1) })
    expect(client.link.mark).toBeUndefined()
    await client.slice([[0, 1]], { ref: 1 })
    await reconnect(client)
    expect(client.link).toMatchObject({ epoch, after: 1, mark: mark(1) })
    await client.welcome(1, { mark: mark(1) })
    await client.slice([[2, 3]], { mark: mark(3) })
    await reconnect(client)
    expect(client.link.mark).toBe(mark(3))
    const again = new TestStream({ store: new MemoryStore(store) })
    await again.settle()
    expect(again.link).toMatchObject({ epoch, after: 3, mark: mark(3) })
  })

  test('[C22] reaches as far as anything that is known: how far the tape goes is not believed of a page', async () => {
    const client = new TestStream()
    await client.welcome(4999, { mark: mark(4999) })
    const [first] = client.transport.reads
    first?.answer({ ...plainSlice([[0, 4095]]), latestSeq: 6000, mark: mark(6000) })
    await client.settle()
    expect(client.stream.latestSeq).toBe(4999)
    await reconnect(client)
    expect(client.link.mark).toBe(mark(4999))
  })

  test('[C22] is not of another tape', async () => {
    const client = new TestStream()
    await client.welcome(0, { mark: mark(0) })
    await client.slice([[0, 0]])
    await reconnect(client)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000 })
    await reconnect(client)
    expect(client.link).toMatchObject({ epoch: 'epoch-2', after: -1 })
    expect(client.link.mark).toBeUndefined()
  })
})

describe('under the new epoch', () => {
  /** Five drafts: three of them on the tape, two under way. */
  async function beforeSetBack(): Promise<TestStream> {
    const client = new TestStream()
    await client.welcome(-1, { counter: 0 })
    for (let n = 1; n <= 5; n++) client.stream.publish({ ...change, identifier: `mine-${n}`, values: { n } })
    await client.settle()
    const own = (counter: number) =>
      testEvent(counter - 1, { client: 'me', counter, identifier: `mine-${counter}`, values: { n: counter } })
    await client.slice([[0, 2]], { events: [own(1), own(2), own(3)], mark: mark(2) })
    expect(client.stream.status.pending).toBe(2)
    await reconnect(client)
    return client
  }
  function counters(client: TestStream): unknown[] {
    const { drafts } = client.link.sent.find(({ type }) => type === 'publish') as { drafts: { counter: number; identifier: string }[] }
    return drafts.map(({ counter, identifier }) => [counter, identifier])
  }

  test('[C22] what waits gets the counters that the stream waits for, and what comes later the next ones', async () => {
    const client = await beforeSetBack()
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 0, mark: mark(0), expiresInMs: 1000, counter: 1 })
    await client.slice([[0, 0]], { epoch: 'epoch-2' })
    expect(client.model.resets).toBe(1)
    expect(counters(client)).toEqual([
      [2, 'mine-4'],
      [3, 'mine-5'],
    ])
    client.stream.publish({ ...change, identifier: 'later' })
    await client.settle()
    expect(client.link.sent.at(-1)).toMatchObject({ drafts: [{ counter: 4, identifier: 'later' }] })
  })

  test('[C8] a text waits until the tape that began anew has been read, after a restart, too', async () => {
    const store = new MemoryStore()
    const client = new TestStream({ store })
    const text = new Text('notes')
    client.stream.attach(text)
    await client.welcome(0)
    await client.slice([[0, 0]])
    expect(text.isReady).toBe(true)
    await reconnect(client)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 3, expiresInMs: 1000 })
    expect(text.isReady).toBe(false)
    await client.slice([[0, 1]], { epoch: 'epoch-2' })
    expect(text.isReady).toBe(false)
    const again = new TestStream({ store: new MemoryStore(store) })
    const sameText = new Text('notes')
    again.stream.attach(sameText)
    await again.settle()
    expect(sameText.isReady).toBe(false)
    await again.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 3, expiresInMs: 1000 })
    await again.slice([[2, 3]], { epoch: 'epoch-2' })
    expect(sameText.isReady).toBe(true)
  })

  test('[C22] with nothing that waits the next draft has the counter that the stream waits for', async () => {
    const client = new TestStream()
    await client.welcome(-1, { counter: 0 })
    client.stream.publish(change)
    await client.settle()
    await client.slice([[0, 0]], { events: [testEvent(0, { client: 'me', counter: 1, identifier: 'mine', values: { n: 1 } })] })
    await reconnect(client)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000, counter: 0 })
    client.stream.publish({ ...change, identifier: 'later' })
    await client.settle()
    expect(counters(client)).toEqual([[1, 'later']])
  })

  test('[C22] what has been taken of it again is compared, and not sent twice', async () => {
    const client = await beforeSetBack()
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 3, mark: mark(3), expiresInMs: 1000, counter: 4 })
    expect(client.link.sent.filter(({ type }) => type === 'publish')).toEqual([])
    const own = (counter: number) =>
      testEvent(counter - 1, { client: 'me', counter, identifier: `mine-${counter}`, values: { n: counter } })
    await client.slice([[0, 3]], { epoch: 'epoch-2', events: [own(1), own(2), own(3), own(4)] })
    expect(counters(client)).toEqual([[5, 'mine-5']])
    expect(client.stream.client).toBe('me')
  })

  test('[C22][C12] nobody waits for ever for what was beyond the end that the tape has now', async () => {
    const client = new TestStream()
    await client.welcome(-1, { counter: 0 })
    const publication = client.stream.publish(change)
    await client.settle()
    const own = testEvent(9, { client: 'me', counter: 1, identifier: 'mine', values: { n: 1 } })
    await client.slice([[9, 9]], { events: [own] })
    expect(publication.state).toEqual({ type: 'on-tape', seq: 9 })
    await reconnect(client)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: 2, expiresInMs: 1000, counter: 0 })
    expect(publication.state.type).toBe('on-tape')
    await client.slice([[0, 2]], { epoch: 'epoch-2' })
    expect(publication.state).toEqual({ type: 'applied', seq: undefined })
  })
})
