/**
 * Compares what a client has made of the tape with what the server has: by a hash first and, when that differs, object
 * by object. They never should differ; when they do, something has damaged the store, or there is a bug.
 */
import { type ObjectFilter, objectHashes, objectKey, Refusal, stateHash, type TapeEvent } from '../../protocol/index.ts'
import type { TapeReader } from './tape-reader.ts'

/** What a client has, all of 0 … seq. */
export interface KeptState {
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

/** Rejects like a read. */
export async function verify({ epoch, seq, events, filters }: KeptState, reader: TapeReader): Promise<Verification> {
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

/** Of a long tape the server works out no hash: then it is compared object by object. */
function noneOfSoMuch(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'too-large')) throw error
}
