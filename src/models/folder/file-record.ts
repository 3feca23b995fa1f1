/** A file's object, read: whoever wrote it may have written anything. */

import { sha256 } from '@noble/hashes/sha2.js'
import { type Base64, isDeltaValues, type Json, toBase64url, toContent, type Values } from '../../protocol/index.ts'
import { problemOfPath } from './paths.ts'

export interface FileRecord {
  readonly path: string
  /** null while its content is on its way. */
  readonly hash: string | null
  readonly parts: readonly Base64[]
  /** How many parts it will have; those that have come are fewer at times. */
  readonly count: number
}

/** What an object is that is none. */
export interface NoFile {
  /** For people. */
  readonly problem: string
}

/** A file of 32 MiB has 187. */
const partsMax = 4096

/** Gives the problem, for people, where it is no file. */
export function readFileRecord({ path, hash, parts: count, ...fields }: Values): FileRecord | NoFile {
  if (typeof path !== 'string') return { problem: 'Its path is not a text.' }
  const problem = problemOfPath(path)
  if (problem !== undefined) return { problem: `Its path cannot be: ${problem}` }
  if (hash !== null && !(typeof hash === 'string' && /^[\w-]{43}$/.test(hash))) return { problem: 'Its hash is none.' }
  if (!(typeof count === 'number' && Number.isSafeInteger(count) && count >= 1 && count <= partsMax)) {
    return { problem: `It has not 1 to ${partsMax} parts.` }
  }
  const parts: Base64[] = []
  for (let index = 0; index < count; index++) {
    const part = Object.hasOwn(fields, String(index)) ? fields[index] : undefined
    if (part === undefined) continue
    if (!isBytes(part)) return { problem: `Its part ${index} is not bytes.` }
    parts.push(part)
  }
  return { path, hash, parts, count }
}

/** A part stays the same value until something in it changes. */
const known = new WeakSet<object>()

function isBytes(value: Json): value is Json & Base64 {
  if (typeof value !== 'object' || value === null) return false
  if (known.has(value)) return true
  const is = isDeltaValues(value) && 'base64' in value
  if (is) known.add(value)
  return is
}

/** Bytes, without decoding them. */
export function sizeOf({ parts }: FileRecord): number {
  return parts.reduce((sum, { base64 }) => sum + (base64.length / 4) * 3 - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0), 0)
}

export function contentsOf({ parts }: FileRecord): readonly Uint8Array[] {
  return parts.map((part) => toContent(part) as Uint8Array)
}

/** The SHA-256 of a content in base64url, 43 characters. */
export function hashOf(content: Uint8Array): string {
  return toBase64url(sha256(content))
}
