/**
 * Brings the outbox onto the tape: in order, again after each cut, and never with a counter skipped.
 *
 *   add ─► queued, folded ─► counter given and saved ─► sent ─► its event on the tape ─► gone
 *                                ▲                       │ link lost, refused for another's sake
 *                                └───────────────────────┘        refused for its own ─► kept, and reported
 *
 * The server drops what it has taken already, so sending again is right, as long as nobody else publishes under our
 * id. A copied profile does. So each link begins with a look at what the tape has taken under that id: when it took
 * what we have sent, the events are compared with our drafts first; when they are not ours, we go on under a new id.
 */
import {
  batchBytesMax,
  type Change,
  type Code,
  codeFacts,
  objectKey,
  type RefusalDetails,
  type RefusedServerFrame,
  type TapeEvent,
} from '../../protocol/index.ts'
import type { Environment } from '../environment.ts'
import { GatheredChange } from '../storage/gathered-change.ts'
import type { Saved, SavedChange } from '../storage/store.ts'
import { Bridges, type Knowledge } from '../tabs/bridges.ts'
import { Outbox } from './outbox.ts'
import { type Entry, type Leaving, notesOf, type OutboxStep, toSaved } from './outbox-entry.ts'
import { Turns } from './turns.ts'

export interface PublisherHooks {
  readonly send: (frame: object) => void
  /** A number for a frame, so that its refusal is known. */
  readonly newRef: () => number
  /** Saves, and settles when that is done. */
  readonly save: (change: SavedChange) => Promise<void>
  /** Ends the link, to open another one after a while. */
  readonly backOff: () => void
  /** These drafts have left the outbox, or gone to another place, and that is on its way into the store. */
  readonly onLeave: (leaving: readonly Leaving[]) => void
  /** The drafts at these places are on their way. */
  readonly onSent: (places: readonly number[]) => void
  /** What is said of the outbox has changed. */
  readonly onChange: () => void
}

/** Which other tab has made a draft, and what it knew of the outbox then. */
type MadeBy = Omit<Knowledge, 'seen'>

/** A frame's worth: large enough to share one row and one frame, small enough to answer others in between. */
const draftsMax = 200
/** Half of what a frame may hold, for what stands around the drafts. */
const bytesMax = batchBytesMax / 2
/** Sent and not yet seen on the tape. More would only wait in the network, and fall behind what the server looks back over. */
const inFlightMax = 1000
const inFlightBytesMax = 2 * batchBytesMax

export class Publisher {
  readonly outbox: Outbox
  readonly #environment: Environment
  readonly #hooks: PublisherHooks
  /** Objects that the tape has said something of, as far as it is known here. */
  readonly #onTape = new Set<string>()
  /** Changes with each link, and with each renumbering: what was decided before must be decided again. */
  #generation = 0
  #isOnline = false
  #isFlushing = false
  /** Counters given and not yet known to be saved: nothing is sent before they are. */
  #unsavedNumbering: Promise<void> | undefined
  /** Up to this counter the tape has taken drafts under our id, and we have not seen all of their events. */
  #unverifiedUpTo: number | undefined
  /** Somebody else publishes under our id. */
  #isCopied = false
  /** The pending deltas have been taken over all of 0 … this. */
  #upTo = -1
  /** What stands in their way: nothing is sent before it is known. */
  #knownFirst = -1
  readonly #turns: Turns
  readonly #bridges = new Bridges()
  /** How often the server has closed our socket for another one of our id. */
  #timesSuperseded = 0
  /** Why the server takes nothing from us on this link. */
  problem: Code | undefined
  /** Why it did not take what was sent last, which is sent again. */
  setback: Code | undefined

  constructor(environment: Environment, hooks: PublisherHooks) {
    this.#environment = environment
    this.#hooks = hooks
    this.outbox = new Outbox(environment.newId())
    this.#turns = new Turns(environment, () => void this.#flush())
  }

  /** Takes up what an earlier run left, if there was one, before anything is added. */
  restore(saved: Saved | undefined, events: readonly TapeEvent[]): void {
    if (saved === undefined) this.#save({ change: { client: this.outbox.client }, leaving: [] })
    else this.outbox.restore(saved, events)
    this.#learn(events)
  }

  /** Adds a draft; gives the place where it is now, unless folding left nothing of it. Whoever adds it tells of the change. */
  add(made: Change, seen: number, by?: MadeBy): number | undefined {
    const isBridged = by !== undefined && made.deltas !== undefined && made.expect === undefined
    const change = isBridged ? this.#bridges.bring(made, { ...by, seen }) : made
    if (change === undefined) return undefined
    const {
      change: saved,
      leaving,
      place,
    } = this.outbox.add({ ...change, seen: isBridged ? Math.max(seen, this.#upTo) : seen }, this.#environment.now(), {
      isOnTape: this.#onTape.has(objectKey(change)),
      upTo: this.#upTo,
    })
    const { collection, identifier, deltas } = change
    if (deltas !== undefined) this.#bridges.record({ collection, identifier, deltas, place: place ?? this.outbox.lastPlace, tab: by?.tab })
    void this.#hooks.save(saved)
    if (leaving.length > 0) this.#hooks.onLeave(leaving)
    void this.#flush()
    return place
  }

  /** Publishes a refused draft again, in its own words or in others; false when it has been before, or was discarded. */
  retry(place: number, change: Change, seen: number, by?: MadeBy): { readonly place: number | undefined } | false {
    if (!this.outbox.dropRefused(place)) return false
    const into = this.add(change, seen, by)
    this.#save({ change: { remove: [place] }, leaving: [{ type: 'retried', place, into }] })
    return { place: into }
  }

  discard(place: number): void {
    if (this.outbox.dropRefused(place)) this.#save({ change: { remove: [place] }, leaving: [{ type: 'discarded', place }] })
  }

  /** `counter`: the last that the tape has taken under our id; undefined when we may not publish or nobody says. */
  online(counter: number | undefined): void {
    this.#isOnline = true
    this.problem = undefined
    this.#unverifiedUpTo = undefined
    if (counter !== undefined) {
      const { next, firstGiven } = this.outbox.numbering
      if (counter >= next) this.#isCopied = true
      else if (firstGiven !== undefined && counter >= firstGiven) this.#unverifiedUpTo = counter
      // What it had taken from us was lost with its storage: what comes next has the number that it waits for.
      else if (counter + 1 < (firstGiven ?? next)) this.#renumber(this.outbox.numbering.renumberFrom(counter + 1))
    }
    this.#sendAgain()
  }

  /** Everything that was on the tape when the link was opened is known. */
  caughtUp(): void {
    if (this.#isCopied) {
      this.#isCopied = false
      this.#timesSuperseded = 0
      this.#unverifiedUpTo = undefined
      this.#generation++
      this.#save(this.outbox.reidentify(this.#environment.newId()))
      // The server is told of the new id when a link is opened.
      this.#hooks.backOff()
    } else if (this.#unverifiedUpTo !== undefined) {
      // It came folded, or without a maker: there is nothing to compare it with.
      this.#save(this.outbox.confirmUpTo(this.#unverifiedUpTo))
      this.#unverifiedUpTo = undefined
      void this.#flush()
    }
  }

  /** Another socket publishes under our id: one of ours that was slow to open, or, if it happens again, a copy's. */
  superseded(): void {
    if (++this.#timesSuperseded > 1) this.#isCopied = true
  }

  /** Who publishes on the next link, so that the server closes an older one. */
  get publisherOnLink(): string | undefined {
    // To take the id back from whoever has it would only make them take it back in turn.
    return this.#timesSuperseded > 1 ? undefined : this.outbox.client
  }

  /** What is known of the tape when a store has been read, when it begins anew, or when more of it is wanted. */
  begin(upTo: number): void {
    this.#upTo = upTo
    this.#knownFirst = -1
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
    this.#knownFirst = -1
    this.#turns.stop()
    this.#generation++
  }

  /**
   * Takes off the drafts whose events are among these; gives what is to be saved together with the events, and what to
   * tell of the drafts once the models show the events.
   */
  confirm(events: readonly TapeEvent[], inOrder: readonly TapeEvent[], upTo: number): OutboxStep {
    this.#learn(events)
    this.#upTo = upTo
    const confirmed = this.outbox.confirm(events, inOrder)
    const { isOurs } = confirmed
    if (inOrder.length > 0) this.#turns.heard(inOrder, this.outbox.client)
    if (confirmed.hadDeltas) this.#turns.gotThrough()
    const rebased = this.outbox.rebase(inOrder, ({ seq, collection, identifier }, deltas) => {
      this.#bridges.record({ collection, identifier, deltas, seq })
    })
    if (rebased.leaving.length > 0) {
      this.#generation++
      // What has another number now is saved together with the events, right after this.
      this.#unsavedNumbering = Promise.resolve().then(() => this.#hooks.save({}))
    }
    const { change } = new GatheredChange().add(confirmed.change).add(rebased.change)
    const leaving = rebased.leaving.length === 0 ? confirmed.leaving : [...confirmed.leaving, ...rebased.leaving]
    if (leaving.length > 0) this.setback = undefined
    if (!isOurs && !this.#isCopied) {
      this.#isCopied = true
      // On a fresh link nothing can come after it that was under way on this one.
      this.#hooks.backOff()
    }
    if (this.#unverifiedUpTo !== undefined && (this.outbox.numbering.firstGiven ?? Number.POSITIVE_INFINITY) > this.#unverifiedUpTo) {
      this.#unverifiedUpTo = undefined
    }
    if (leaving.length > 0 || inOrder.length > 0 || events.length > 0) void this.#flush()
    // Whoever is killed before it has a new id learns it from the next welcome, which is ahead of this counter. (The
    // events themselves are known by then, so nothing would be compared any more.)
    const step = { change: isOurs ? change : { ...change, nextCounter: 1 }, leaving }
    return rebased.isRebased === true ? { ...step, isRebased: true } : step
  }

  /** The tape began anew: nothing that the drafts had seen is known to be there still. `counter`: as in `online`. */
  forgetTape(counter = 0): OutboxStep {
    this.#onTape.clear()
    this.#bridges.clear()
    // What it has taken from somebody else under our id says nothing of our drafts.
    return this.outbox.forgetSeen(counter < this.outbox.numbering.next ? counter : 0)
  }

  /** A publish of this link was refused. Whatever the reason, the drafts behind the one to blame go on. */
  refuse({ ref, code, counter, expected, ...details }: RefusedServerFrame): void {
    if (ref === undefined || ![...this.outbox.entries].some((entry) => entry.ref === ref)) return
    if (code === 'counter-skipped') return this.#renumber(this.outbox.numbering.renumberFrom(expected ?? 1, ref))
    if (
      (code === 'expect-failed' || code === 'catch-up-first') &&
      counter !== undefined &&
      this.#wasOvertaken(ref, counter, { code, ...details })
    )
      return
    const { recovery } = codeFacts(code)
    if (recovery === 'retry') {
      this.setback = code
      return this.#hooks.backOff()
    }
    if (recovery === 'renew' || code === 'forbidden' || code === 'client-taken') {
      this.problem = code
      return this.#hooks.onChange()
    }
    this.setback = undefined
    const step = this.outbox.refuse(ref, counter, { code, notes: notesOf(details) })
    if (step !== undefined) this.#renumber(step)
  }

  /**
   * Others were faster than a draft with deltas: these are taken over what the others did, and sent again, without end.
   */
  #wasOvertaken(ref: number, counter: number, { code, conflicts, latestSeq = -1 }: RefusalDetails & { readonly code: Code }): boolean {
    const draft = this.outbox.entries.sentWith(ref, counter)
    // It may be gone already, or have another counter: then the rest of its frame is to be sent again.
    const isOwn = draft !== undefined && (draft.deltas === undefined || draft.expect !== undefined)
    if (isOwn && (code !== 'catch-up-first' || !this.outbox.numbering.canCatchUp(counter, this.#upTo))) return false
    const attempts = this.outbox.entries.tryAgain(ref, counter)
    this.#generation++
    this.#knownFirst = conflicts?.at(-1)?.[1] ?? latestSeq
    this.#turns.wasOvertaken(attempts)
    void this.#flush()
    return true
  }

  #renumber(step: OutboxStep): void {
    this.#generation++
    this.#unsavedNumbering = this.#save(step)
    void this.#flush()
  }

  #sendAgain(): void {
    this.#generation++
    this.outbox.numbering.recall()
    void this.#flush()
  }

  /** Sends what waits, as long as the link is up. What is added in the same turn goes into one frame. */
  async #flush(): Promise<void> {
    if (this.#isFlushing || !this.#maySend) return
    this.#isFlushing = true
    await null
    while (this.#maySend) {
      const generation = this.#generation
      const { next } = this.outbox.numbering
      const batch = this.outbox.numbering.take({
        draftsMax,
        bytesMax,
        inFlightMax,
        inFlightBytesMax,
        upTo: this.#upTo,
        hasDeltas: !this.#turns.isOthers,
      })
      if (batch.length === 0) break
      if (this.outbox.numbering.next > next) {
        this.#unsavedNumbering = this.#hooks.save({
          client: this.outbox.client,
          nextCounter: this.outbox.numbering.next,
          put: batch.map(toSaved),
        })
      }
      // Whatever was numbered before is saved by then, too: saves keep their order.
      await this.#unsavedNumbering
      if (generation !== this.#generation) continue
      this.#send(batch)
    }
    this.#isFlushing = false
  }

  get #maySend(): boolean {
    const isOurs = !this.#isCopied && this.#unverifiedUpTo === undefined
    return this.#isOnline && this.problem === undefined && isOurs && this.#upTo >= this.#knownFirst
  }

  #send(batch: readonly Entry[]): void {
    const ref = this.#hooks.newRef()
    if (batch.some(({ draft }) => draft.deltas !== undefined)) this.#turns.sent()
    this.outbox.numbering.sent(batch, ref)
    const drafts = batch.map(({ counter, draft }) => ({ counter, ...draft }))
    this.#hooks.send({ type: 'publish', ref, client: this.outbox.client, drafts })
    this.#hooks.onSent(batch.map(({ place }) => place))
  }

  #learn(events: readonly TapeEvent[]): void {
    for (const event of events) this.#onTape.add(objectKey(event))
  }

  #save({ change, leaving }: OutboxStep): Promise<void> {
    // Saved first: whoever hears of it may do something about it at once, and that is to be saved behind this.
    const saved = this.#hooks.save(change)
    if (leaving.length > 0) this.#hooks.onLeave(leaving)
    this.#hooks.onChange()
    return saved
  }
}
