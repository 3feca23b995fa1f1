/**
 * The counters of an outbox's drafts: each gets one when it goes into a frame for the first time, none is skipped, and
 * what the server has not taken may be numbered anew. Owns which counter comes next, how far the tape is known to have
 * taken them, and which frame carries which draft. It never adds or removes a draft, and sends and saves nothing.
 */
import type { SavedChange } from '../storage/store.ts'
import type { OutboxEntries } from './outbox-entries.ts'
import { type Entry, type OutboxStep, toSaved } from './outbox-entry.ts'

export interface FrameBounds {
  readonly draftsMax: number
  readonly bytesMax: number
  readonly inFlightMax: number
  readonly inFlightBytesMax: number
  /** Deltas have been taken over all of 0 … this. */
  readonly upTo: number
  /** Whether deltas may go. */
  readonly hasDeltas: boolean
}

/** Nothing of ours has been seen on the tape. */
const nothingTaken = { counter: 0, ref: -1 }

export class Numbering {
  readonly #entries: OutboxEntries
  #next = 1
  /** The highest counter of our own that was seen on the tape, and the last frame that was sent before that. */
  #taken = nothingTaken
  #lastRef = -1

  constructor(entries: OutboxEntries) {
    this.#entries = entries
  }

  /** The counter that is given next. */
  get next(): number {
    return this.#next
  }

  /** The first counter that was given to a draft which is still here. */
  get firstGiven(): number | undefined {
    for (const { counter } of this.#entries) if (counter !== undefined) return counter
    return undefined
  }

  /** Goes on where an earlier run has stopped. */
  restore(next: number): void {
    this.#next = next
  }

  /** Gives counters to the drafts that go next, at most so many and so large together. */
  take({ draftsMax, bytesMax, inFlightMax, inFlightBytesMax, upTo, hasDeltas }: FrameBounds): readonly Entry[] {
    const batch: Entry[] = []
    let inFlight = 0
    let inFlightBytes = 0
    let bytes = 0
    for (const entry of this.#entries) {
      if (entry.ref !== undefined) {
        inFlightBytes += entry.bytes
        if (++inFlight >= inFlightMax || inFlightBytes >= inFlightBytesMax) return []
        continue
      }
      // What is typed meanwhile goes together: were the first of it refused for another's sake, all behind it would be in vain.
      if (entry.draft.deltas !== undefined && (!hasDeltas || this.#entries.hasDeltasUnderWay(entry.draft))) break
      // One whose event came first, above a hole, leaves a gap: what lies beneath it has been taken, too.
      const previous = batch.at(-1)?.counter
      if (previous !== undefined && (entry.counter ?? this.#next) !== previous + 1) break
      bytes += entry.bytes
      if (batch.length >= draftsMax || (bytes > bytesMax && batch.length > 0)) break
      batch.push(this.#number(entry, upTo))
    }
    return batch
  }

  /** The drafts at these places travel in a frame. Those that are gone meanwhile, or numbered anew, do not. */
  sent(batch: readonly Pick<Entry, 'place'>[], ref: number): void {
    this.#lastRef = ref
    for (const { place } of batch) {
      const entry = this.#entries.at(place)
      if (entry !== undefined) this.#entries.setRef(entry, ref)
    }
  }

  /** Nothing is under way any more: everything is to be sent again. */
  recall(): void {
    for (const entry of this.#entries) this.#entries.setRef(entry, undefined)
  }

  /** Whether a draft that has fallen too far behind is known to have nothing in its way, so that it can be sent again. */
  canCatchUp(counter: number, upTo: number): boolean {
    const entry = this.#entries.withCounter(counter)
    return entry?.isClear === true && entry.draft.seen < upTo
  }

  /** A counter of ours was seen on the tape. */
  taken(counter: number): void {
    if (counter > this.#taken.counter) this.#taken = { counter, ref: this.#lastRef }
  }

  /** The tape is another one: nothing of ours has been seen on it. */
  forgetTaken(): void {
    this.#taken = nothingTaken
  }

  /**
   * The drafts with this counter or a higher one get counters anew, from it on, and are to be sent again. What the server
   * said of a frame, `ref`, may be behind what it has taken since that was sent.
   */
  renumberFrom(expected: number, ref = Number.POSITIVE_INFINITY): OutboxStep {
    const first = ref <= this.#taken.ref ? Math.max(expected, this.#taken.counter + 1) : expected
    const numbered = [...this.#entries].filter(({ counter }) => counter !== undefined && counter >= first)
    const renumbered = numbered.map((entry, index) => ({ ...entry, counter: first + index, ref: undefined }))
    this.#entries.replace(renumbered)
    this.#next = first + renumbered.length
    return { change: { nextCounter: this.#next, put: renumbered.map(toSaved) }, leaving: [] }
  }

  /** It is another client's from now on: all that waits gets new counters, from 1, when it is sent again. */
  beginAnew(): SavedChange {
    this.#next = 1
    this.forgetTaken()
    return { nextCounter: 1, put: this.#entries.replaceAll(({ counter: _, ...entry }) => ({ ...entry, ref: undefined })).map(toSaved) }
  }

  #number(entry: Entry, upTo: number): Entry {
    const { draft, counter } = entry
    // What has a precondition of its own was not taken over anything: it has seen only what is not in its way.
    const isJudged = draft.expect === undefined ? draft.deltas !== undefined : entry.isClear === true
    const isUpToDate = !isJudged || draft.seen >= upTo
    if (counter !== undefined && isUpToDate) return entry
    const numbered = { ...entry, draft: isUpToDate ? draft : { ...draft, seen: upTo }, counter: counter ?? this.#next++ }
    this.#entries.replace([numbered])
    return numbered
  }
}
