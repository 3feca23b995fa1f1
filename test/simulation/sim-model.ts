/**
 * The model of a simulation's process, and for the checker what it was given, what it reported, and what it was told of
 * conflicts.
 */
import type { ApplyContext, Stream } from '../../src/client/index.ts'
import { type Collision, StampedObjects, type UndoableModel } from '../../src/models/index.ts'
import { OpenConflicts } from '../../src/models/objects/conflict.ts'
import { type Change, type Draft, type ObjectState, type SeqRanges, subtract, type TapeEvent, union } from '../../src/protocol/index.ts'

export const collection = 'things'
export const identifiers = ['a', 'b', 'c', 'd', 'e']
export const fields = ['x', 'y']

/** What the model was given at once. */
export interface GivenRun {
  readonly events: readonly TapeEvent[]
  readonly client: string
  /** What it had been given of the tape before, and with this run. */
  readonly before: SeqRanges
  readonly after: SeqRanges
  /** It comes from the store, where everything is folded. */
  readonly isKept: boolean
}

/** A conflict that the model reported, with the drafts that waited then. */
export interface Report {
  readonly collision: Collision
  readonly pending: readonly Draft[]
  /** In which of its runs. */
  readonly run: number
}

export interface SimModelOptions {
  /** A tab that has missed something reads the store again, and does not say so. */
  readonly mayReadAgain: boolean
  /** Whether it looks for conflicts. */
  readonly isWatching: boolean
}

export class SimModel implements UndoableModel {
  receiver: UndoableModel['receiver']
  readonly collections = [collection]
  readonly objects = new StampedObjects(collection)
  readonly conflicts = new OpenConflicts({ collection, objects: this.objects, vend: (change) => this.receiver?.didCreateDraft(change) })
  readonly reports: Report[] = []
  readonly #stream: Stream
  readonly #mayReadAgain: boolean
  readonly isWatching: boolean
  /** What the stream had accounted for whenever it gave events. (One that was fenced goes back to what is saved.) */
  given: SeqRanges = []
  /** Given since the checker looked last. */
  news: GivenRun[] = []
  pending: readonly Draft[] = []
  /** In which run the model was first given what a seq stands for, by seq. */
  readonly givenAt = new Map<number, number>()
  #runs = 0
  /** The ids that it was known under. */
  readonly clients = new Set<string>()

  constructor(stream: Stream, { mayReadAgain, isWatching }: SimModelOptions) {
    this.#stream = stream
    this.#mayReadAgain = mayReadAgain
    this.isWatching = isWatching
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext): void {
    if (events.length > 0) this.#note(events, context)
    if (context.client !== '') this.clients.add(context.client)
    this.pending = pending
    if (!this.isWatching) return void this.objects.apply(events, pending)
    const applied = this.objects.apply(events, pending, context)
    for (const collision of applied.collisions) this.reports.push({ collision, pending, run: this.#runs })
    this.conflicts.take(applied)
  }

  stateOf({ identifier }: Pick<Change, 'identifier'>): ObjectState {
    return this.objects.state(identifier)
  }

  reset(): void {
    this.given = []
    this.objects.reset()
    this.conflicts.reset()
  }

  #note(events: readonly TapeEvent[], { client }: ApplyContext): void {
    const { holes, progress } = this.#stream.status
    const before = this.given
    if (progress.total > 0) this.given = union(before, subtract([[0, progress.total - 1]], holes))
    this.#runs++
    for (const [first, last] of this.isWatching ? subtract(this.given, before) : []) {
      for (let seq = first; seq <= last; seq++) this.givenAt.set(seq, this.#runs)
    }
    this.news.push({ events, client, before, after: this.given, isKept: before.length === 0 || this.#mayReadAgain })
  }
}
