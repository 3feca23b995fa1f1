/** Events as a stream may give them to a model: in any order and any pieces, some twice, pieces folded or not. */
import fc from 'fast-check'
import type { ApplyContext, ModelReconciler } from '../../src/client/reconciler.ts'
import { type Draft, foldEvents, type TapeEvent } from '../../src/protocol/index.ts'

/** What decides how events are delivered. */
export const anyDelivery = fc.infiniteStream(fc.nat()).map((numbers) => () => numbers.next().value as number)

export const context: ApplyContext = { client: 'me', holes: [] }

type Applying = Pick<ModelReconciler, 'apply'>

export function deliver(model: Applying, events: readonly TapeEvent[], next: () => number, pending: readonly Draft[] = []): void {
  const delivered = [...events, ...events.filter(() => next() % 3 === 0)].map((event) => ({ event, at: next() }))
  delivered.sort((a, b) => a.at - b.at)
  while (delivered.length > 0) {
    const piece = delivered.splice(0, 1 + (next() % 5)).map(({ event }) => event)
    model.apply(next() % 2 === 0 ? foldEvents(piece) : piece, next() % 2 === 0 ? pending : [], context)
  }
  model.apply([], pending, context)
}
