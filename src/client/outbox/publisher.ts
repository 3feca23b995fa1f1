/**
 * Brings the outbox onto the tape: in order, again after each cut, and never with a counter skipped.
 *
 *   add ─► queued, folded ─► counter given and saved ─► sent ─► its event on the tape ─► gone
 *                                ▲                       │ link lost, refused for another's sake
 *                                └───────────────────────┘        refused for its own ─► kept, and reported
 *
 * The server drops what it has taken already, so sending again is right, as long as nobody else publishes under our
 * id: see identity.ts. So each link begins with a look at what the tape has taken under it.
 */
import {
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
import type { Saved } from '../storage/store.ts'
import { Bridges, type Knowledge } from '../tabs/bridges.ts'
import { Identity } from './identity.ts'
import { Outbox } from './outbox.ts'
import { type Leaving, notesOf, type OutboxStep } from './outbox-entry.ts'
import { Sender, type SenderHooks } from './sender.ts'
import { Turns } from './turns.ts'

export interface PublisherHooks extends Omit<SenderHooks, 'maySend' | 'upTo'> {
  /** Ends the link, to open another one after a while. */
  readonly backOff: () => void
  /** These drafts have left the outbox, or gone to another place, and that is on its way into the store. */
  readonly onLeave: (leaving: readonly Leaving[]) => void
  /** What is said of the outbox has changed. */
  readonly onChange: () => void
}

/** Which other tab has made a draft, and what it knew of the outbox then. */
type MadeBy = Omit<Knowledge, 'seen'>

export class Publisher {
  readonly outbox: Outbox
  readonly #environment: Environment
  readonly #hooks: PublisherHooks
  readonly #identity: Identity
  readonly #turns: Turns
  readonly #sender: Sender
  readonly #bridges = new Bridges()
  /** Objects that the tape has said something of, as far as it is known here. */
  readonly #onTape = new Set<string>()
  #isOnline = false
  /** The pending deltas have been taken over all of 0 … this. */
  #upTo = -1
  /** What stands in their way: nothing is sent before it is known. */
  #knownFirst = -1
  /** Why the server takes nothing from us on this link. */
  problem: Code | undefined
  /** Why it did not take what was sent last, which is sent again. */
  setback: Code | undefined

  constructor(environment: Environment, hooks: PublisherHooks) {
    this.#environment = environment
    this.#hooks = hooks
    this.outbox = new Outbox(environment.newId())
    this.#identity = new Identity(this.outbox.numbering)
    this.#turns = new Turns(environment, () => void this.#sender.flush())
    this.#sender = new Sender(this.outbox, this.#turns, { ...hooks, maySend: () => this.#maySend, upTo: () => this.#upTo })
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
    void this.#sender.flush()
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
    this.#identity.welcomed(counter)
    const { next, firstGiven = next } = this.outbox.numbering
    // What it had taken from us was lost with its storage: what comes next has the number that it waits for.
    if (counter !== undefined && counter + 1 < firstGiven) this.#renumber(this.outbox.numbering.renumberFrom(counter + 1))
    this.#sender.sendAgain()
  }

  /** Everything that was on the tape when the link was opened is known. */
  caughtUp(): void {
    const { isCopied, unverifiedUpTo } = this.#identity
    if (isCopied) {
      this.#identity.beginAnew()
      this.#sender.reconsider()
      this.#save(this.outbox.reidentify(this.#environment.newId()))
      // The server is told of the new id when a link is opened.
      this.#hooks.backOff()
    } else if (unverifiedUpTo !== undefined) {
      // It came folded, or without a maker: there is nothing to compare it with.
      this.#save(this.outbox.confirmUpTo(unverifiedUpTo))
      this.#identity.verified()
      void this.#sender.flush()
    }
  }

  /** The server has closed our link for another one of our id. */
  superseded(): void {
    this.#identity.superseded()
  }

  /** Who publishes on the next link, so that the server closes an older one. */
  get publisherOnLink(): string | undefined {
    // To take the id back from whoever has it would only make them take it back in turn.
    return this.#identity.isContested ? undefined : this.outbox.client
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
    this.#sender.sendAgain()
  }

  offline(): void {
    this.#isOnline = false
    this.#knownFirst = -1
    this.#turns.stop()
    this.#sender.reconsider()
  }

  /**
   * Takes off the drafts whose events are among these; gives what is to be saved together with the events, and what to
   * tell of the drafts once the models show the events.
   */
  confirm(events: readonly TapeEvent[], inOrder: readonly TapeEvent[], upTo: number): OutboxStep {
    this.#learn(events)
    this.#upTo = upTo
    const confirmed = this.outbox.confirm(events, inOrder)
    if (inOrder.length > 0) this.#turns.heard(inOrder, this.outbox.client)
    if (confirmed.hadDeltas) this.#turns.gotThrough()
    const rebased = this.outbox.rebase(inOrder, ({ seq, collection, identifier }, deltas) => {
      this.#bridges.record({ collection, identifier, deltas, seq })
    })
    if (rebased.leaving.length > 0) {
      // What has another number now is saved together with the events, right after this.
      this.#sender.renumbered(Promise.resolve().then(() => this.#hooks.save({})))
    }
    const { change } = new GatheredChange().add(confirmed.change).add(rebased.change)
    const leaving = rebased.leaving.length === 0 ? confirmed.leaving : [...confirmed.leaving, ...rebased.leaving]
    if (leaving.length > 0) this.setback = undefined
    // On a fresh link nothing can come after it that was under way on this one.
    if (this.#identity.compared(confirmed.isOurs)) this.#hooks.backOff()
    if (leaving.length > 0 || inOrder.length > 0 || events.length > 0) void this.#sender.flush()
    // Whoever is killed before it has a new id learns it from the next welcome, which is ahead of this counter. (The
    // events themselves are known by then, so nothing would be compared any more.)
    const step = { change: confirmed.isOurs ? change : { ...change, nextCounter: 1 }, leaving }
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

  /** Others were faster than a draft with deltas: these are taken over what the others did, and sent again, without end. */
  #wasOvertaken(ref: number, counter: number, { code, conflicts, latestSeq = -1 }: RefusalDetails & { readonly code: Code }): boolean {
    const draft = this.outbox.entries.sentWith(ref, counter)
    // It may be gone already, or have another counter: then the rest of its frame is to be sent again.
    const isOwn = draft !== undefined && (draft.deltas === undefined || draft.expect !== undefined)
    if (isOwn && (code !== 'catch-up-first' || !this.outbox.numbering.canCatchUp(counter, this.#upTo))) return false
    const attempts = this.outbox.entries.tryAgain(ref, counter)
    this.#sender.reconsider()
    this.#knownFirst = conflicts?.at(-1)?.[1] ?? latestSeq
    this.#turns.wasOvertaken(attempts)
    void this.#sender.flush()
    return true
  }

  #renumber(step: OutboxStep): void {
    this.#sender.renumbered(this.#save(step))
    void this.#sender.flush()
  }

  get #maySend(): boolean {
    return this.#isOnline && this.problem === undefined && this.#identity.isVerified && this.#upTo >= this.#knownFirst
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
