/** A long tape on the real server: clients that are new to it, or come back, have what it says; its files stay small. */
import { readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStream, type Stream } from '../../src/browser/index.ts'
import { StampedObjects } from '../../src/models/index.ts'
import { SqliteStore } from '../../src/node/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { testToken } from '../support/tokens.ts'
import { WorkerdServer } from '../torture/workerd-server.ts'

const stream = 'long'
const batches = 60
let folder = ''
let server: WorkerdServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapeline-long-'))
  server = await WorkerdServer.create({ storage: folder })
  await server.start()
  const random = new SeededRandom(1)
  for (let batch = 0; batch < batches; batch++) await publish(random, batch)
}, 120_000)
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

async function publish(random: SeededRandom, batch: number): Promise<void> {
  const drafts = Array.from({ length: 1000 }, (_, i) => {
    const identifier = `task-${batch === 0 ? i : random.below(1000)}`
    const type = batch === 0 ? 'insert' : random.pick(['update', 'update', 'update', 'delete', 'insert'] as const)
    const values = type === 'delete' ? undefined : { title: `Task ${random.below(1e6)} of batch ${batch}`, done: random.chance(0.5) }
    return { type, collection: 'tasks', identifier, values }
  })
  const answer = await server.publish(stream, drafts)
  expect(await answer.json()).toHaveProperty('seqs')
}

function open(): { readonly client: Stream; readonly objects: StampedObjects } {
  const store = new SqliteStore(join(folder, 'client.sqlite'))
  const client = openStream(server.streamAddress(stream), { token: () => testToken(), store })
  const objects = new StampedObjects('tasks')
  client.attach({
    receiver: undefined,
    apply: (events, pending) => objects.apply(events, pending),
    reset: () => objects.reset(),
  })
  return { client, objects }
}

function caughtUp(client: Stream, latestSeq: number): Promise<void> {
  return new Promise((resolve) => {
    const look = () => client.latestSeq >= latestSeq && client.status.holes.length === 0 && resolve()
    client.subscribe(look)
    look()
  })
}

async function hasSnapshot(): Promise<boolean> {
  const answer = await fetch(`${server.streamAddress(stream)}/snapshot`, { headers: { Authorization: `Bearer ${await testToken()}` } })
  const { covers } = (await answer.json()) as { covers: readonly [number, number][] }
  return (covers[0]?.[1] ?? 0) > 40_000
}

describe('a tape of 60,000 events', () => {
  test('[C19][T7][H14] a new client has what the tape says, from its snapshot, and so has one that comes back', {
    timeout: 60_000,
  }, async () => {
    while (!(await hasSnapshot()));
    const first = open()
    await caughtUp(first.client, 1000 * batches - 1)
    expect(await first.client.verify()).toMatchObject({ isSame: true, seq: 1000 * batches - 1 })
    const replay = new StampedObjects('tasks')
    replay.apply(await server.tape(stream), [])
    expect(first.objects.list).toEqual(replay.list)
    await first.client.close()
    await publish(new SeededRandom(2), batches)
    const again = open()
    await caughtUp(again.client, 1000 * batches + 999)
    expect(await again.client.verify()).toMatchObject({ isSame: true })
    await again.client.close()
  })

  test('[T5] the log of the database is moved into it, and the database keeps no more than the tape', () => {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile() && !entry.name.startsWith('client'),
    )
    const size = (suffix: string) =>
      files
        .filter(({ name }) => name.endsWith(suffix))
        .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
    // It is moved when it has 1,000 pages; some more may come before that.
    expect(size('-wal')).toBeLessThan(8 * 1024 * 1024)
    expect(size('.sqlite')).toBeLessThan(16 * 1024 * 1024)
  })
})
