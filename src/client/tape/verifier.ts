/**
 * Compares what a client has made of the tape with what the server has: by a hash first and, when that differs, object
 * by object. They never should differ; when they do, something has damaged the store, or there is a bug.
 */
import { formatSeqs, type ObjectFilter, objectHashes, objectKey, Refusal, stateHash, type TapeEvent } from '../../protocol/index.ts'
import type { LocalTape } from '../storage/store.ts'
import { holesOf } from './local-tape.ts'
import type { TapeReader } from './tape-reader.ts'

/** What is known of a tape, and where it is kept; nowhere, before a store has been read. */
export interface KeptTape {
  readonly tape: LocalTape
  readonly current: { readonly events: () => Promise<readonly TapeEvent[]> } | undefined
}

/** What a client has, all of 0 … seq. */
interface KeptState {
  readonly epoch: string
  readonly seq: number
  readonly events: readonly TapeEvent[]
  /** Where not all of the tape is held: what is. */
  readonly filters: readonly ObjectFilter[] | undefined
}

export interface Verification {
  /** All of 0 … seq was compared. */
  readonly seq: number
  /** SHA-256 in base64url of what it has made of all objects here. */
  readonly hash: string
  readonly isSame: boolean
  /** Objects that are not the same here and there, or are in one place alone. */
  readonly differing: readonly { readonly collection: string; readonly identifier: string }[]
}

/** Reading what is kept takes so long that something may come meanwhile. */
const keptAttemptsMax = 10

/** Rejects with an Error while there are holes, and like a read. */
export async function verify(kept: KeptTape, reader: TapeReader): Promise<Verification> {
  const { epoch, seq, events, filters } = await keptState(kept)
  const here = objectHashes(events, seq)
  const hash = stateHash(here)
  // Of some objects alone the server keeps no hash.
  const isSame = seq < 0 || (filters === undefined && (await reader.hash(seq, epoch).catch(noneOfSoMuch)) === hash)
  if (isSame) return { seq, hash, isSame, differing: [] }
  const there = objectHashes(await reader.readFolded(seq, epoch, filters), seq)
  const byKey = new Map(there.map((object) => [objectKey(object), object]))
  const differing = here.filter((object) => {
    const other = byKey.get(objectKey(object))
    byKey.delete(objectKey(object))
    return other?.hash !== object.hash
  })
  const all = [...differing, ...byKey.values()].map(({ collection, identifier }) => ({ collection, identifier }))
  return { seq, hash, isSame: all.length === 0, differing: all }
}

/** What is kept, of a tape that did not grow while it was read. */
async function keptState(kept: KeptTape): Promise<KeptState> {
  for (let attempt = 1; attempt <= keptAttemptsMax; attempt++) {
    const { current, tape } = kept
    if (current === undefined || tape.epoch === null) return { epoch: '', seq: -1, events: [], filters: undefined }
    const holes = holesOf(tape)
    if (holes.length > 0) throw new Error(`The stream lacks ${formatSeqs(holes)}: it can be verified when these have come.`)
    const events = await current.events()
    if (kept.tape === tape) return { epoch: tape.epoch, seq: tape.latestSeq, events, filters: tape.parts?.map(({ filter }) => filter) }
  }
  throw new Error('The tape grows too fast to be verified now.')
}

/** Of a long tape the server works out no hash: then it is compared object by object. */
function noneOfSoMuch(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'too-large')) throw error
}
