/**
 * Brings the outbox onto the tape: in order, again after each cut, and never with a counter skipped.
 *
 *   add ─► queued ─► (counter given and saved) ─► sent ─► its event on the tape ─► gone
 *                        ▲                          │ link lost, refused for another's sake
 *                        └──────────────────────────┘        refused for its own ─► reported
 *
 * The server drops what it has taken already, so sending again is always right.
 */
import { batchBytesMax, type Change, type Code, codeFacts, type Draft, type RefusedServerFrame, type TapeEvent } from '../protocol/index.ts'
import type { Environment } from './environment.ts'
import type { ClientStore, OutboxEntry, Saved } from './store.ts'

export interface RefusedDraft {
  readonly draft: Draft
  readonly code: Code
}

export interface PublisherHooks {
  readonly send: (frame: object) => void
  /** A number for a frame, so that its refusal is known. */
  readonly newRef: () => number
  /** Ends the link, to open another one after a while. */
  readonly backOff: () => void
  /** The pending drafts or the refusals have changed. */
  readonly onChange: () => void
}

interface Entry extends OutboxEntry {
  /** The frame that carries it on the present link; undefined while it waits to be sent. */
  readonly ref: number | undefined
}

/** A frame's worth: large enough to share one row and one frame, small enough to answer others in between. */
const batchDrafts = 200
/** Half of what a frame may hold, for what stands around the drafts. */
const batchBytes = batchBytesMax / 2
/** Sent and not yet seen on the tape. More would only wait in the network. */
const inFlightMax = 1000

export class Publisher {
  readonly #store: ClientStore
  readonly #environment: Environment
  readonly #hooks: PublisherHooks
  #client: string
  #entries: readonly Entry[] = []
  #pending: readonly Draft[] = []
  #refused: readonly RefusedDraft[] = []
  #nextPlace = 1
  #nextCounter = 1
  /** Changes with each link, and with each renumbering: what was decided before must be decided again. */
  #generation = 0
  /** Until the store has been read, drafts wait in memory: their places come after those of an earlier run. */
  #isRestored = false
  /** Whether the store is known to have every counter as memory has it. */
  #isNumberingSaved = true
  #isOnline = false
  #isFlushing = false
  /** Why the server takes nothing from us on this link. */
  problem: Code | undefined

  constructor(store: ClientStore, environment: Environment, hooks: PublisherHooks) {
    this.#store = store
    this.#environment = environment
    this.#hooks = hooks
    this.#client = environment.newId()
  }

  get client(): string {
    return this.#client
  }

  /** Drafts that are not on the tape, oldest first: the same array until one is added or gone. */
  get pending(): readonly Draft[] {
    return this.#pending
  }

  get refused(): readonly RefusedDraft[] {
    return this.#refused
  }

  /** Takes up what an earlier run left, if there was one. Drafts made since the start come after it. */
  restore(saved: Saved | undefined): void {
    const early = this.#entries
    if (saved !== undefined) {
      this.#client = saved.client
      this.#nextCounter = saved.nextCounter
      this.#nextPlace = (saved.outbox.at(-1)?.place ?? 0) + 1
    }
    const restored = (saved?.outbox ?? []).map((entry): Entry => ({ ...entry, ref: undefined }))
    const placed = early.map((entry) => ({ ...entry, place: this.#nextPlace++ }))
    this.#isRestored = true
    this.#set([...restored, ...placed])
    this.#save({ put: placed })
  }

  add(change: Change, seen: number): void {
    const draft = { ...change, seen }
    const folded = { drafts: 1, bytes: JSON.stringify(draft).length }
    const madeAt = this.#environment.now()
    const entry: Entry = { place: this.#nextPlace++, draft, madeAt, folded, counter: undefined, ref: undefined }
    this.#set([...this.#entries, entry])
    if (!this.#isRestored) return
    this.#save({ put: [entry] })
    void this.#flush()
  }

  online(): void {
    this.#isOnline = true
    this.problem = undefined
    this.#sendAgain()
  }

  /** A fresh token was taken: what the old one did not allow may be allowed now. */
  renewed(): void {
    if (this.problem === undefined) return
    this.problem = undefined
    this.#hooks.onChange()
    this.#sendAgain()
  }

  offline(): void {
    this.#isOnline = false
    this.#generation++
  }

  /** Takes off the drafts whose events are among these; gives their places, to be saved with the events. */
  confirm(events: readonly TapeEvent[]): readonly number[] {
    const counters = new Set<number>()
    for (const { client, counter } of events) if (client === this.#client && counter !== undefined) counters.add(counter)
    if (counters.size === 0) return []
    const isOnTape = ({ counter }: Entry) => counter !== undefined && counters.has(counter)
    const gone = this.#entries.filter(isOnTape)
    this.#set(this.#entries.filter((entry) => !isOnTape(entry)))
    void this.#flush()
    return gone.map(({ place }) => place)
  }

  /** The tape began anew: nothing that the drafts had seen is known to be there still. */
  forgetSeen(): void {
    this.#set(this.#entries.map((entry) => ({ ...entry, draft: { ...entry.draft, seen: -1 } })))
    this.#save({ put: this.#entries })
  }

  /** A publish of this link was refused. Whatever the reason, the drafts behind the one to blame go on. */
  refuse(frame: RefusedServerFrame): void {
    const batch = this.#entries.filter(({ ref }) => ref !== undefined && ref === frame.ref)
    if (batch.length === 0) return
    if (frame.code === 'counter-skipped') return this.#renumberFrom(frame.expected ?? 1)
    const { recovery } = codeFacts(frame.code)
    if (recovery === 'retry') return this.#hooks.backOff()
    if (recovery === 'renew' || frame.code === 'forbidden' || frame.code === 'client-taken') {
      this.problem = frame.code
      this.#hooks.onChange()
      return
    }
    const named = batch.filter(({ counter }) => counter === frame.counter)
    const toBlame = named.length > 0 ? named : batch
    // The whole batch was refused for it: the others are to be sent again.
    this.#entries = this.#entries.map((entry) => (batch.includes(entry) && !toBlame.includes(entry) ? { ...entry, ref: undefined } : entry))
    this.#refused = [...this.#refused, ...toBlame.map(({ draft }) => ({ draft, code: frame.code }))]
    this.#entries = this.#entries.filter((entry) => !toBlame.some(({ place }) => place === entry.place))
    this.#renumberFrom(
      toBlame[0]?.counter ?? this.#nextCounter,
      toBlame.map(({ place }) => place),
    )
  }

  /** Forgets the refusals that have been told. */
  dismissRefused(): void {
    this.#refused = []
    this.#hooks.onChange()
  }

  /** Numbers anew, from `first` on, the entries that have that counter or a higher one, and sends them again. */
  #renumberFrom(first: number, remove: readonly number[] = []): void {
    let next = first
    const isAffected = ({ counter }: Entry) => counter !== undefined && counter >= first
    this.#set(this.#entries.map((entry) => (isAffected(entry) ? { ...entry, counter: next++, ref: undefined } : entry)))
    this.#nextCounter = next
    this.#isNumberingSaved = false
    this.#save({ nextCounter: next, put: this.#entries, remove })
    this.#generation++
    void this.#flush()
  }

  #sendAgain(): void {
    this.#generation++
    this.#entries = this.#entries.map((entry) => ({ ...entry, ref: undefined }))
    void this.#flush()
  }

  /** Sends what waits, as long as the link is up. What is added in the same turn goes into one frame. */
  async #flush(): Promise<void> {
    if (this.#isFlushing) return
    this.#isFlushing = true
    try {
      await null
      for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) await this.#sendBatch(batch)
    } catch (error) {
      // Nothing may be sent that is not saved: it is tried again on the next link.
      this.#environment.report(error)
      this.#hooks.backOff()
    } finally {
      this.#isFlushing = false
    }
  }

  #nextBatch(): readonly Entry[] {
    if (!this.#isOnline || this.problem !== undefined) return []
    const start = this.#entries.findIndex(({ ref }) => ref === undefined)
    if (start < 0 || start >= inFlightMax) return []
    const batch: Entry[] = []
    let bytes = 0
    for (const entry of this.#entries.slice(start, start + batchDrafts)) {
      // One whose event came first, above a hole, leaves a gap: what lies beneath it has been taken, too.
      const previous = batch.at(-1)?.counter
      if (previous !== undefined && (entry.counter ?? this.#nextCounter) !== previous + 1) break
      bytes += JSON.stringify(entry.draft).length * 3
      if (bytes > batchBytes && batch.length > 0) break
      batch.push(entry)
    }
    return batch
  }

  async #sendBatch(batch: readonly Entry[]): Promise<void> {
    const generation = this.#generation
    let nextCounter = this.#nextCounter
    const numbered = batch.map((entry) => (entry.counter === undefined ? { ...entry, counter: nextCounter++ } : entry))
    if (nextCounter > this.#nextCounter || !this.#isNumberingSaved) {
      const places = new Set(numbered.map(({ place }) => place))
      const others = this.#isNumberingSaved ? [] : this.#entries.filter(({ place }) => !places.has(place))
      await this.#store.save({ client: this.#client, nextCounter, put: [...others, ...numbered].map(toSaved) })
      // What was saved is replaced by whatever is saved next: only what memory holds will be sent.
      if (generation !== this.#generation) return
      this.#isNumberingSaved = true
    }
    const ref = this.#hooks.newRef()
    this.#adopt(
      numbered.map((entry) => ({ ...entry, ref })),
      nextCounter,
    )
    const drafts = numbered.map(({ counter, draft }) => ({ counter, ...draft }))
    this.#hooks.send({ type: 'publish', ref, client: this.#client, drafts })
  }

  /** Puts entries that were numbered or sent in the place of what they were. */
  #adopt(changed: readonly Entry[], nextCounter: number): void {
    const byPlace = new Map(changed.map((entry) => [entry.place, entry]))
    this.#entries = this.#entries.map((entry) => byPlace.get(entry.place) ?? entry)
    this.#nextCounter = nextCounter
  }

  #set(entries: readonly Entry[]): void {
    this.#entries = entries
    this.#pending = entries.map(({ draft }) => draft)
    this.#hooks.onChange()
  }

  #save({ put, ...change }: { put?: readonly Entry[]; remove?: readonly number[]; nextCounter?: number }): void {
    const saved = { client: this.#client, ...change, ...(put === undefined ? {} : { put: put.map(toSaved) }) }
    this.#store.save(saved).catch(this.#environment.report)
  }
}

function toSaved({ ref: _, ...entry }: Entry): OutboxEntry {
  return entry
}
