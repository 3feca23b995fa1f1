/** Blobs that are not waited for for ever: a bucket that does not answer is one that cannot be reached now. */
import type { Blobs } from './sealed/blobs.ts'

/** It answers in some ten or hundred ms. A client gives up a read after a minute, and some need three answers one after another. */
const answerMsMax = 10_000

export class TimedBlobs implements Blobs {
  readonly #blobs: Blobs
  readonly #storing = new Set<Promise<void>>()

  constructor(blobs: Blobs) {
    this.#blobs = blobs
  }

  put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    const storing = this.#blobs.put(name, body).finally(() => this.#storing.delete(storing))
    this.#storing.add(storing)
    return within(storing)
  }

  get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return within(this.#blobs.get(name))
  }

  remove(names: readonly string[]): Promise<void> {
    return within(this.#blobs.remove(names))
  }

  /** What has been given up may be stored yet: whoever wants to know what there is waits until that is over. */
  async list(after?: string): Promise<readonly string[]> {
    await within(Promise.allSettled(this.#storing))
    return within(this.#blobs.list(after))
  }
}

/** The timer is gone with the answer: an object that has nothing to do can sleep. */
async function within<Result>(work: Promise<Result>): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`There has been no answer for ${answerMsMax} ms.`)), answerMsMax)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    if (timer !== undefined) clearTimeout(timer)
  }
}
