/** A selection or a cursor that is told of every change of what it is in. */
import { movePlace, type Splices } from '../../protocol/index.ts'
import type { TrackedRange } from './spliced-options.ts'

export class Tracked implements TrackedRange {
  #from: number
  #to: number
  readonly #onRelease: () => void

  constructor(from: number, to: number, onRelease: () => void) {
    this.#from = from
    this.#to = to
    this.#onRelease = onRelease
  }

  get from(): number {
    return this.#from
  }

  get to(): number {
    return this.#to
  }

  release(): void {
    this.#onRelease()
  }

  move(splices: Splices): void {
    const isCursor = this.#from === this.#to
    this.#from = movePlace(this.#from, splices)
    this.#to = isCursor ? this.#from : movePlace(this.#to, splices)
  }
}
