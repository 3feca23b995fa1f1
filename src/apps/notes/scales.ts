/**
 * Weighs what this device has brought onto the tape since the page was opened: the deltas of its own events, as JSON in
 * UTF-8, and beside them the whole text each time, as copying it would have taken. What stands around either, the names
 * and numbers of an event, is the same for both and not counted.
 */
import type { ApplyContext, ModelReconciler } from '../../browser/index.ts'
import type { Text } from '../../models/index.ts'

const encoder = new TextEncoder()

export class Scales implements ModelReconciler {
  receiver: ModelReconciler['receiver']
  readonly collections: readonly string[]
  readonly #text: Text
  #seen = -1
  events = 0
  deltaBytes = 0
  copyBytes = 0

  constructor(text: Text) {
    this.collections = text.collections
    this.#text = text
  }

  apply(events: Parameters<ModelReconciler['apply']>[0], _pending: unknown, { client }: ApplyContext): void {
    for (const event of events) {
      if (event.client !== client || event.deltas === undefined || event.seq <= this.#seen) continue
      this.#seen = event.seq
      this.events++
      this.deltaBytes += encoder.encode(JSON.stringify(event.deltas)).length
      this.copyBytes += encoder.encode(JSON.stringify(this.#text.value)).length
    }
  }

  reset(): void {
    this.#seen = -1
  }
}
