/**
 * What a client has kept that starts again: 100,000 events of 10,000 tasks, each made once and written nine times. And
 * what the limit keeps of the same tasks: a plain record each. Runs in a page and in Node.
 */
import { type ClientStore, type ModelReconciler, type OutboundEventReceiver, openStream } from '../../src/browser/index.ts'
import { type ShownObject, StampedObjects } from '../../src/models/index.ts'
import type { Draft, TapeEvent, Values } from '../../src/protocol/index.ts'

export const objects = 10_000
export const events = 100_000
const collection = 'tasks'

export function makeEvents(): readonly TapeEvent[] {
  return Array.from({ length: events }, (_, seq) => {
    const index = seq % objects
    const round = Math.floor(seq / objects)
    const event = { seq, client: `client-${index % 7}`, counter: seq + 1, seen: seq - 1, collection, identifier: nameOf(index) }
    return round === 0
      ? { ...event, type: 'insert', values: valuesOf(index) }
      : { ...event, type: 'update', values: rewritten(index, round) }
  })
}

/** What all of them come to. */
export function makeRecords(): readonly { readonly identifier: string; readonly values: Values }[] {
  return Array.from({ length: objects }, (_, index) => ({
    identifier: nameOf(index),
    values: Object.assign(valuesOf(index), ...Array.from({ length: events / objects - 1 }, (_, round) => rewritten(index, round + 1))),
  }))
}

function nameOf(index: number): string {
  return `${index.toString(36)}-${'0123456789abcdef'.repeat(2).slice(0, 16)}`
}

function valuesOf(index: number): Values {
  return { completed: false, title: `Buy milk and bread for day ${index}`, label: 'none' }
}

/** Titles and toggles; every tenth task gets a color. */
function rewritten(index: number, round: number): Values {
  if (round % 2 === 0) return { completed: round % 4 === 0 }
  return round === 9 && index % 10 === 0 ? { label: 'red' } : { title: `Buy milk and bread for day ${index}, edition ${round}` }
}

export async function saveEvents(store: ClientStore): Promise<void> {
  await store.claim('the bench')
  const tape = { epoch: 'epoch-1', latestSeq: events - 1, accounted: [[0, events - 1] as const] }
  await store.save({ client: 'me', nextCounter: 1, tape, events: makeEvents() })
  await store.close()
}

class TaskModel implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly #objects = new StampedObjects(collection)
  readonly #onShow: (list: readonly ShownObject[]) => void

  constructor(onShow: (list: readonly ShownObject[]) => void) {
    this.#onShow = onShow
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    this.#objects.apply(events, pending)
    this.#onShow(this.#objects.list)
  }

  reset(): void {
    this.#objects.reset()
  }
}

/** Opens the stream without a network, and gives it when all tasks show. */
export function startTapeline(store?: ClientStore): Promise<unknown> {
  const nowhere = 'http://127.0.0.1:9/v1/streams/bench'
  const stream = openStream(nowhere, { token: () => 'token', report: () => {}, ...(store === undefined ? {} : { store }) })
  return new Promise((resolve) => {
    const model = new TaskModel((list) => list.length === objects && resolve([stream, model]))
    stream.attach(model)
  })
}
