/**
 * A tape in a file: an archive, or events one a line (NDJSON), either as it is or in gzip. It is read as batches for an
 * import, and everything that can be wrong with it is found on the way: what was cut or changed, what is no event, what
 * is out of order.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { TextDecoder } from 'node:util'
import { createGunzip } from 'node:zlib'
import * as v from 'valibot'
import {
  batchBytesMax,
  batchDraftsMax,
  checkImport,
  codeTexts,
  countersAfter,
  type ImportBatch,
  Refusal,
  type Subs,
  subsSchema,
} from '../../protocol/index.ts'
import { TransferError } from './transfer-error.ts'

/** What the first line of an archive says of what follows. */
interface Header {
  readonly latestSeq: number
  /** Whose clients are, where whoever made the archive knows it. */
  readonly subs: Subs | undefined
}

/** Events for one request, checked. */
export interface FileBatch {
  readonly first: number
  readonly last: number
  readonly bytes: number
  /** JSON. */
  readonly body: string
}

/** What the whole file holds, once all of it has been read. */
export interface FileContents {
  readonly latestSeq: number
  /** SHA-256 in base64url of the events as a server stores them. */
  readonly hash: string
}

/** No event is longer; the first line may name thousands of subs. */
const lineLengthMax = 16 * 1024 * 1024

/** Room in a request for what stands around the events. */
const bodyBytesMax = batchBytesMax - 1024

/** Gives batches as they are read, and at last what the file holds. Throws a `TransferError`. */
export async function* readTapeFile(path: string): AsyncGenerator<FileBatch, FileContents> {
  const reader = new TapeReader()
  for await (const lines of linesOf(path)) {
    for (const line of lines) {
      const batch = reader.take(line)
      if (batch !== undefined) yield batch
    }
  }
  const rest = reader.takeEnd()
  if (rest !== undefined) yield rest
  return reader.contents
}

class TapeReader {
  #header: Header | undefined
  #hasEnded = false
  /** Lines read so far. */
  #lines = 0
  readonly #counters = new Map<string, number>()
  /** Of the lines as they stand in the file, and as the server will store them. */
  readonly #fileHash = createHash('sha256')
  readonly #storedHash = createHash('sha256')
  #events = 0
  #batch = newBatch(1)

  get contents(): FileContents {
    return { latestSeq: this.#events - 1, hash: this.#storedHash.digest('base64url') }
  }

  /** The batch that is full without this line. */
  take(line: string): FileBatch | undefined {
    this.#lines++
    if (this.#hasEnded) throw this.#error('The archive ends before this line, and something follows.')
    const value = this.#parse(line)
    if (this.#lines === 1 && 'tapeline' in value) return this.#begin(value)
    if (this.#header !== undefined && 'sha256' in value) return this.#end(value)
    const isFull = this.#batch.values.length === batchDraftsMax || this.#batch.bytes + this.#sizeOf(value) > bodyBytesMax
    const full = isFull ? this.#flush() : undefined
    this.#batch.bytes += this.#sizeOf(value)
    this.#batch.values.push(value)
    this.#batch.clients.add(value.client)
    if (this.#header !== undefined) this.#fileHash.update(`${line}\n`)
    return full
  }

  takeEnd(): FileBatch | undefined {
    if (this.#header !== undefined && !this.#hasEnded) throw new TransferError(`The archive has been cut off after line ${this.#lines}.`)
    return this.#flush()
  }

  #parse(line: string): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(line)
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    } catch {
      // Said below.
    }
    throw this.#error(`This is no line of an archive or of NDJSON: ${line.slice(0, 40)}`)
  }

  #begin(header: Record<string, unknown>): undefined {
    if (header.tapeline !== 1) throw this.#error('The archive is of a later version of Tapeline.')
    const { first = 0, latestSeq, subs } = header
    if (typeof first !== 'number' || typeof latestSeq !== 'number' || !(subs === undefined || v.is(subsSchema, subs))) {
      throw this.#error('The archive’s first line is not what it should be.')
    }
    this.#header = { latestSeq, subs }
    this.#batch = newBatch(2)
    if (first !== 0) throw new TransferError(`The archive begins with event ${first}. Only one that begins with 0 can be imported.`)
  }

  #end({ events, sha256 }: Record<string, unknown>): FileBatch | undefined {
    this.#hasEnded = true
    const rest = this.#flush()
    if (events !== this.#events || this.#header?.latestSeq !== this.#events - 1) {
      throw new TransferError(`The archive should have ${events} events, and has ${this.#events}.`)
    }
    if (sha256 !== this.#fileHash.digest('base64url')) {
      throw new TransferError('The archive has been changed: its events have another hash than its last line says.')
    }
    return rest
  }

  /** What an event, and the sub of its client if that is new to the batch, takes of its room. */
  #sizeOf(value: Record<string, unknown>): number {
    const { client } = value
    const sub = this.#batch.clients.has(client) ? undefined : this.#subOf(client)
    return Buffer.byteLength(JSON.stringify(value)) + 1 + (sub === undefined ? 0 : Buffer.byteLength(JSON.stringify([client, sub])))
  }

  #subOf(client: unknown): string | undefined {
    const subs = this.#header?.subs
    return typeof client === 'string' && subs !== undefined && Object.hasOwn(subs, client) ? subs[client] : undefined
  }

  #flush(): FileBatch | undefined {
    const { values, clients, firstLine, bytes } = this.#batch
    this.#batch = newBatch(this.#lines)
    if (values.length === 0) return undefined
    const { first, events, lines } = this.#check(values, firstLine)
    for (const line of lines) this.#storedHash.update(`${line}\n`)
    this.#events += events.length
    const subs = [...clients].flatMap((client) => (this.#subOf(client) === undefined ? [] : [[client, this.#subOf(client)] as const]))
    const said = subs.length === 0 ? '' : `,"subs":${JSON.stringify(Object.fromEntries(subs))}`
    return { first, last: this.#events - 1, bytes, body: `{"events":[${lines.join(',')}]${said}}` }
  }

  #check(values: readonly unknown[], firstLine: number): ImportBatch {
    try {
      const batch = checkImport({ events: values }) as ImportBatch
      if (batch.first !== this.#events) throw new Refusal('import-gap', { at: 'events[0]', expected: this.#events })
      const counters = countersAfter(batch.events, (client) => this.#counters.get(client) ?? 0)
      for (const [client, counter] of counters) this.#counters.set(client, counter)
      return batch
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      throw refusedLine(error, firstLine)
    }
  }

  #error(text: string): TransferError {
    return new TransferError(`Line ${this.#lines}: ${text}`)
  }
}

function newBatch(firstLine: number) {
  return { values: [] as unknown[], clients: new Set<unknown>(), bytes: 0, firstLine }
}

/** What is wrong with an event, and on which line. */
function refusedLine({ code, details: { at = '', detail = '' } }: Refusal, firstLine: number): TransferError {
  const [, index = '0', member = ''] = /^events\[(\d+)\]\.?(.*)$/.exec(at) ?? []
  const { title } = codeTexts(code)
  return new TransferError(
    `Line ${firstLine + Number(index)}: ${title} ${detail}${member === '' ? '' : ` It is about ${member}.`} (${code})`,
  )
}

/** The lines of each piece that has been read. Throws a `TransferError` for what is cut or damaged, and what the system says. */
async function* linesOf(path: string): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const chunk of await openFile(path)) {
    const lines = `${rest}${textOf(decoder, chunk)}`.split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > lineLengthMax) throw new TransferError('The file has no lines, or far too long ones.')
    yield lines
  }
  rest += textOf(decoder)
  if (rest !== '') yield [rest]
}

async function openFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  if (!(await isGzip(path))) return createReadStream(path)
  // Whoever iterates is told of what fails.
  return unpacked(pipeline(createReadStream(path), createGunzip(), () => {}))
}

async function* unpacked(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'Z_BUF_ERROR') throw new TransferError('The file has been cut off: its end is missing.')
    if (typeof code === 'string' && code.startsWith('Z_')) throw new TransferError('The file is damaged: it cannot be unpacked.')
    throw error
  }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}

function textOf(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch {
    throw new TransferError('The file is not text in UTF-8.')
  }
}
