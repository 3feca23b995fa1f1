/** The objects of all collections, as a model keeps them. It runs in a page, too. */
import { StampedObjects } from '../../src/models/index.ts'
import type { Draft, TapeEvent } from '../../src/protocol/index.ts'
import { collections, type Shown } from './history.ts'

export class ShownObjects {
  readonly #objects = { marks: new StampedObjects('marks'), shared: new StampedObjects('shared'), own: new StampedObjects('own') }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    for (const collection of collections) this.#objects[collection].apply(events, pending)
  }

  reset(): void {
    for (const collection of collections) this.#objects[collection].reset()
  }

  get shown(): Shown {
    const { marks, shared, own } = this.#objects
    return { marks: marks.list, shared: shared.list, own: own.list }
  }
}
