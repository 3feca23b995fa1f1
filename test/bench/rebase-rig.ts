/** A model with so many objects, and a client that has so many drafts of its own on top of it. */
import { MemoryStore, type ModelReconciler, type OutboundEventReceiver, type OutboxEntry } from '../../src/client/index.ts'
import { StampedObjects } from '../../src/models/index.ts'
import type { Draft, TapeEvent } from '../../src/protocol/index.ts'
import { epoch, TestStream } from '../support/test-stream.ts'

export const collection = 'tasks'

/** Which objects the drafts are about. */
export interface Pending {
  readonly drafts: number
  readonly onObjects: number
}

export function nameOf(index: number): string {
  return `task-${index}`
}

/** The tape that such a model comes from: its inserts. */
export function insertsOf(objects: number): readonly TapeEvent[] {
  return Array.from({ length: objects }, (_, index) => ({
    ...updateAt(index, index),
    type: 'insert' as const,
    values: { completed: false, title: `Task number ${index}`, label: 'none' },
  }))
}

/** Somebody's update of an object, at this seq. */
export function updateAt(seq: number, index: number): TapeEvent {
  const values = { title: `Title ${seq}` }
  return { seq, client: 'others', counter: seq + 1, seen: -1, type: 'update', collection, identifier: nameOf(index), values }
}

/** Drafts of which each has seen more than the one before, so that none folds with another. */
export function pendingDrafts({ drafts, onObjects }: Pending): readonly Draft[] {
  return Array.from({ length: drafts }, (_, index) => ({
    seen: index,
    type: 'update',
    collection,
    identifier: nameOf(index % onObjects),
    values: { completed: index % 2 === 0 },
  }))
}

export class ObjectsModel implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly objects = new StampedObjects(collection)

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    this.objects.apply(events, pending)
  }

  reset(): void {
    this.objects.reset()
  }
}

/** A client whose store has all of that from an earlier run: it is not connected, and its model is up to date. */
export async function returningClient(objects: number, pending: Pending): Promise<{ rig: TestStream; model: ObjectsModel }> {
  const before = new MemoryStore()
  await before.claim('an earlier run')
  const outbox = pendingDrafts(pending).map(
    (draft, index): OutboxEntry => ({ place: index + 1, draft, madeAt: 0, folded: { drafts: 1, bytes: JSON.stringify(draft).length } }),
  )
  const latestSeq = objects - 1
  const tape = { epoch, latestSeq, accounted: [[0, latestSeq] as const] }
  await before.save({ client: 'me', nextCounter: 1, tape, events: insertsOf(objects), put: outbox })
  const rig = new TestStream({ store: new MemoryStore(before) })
  const model = new ObjectsModel()
  rig.stream.detach(rig.model)
  rig.stream.attach(model)
  await rig.settle()
  if (model.objects.list.length !== objects || rig.stream.status.pending !== pending.drafts) throw new Error('Not what was saved.')
  return { rig, model }
}
