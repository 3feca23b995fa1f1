/**
 * The files of the real server are set back to a copy made earlier, as its platform’s recovery does, under clients that
 * were given more of the tape than it has now.
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStream } from '../../src/browser/index.ts'
import { SqliteStore } from '../../src/node/index.ts'
import { testToken } from '../support/tokens.ts'
import { WorkerdServer } from '../torture/workerd-server.ts'
import { NodeClient } from './node-client.ts'

const stream = 'set-back'
let folder = ''
let server: WorkerdServer
const storage = () => join(folder, 'storage')
const copy = () => join(folder, 'copy')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapeline-set-back-'))
  mkdirSync(storage())
  server = await WorkerdServer.create({ storage: storage() })
  await server.start()
})
afterEach(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

function open(name: string): NodeClient {
  const store = new SqliteStore(join(folder, `${name}.sqlite`))
  const client = new NodeClient(openStream(server.streamAddress(stream), { token: () => testToken(), store, report: () => {} }))
  client.hurry()
  return client
}

async function publish(count: number, from: number): Promise<void> {
  const drafts = Array.from({ length: count }, (_, i) => {
    return { type: 'insert', collection: 'things', identifier: `script-${from + i}`, values: { n: from + i } }
  })
  expect((await server.publish(stream, drafts)).status).toBe(200)
}

/** The server is down meanwhile, as for the platform it is. */
async function keep(): Promise<void> {
  await server.kill()
  cpSync(storage(), copy(), { recursive: true })
  await server.start()
}

async function setBack(): Promise<void> {
  await server.kill()
  rmSync(storage(), { recursive: true })
  cpSync(copy(), storage(), { recursive: true })
}

async function expectToShowTheTape(client: NodeClient): Promise<void> {
  const { isSame, seq } = await client.stream.verify()
  expect([isSame, seq]).toEqual([true, await server.latestSeq(stream)])
}

async function epochOnServer(): Promise<unknown> {
  const answer = await fetch(server.streamAddress(stream), { headers: { Authorization: `Bearer ${await testToken()}` } })
  return ((await answer.json()) as { epoch: unknown }).epoch
}

async function madeOnTape(): Promise<readonly unknown[]> {
  return (await server.tape(stream)).filter(({ client }) => client !== undefined).map(({ values }) => values?.n)
}

test('[S6][C22][C8] a client that is there reads anew, and what it had to send is on the tape, once', { timeout: 60_000 }, async () => {
  await publish(60, 0)
  const client = open('live')
  await client.settled(59)
  client.insert(1)
  await client.settled(60)
  await keep()
  await client.settled(60)
  const epoch = await epochOnServer()
  client.insert(2)
  await publish(40, 60)
  await client.settled(101)
  await setBack()
  await client.until(({ connection }) => connection !== 'online')
  client.insert(3)
  client.insert(4)
  await server.start()
  await client.settled(62)
  expect(client.model.resets).toBe(1)
  expect(await epochOnServer()).not.toBe(epoch)
  expect(await madeOnTape(), 'what was confirmed, and lost with the storage, is gone').toEqual([1, 3, 4])
  client.insert(5)
  await client.settled(63)
  expect(await madeOnTape()).toEqual([1, 3, 4, 5])
  await expectToShowTheTape(client)
  await client.stream.close()
})

test('[S6][C22] one that comes back when the tape has grown again beyond all that it knew finds it is another', {
  timeout: 60_000,
}, async () => {
  await publish(60, 0)
  const client = open('away')
  await client.settled(59)
  await keep()
  await publish(40, 60)
  await client.settled(99)
  await client.stream.close()
  await setBack()
  await server.start()
  await publish(80, 1000)
  const other = open('newcomer')
  await other.settled(139)
  const again = open('away')
  again.insert(1)
  await again.settled(140)
  expect(again.model.resets).toBe(1)
  await other.settled(140)
  for (const one of [again, other]) {
    await expectToShowTheTape(one)
    await one.stream.close()
  }
  expect(await madeOnTape()).toEqual([1])
})
