/**
 * Keeps a directory in step with a stream, both ways, until Ctrl-C:
 *   npm run sync -- ./folder --stream demo.files
 */
import { realpath } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Code, codeTexts, openStream, type StreamStatus } from '../src/browser/index.ts'
import { Folder } from '../src/models/index.ts'
import { Disk, DiskError, FolderSync, SqliteStore, type SyncNews } from '../src/node/index.ts'
import { tokenSource, UsageError } from './sign-token.ts'

const usage = `Usage: npm run sync -- <folder> --stream <name> [--server <address>] [--once]
  <folder>  a directory that is there
  --stream  the stream's name, for example demo.files
  --server  http://localhost:8787 by default
  --once    ends as soon as both are in step
A token for the stream is taken from TAPELINE_TOKEN, or signed with the secret of npm start.`

interface Wish {
  readonly root: string
  readonly name: string
  readonly server: string
  readonly isOnce: boolean
}

async function parseWish(args: readonly string[]): Promise<Wish> {
  const { values, positionals } = parseOptions(args)
  const [folder] = positionals
  if (folder === undefined || positionals.length > 1) throw new UsageError('Name one folder.')
  if (values.stream === undefined || values.stream === '') throw new UsageError('--stream is missing.')
  const root = await realpath(folder).catch(() => {
    throw new UsageError(`There is no directory ${folder}.`)
  })
  return { root, name: values.stream, server: values.server, isOnce: values.once }
}

function parseOptions(args: readonly string[]) {
  try {
    const options = {
      stream: { type: 'string' },
      server: { type: 'string', default: 'http://localhost:8787' },
      once: { type: 'boolean', default: false },
    } as const
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** One line that is written over as long as somebody looks, above which the news stand. */
class Screen {
  readonly #isLive = process.stdout.isTTY === true
  #line = ''

  tell(text: string): void {
    this.#clear()
    console.log(text)
    this.#draw()
  }

  show(line: string): void {
    if (line === this.#line) return
    this.#clear()
    this.#line = line
    this.#draw()
  }

  #clear(): void {
    if (this.#isLive) process.stdout.write('\r\u001b[2K')
  }

  #draw(): void {
    if (this.#isLive) process.stdout.write(this.#line.slice(0, (process.stdout.columns || 80) - 1))
  }
}

const barLength = 24

function bar(have: number, total: number): string {
  const filled = total === 0 ? barLength : Math.floor((have / total) * barLength)
  return `${'█'.repeat(filled)}${'░'.repeat(barLength - filled)}`
}

/** What is under way, and how much of it is left. `sending`: the most that has waited since nothing did. */
function lineOf({ connection, progress, outbox, problem }: StreamStatus, sending: number): string {
  if (problem !== undefined) return `The server says: ${problem}`
  if (connection === 'stopped') return 'Stopped.'
  if (connection !== 'online') return `No connection: ${changes(outbox.drafts)}`
  if (progress.have < progress.total) return `Receiving ${bar(progress.have, progress.total)} ${progress.have} of ${progress.total} events`
  if (outbox.drafts > 0) return `Sending ${bar(sending - outbox.bytes, sending)} ${sizeText(outbox.bytes)} left`
  return 'In step.'
}

function changes(count: number): string {
  return count === 0 ? 'nothing waits' : count === 1 ? 'one change waits' : `${count} changes wait`
}

function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

function textOf(news: SyncNews): string {
  switch (news.type) {
    case 'sent':
      return `↑ ${news.path}  ${sizeText(news.bytes)} for a file of ${sizeText(news.size)}`
    case 'received':
      return `↓ ${news.path}  ${sizeText(news.size)}`
    case 'renamed':
      return `→ ${news.path} is ${news.to} now`
    case 'removed':
      return `✕ ${news.path}`
    case 'kept':
      return `! ${news.path} was changed elsewhere, too: what was here is ${news.to} now`
    case 'problem':
      return `– ${news.path} is left alone. ${news.problem}`
    case 'trouble':
      return `! ${news.error instanceof Error ? news.error.message : String(news.error)}`
  }
}

/** There is no use in going on. */
class Ended extends Error {}

function textsOf(code: Code): string {
  const { title, hint } = codeTexts(code)
  return `${title} ${hint} (${code})`
}

function reasonOf(trouble: string | undefined): string {
  if (trouble === 'fenced') return 'Another program keeps this directory in step now.'
  return `What belongs to the directory cannot be kept in it: ${trouble ?? 'unknown'}.`
}

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) return console.log(usage)
  const { root, name, server, isOnce } = await parseWish(args)
  const token = await tokenSource(name, ['read', 'publish'])
  const screen = new Screen()
  const folder = new Folder('files', { onProblem: ({ problem }) => screen.tell(`– Something on the stream is no file. ${problem}`) })
  const disk = await Disk.open(root)
  const stream = openStream(new URL(`/v1/streams/${encodeURIComponent(name)}`, server), {
    token,
    store: new SqliteStore(disk.ownFile(`${name}.sqlite`)),
    report: (error) => screen.tell(`! ${error instanceof Error ? error.message : String(error)}`),
  })
  stream.attach(folder)
  const stopped = new Promise<never>((_, reject) => {
    let sending = 0
    stream.subscribe((status) => {
      const { connection, outbox, problem, storage } = status
      sending = outbox.drafts === 0 ? 0 : Math.max(sending, outbox.bytes)
      screen.show(lineOf(status, sending))
      if (connection === 'stopped') reject(new Ended(problem === undefined ? reasonOf(storage.trouble) : textsOf(problem)))
    })
  })
  // Nobody waits for it when it is stopped on purpose.
  stopped.catch(() => {})
  const sync = await FolderSync.start(disk, name, { folder, stream, onNews: (news) => screen.tell(textOf(news)) })
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
  // The directory is gone, or both are in step for the first time.
  const settled = sync
    .settled()
    .then(() => screen.tell(folder.list.length === 1 ? 'One file is in step.' : `${folder.list.length} files are in step.`))
  try {
    await Promise.race([interrupted, stopped, isOnce ? settled : settled.then(() => sync.ended)])
  } finally {
    await sync.stop()
    const { pending } = stream.status
    if (pending > 0) screen.tell(`${changes(pending)} here, and ${pending === 1 ? 'goes' : 'go'} the next time.`)
    await stream.close()
    screen.show('')
  }
}

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError || error instanceof DiskError || error instanceof Ended)) throw error
  console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : error.message)
  process.exitCode = 1
}
