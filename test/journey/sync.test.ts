/** `npm run sync`: the program itself, between directories of this machine and a server of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Deployment } from '../support/deployment.ts'
import { testSecret } from '../support/secrets.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const script = join(import.meta.dirname, '../../scripts/sync.ts')
let server: Deployment
let folder = ''
let stream = ''
let count = 0

beforeAll(async () => {
  server = await Deployment.start()
})
afterAll(() => server.dispose())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapeline-sync-'))
  stream = `sync.${++count}`
  for (const name of ['anna', 'ben']) await mkdir(join(folder, name))
  return () => rm(folder, { recursive: true, force: true })
})

class Program {
  readonly #child: ChildProcess
  readonly ended: Promise<number | null>
  output = ''
  #onOutput = () => {}

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    this.#child = spawn(process.execPath, [script, ...args, '--server', server.origin], {
      env: { ...process.env, TAPELINE_SECRET: testSecret, ...environment },
    })
    for (const pipe of [this.#child.stdout, this.#child.stderr]) {
      pipe?.on('data', (chunk) => {
        this.output += chunk
        this.#onOutput()
      })
    }
    this.ended = new Promise((resolve) => this.#child.on('close', resolve))
  }

  /** Waits for it to say something. */
  says(what: RegExp, from = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onOutput = () => what.test(this.output.slice(from)) && resolve()
      void this.ended.then(() => reject(new Error(`It ended without ${what}: ${this.output}`)))
      this.#onOutput()
    })
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGINT')
    await this.ended
  }
}

async function once(name: string): Promise<string> {
  const program = new Program([join(folder, name), '--stream', stream, '--once'])
  expect([await program.ended, program.output]).toEqual([0, expect.stringContaining('in step')])
  return program.output
}

/** Paths and contents, but what the program keeps for itself. */
async function filesOf(name: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const entry of await readdir(join(folder, name), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !path.includes('.tapeline')) files[path.slice(join(folder, name).length + 1)] = await readFile(path, 'latin1')
  }
  return files
}

const put = (name: string, path: string, content: string | Uint8Array) => writeFile(join(folder, name, path), content)

test('[M13] a directory goes to a stream and from there into another one, and later changes with few bytes', async () => {
  const random = new SeededRandom(1)
  const large = Uint8Array.from({ length: 1_000_000 }, () => random.below(256))
  await mkdir(join(folder, 'anna/sub'))
  await put('anna', 'a.txt', 'hello\n')
  await put('anna', 'empty', '')
  await put('anna', 'sub/large.bin', large)
  await symlink('/etc/hostname', join(folder, 'anna/link'))
  const first = await once('anna')
  expect(first).toMatch(/– link is left alone/)
  await once('ben')
  const expected = await filesOf('anna')
  expect(await filesOf('ben')).toEqual(expected)
  expect(Object.keys(expected).sort()).toEqual(['a.txt', 'empty', 'sub/large.bin'])

  large[500_000] = (large[500_000] as number) ^ 1
  await put('ben', 'sub/large.bin', large)
  await rename(join(folder, 'ben/a.txt'), join(folder, 'ben/b.txt'))
  await rm(join(folder, 'ben/empty'))
  const changed = await once('ben')
  expect(changed).toMatch(/↑ sub\/large\.bin {2}2\d\d B for a file of 1\.0 MB/)
  expect(changed).toMatch(/→ a\.txt is b\.txt now/)
  await once('anna')
  expect(await filesOf('anna')).toEqual(await filesOf('ben'))
  expect(Object.keys(await filesOf('anna')).sort()).toEqual(['b.txt', 'sub/large.bin'])
})

test('[M13] what two changed apart is kept side by side, and what one removed and the other changed is kept', async () => {
  for (const path of ['both.txt', 'removed.txt']) await put('anna', path, 'old\n')
  await once('anna')
  await once('ben')
  await put('anna', 'both.txt', 'from anna\n')
  await put('ben', 'both.txt', 'from ben\n')
  await put('anna', 'new.txt', 'new from anna\n')
  await put('ben', 'new.txt', 'new from ben\n')
  await rm(join(folder, 'anna/removed.txt'))
  await appendFile(join(folder, 'ben/removed.txt'), 'changed\n')
  await once('anna')
  expect(await once('ben')).toMatch(/! both\.txt was changed elsewhere, too: what was here is both \(2\)\.txt now/)
  await once('anna')
  const expected = {
    'both.txt': 'from anna\n',
    'both (2).txt': 'from ben\n',
    'new.txt': 'new from anna\n',
    'new (2).txt': 'new from ben\n',
    'removed.txt': 'old\nchanged\n',
  }
  expect(await filesOf('anna')).toEqual(expected)
  expect(await filesOf('ben')).toEqual(expected)
})

test('[M13] what happens while they run comes over at once, until the directory is gone', async () => {
  const [anna, ben] = ['anna', 'ben'].map((name) => new Program([join(folder, name), '--stream', stream])) as [Program, Program]
  await Promise.all([anna.says(/in step/), ben.says(/in step/)])
  await put('anna', 'note.txt', 'one\n')
  await ben.says(/↓ note\.txt/)
  await put('ben', 'note.txt', 'one\ntwo\n')
  await anna.says(/↓ note\.txt/)
  await rm(join(folder, 'anna/note.txt'))
  await ben.says(/✕ note\.txt/)
  await put('anna', 'last.txt', 'stays\n')
  await ben.says(/↓ last\.txt/)
  await rename(join(folder, 'anna'), join(folder, 'moved'))
  // It looks when something happens there or here.
  await put('ben', 'more.txt', 'more\n')
  expect(await anna.ended).toBe(1)
  expect(anna.output).toMatch(/There is no such directory/)
  await ben.stop()
  expect(await filesOf('ben')).toEqual({ 'last.txt': 'stays\n', 'more.txt': 'more\n' })
})

test('[M13] what was being sent when the program was killed goes on where it was', async () => {
  const random = new SeededRandom(2)
  await put(
    'anna',
    'large.bin',
    Uint8Array.from({ length: 6_000_000 }, () => random.below(256)),
  )
  const program = new Program([join(folder, 'anna'), '--stream', stream])
  await program.says(/↑ large\.bin/)
  await program.kill()
  await once('anna')
  await once('ben')
  expect(await filesOf('ben')).toEqual(await filesOf('anna'))
  expect(Object.keys(await filesOf('ben'))).toEqual(['large.bin'])
  const events = await server.events(stream)
  // Each of its 34 parts came once.
  expect(events.map(({ values }) => Object.keys(values ?? {}).find((field) => /^\d+$/.test(field)))).toEqual(
    Array.from({ length: 34 }, (_, index) => `${index}`),
  )
})

test('[M13] a stream that was deleted takes nothing away', async () => {
  await put('anna', 'kept.txt', 'kept\n')
  await once('anna')
  await server.delete(stream)
  const program = new Program([join(folder, 'anna'), '--stream', stream])
  expect([await program.ended, program.output]).toEqual([1, expect.stringContaining('stream-deleted')])
  expect(await filesOf('anna')).toEqual({ 'kept.txt': 'kept\n' })
})

test('[M13] says how it is used, and what is wrong', async () => {
  for (const [args, says] of [
    [[], 'Name one folder.'],
    [[folder], '--stream is missing.'],
    [[join(folder, 'nowhere'), '--stream', 'x'], 'There is no directory'],
    [[folder, '--stream', 'x', '--what'], '--what'],
  ] as const) {
    const program = new Program(args)
    expect([await program.ended, program.output]).toEqual([1, expect.stringContaining(says)])
    expect(program.output).toContain('Usage')
  }
})
