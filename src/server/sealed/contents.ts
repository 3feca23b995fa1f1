/**
 * Sealed parts of the tape as contents that never change: compressed, and named by the hash of what is in them. What
 * comes back is checked against that name, so what was lost, cut, flipped or swapped is never served as good.
 */
import { toBase64url } from '../../protocol/base64.ts'
import { Refusal } from '../../protocol/codes.ts'
import type { Blobs } from './blobs.ts'

export interface ContentEntry {
  /** SHA-256 of the content, in base64url. */
  readonly hash: string
  /** Of the content. */
  readonly bytes: number
  /** Of what is stored. */
  readonly stored: number
  /** The object that it is borrowed from, by its id; absent for one's own. */
  readonly owner?: string | undefined
}

/** What a content is found by. */
export type ContentKey = Pick<ContentEntry, 'hash' | 'owner'>

/** The name among the blobs: the hash, and for what is borrowed whose it is before that. */
export function nameOf({ hash, owner }: ContentKey): string {
  return owner === undefined ? hash : `${owner}/${hash}`
}

export function keyOf(name: string): ContentKey {
  const slash = name.lastIndexOf('/')
  return slash < 0 ? { hash: name } : { owner: name.slice(0, slash), hash: name.slice(slash + 1) }
}

export function isBorrowed(name: string): boolean {
  return name.includes('/')
}

/** How contents are compressed and hashed. */
export interface Codec {
  pack(content: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  /** Rejects for what is not packed. */
  unpack(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  hash(content: Uint8Array<ArrayBuffer>): Promise<string>
}

/** gzip, which every runtime and every reader of HTTP has: 18 % of the JSON of events, in 15 µs an event. */
export const gzipCodec: Codec = {
  pack: (content) => through(content, new CompressionStream('gzip')),
  unpack: (packed) => through(packed, new DecompressionStream('gzip')),
  hash: async (content) => toBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', content))),
}

async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer())
}

/** So much of what was read last is kept: whoever reads here and there in a part does not fetch it again. */
const keptBytesMax = 8 * 1024 * 1024

export class Contents {
  readonly #blobs: Blobs
  readonly #codec: Codec
  readonly #report: (error: unknown) => void
  readonly #kept = new Map<string, Uint8Array<ArrayBuffer>>()
  #keptBytes = 0

  constructor(blobs: Blobs, codec: Codec, report: (error: unknown) => void) {
    this.#blobs = blobs
    this.#codec = codec
    this.#report = report
  }

  /** Stores a content, reads it back and compares. To store it again changes nothing. */
  async put(content: Uint8Array<ArrayBuffer>): Promise<ContentEntry> {
    const [hash, packed] = await Promise.all([this.#codec.hash(content), this.#codec.pack(content)])
    await this.#store(hash, packed)
    return { hash, bytes: content.length, stored: packed.length }
  }

  /** Stores what was packed elsewhere. Throws `damaged` when it is not what it should be. */
  async adopt({ hash }: ContentKey, packed: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#check({ hash }, packed)
    await this.#store(hash, packed)
  }

  /** The content as it was. Throws `damaged` when it is not there or not itself, and `unavailable` when it cannot be reached. */
  async get(entry: ContentKey): Promise<Uint8Array<ArrayBuffer>> {
    const kept = this.#kept.get(entry.hash)
    if (kept !== undefined) {
      this.#kept.delete(entry.hash)
      this.#kept.set(entry.hash, kept)
      return kept
    }
    const content = await this.#check(entry, await this.packed(entry))
    this.#keep(entry.hash, content)
    return content
  }

  /** Removes contents for good. */
  async remove(names: readonly string[]): Promise<void> {
    await this.#blobs.remove(names)
    for (const { hash } of names.map(keyOf)) {
      this.#keptBytes -= this.#kept.get(hash)?.length ?? 0
      this.#kept.delete(hash)
    }
  }

  /** Removes whatever else there is: what was stored right before a kill, for instance, and never spoken of. */
  async removeAllBut(known: ReadonlySet<string>): Promise<void> {
    let last: string | undefined
    for (let names = await this.#blobs.list(); names.length > 0; names = await this.#blobs.list(last)) {
      last = names.at(-1)
      await this.remove(names.filter((name) => !known.has(name)))
    }
  }

  /** What is stored, compressed, when it is what it should be. Throws like `get`. */
  async checkedPacked(entry: ContentKey): Promise<Uint8Array<ArrayBuffer>> {
    const packed = await this.packed(entry)
    await this.#check(entry, packed)
    return packed
  }

  /** What is stored, compressed, and not looked into. */
  async packed(entry: ContentKey): Promise<Uint8Array<ArrayBuffer>> {
    let packed: Uint8Array<ArrayBuffer> | undefined
    try {
      packed = await this.#blobs.get(nameOf(entry))
    } catch (error) {
      this.#report(error)
      throw new Refusal('unavailable', { detail: 'Where old events are kept cannot be reached now.' })
    }
    if (packed === undefined) throw this.#damaged(entry.hash, 'is missing')
    return packed
  }

  async #store(hash: string, packed: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#blobs.put(hash, packed)
    const back = await this.#blobs.get(hash)
    if (back === undefined || !areSame(back, packed)) throw new Error(`What was stored as ${hash} did not come back as it was.`)
  }

  async #check({ hash }: ContentKey, packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    let content: Uint8Array<ArrayBuffer>
    try {
      content = await this.#codec.unpack(packed)
    } catch {
      throw this.#damaged(hash, 'cannot be unpacked')
    }
    if ((await this.#codec.hash(content)) !== hash) throw this.#damaged(hash, 'holds something else')
    return content
  }

  #damaged(hash: string, how: string): Refusal {
    this.#report(new Error(`The sealed part ${hash} ${how}.`))
    return new Refusal('damaged', { detail: `The part ${hash} ${how}.` })
  }

  #keep(hash: string, content: Uint8Array<ArrayBuffer>): void {
    // Two who have asked for it at once are given it twice.
    this.#keptBytes += content.length - (this.#kept.get(hash)?.length ?? 0)
    this.#kept.set(hash, content)
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= keptBytesMax) return
      this.#kept.delete(oldest)
      this.#keptBytes -= length
    }
  }
}

function areSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** Whether something of the tape cannot be read, now or ever. */
export function isUnreadable(error: unknown): error is Refusal {
  return error instanceof Refusal && (error.code === 'damaged' || error.code === 'unavailable')
}
