/**
 * What is redacted is looked for where it may have been: in the files of the real server, its database and its log, and
 * in those of a client that was online.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStream } from '../../src/browser/index.ts'
import { SqliteStore } from '../../src/node/index.ts'
import { NotingModel } from '../support/test-stream.ts'
import { testToken } from '../support/tokens.ts'
import { WorkerdServer } from '../torture/workerd-server.ts'

const marker = 'Mallory of Elm Street'
const stream = 'redacted'
let folder = ''
let server: WorkerdServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapeline-redaction-'))
  server = await WorkerdServer.create({ storage: join(folder) })
  await server.start()
}, 60_000)
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

/** The files that have the marker in them, as it is or packed. */
function filesWith(text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    if (!entry.isFile()) return []
    const path = join(entry.parentPath, entry.name)
    return readFileSync(path).includes(text) || (entry.name.endsWith('.sqlite') && blobsOf(path).includes(text)) ? [entry.name] : []
  })
}

function blobsOf(path: string): string {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const has = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'blob'").get() !== undefined
    const blobs = has ? (database.prepare('SELECT body FROM blob').all() as { body: Uint8Array }[]) : []
    return blobs.map(({ body }) => gunzipSync(body).toString()).join('\n')
  } finally {
    database.close()
  }
}

async function admin(path: string, init: RequestInit = {}): Promise<Response> {
  const token = await testToken({ may: ['read', 'publish', 'admin'] })
  return fetch(server.streamAddress(stream) + path, {
    ...init,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
  })
}

test('[R1][C8] is in no file of the server, nor of a client that has been online since', { timeout: 60_000 }, async () => {
  const store = new SqliteStore(join(folder, 'client.sqlite'))
  const client = openStream(server.streamAddress(stream), { token: () => testToken(), store })
  const model = new NotingModel()
  client.attach(model)
  for (let batch = 0; batch < 14; batch++) {
    const drafts = Array.from({ length: 500 }, (_, i) => {
      const title = i % 50 === 0 ? `${marker} ${batch}` : `Task ${i} of ${batch}`
      return { type: batch === 0 ? 'insert' : 'update', collection: 'tasks', identifier: `task-${i}`, values: { title } }
    })
    expect((await server.publish(stream, drafts)).status).toBe(200)
  }
  const caughtUp = (latestSeq: number) =>
    new Promise<void>((resolve) => {
      const look = () => client.latestSeq >= latestSeq && client.status.holes.length === 0 && resolve()
      client.subscribe(look)
      look()
    })
  await caughtUp(6999)
  const hasSnapshot = async () => ((await (await admin('/snapshot')).json()) as { covers: unknown[] }).covers.length > 0
  while (!(await hasSnapshot()));
  expect(filesWith(marker).length).toBeGreaterThan(1)

  const seq = Array.from({ length: 140 }, (_, i) => [50 * i, 50 * i])
  const answer = await admin('/redactions', { method: 'POST', body: JSON.stringify({ seq, reason: 'Asked for.' }) })
  expect(await answer.json()).toMatchObject({ redacted: 140 })
  const isAnew = new Promise<void>((resolve) => {
    const look = () => model.resets > 0 && client.status.holes.length === 0 && client.latestSeq >= 6999 && resolve()
    client.subscribe(look)
    look()
  })
  await isAnew
  await client.close()
  expect(filesWith(marker)).toEqual([])
  expect(filesWith('Task 1 of 13').length).toBeGreaterThan(0)
})
