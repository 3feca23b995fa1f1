/**
 * Where sealed parts of the tape are kept, by name: a bucket of R2, or rows of the object itself. A name is written once.
 * What is borrowed is read alone: see `nameOf`.
 */
export interface Blobs {
  put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void>

  /** Undefined when there is none. Rejects when the place cannot be reached. */
  get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>

  /** Removes those that are there. */
  remove(names: readonly string[]): Promise<void>

  /** Some names that are there, in order, behind the one that is given; empty at the end. */
  list(after?: string): Promise<readonly string[]>
}

/** Reads from both, as a bucket may have been bound after the first parts were sealed; writes to the first. */
export class LayeredBlobs implements Blobs {
  readonly #layers: readonly [Blobs, ...Blobs[]]

  constructor(first: Blobs, ...others: Blobs[]) {
    this.#layers = [first, ...others]
  }

  put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#layers[0].put(name, body)
  }

  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (const layer of this.#layers) {
      const found = await layer.get(name)
      if (found !== undefined) return found
    }
    return undefined
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const layer of this.#layers) await layer.remove(names)
  }

  async list(after?: string): Promise<readonly string[]> {
    const names = await Promise.all(this.#layers.map((layer) => layer.list(after)))
    const known = names.filter((some) => some.length > 0)
    // Beyond the end of the shortest list another may have names that it has not told yet.
    const end = known.map((some) => some.at(-1) ?? '').sort()[0]
    return [...new Set(known.flat())].filter((name) => end !== undefined && name <= end).sort()
  }
}
