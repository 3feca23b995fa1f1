/**
 * When a store folds what it keeps of an object. Of a small one at once: there is one row for it. A large one, a text or a
 * file, would be read and written anew for each letter; so what comes is kept beside it, until that is half as much.
 *
 *   base (folded) ── tail ── tail ── tail ──► base
 */

/** Up to so many characters of JSON, writing an object anew costs no more than a row for what is new. */
const smallMax = 16 * 1024
/** Reading them back stays quick. */
const tailsMax = 256

interface Sizes {
  readonly base: number
  readonly tail: number
  readonly tails: number
}

export class KeptSizes {
  readonly #sizes = new Map<string, Sizes>()

  /** Whether it is known how much is kept of an object. */
  knows(key: string): boolean {
    return this.#sizes.has(key)
  }

  /** What was found in the store. */
  learn(key: string, sizes: Sizes): void {
    this.#sizes.set(key, sizes)
  }

  /** Whether what has come, so many characters of JSON, goes beside what is kept. */
  goesBeside(key: string, length: number): boolean {
    const { base, tail, tails } = this.#sizes.get(key) ?? { base: 0, tail: 0, tails: 0 }
    return base > smallMax && tail + length < base / 2 && tails < tailsMax
  }

  keptBeside(key: string, length: number): void {
    const { base, tail, tails } = this.#sizes.get(key) ?? { base: 0, tail: 0, tails: 0 }
    this.#sizes.set(key, { base, tail: tail + length, tails: tails + 1 })
  }

  folded(key: string, length: number): void {
    this.#sizes.set(key, { base: length, tail: 0, tails: 0 })
  }

  /** Somebody else may have written. */
  forget(): void {
    this.#sizes.clear()
  }
}
