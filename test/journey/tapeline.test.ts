/** `npx tapeline export` and `import`: the program itself, as npm runs it, between files of this machine and a server of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Deployment } from '../support/deployment.ts'
import { lineOf, randomTape } from '../support/random-tape.ts'
import { testSecret } from '../support/secrets.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { testToken } from '../support/tokens.ts'

const script = join(import.meta.dirname, '../../scripts/tapeline.js')
const events = randomTape(1, 6000)
const ndjson = events.map((event) => `${lineOf(event)}\n`).join('')
let server: Deployment
let proxy: TcpProxy
let folder = ''
let stream = ''
let count = 0

beforeAll(async () => {
  server = await Deployment.start()
  proxy = await TcpProxy.start(server.port)
})
afterAll(async () => {
  await proxy.stop()
  await server.dispose()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapeline-archive-'))
  stream = `archive.${++count}`
  await writeFile(file('tape.ndjson'), ndjson)
  return () => rm(folder, { recursive: true, force: true })
})

const file = (name: string) => join(folder, name)

class Program {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  output = ''
  errors = ''

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [script, ...args], {
      env: { ...process.env, TAPELINE_SECRET: testSecret, TAPELINE_TOKEN: '', ...environment },
    })
    this.child.stdout?.on('data', (chunk) => {
      this.output += chunk
    })
    this.child.stderr?.on('data', (chunk) => {
      this.errors += chunk
    })
    this.ended = new Promise((resolve) => this.child.on('close', resolve))
  }
}

/** Runs it to its end; gives its exit code and what it says on standard error. */
async function run(args: readonly string[], environment?: Record<string, string>): Promise<[code: number | null, errors: string]> {
  const program = new Program(args, environment)
  return [await program.ended, program.errors]
}

const at = (origin = server.origin) => ['--server', origin]

async function imported(name = stream): Promise<void> {
  const [code, errors] = await run(['import', file('tape.ndjson'), name, ...at()])
  expect([code, errors]).toEqual([0, expect.stringContaining(`6000 events imported into ${name}.`)])
}

/** What the stream says of itself, and to who publishes. */
async function ask(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const headers = { Authorization: `Bearer ${await testToken()}`, 'Content-Type': 'application/json' }
  return (await fetch(`${server.streamAddress(stream)}${path}`, { headers, ...init })).json() as Promise<Record<string, unknown>>
}

const publish = (drafts: readonly object[]) => ask('/events', { method: 'POST', body: JSON.stringify({ client: 'anna', drafts }) })

test('[I9][I10] a tape goes to a file and from there to another stream, and clients go on there', async () => {
  await imported('archive.source')
  const [code, errors] = await run(['export', 'archive.source', file('tape.gz'), ...at()])
  expect([code, errors]).toEqual([
    0,
    expect.stringMatching(/Read 6000 of 6000 events, .* kB, 100 %\n6000 events of archive\.source exported/),
  ])
  const lines = gunzipSync(await readFile(file('tape.gz')))
    .toString()
    .split('\n')
  expect(
    lines
      .slice(1, -2)
      .map((line) => `${line}\n`)
      .join(''),
  ).toBe(ndjson)

  const [, said] = await run(['import', file('tape.gz'), stream, ...at()])
  expect(said).toMatch(/Checked 1000 events|Sent 1000 of 6000 events, .* kB, 16 %/)
  expect(said).toMatch(/Sent 6000 of 6000 events, .* kB, 100 %\n6000 events imported/)
  const back = new Program(['export', stream, '--format', 'ndjson', ...at()])
  expect([await back.ended, back.output]).toEqual([0, ndjson])
  const anna = events.filter(({ client }) => client === 'anna').length
  const draft = { seen: 5999, type: 'delete', collection: 'tasks', identifier: '1' }
  expect(
    await publish([
      { ...draft, counter: anna },
      { ...draft, counter: anna + 1 },
    ]),
  ).toMatchObject({ duplicates: 1, seqs: [[6000, 6000]] })
  expect(await run(['import', file('tape.gz'), stream, ...at()])).toMatchObject([0, expect.stringContaining('6000 events imported')])
  expect(await run(['export', stream, file('new.ndjson'), '--from-seq', '6000', ...at()])).toMatchObject([
    0,
    expect.stringContaining('One event'),
  ])
  expect(JSON.parse(await readFile(file('new.ndjson'), 'utf8'))).toMatchObject({ seq: 6000, client: 'anna', counter: anna + 1 })
})

test('[I9][I10] a cut in the middle of either costs a moment, and nothing else', async () => {
  let cut = proxy.cutAfter(600_000, { direction: 'up' })
  const [code, errors] = await run(['import', file('tape.ndjson'), stream, ...at(proxy.origin)])
  await cut
  expect([code, errors]).toEqual([0, expect.stringContaining('6000 events imported')])
  cut = proxy.cutAfter(700_000, { direction: 'down' })
  expect(await run(['export', stream, file('back.ndjson'), ...at(proxy.origin)])).toMatchObject([0, expect.stringContaining('6000 events')])
  await cut
  expect(await readFile(file('back.ndjson'), 'utf8')).toBe(ndjson)
})

test('[I7][I10] an import that was ended early says how to go on, and does', async () => {
  const args = ['import', file('tape.ndjson'), stream, ...at(proxy.origin)]
  const program = new Program(args)
  await proxy.cutAfter(600_000, { direction: 'up' })
  proxy.refuse(true)
  program.child.kill('SIGTERM')
  expect([await program.ended, program.errors]).toEqual([
    1,
    expect.stringMatching(/The import is not finished\. Events up to \d+ are there, .*Run the same command again/),
  ])
  proxy.refuse(false)
  const { latestSeq } = await ask('')
  expect(await ask('')).toMatchObject({ importing: true })
  expect(latestSeq).toBeLessThan(5999)
  expect(await publish([{ counter: 1, seen: -1, type: 'delete', collection: 'c', identifier: 'i' }])).toMatchObject({ code: 'importing' })
  expect(await run(args)).toMatchObject([0, expect.stringContaining('6000 events imported')])
  expect((await server.events(stream)).map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq))
  expect(await ask('')).not.toHaveProperty('importing')
})

test('[I1][I10] an archive that was cut off, or changed, is refused before anything is sent', async () => {
  await imported('archive.whole')
  expect((await run(['export', 'archive.whole', file('tape.gz'), ...at()]))[0]).toBe(0)
  const whole = await readFile(file('tape.gz'))
  for (const [content, says] of [
    [whole.subarray(0, whole.length - 100), 'cut off'],
    [whole.subarray(0, whole.length / 2), 'cut off'],
    [gunzipSync(whole).toString().replace('"seen":-1', '"seen": -1'), 'has been changed'],
  ] as const) {
    await writeFile(file('bad.gz'), content)
    expect(await run(['import', file('bad.gz'), stream, ...at()])).toMatchObject([1, expect.stringContaining(says)])
    expect(await ask('')).toMatchObject({ epoch: null, latestSeq: -1 })
  }
})

test('[I9] an export that fails leaves what was there under its name', async () => {
  await imported()
  await writeFile(file('old.gz'), 'old')
  const token = await testToken({ may: ['publish'] })
  const [code, errors] = await run(['export', stream, file('old.gz'), ...at()], { TAPELINE_TOKEN: token })
  expect([code, errors]).toEqual([1, expect.stringContaining('(forbidden)')])
  expect(await readFile(file('old.gz'), 'utf8')).toBe('old')
  expect((await readdir(folder)).sort()).toEqual(['old.gz', 'tape.ndjson'])
})

test('[I10] says how it is used, and what is wrong', async () => {
  await server.publish(stream, [{ type: 'delete', collection: 'c', identifier: 'i' }])
  const misused = [
    [[], 'Say export or import.'],
    [['copy', 'x'], 'Say export or import.'],
    [['export'], 'Name the stream'],
    [['import', 'x'], 'Name the file'],
    [['export', 'a', 'b', 'c'], 'Name one stream and one file.'],
    [['export', 'a', '--format', 'zip'], '--format "zip"'],
    [['export', 'a', '--from-seq', 'x'], '--from-seq "x"'],
    [['import', 'a', 'b', '--format', 'ndjson'], 'are of export'],
    [['export', 'a', '--server', 'nowhere'], '--server "nowhere"'],
    [['export', 'a', '--what'], '--what'],
  ] as const
  const failing = [
    [['import', file('nowhere'), stream], 'ENOENT'],
    [['import', file('tape.ndjson'), stream], '(not-empty)'],
    [['import', file('tape.ndjson'), 'a b'], '(bad-stream-name)'],
    [['export', stream, file('no/such/folder')], 'ENOENT'],
    [['export', stream, file('x'), '--from-seq', '9'], 'There is nothing from 9 on'],
  ] as const
  const asked = new Program(['export', '--help'])
  expect([await asked.ended, asked.output, asked.errors]).toEqual([0, expect.stringMatching(/^Usage: npx tapeline/), ''])
  await Promise.all([
    ...misused.map(async ([args, says]) => {
      const [code, errors] = await run(args)
      expect([code, errors]).toEqual([1, expect.stringMatching(/\n\nUsage: npx tapeline/)])
      expect(errors).toContain(says)
    }),
    ...failing.map(async ([args, says]) => {
      const [code, errors] = await run([...args, ...at()])
      expect([code, errors]).toEqual([1, expect.not.stringContaining('Usage')])
      expect(errors).toContain(says)
    }),
  ])
})
