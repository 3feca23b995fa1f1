/** The store in a file: its contract, and what can be wrong with files and with other processes. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { OutboxEntry, StoreTrouble } from '../../src/client/index.ts'
import { SqliteStore } from '../../src/node/index.ts'
import type { TapeEvent } from '../../src/protocol/index.ts'
import { clientStoreContract } from '../contract/client-store.ts'

clientStoreContract('SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  return {
    open: () => new SqliteStore(join(folder, 'stream.sqlite')),
    dispose: async () => rmSync(folder, { recursive: true }),
  }
})

const trouble = (name: StoreTrouble) => expect.objectContaining({ name: 'StoreFailure', trouble: name })

const entry = (place: number): OutboxEntry => ({
  place,
  draft: { type: 'delete', collection: 'things', identifier: `thing-${place}`, seen: -1 },
  madeAt: 1,
  folded: { drafts: 1, bytes: 60 },
})

const insert = (seq: number, text = ''): TapeEvent => ({
  seq,
  seen: -1,
  type: 'insert',
  collection: 'things',
  identifier: `thing-${seq}`,
  values: { text },
})

let folder: string
let path: string
const processes: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  path = join(folder, 'stream.sqlite')
})
afterEach(() => {
  vi.restoreAllMocks()
  for (const each of processes.splice(0)) each.kill()
  chmodSync(folder, 0o755)
  rmSync(folder, { recursive: true })
})

/** A store that holds a client, one entry and one event; closed again. */
async function filled(): Promise<void> {
  const store = new SqliteStore(path)
  await store.claim('first')
  await store.save({ client: 'me', put: [entry(1)], events: [insert(0)] })
  await store.close()
}

function beside(work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(path)
  work(database)
  database.close()
}

describe('the store in a file', () => {
  test('[C9] takes up a file that an older version has written', async () => {
    await filled()
    beside((database) => {
      database.exec(
        'ALTER TABLE client DROP COLUMN unreadable; ALTER TABLE client DROP COLUMN parts; ALTER TABLE client DROP COLUMN mark; ALTER TABLE client DROP COLUMN anew_to; ALTER TABLE outbox DROP COLUMN refusal; DROP TABLE tails; PRAGMA user_version = 1',
      )
      database.exec(`UPDATE outbox SET refused = 'invalid'`)
    })
    const after = new SqliteStore(path)
    await after.claim('second')
    const change = { put: [{ ...entry(2), refused: 'rejected', refusal: { reason: 'full' } }] } as const
    await after.save(change)
    expect((await after.load())?.outbox).toEqual([{ ...entry(1), refused: 'invalid' }, ...change.put])
    expect(await after.events()).toEqual([insert(0)])
    await after.close()
  })

  test('[C13] says that a newer version has written it, and leaves it as it is', async () => {
    await filled()
    beside((database) => database.exec('PRAGMA user_version = 99'))
    const store = new SqliteStore(path)
    await expect(store.load()).rejects.toEqual(trouble('newer'))
    await expect(store.claim('second')).rejects.toEqual(trouble('newer'))
    beside((database) => expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 }))
  })

  test('[C13] a file that is something else is unreadable, and stays what it is', async () => {
    writeFileSync(path, 'Dear diary, '.repeat(1000))
    const store = new SqliteStore(path)
    await expect(store.claim('first')).rejects.toEqual(trouble('unreadable'))
    await expect(store.load()).rejects.toEqual(trouble('unreadable'))
    expect(readFileSync(path, 'utf8')).toBe('Dear diary, '.repeat(1000))
  })

  test('[C13] a file that is damaged is unreadable', async () => {
    await filled()
    const bytes = readFileSync(path)
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 0x55)]))
    await expect(new SqliteStore(path).load()).rejects.toEqual(trouble('unreadable'))
  })

  test('[C13] is unavailable where there is no folder, and there once there is one', async () => {
    const store = new SqliteStore(join(folder, 'none', 'stream.sqlite'))
    await expect(store.claim('first')).rejects.toEqual(trouble('unavailable'))
    rmSync(folder, { recursive: true })
    folder = mkdtempSync(join(tmpdir(), 'store-'))
    await expect(store.claim('first')).rejects.toEqual(trouble('unavailable'))
    const found = new SqliteStore(join(folder, 'stream.sqlite'))
    await found.claim('first')
    await found.close()
  })

  test.each([
    ['a folder', 0o555, undefined],
    ['a file', 0o777, 0o444],
  ])('[C13] is unavailable in %s that may not be written', async (_, folderMode, fileMode) => {
    if (fileMode !== undefined) await filled()
    if (fileMode !== undefined) chmodSync(path, fileMode)
    chmodSync(folder, folderMode)
    const isRoot = process.getuid?.() === 0
    expect(await startProcess(isRoot ? ['65534'] : [])('claim', 'first')).toMatchObject({ trouble: 'unavailable' })
  })

  test('[C13] saves nothing, and loses nothing, when the disk is full', async () => {
    await filled()
    const exec = DatabaseSync.prototype.exec
    vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
      // SQLite itself then refuses to make the file larger.
      if (sql === 'BEGIN IMMEDIATE') exec.call(this, 'PRAGMA max_page_count = 20')
      exec.call(this, sql)
    })
    const store = new SqliteStore(path)
    await store.claim('second')
    const change = { nextCounter: 9, remove: [1], forgetEvents: true, events: [insert(1, 'x'.repeat(200_000))] }
    await expect(store.save(change)).rejects.toEqual(trouble('full'))
    expect(await store.load()).toMatchObject({ nextCounter: 1, outbox: [entry(1)] })
    expect(await store.events()).toEqual([insert(0)])
    await store.save({ nextCounter: 2 })
    expect(await store.load()).toMatchObject({ nextCounter: 2 })
    await store.close()
  })

  test('[C9] a save that fails half-way has not begun', async () => {
    await filled()
    beside((database) => {
      database.exec("CREATE TRIGGER trap BEFORE INSERT ON outbox WHEN NEW.place = 3 BEGIN SELECT RAISE(ABORT, 'No.'); END")
    })
    const store = new SqliteStore(path)
    await store.claim('second')
    const change = { client: 'you', nextCounter: 9, tabs: { a: 1 }, forgetEvents: true, events: [insert(7)], put: [entry(2), entry(3)] }
    await expect(store.save(change)).rejects.toEqual(trouble('failed'))
    expect(await store.load()).toMatchObject({ client: 'me', nextCounter: 1, tabs: {}, outbox: [entry(1)] })
    expect(await store.events()).toEqual([insert(0)])
    await store.close()
  })

  test('[C13] counts the entries that it cannot understand, and leaves them where they are', async () => {
    await filled()
    beside((database) => {
      const add = database.prepare('INSERT INTO outbox VALUES (?, ?, 1, 1, 1, NULL, ?, ?)')
      add.run(2, '{', null, null)
      add.run(3, '{"type":"upsert"}', null, null)
      add.run(4, JSON.stringify(entry(4).draft), 'because', null)
      add.run(5, JSON.stringify(entry(5).draft), null, null)
      add.run(8, JSON.stringify(entry(8).draft), 'rejected', '{"conflicts":[3]}')
      add.run(9, '{', null, null)
    })
    const store = new SqliteStore(path)
    await store.claim('second')
    await store.save({ put: [entry(6)] })
    expect(await store.load()).toMatchObject({
      outbox: [entry(1), { ...entry(5), folded: { drafts: 1, bytes: 1 } }, entry(6)],
      unreadable: 5,
      lastPlace: 9,
    })
    await store.close()
    beside((database) => expect(database.prepare('SELECT count(*) AS rows FROM outbox').get()).toEqual({ rows: 8 }))
  })

  test.each(['{', '[[0]]', '7', '[["0","1"]]'])('[C13] does not load a tape that it cannot understand: %s', async (accounted) => {
    await filled()
    beside((database) => database.prepare('UPDATE client SET accounted = ?').run(accounted))
    await expect(new SqliteStore(path).load()).rejects.toEqual(trouble('unreadable'))
  })

  test.each(['{', '7', '[{}]'])('[C13] gives no events when it cannot understand those of an object: %s', async (events) => {
    await filled()
    beside((database) => database.prepare('UPDATE objects SET events = ?').run(events))
    const store = new SqliteStore(path)
    await store.claim('second')
    await expect(store.events()).rejects.toEqual(trouble('unreadable'))
    await expect(store.save({ put: [entry(2)], events: [insert(0)] })).rejects.toEqual(trouble('unreadable'))
    expect((await store.load())?.outbox).toEqual([entry(1)])
    await store.close()
  })

  test('[C9] what gives counters waits for the disk, and nothing else does', async () => {
    await filled()
    const store = new SqliteStore(path)
    await store.claim('second')
    const modes: string[] = []
    const exec = DatabaseSync.prototype.exec
    vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
      if (sql === 'COMMIT') modes.push(JSON.stringify(this.prepare('PRAGMA synchronous').get()))
      exec.call(this, sql)
    })
    await store.save({ put: [entry(2)], events: [insert(1)] })
    await store.save({ nextCounter: 2 })
    await store.save({ put: [{ ...entry(2), counter: 1 }] })
    await store.save({ remove: [2] })
    const [normal, full] = ['{"synchronous":1}', '{"synchronous":2}']
    expect(modes).toEqual([normal, full, full, normal])
    await store.close()
  })

  test('[C13] waits for a process that saves, but not for ever, and goes on when it has let go', async () => {
    await filled()
    const holder = new DatabaseSync(path)
    holder.exec('BEGIN IMMEDIATE')
    const store = new SqliteStore(path)
    const begunAt = performance.now()
    await expect(store.claim('second')).rejects.toEqual(trouble('failed'))
    expect(performance.now() - begunAt).toBeGreaterThan(200)
    holder.exec('ROLLBACK')
    holder.close()
    await store.claim('second')
    await store.close()
  })
})

/** Starts a process on the file, and gives what tells it what to do. */
function startProcess(args: readonly string[] = []) {
  const started = fork(fileURLToPath(new URL('store-process.ts', import.meta.url)), [path, ...args], { serialization: 'advanced' })
  processes.push(started)
  return async (method: keyof SqliteStore, ...rest: readonly unknown[]) => {
    started.send([method, ...rest])
    const [answer] = await once(started, 'message')
    return answer as { readonly value?: unknown; readonly trouble?: StoreTrouble }
  }
}

describe('a file in two processes', () => {
  test('[C10] the one that claimed it last writes', async () => {
    const store = new SqliteStore(path)
    const tell = startProcess()
    await store.claim('here')
    await store.save({ client: 'me', put: [entry(1)] })
    await tell('claim', 'there')
    await expect(store.save({ put: [entry(2)] })).rejects.toEqual(trouble('fenced'))
    expect(await tell('save', { put: [entry(3)] })).toEqual({ value: undefined })
    expect((await store.load())?.outbox).toEqual([entry(1), entry(3)])
    await store.claim('here')
    expect(await tell('save', { put: [entry(4)] })).toMatchObject({ trouble: 'fenced' })
    await store.close()
  })

  test('[C9] what was saved is there when the process is killed', async () => {
    const tell = startProcess()
    await tell('claim', 'there')
    await tell('save', { client: 'me', put: [entry(1)], events: [insert(0)] })
    await tell('save', { put: [entry(2)] })
    const [killed] = processes
    killed?.kill('SIGKILL')
    await once(killed as ChildProcess, 'exit')
    const store = new SqliteStore(path)
    expect((await store.load())?.outbox).toEqual([entry(1), entry(2)])
    expect(await store.events()).toEqual([insert(0)])
    await store.close()
  })

  test('[C9] all may make it at the same time', async () => {
    const tells = Array.from({ length: 4 }, () => startProcess())
    expect(await Promise.all(tells.map((tell, index) => tell('claim', `owner-${index}`)))).toEqual(Array(4).fill({ value: undefined }))
    const saves = await Promise.all(tells.map((tell, index) => tell('save', { client: `client-${index}` })))
    expect(saves.filter(({ trouble }) => trouble === 'fenced')).toHaveLength(3)
  })
})
