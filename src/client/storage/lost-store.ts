/** In the place of a store that is of no use here: whoever opens it goes on in memory, and says why. */
import { MemoryStore } from './memory-store.ts'
import { StoreFailure } from './store.ts'

export class LostStore extends MemoryStore {
  readonly #reason: unknown

  constructor(reason: unknown) {
    super()
    // What is lost is not worth another try.
    this.#reason = reason instanceof StoreFailure ? reason : new StoreFailure('unavailable', { cause: reason })
  }

  override claim(): Promise<void> {
    return Promise.reject(this.#reason)
  }
}
