/**
 * Reads a tape from the server, up to where it ended when that began, and gives it as text for a file. Pages come one
 * after the other, each as often as it takes; no event is given before all of those before it.
 */
import { createHash } from 'node:crypto'
import { pageEvents } from '../../protocol/index.ts'
import type { StreamDoor } from './stream-door.ts'
import { TransferError, type TransferProgress } from './transfer-error.ts'

export interface ExportOptions {
  /** `ndjson` is the events alone, one a line; an archive has a first and a last line beside, which say what is in it. */
  readonly format: 'archive' | 'ndjson'
  /** Of a part that goes on from here: it can be read, but not imported by itself. */
  readonly fromSeq?: number | undefined
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
}

interface State {
  readonly stream: string
  readonly epoch: string | null
  readonly latestSeq: number
}

/** Pieces of the file, lines ended. Throws a `TransferError`. */
export async function* exportStream(
  door: Pick<StreamDoor, 'get'>,
  { format, fromSeq = 0, onProgress }: ExportOptions,
): AsyncGenerator<string> {
  const state = (await door.get('')) as State
  const { stream, epoch, latestSeq } = state
  if (fromSeq > latestSeq + 1) throw new TransferError(`There is nothing from ${fromSeq} on: the last event of ${stream} is ${latestSeq}.`)
  if (format === 'archive') {
    yield `${JSON.stringify({ tapeline: 1, stream, epoch, ...(fromSeq > 0 ? { first: fromSeq } : {}), latestSeq })}\n`
  }
  const hash = createHash('sha256')
  const total = latestSeq + 1 - fromSeq
  let events = 0
  let bytes = 0
  for await (const lines of pagesOf(door, state, fromSeq)) {
    const text = lines.map((line) => `${line}\n`).join('')
    hash.update(text)
    events += lines.length
    bytes += Buffer.byteLength(text)
    yield text
    onProgress?.({ events, bytes, total })
  }
  if (format === 'archive') yield `${JSON.stringify({ events, sha256: hash.digest('base64url') })}\n`
}

/** The events as they are stored, in order and without gaps: what JSON.stringify has written it writes again. */
async function* pagesOf(door: Pick<StreamDoor, 'get'>, { epoch, latestSeq }: State, from: number): AsyncGenerator<readonly string[]> {
  for (let next = from; next <= latestSeq; ) {
    const last = Math.min(latestSeq, next - (next % pageEvents) + pageEvents - 1)
    const { events } = (await door.get(`/events?seq=${next}-${last}&epoch=${epoch}`)) as { events: readonly { seq: number }[] }
    const gap = events.findIndex(({ seq }, index) => seq !== next + index)
    if (events.length === 0 || gap >= 0) throw new TransferError(`The server cannot read event ${next + Math.max(0, gap)} now.`)
    yield events.map((event) => JSON.stringify(event))
    next += events.length
  }
}
