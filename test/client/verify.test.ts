/** A client compares what it keeps with the server, and says which objects differ. */
import { describe, expect, test } from 'vitest'
import { objectHashes, Refusal, stateHash, type TapeEvent } from '../../src/protocol/index.ts'
import { plainSlice, TestStream } from '../support/test-stream.ts'

const insert = (seq: number, identifier: string, values: TapeEvent['values']): TapeEvent => ({
  seq,
  client: 'other',
  counter: seq + 1,
  seen: seq - 1,
  type: 'insert',
  collection: 'tasks',
  identifier,
  values,
})
const kept = [insert(0, 'a', { n: 1 }), insert(1, 'b', { n: 1 }), insert(2, 'c', { n: 1 })]

async function caughtUp(): Promise<TestStream> {
  const client = new TestStream()
  await client.welcome(2)
  await client.frame({ type: 'slice', ref: 1, ...plainSlice([[0, 2]]), events: kept })
  expect(client.stream.status.holes).toEqual([])
  return client
}

describe('verifying', () => {
  test('[C20] asks for the hash of the same seqs, and for nothing else when that is the same', async () => {
    const client = await caughtUp()
    const verification = client.stream.verify()
    await client.settle()
    expect(client.transport.hashes.map(({ seq }) => seq)).toEqual([2])
    const hash = stateHash(objectHashes(kept, 2))
    client.transport.hashes[0]?.answer({ hash })
    expect(await verification).toEqual({ seq: 2, hash, isSame: true, differing: [] })
    expect(client.transport.reads).toEqual([])
  })

  test('[C20] names what differs, is missing or too much, whatever the fields’ order', async () => {
    const client = await caughtUp()
    const verification = client.stream.verify()
    await client.settle()
    client.transport.hashes[0]?.answer({ hash: 'another' })
    await client.settle()
    const [read] = client.transport.reads
    expect(read).toMatchObject({ ranges: [[0, 2]], isFolded: true })
    const there = [insert(0, 'a', { n: 1 }), insert(1, 'b', { n: 2 }), insert(2, 'd', { n: 1 })]
    read?.answer({ ...plainSlice([[0, 2]]), events: there })
    const { isSame, differing } = await verification
    expect(isSame).toBe(false)
    expect(differing.map(({ identifier }) => identifier).sort()).toEqual(['b', 'c', 'd'])
  })

  test('[C20] of a tape of which the server works out no hash is done object by object, in as many reads as it takes', async () => {
    const client = await caughtUp()
    const verification = client.stream.verify()
    await client.settle()
    client.transport.hashes[0]?.fail(new Refusal('too-large'))
    await client.settle()
    client.transport.reads[0]?.answer({ ...plainSlice([[0, 1]]), events: kept.slice(0, 2) })
    await client.settle()
    expect(client.transport.reads[1]).toMatchObject({ ranges: [[2, 2]], isFolded: true })
    client.transport.reads[1]?.answer({ ...plainSlice([[2, 2]]), events: kept.slice(2) })
    expect(await verification).toMatchObject({ seq: 2, isSame: true, differing: [] })
  })

  test('[C20] of a tape that grows while it is read is done up to where it ends by then', async () => {
    const client = await caughtUp()
    const verification = client.stream.verify()
    const next = insert(3, 'd', { n: 1 })
    await client.slice([[3, 3]], { events: [next] })
    const hash = stateHash(objectHashes([...kept, next], 3))
    expect(client.transport.hashes.map(({ seq }) => seq)).toEqual([3])
    client.transport.hashes[0]?.answer({ hash })
    expect(await verification).toEqual({ seq: 3, hash, isSame: true, differing: [] })
  })

  test('[C20] is not done while something is missing', async () => {
    const client = new TestStream()
    await client.welcome(2)
    await expect(client.stream.verify()).rejects.toThrow('The stream lacks 0-2')
  })

  test('[C20] of an empty tape is always true', async () => {
    const client = new TestStream()
    await client.welcome(-1, { epoch: null })
    expect(await client.stream.verify()).toMatchObject({ seq: -1, isSame: true })
  })
})
