/** What a follower knows of the tape: what the owner has saved of it, and where it ends as far as the owner knows. */
import { blankTape, type LocalTape } from '../storage/store.ts'
import { seenOn } from '../tape/local-tape.ts'
import { isWider } from '../tape/parts.ts'

export class FollowedTape {
  #saved: LocalTape
  #latestSeq = -1
  /** What the models had seen of the same tape before it came to this. */
  #seenBefore: number

  /** `seen`: what the models have seen of it already. */
  constructor(tape: LocalTape, seen: number) {
    this.#saved = tape
    this.#seenBefore = seen
  }

  /** What the models are given. Where the tape ends is heard earlier: that is no hole that they need to know of. */
  get saved(): LocalTape {
    return this.#saved
  }

  get known(): LocalTape {
    return this.#latestSeq > this.#saved.latestSeq ? { ...this.#saved, latestSeq: this.#latestSeq } : this.#saved
  }

  /** It never falls, unless the tape is forgotten or more of it is wanted: an owner may have to read again what it could not read before. */
  get seen(): number {
    return Math.max(this.#seenBefore, seenOn(this.#saved))
  }

  heardOf(latestSeq: number): void {
    this.#latestSeq = latestSeq
  }

  save(tape: LocalTape): void {
    this.#seenBefore = isWider(tape, this.#saved) ? seenOn(tape) : this.seen
    this.#saved = tape
  }

  forget(): void {
    this.#saved = blankTape
    this.#seenBefore = -1
  }
}
