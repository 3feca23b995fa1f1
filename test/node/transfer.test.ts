/** Tapes in files: what is exported is imported as it was, and whatever is wrong with a file is found before anything is sent. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ExportOptions, exportStream, importFile, TransferError, UnfinishedImport } from '../../src/node/index.ts'
import { type FileBatch, type FileContents, readTapeFile } from '../../src/node/transfer/tape-file.ts'
import { RefusedTransfer } from '../../src/node/transfer/transfer-error.ts'
import { batchBytesMax, checkImport, Refusal, type TapeEvent } from '../../src/protocol/index.ts'
import { Importer } from '../../src/server/importer.ts'
import { CoreRig, FlakyTape } from '../support/core.ts'
import { hashOf, lineOf, randomTape } from '../support/random-tape.ts'

let folder = ''
let file = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapeline-transfer-'))
  file = join(folder, 'tape')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A stream on no network: what a server would answer. */
class Door {
  readonly rig = new CoreRig(new FlakyTape(), 'epoch-1')
  readonly asked: string[] = []
  /** Called before each request, to come between. */
  onAsk: (path: string) => void = () => {}

  async get(path: string): Promise<unknown> {
    this.#ask(path)
    const { core } = this.rig
    if (path === '') return { stream: 's', ...core.state, ...(core.isImporting ? { importing: true } : {}) }
    const [, first, last] = /seq=(\d+)-(\d+)/.exec(path) ?? []
    const page = this.rig.read([[Number(first), Number(last)]], 5000)
    return { ...page, events: this.rig.events(page) }
  }

  async post(path: string, body: string): Promise<unknown> {
    this.#ask(`${path} ${body.slice(0, 20)}`)
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(batchBytesMax)
    const importer = new Importer(this.rig.core)
    const wanted = checkImport(JSON.parse(body))
    try {
      await (wanted.type === 'batch' ? importer.take(wanted) : importer.finish(wanted))
    } catch (error) {
      throw error instanceof Refusal ? new RefusedTransfer(error.code) : error
    }
    return this.get('')
  }

  #ask(path: string): void {
    this.asked.push(path)
    this.onAsk(path)
  }
}

async function doorOf(events: readonly TapeEvent[]): Promise<Door> {
  const door = new Door()
  if (events.length > 0) {
    await writeFile(file, ndjsonOf(events))
    await importFile(file, door, {})
  }
  door.asked.length = 0
  return door
}

const ndjsonOf = (events: readonly TapeEvent[]) => events.map((event) => `${lineOf(event)}\n`).join('')

async function exported(door: Door, options: Partial<ExportOptions> = {}): Promise<string> {
  let text = ''
  for await (const piece of exportStream(door, { format: 'archive', ...options })) text += piece
  return text
}

async function read(): Promise<{ batches: FileBatch[]; contents: FileContents }> {
  const batches: FileBatch[] = []
  const reader = readTapeFile(file)
  for (let next = await reader.next(); ; next = await reader.next()) {
    if (next.done === true) return { batches, contents: next.value }
    batches.push(next.value)
  }
}

/** What is said of a file, and that nothing of it was sent. */
async function problemOf(content: string | Uint8Array): Promise<string> {
  await writeFile(file, content)
  const door = new Door()
  const error = await importFile(file, door, {}).catch((error: unknown) => error)
  if (!(error instanceof TransferError)) throw error
  expect(door.asked).toEqual([])
  return error.message
}

describe('an export', () => {
  const events = randomTape(1, 200)

  test('[I1][I9] is the tape, page by page, with what was in it', async () => {
    const lines = (await exported(await doorOf(events))).split('\n')
    expect(lines[0]).toBe('{"tapeline":1,"stream":"s","epoch":"epoch-1","latestSeq":199}')
    expect(lines.slice(1, 201)).toEqual(events.map(lineOf))
    expect(lines.slice(201)).toEqual([`{"events":200,"sha256":"${hashOf(events)}"}`, ''])
  })

  test('[I9] asks for what is missing, under one epoch, and says how far it is', async () => {
    const door = await doorOf(events)
    const progress: object[] = []
    // What comes meanwhile is not part of it.
    door.onAsk = () => door.rig.commit({ sub: 'x', publish: { drafts: [{ seen: -1, type: 'delete', collection: 'c', identifier: 'i' }] } })
    expect(await exported(door, { format: 'ndjson', onProgress: (now) => progress.push(now) })).toBe(
      ndjsonOf(events.slice(0, 201)).concat(await lineAt(door, 200)),
    )
    expect(door.asked.slice(0, 2)).toEqual(['', '/events?seq=0-200&epoch=epoch-1'])
    expect(progress.at(-1)).toMatchObject({ events: 201, total: 201 })
  })

  async function lineAt(door: Door, seq: number): Promise<string> {
    return `${JSON.stringify(door.rig.events(door.rig.read([[seq, seq]]))[0])}\n`
  }

  test('[I9] may begin later, and then is no tape to import', async () => {
    const door = await doorOf(events)
    expect(await exported(door, { format: 'ndjson', fromSeq: 150 })).toBe(ndjsonOf(events.slice(150)))
    const part = await exported(door, { fromSeq: 150 })
    expect(part).toMatch(/^\{"tapeline":1,"stream":"s","epoch":"epoch-1","first":150,"latestSeq":199\}\n/)
    expect(part).toContain(`\n{"events":50,"sha256":"${hashOf(events.slice(150))}"}\n`)
    expect(await problemOf(part)).toMatch(/begins with event 150/)
    await expect(exported(door, { fromSeq: 201 })).rejects.toThrow('There is nothing from 201 on')
    expect(await exported(door, { format: 'ndjson', fromSeq: 200 })).toBe('')
  })

  test('[I9] is of nothing when there is nothing', async () => {
    expect(await exported(await doorOf([]))).toMatch(/"epoch":null,"latestSeq":-1\}\n\{"events":0,"sha256":"[\w-]{43}"\}\n$/)
  })

  test('[I9] never leaves anything out: a page that begins too late, or has a gap, ends it', async () => {
    for (const cut of [(page: unknown[]) => page.slice(1), (page: unknown[]) => page.toSpliced(3, 1), () => []]) {
      const door = await doorOf(events)
      const get = door.get.bind(door)
      door.get = async (path) => {
        const answer = (await get(path)) as { events?: unknown[] }
        return answer.events === undefined ? answer : { ...answer, events: cut(answer.events) }
      }
      await expect(exported(door)).rejects.toThrow(/cannot read event \d+ now/)
    }
  })
})

describe('a file', () => {
  const events = randomTape(2, 120)
  const archive = async () => exported(await doorOf(events))

  test.each(['archive', 'ndjson'] as const)('[I1][I10] comes back as it was: %s, in gzip or not', async (format) => {
    const text = await exported(await doorOf(events), { format })
    for (const content of [text, gzipSync(text)]) {
      await writeFile(file, content)
      const { batches, contents } = await read()
      expect(contents).toEqual({ latestSeq: 119, hash: hashOf(events) })
      expect(batches.flatMap(({ body }) => (JSON.parse(body) as { events: object[] }).events)).toEqual(
        JSON.parse(`[${events.map(lineOf)}]`),
      )
    }
  })

  test('[I10][N5] is sent in batches that a request may hold, each with the subs of its clients', async () => {
    const large = Array.from({ length: 30 }, (_, seq) => ({
      ...{
        seq,
        client: `c${seq}`,
        counter: 1,
        seen: -1,
        type: 'insert',
        collection: 'c',
        identifier: 'i',
        values: { t: 'ü'.repeat(60_000) },
      },
    }))
    const small = Array.from({ length: 2500 }, (_, i) => ({ seq: 30 + i, seen: -1, type: 'delete', collection: 'c', identifier: 'i' }))
    const subs = Object.fromEntries([...large.map(({ client }) => [client, `sub of ${client}`]), ['nobody', 'x']])
    const lines = [...large, ...small].map((event) => JSON.stringify(event)).join('\n')
    const hash = hashOf([...large, ...small] as never)
    await writeFile(
      file,
      `${JSON.stringify({ tapeline: 1, latestSeq: 2529, subs })}\n${lines}\n${JSON.stringify({ events: 2530, sha256: hash })}`,
    )
    const { batches } = await read()
    expect(batches.map(({ first, last }) => [first, last])).toEqual([
      [0, 7],
      [8, 15],
      [16, 23],
      [24, 1023],
      [1024, 2023],
      [2024, 2529],
    ])
    expect(batches.every(({ body }) => Buffer.byteLength(body) <= batchBytesMax)).toBe(true)
    expect(JSON.parse(batches[1]?.body ?? '')).toHaveProperty('subs', Object.fromEntries(Object.entries(subs).slice(8, 16)))
    const door = new Door()
    expect(await importFile(file, door, {})).toBe(2530)
    expect([door.rig.core.ownerOf('c17'), door.rig.core.ownerOf('nobody')]).toEqual(['sub of c17', undefined])
  })

  test('[I1][I10] that was cut anywhere is found out', async () => {
    const text = await archive()
    const packed = gzipSync(text)
    for (let length = 20; length < packed.length - 1; length += 97) {
      expect(await problemOf(packed.subarray(0, length))).toMatch(/cut off/)
    }
    for (let length = 70; length < text.length - 2; length += 997) {
      expect(await problemOf(text.slice(0, length))).toMatch(/cut off|no line of an archive|should have/)
    }
    expect(await problemOf(text.split('\n').slice(0, -2).join('\n'))).toMatch(/cut off after line 121/)
  })

  test('[I1][I10] that was changed is found out', async () => {
    const text = await archive()
    const lines = text.split('\n')
    const changed = (at: number, line: string) => lines.with(at, line).join('\n')
    const flipped = gzipSync(text)
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] as number) ^ 4
    expect(await problemOf(flipped)).toMatch(/damaged|cut off|changed|Line \d+/)
    expect(await problemOf(changed(20, lines[20]?.replace(/"seen":-?\d+/, '"seen":-1') ?? ''))).toMatch(/has been changed/)
    expect(await problemOf(lines.toSpliced(50, 1).join('\n'))).toMatch(/Line 51: .*import-gap/)
    expect(await problemOf(lines.toSpliced(120, 1).join('\n'))).toMatch(/should have 120 events, and has 119/)
    expect(await problemOf(`${text}${lines[5]}\n`)).toMatch(/Line 123: The archive ends before/)
    expect(await problemOf(changed(0, '{"tapeline":2}'))).toMatch(/later version/)
    expect(await problemOf(changed(0, '{"tapeline":1}'))).toMatch(/first line/)
    expect(await problemOf(changed(0, lines[0]?.replace('119', '118') ?? ''))).toMatch(/should have/)
  })

  test.each<[what: string, at: number, change: (line: string) => string | Uint8Array, says: RegExp]>([
    ['no JSON', 7, (line) => line.slice(1), /^Line 8: This is no line of an archive or of NDJSON/],
    ['no object', 7, () => '[]', /^Line 8: This is no line/],
    ['nothing', 7, () => '', /^Line 8: This is no line/],
    ['a gap', 0, (line) => line.replace('"seq":0', '"seq":1'), /import-gap/],
    ['a folded event', 7, (line) => line.replace('{', '{"stamps":{},'), /^Line 8: .*about stamps.*\(invalid\)/],
    ['a repeat', 7, (line) => `${line}\n${line}`, /^Line 9: .*import-gap/],
    [
      'half a pair',
      7,
      () => '{"seq":7,"seen":-1,"type":"insert","collection":"c","identifier":"i","values":{"t":"\\ud800"}}',
      /Line 8: .*lone-surrogate/,
    ],
    [
      'a counter that skips',
      119,
      () => '{"seq":119,"client":"new","counter":2,"seen":-1,"type":"delete","collection":"c","identifier":"i"}',
      /^Line 120: .*counter-order/,
    ],
  ])('[I10] of events with %s is found out, and the line told', async (_, at, change, says) => {
    const lines = ndjsonOf(events).split('\n')
    expect(await problemOf(lines.with(at, String(change(lines[at] ?? ''))).join('\n'))).toMatch(says)
  })

  test('[I10] that is no tape at all is told from one', async () => {
    expect(await problemOf('')).toBe('The file has no events.')
    expect(await problemOf(await exported(await doorOf([])))).toBe('The file has no events.')
    expect(await problemOf(new Uint8Array([0xff, 0xfe, 0x00]))).toBe('The file is not text in UTF-8.')
    expect(await problemOf(new Uint8Array([0x1f, 0x8b, 1, 2, 3]))).toMatch(/damaged/)
    expect(await problemOf('hello\n')).toMatch(/^Line 1: This is no line of an archive or of NDJSON: hello/)
    await rm(file)
    await expect(importFile(file, new Door(), {})).rejects.toThrow('ENOENT')
  })
})

describe('an import', () => {
  const events = randomTape(3, 2500)

  test('[I10][I4] that was ended early says so, and goes on where it was', async () => {
    await writeFile(file, ndjsonOf(events))
    const ending = new AbortController()
    const door = new Door()
    door.onAsk = (path) => path.includes('/import') && door.rig.core.state.latestSeq > 900 && ending.abort()
    const ended = importFile(file, door, { signal: ending.signal })
    await expect(ended).rejects.toEqual(new UnfinishedImport(1999, new TransferError('Interrupted.')))
    door.onAsk = () => {}
    door.asked.length = 0
    const progress: number[] = []
    expect(await importFile(file, door, { onProgress: ({ events }) => progress.push(events) })).toBe(2500)
    // The batch before the end goes along, so that another file shows at once.
    expect(door.asked.filter((path) => path.startsWith('/import {"events'))).toHaveLength(2)
    expect(progress).toEqual([1000, 2000, 2500])
    expect(door.rig.events()).toHaveLength(2500)
  })

  test('[I8][I10] that was done already is no error, and into a stream of others none is begun', async () => {
    const door = await doorOf(events)
    expect(await importFile(file, door, {})).toBe(2500)
    expect(door.asked).toEqual(['', '/import {"finish":true,"late', ''])
    await writeFile(file, ndjsonOf(randomTape(4, 2500)))
    await expect(importFile(file, door, {})).rejects.toEqual(new RefusedTransfer('not-empty'))
  })

  test('[I4][I10] of another file than the one that it was begun with is refused at once', async () => {
    await writeFile(file, ndjsonOf(events))
    const door = new Door()
    const ending = new AbortController()
    door.onAsk = (path) => path.includes('/import') && ending.abort()
    await importFile(file, door, { signal: ending.signal }).catch(() => {})
    door.onAsk = () => {}
    await writeFile(file, ndjsonOf(randomTape(4, 2500)))
    await expect(importFile(file, door, {})).rejects.toEqual(new RefusedTransfer('import-mismatch'))
    expect(door.rig.core.state.latestSeq).toBe(999)
  })
})

test('[I1] an archive is a fifth of its JSON or less', async () => {
  const text = await exported(await doorOf(randomTape(5, 2000)))
  await writeFile(file, gzipSync(text))
  expect((await readFile(file)).length / text.length).toBeLessThan(0.2)
  expect(gunzipSync(await readFile(file)).toString()).toBe(text)
})
