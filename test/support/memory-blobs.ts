/** Blobs in memory, which can be broken, and a codec that takes no time. */
import { sha256 } from '@noble/hashes/sha2.js'
import { toBase64url } from '../../src/protocol/base64.ts'
import type { Blobs } from '../../src/server/sealed/blobs.ts'
import { type Codec, Contents } from '../../src/server/sealed/contents.ts'

export class MemoryBlobs implements Blobs {
  readonly blobs = new Map<string, Uint8Array<ArrayBuffer>>()
  /** Thrown by everything while it is set. */
  failing: Error | undefined

  async put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#check()
    this.blobs.set(name, body)
  }

  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.#check()
    return this.blobs.get(name)
  }

  async remove(names: readonly string[]): Promise<void> {
    this.#check()
    for (const name of names) this.blobs.delete(name)
  }

  async list(after = ''): Promise<readonly string[]> {
    this.#check()
    return [...this.blobs.keys()].filter((name) => name > after).sort()
  }

  #check(): void {
    if (this.failing !== undefined) throw this.failing
  }
}

/** Compresses nothing, but knows what is not its own. */
const mark = 0x5a

export const instantCodec: Codec = {
  pack: async (content) => prefixed(content),
  unpack: async (packed) => {
    if (packed[0] !== mark) throw new Error('That was not packed here.')
    return packed.slice(1)
  },
  hash: async (content) => toBase64url(sha256(content)),
}

/** Contents over blobs in memory. */
export function memoryContents(blobs: Blobs = new MemoryBlobs(), report: (error: unknown) => void = () => {}): Contents {
  return new Contents(blobs, instantCodec, report)
}

function prefixed(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(content.length + 1)
  packed[0] = mark
  packed.set(content, 1)
  return packed
}
