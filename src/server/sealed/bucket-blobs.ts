/** Blobs in a bucket of R2. */
import type { Blobs } from './blobs.ts'
import { isBorrowed } from './contents.ts'

/** What is needed of an R2 bucket. */
type Bucket = Pick<R2Bucket, 'put' | 'get' | 'delete' | 'list'>

/** The blobs of one stream in a bucket: its own under the id of its object, which nobody can choose; what it borrows under that of the owner. */
export class BucketBlobs implements Blobs {
  readonly #bucket: Bucket
  readonly #prefix: string

  constructor(bucket: Bucket, objectId: string) {
    this.#bucket = bucket
    this.#prefix = `${objectId}/`
  }

  async put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#bucket.put(this.#prefix + name, body)
  }

  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const found = await this.#bucket.get(isBorrowed(name) ? name : this.#prefix + name)
    return found === null ? undefined : new Uint8Array(await found.arrayBuffer())
  }

  async remove(names: readonly string[]): Promise<void> {
    for (let from = 0; from < names.length; from += removedAtOnce) {
      await this.#bucket.delete(names.slice(from, from + removedAtOnce).map((name) => this.#prefix + name))
    }
  }

  async list(after?: string): Promise<readonly string[]> {
    const startAfter = after === undefined ? {} : { startAfter: this.#prefix + after }
    const { objects } = await this.#bucket.list({ prefix: this.#prefix, ...startAfter })
    return objects.map(({ key }) => key.slice(this.#prefix.length))
  }
}

/** R2 takes so many keys in one call. */
const removedAtOnce = 1000
