/**
 * Exports a stream to a file, and imports it from there:
 *   npx tapeline export demo.todo todo.tape.gz
 *   npx tapeline import todo.tape.gz demo.copy
 */
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { createGzip } from 'node:zlib'
import { exportStream, importFile, StreamDoor, TransferError, type TransferProgress, UnfinishedImport } from '../src/node/index.ts'
import { tokenSource, UsageError } from './sign-token.ts'

const usage = `Usage: npx tapeline export <stream> [<file>] [--format archive|ndjson] [--from-seq <n>] [--server <address>]
       npx tapeline import <file> <stream> [--server <address>]
  <stream>    the stream's name; one that nobody has used yet, to import
  <file>      where to write; without one, or with -, to standard output
  --format    archive (compressed, with a checksum) or ndjson (events alone, one a line); by the file's name when absent
  --from-seq  exports what comes from this event on: such a part can be read, but not imported by itself
  --server    http://localhost:8787 by default
A token for the stream is taken from TAPELINE_TOKEN (read, and for import admin), or signed with the secret of npm start.`

interface Wish {
  readonly stream: string
  /** Undefined for standard output. */
  readonly file: string | undefined
  readonly server: string
}

interface ExportWish extends Wish {
  readonly command: 'export'
  readonly format: 'archive' | 'ndjson'
  readonly fromSeq: number
}

interface ImportWish extends Wish {
  readonly command: 'import'
  readonly file: string
}

function parseWish(args: readonly string[]): ExportWish | ImportWish {
  const { values, positionals } = parseOptions(args)
  const [command, ...names] = positionals
  const { server } = values
  if (!URL.canParse(server)) throw new UsageError(`--server "${server}" is not an address.`)
  if (names.length > 2) throw new UsageError('Name one stream and one file.')
  if (command === 'import') {
    const [file, stream] = names
    if (file === undefined || stream === undefined) throw new UsageError('Name the file to read and the stream to make of it.')
    if (values.format !== undefined || values['from-seq'] !== undefined) throw new UsageError('--format and --from-seq are of export.')
    return { command, file, stream, server }
  }
  if (command !== 'export') throw new UsageError('Say export or import.')
  const [stream, name] = names
  if (stream === undefined) throw new UsageError('Name the stream to export.')
  const { format = name?.endsWith('.ndjson') === true ? 'ndjson' : 'archive', 'from-seq': from = '0' } = values
  if (format !== 'archive' && format !== 'ndjson') throw new UsageError(`--format "${format}" is not archive or ndjson.`)
  if (!/^\d{1,15}$/.test(from)) throw new UsageError(`--from-seq "${from}" is not the seq of an event.`)
  return { command, file: name === '-' ? undefined : name, stream, server, format, fromSeq: Number(from) }
}

function parseOptions(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const
    const options = { format: text, 'from-seq': text, server: { type: 'string', default: 'http://localhost:8787' } } as const
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** One line on standard error, written over as long as somebody looks; elsewhere a line for each tenth of the way. */
class Meter {
  readonly #isLive = process.stderr.isTTY === true
  #tenth = -1

  show(what: string, { events, bytes, total }: TransferProgress): void {
    const share = total === undefined || total === 0 ? undefined : Math.floor((events / total) * 100)
    const percent = share === undefined ? '' : `, ${share} %`
    const line = `${what} ${events}${total === undefined ? '' : ` of ${total}`} events, ${sizeText(bytes)}${percent}`
    if (this.#isLive) {
      process.stderr.write(`\r\u001b[2K${line.slice(0, (process.stderr.columns || 80) - 1)}`)
    } else if (share !== undefined && Math.floor(share / 10) !== this.#tenth) {
      this.#tenth = Math.floor(share / 10)
      console.error(line)
    }
  }

  tell(text: string): void {
    if (this.#isLive) process.stderr.write('\r\u001b[2K')
    console.error(text)
  }
}

function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

async function runExport({ stream, file, format, fromSeq }: ExportWish, door: StreamDoor, meter: Meter): Promise<void> {
  if (file === undefined && format === 'archive' && process.stdout.isTTY)
    throw new UsageError('An archive is no text to look at: name a file.')
  let events = 0
  const text = Readable.from(
    exportStream(door, {
      format,
      fromSeq,
      onProgress: (progress) => {
        events = progress.events
        meter.show('Read', progress)
      },
    }),
  )
  const packed = format === 'archive' ? [createGzip()] : []
  if (file === undefined) {
    await pipeline([text, ...packed, process.stdout])
  } else {
    // What was there under this name stays until all of the new one is.
    const part = `${file}.part`
    try {
      await pipeline([text, ...packed, createWriteStream(part)])
      await rename(part, file)
    } finally {
      await rm(part, { force: true })
    }
  }
  meter.tell(`${eventsText(events)} of ${stream} exported${file === undefined ? '' : ` to ${file}`}.`)
}

async function runImport({ stream, file }: ImportWish, door: StreamDoor, { meter, signal }: { meter: Meter; signal: AbortSignal }) {
  const events = await importFile(file, door, {
    signal,
    onCheck: (progress) => meter.show('Checked', progress),
    onProgress: (progress) => meter.show('Sent', progress),
  })
  meter.tell(`${eventsText(events)} imported into ${stream}.`)
}

function eventsText(count: number): string {
  return count === 1 ? 'One event' : `${count} events`
}

function textOf(error: Error): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage}`
  if (!(error instanceof UnfinishedImport)) return error.message
  const there = error.latestSeq < 0 ? 'Some events may be there' : `Events up to ${error.latestSeq} are there`
  return `${error.message}\nThe import is not finished. ${there}, and nobody can publish to the stream. Run the same command again to go on.`
}

/** Told in a sentence, as it is nobody's mistake in here: files that cannot be read or written, for example. */
function isExpected(error: unknown): error is Error {
  return error instanceof UsageError || error instanceof TransferError || (error instanceof Error && 'syscall' in error)
}

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) return console.log(usage)
  const wish = parseWish(args)
  const token = await tokenSource(wish.stream, wish.command === 'export' ? ['read'] : ['read', 'admin'])
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort())
  const { signal } = ending
  const door = new StreamDoor({ address: new URL(`/v1/streams/${encodeURIComponent(wish.stream)}`, wish.server), token, signal })
  const meter = new Meter()
  try {
    if (wish.command === 'export') await runExport(wish, door, meter)
    else await runImport(wish, door, { meter, signal })
  } catch (error) {
    if (!isExpected(error)) throw error
    meter.tell(textOf(error))
    process.exitCode = 1
  }
}

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(textOf(error))
  process.exitCode = 1
}
