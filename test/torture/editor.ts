/** Makes up what a client edits: mostly marks, each an object of its own, and some drafts that may fold. */
import type { Change } from '../../src/protocol/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

/** They stand on every tape before anybody edits. */
export const sharedObjects: readonly string[] = ['s0', 's1', 's2', 's3', 's4']
const ownObjects = ['a', 'b', 'c']

export class Editor {
  readonly #who: string
  readonly #life: string
  readonly #random: SeededRandom
  #count = 0

  /** `life` tells one process of a client from the next: no mark is made twice. */
  constructor(who: string, { random, life }: { readonly random: SeededRandom; readonly life: string }) {
    this.#who = who
    this.#life = life
    this.#random = random
  }

  next(): Change {
    const dice = this.#random.next()
    if (dice < 0.6) return this.mark()
    return dice < 0.85 ? this.#update() : this.#churn()
  }

  mark(): Change {
    const n = ++this.#count
    const values = { n, text: 'x'.repeat(this.#random.chance(0.02) ? this.#random.below(8000) : this.#random.below(60)) }
    return { type: 'insert', collection: 'marks', identifier: `${this.#life}-${n}`, values }
  }

  #update(): Change {
    const identifier = this.#random.pick(sharedObjects)
    return { type: 'update', collection: 'shared', identifier, values: { [this.#who]: `${this.#life}-${++this.#count}` } }
  }

  #churn(): Change {
    const identifier = `${this.#who}.${this.#random.pick(ownObjects)}`
    const type = this.#random.pick(['insert', 'insert', 'update', 'delete'] as const)
    const values = type === 'delete' ? undefined : { [this.#random.pick(['x', 'y'])]: ++this.#count }
    return { type, collection: 'own', identifier, values }
  }
}
