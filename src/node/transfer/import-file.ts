/**
 * Lays the tape of a file on an empty stream. The whole file is checked first, so that nothing is begun that cannot be
 * ended. What was begun before and cut off goes on where the server is; each batch may come twice.
 */
import type { StreamDoor } from './stream-door.ts'
import { type FileBatch, type FileContents, readTapeFile } from './tape-file.ts'
import { RefusedTransfer, TransferError, type TransferProgress, UnansweredTransfer } from './transfer-error.ts'

export interface ImportOptions {
  readonly onCheck?: ((progress: TransferProgress) => void) | undefined
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

interface State {
  readonly latestSeq: number
  readonly importing?: true
}

/** Something of the file is in the stream and more is to come: until then nobody can publish to it. */
export class UnfinishedImport extends TransferError {
  readonly latestSeq: number

  constructor(latestSeq: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.latestSeq = latestSeq
  }
}

/** Gives how many events the stream has. Throws a `TransferError`. */
export async function importFile(
  path: string,
  door: Pick<StreamDoor, 'get' | 'post'>,
  { onCheck, onProgress, signal }: ImportOptions,
): Promise<number> {
  const { latestSeq, hash } = await forEachBatch(path, { signal, onProgress: onCheck, run: async () => {} })
  if (latestSeq < 0) throw new TransferError('The file has no events.')
  let state = (await door.get('')) as State
  let hasSent = false
  try {
    if (state.latestSeq < 0 || state.importing === true) {
      const total = latestSeq + 1
      const begun = state.latestSeq
      await forEachBatch(path, {
        signal,
        onProgress: (progress) => onProgress?.({ ...progress, total }),
        // One batch that is there already goes along: whether it is the same tape shows at once.
        run: async ({ last, body }) => {
          if (last < begun) return
          state = (await door.post('/import', body)) as State
          hasSent = true
        },
      })
    }
    await door.post('/import', JSON.stringify({ finish: true, latestSeq, hash }))
    return latestSeq + 1
  } catch (error) {
    const isBegun = state.importing === true || error instanceof UnansweredTransfer
    // Whoever is refused at once has another file than the one that the import was begun with.
    const isAnother = error instanceof RefusedTransfer && !hasSent
    if (isBegun && !isAnother) throw new UnfinishedImport(state.latestSeq, error)
    throw error
  }
}

interface Reading {
  readonly run: (batch: FileBatch) => Promise<void>
  readonly onProgress: ((progress: TransferProgress) => void) | undefined
  readonly signal: AbortSignal | undefined
}

async function forEachBatch(path: string, { run, onProgress, signal }: Reading): Promise<FileContents> {
  const batches = readTapeFile(path)
  let bytes = 0
  for (let next = await batches.next(); ; next = await batches.next()) {
    if (next.done === true) return next.value
    if (signal?.aborted === true) throw new TransferError('Interrupted.')
    await run(next.value)
    bytes += next.value.bytes
    onProgress?.({ events: next.value.last + 1, bytes })
  }
}
