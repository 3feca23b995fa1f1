/**
 * Takes in what comes of the tape, in whatever order: accounts for it, has it saved, fills the holes, and gives the
 * models what is new. What a returning client lacks comes in several pages; the models get it as one folded run.
 */
import {
  type Code,
  holesUpTo,
  includes,
  type ObjectFilter,
  type RefusedServerFrame,
  type SeqRanges,
  type Slice,
  type SliceFrame,
  subtract,
  type TapeEvent,
  union,
  type WelcomeFrame,
} from '../../protocol/index.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import type { Leaving, OutboxStep } from '../outbox/outbox-entry.ts'
import { blankOf, blankTape, type LocalTape, type SavedChange } from '../storage/store.ts'
import { Backfiller } from './backfiller.ts'
import { InOrder } from './in-order.ts'
import { account, comeOf, holesOf, seenOn } from './local-tape.ts'
import { isWider, lackingOf, orderOf, retarget } from './parts.ts'
import { foldRun, noteOwn } from './run.ts'

export interface IntakeHooks {
  /** Sends a frame on the live link. */
  readonly send: (frame: object) => void
  /** A number for a frame, so that its answer is known. */
  readonly newRef: () => number
  readonly save: (change: SavedChange) => void
  /**
   * Events that are new here, and those that are in order now, up to a seq: gives what becomes of the drafts, and what is
   * to be saved together with the events.
   */
  readonly confirm: (events: readonly TapeEvent[], inOrder: readonly TapeEvent[], upTo: number) => OutboxStep
  /** Drafts were confirmed, and their events are in the models now. */
  readonly onLeave: (leaving: readonly Leaving[]) => void
  /** Whose events are this client's own. */
  readonly client: () => string
  /** What of the tape is wanted, the most urgent first. */
  readonly wanted: () => readonly ObjectFilter[]
  /** Whether none of its drafts needs others' events one by one. */
  readonly mayFold: () => boolean
  /** Whether it has ever published. */
  readonly hasSent: () => boolean
  /** For the models: what is new, folded; nothing, when they lack other events than before. */
  readonly onRun: (events: readonly TapeEvent[]) => void
  /** Everything that was on the tape when the present link was opened is known. */
  readonly onCaughtUp: () => void
  readonly onChange: () => void
  /** What the link is to bring is all of the tape from now on: the last parts of it have come. */
  readonly onWhole: () => void
  /** The link tells of another tape. */
  readonly onEpoch: () => void
  /** The server will not let this client read. */
  readonly onFatal: (code: Code) => void
}

/** A run of this many events is applied though more of it is on its way. */
const runEventsMax = 20_000

export class Intake {
  readonly #hooks: IntakeHooks
  readonly #backfiller: Backfiller
  readonly #inOrder = new InOrder()
  readonly #report: (error: unknown) => void
  #tape: LocalTape = blankTape
  /** The tape that the models were given last, and what they know of it. */
  #delivered: LocalTape = blankTape
  #shown: LocalTape = blankTape
  /** What the models were given before the tape was read again: they still have it. */
  #given: SeqRanges = []
  /** What the models had seen before this took over. */
  #seenBefore = -1
  /** The newest of this client's own events in the models, by object, under the id that it has now. */
  #own = { client: '', newest: new Map<string, number>() }
  /** Fresh events that the models have not been given yet, while more of a catch-up is under way. */
  #run: TapeEvent[] = []
  /** Where the tape ended when the present link was opened, until everything up to there is known. */
  #catchUpTo: number | undefined

  constructor(hooks: IntakeHooks, parts: ClientParts) {
    this.#hooks = hooks
    this.#report = parts.environment.report
    this.#backfiller = new Backfiller(
      {
        tape: () => this.#tape,
        order: (parts) => orderOf(parts, hooks.wanted()),
        client: hooks.client,
        mayFold: hooks.mayFold,
        hasSent: hooks.hasSent,
        send: hooks.send,
        newRef: hooks.newRef,
        // A page that was under way when the epoch changed tells of a tape that is no more.
        // How far the tape goes only the link says, with a mark: else more would be known here than a mark stands for.
        // A whole page holds more than is wanted now, when parts of the tape are.
        onSlice: (slice, part) => {
          const isWanted = part !== undefined || this.#tape.parts === undefined
          if (slice.epoch === this.#tape.epoch && isWanted) this.#take({ ...slice, latestSeq: -1, mark: undefined }, 'page', part)
        },
        onEpoch: hooks.onEpoch,
        onFatal: hooks.onFatal,
        onFail: () => {
          this.deliver()
          hooks.onChange()
        },
      },
      parts,
    )
  }

  /** Why the server gives nothing of what is lacking; undefined while it does. */
  get problem(): Code | undefined {
    return this.#backfiller.problem
  }

  get tape(): LocalTape {
    return this.#tape
  }

  /** The tape as far as the models have been given it. */
  get shown(): LocalTape {
    return this.#shown
  }

  /** All of 0 … this has been applied; −1 for none. It never falls, whatever is read again, unless more is wanted. */
  get seen(): number {
    return Math.max(this.#seenBefore, seenOn(this.#shown))
  }

  /** Takes up what was kept. What could not be read then may be read now. */
  restore(tape: LocalTape, events: readonly TapeEvent[]): void {
    const { unreadable: _, ...readable } = tape
    this.#seenBefore = seenOn(tape)
    this.#inOrder.begin(this.#seenBefore, events)
    this.#tape = readable
    this.#show()
    noteOwn(this.#ownEvents().newest, events, this.#hooks.client())
  }

  /** The models have shown so much of this tape before. */
  keepSeen(seen: number): void {
    this.#seenBefore = Math.max(this.#seenBefore, seen)
  }

  /** Whether the link tells of another tape than the one that is known here. */
  isOther(epoch: string | null): boolean {
    return this.#tape.epoch !== null && this.#tape.epoch !== epoch
  }

  /** Another tape begins: nothing is known of it, but how far it goes. */
  begin({ epoch, latestSeq }: Pick<WelcomeFrame, 'epoch' | 'latestSeq'>): void {
    const blank = this.#blank({ epoch, latestSeq })
    this.#tape = latestSeq < 0 ? blank : { ...blank, anewTo: latestSeq }
    this.#given = []
    this.#inOrder.begin(-1, [])
    this.#seenBefore = -1
    this.#show()
    this.#own = { client: '', newest: new Map() }
    this.#run = []
  }

  online({ epoch, latestSeq, follows, mark = this.#tape.mark }: WelcomeFrame): void {
    const known = { epoch, latestSeq: Math.max(this.#tape.latestSeq, latestSeq) }
    this.#tape = { ...this.#tape, ...known, ...(mark === undefined ? {} : { mark }) }
    this.#catchUpTo = this.#tape.latestSeq
    // What is right behind this frame is lacking for no time at all.
    if (subtract(holesOf(this.#tape), follows ?? []).length > 0) this.deliver()
    this.#backfiller.online(follows ?? [])
    this.#checkCaughtUp()
  }

  offline(): void {
    this.#backfiller.offline()
    this.#catchUpTo = undefined
    this.deliver()
  }

  receive(frame: SliceFrame): void {
    this.#backfiller.received(frame)
    if (this.isOther(frame.epoch)) return this.#hooks.onEpoch()
    this.#take(frame, 'link')
  }

  refuse(frame: RefusedServerFrame): void {
    this.#backfiller.refuse(frame)
  }

  /** Other parts of the tape are wanted. What is held stays. */
  select(tape: LocalTape): void {
    if (isWider(tape, this.#tape)) this.#fall(tape)
    this.#tape = tape
    const { change, leaving } = this.#confirm([])
    this.#hooks.save({ tape, ...change })
    this.deliver()
    if (leaving.length > 0) this.#hooks.onLeave(leaving)
  }

  /**
   * Of the tape only this is held any more; the models begin anew with it. Gives what becomes of the drafts, to be saved
   * together with what is held.
   */
  narrow(tape: LocalTape): OutboxStep {
    this.#run = []
    this.#seenBefore = this.seen
    this.#given = []
    if (isWider(tape, this.#tape)) this.#fall(tape)
    this.#tape = { ...tape, latestSeq: Math.max(tape.latestSeq, this.#tape.latestSeq) }
    this.#show()
    return this.#confirm([])
  }

  /** What becomes of the drafts: these events have come, and perhaps what waited is in order now. */
  #confirm(events: readonly TapeEvent[]): OutboxStep {
    const inOrder = this.#inOrder.take(this.#tape, events)
    return this.#hooks.confirm(events, inOrder, this.#inOrder.upTo)
  }

  /** Nothing is known of what is wanted now, and was not before. */
  #fall(tape: LocalTape): void {
    this.#given = []
    this.#seenBefore = seenOn(tape)
    this.#inOrder.fallTo(this.#seenBefore)
  }

  /** What was kept is gone. The models have it; those that come later need it, too. */
  readAgain(): void {
    this.deliver()
    this.#given = comeOf(this.#shown)
    this.#tape = this.#blank(this.#tape)
    this.#backfiller.fill()
  }

  /** Gives the models what has come so far. */
  deliver(): void {
    if (this.#delivered === this.#tape) return
    this.#show()
    if (this.#run.length === 0) return this.#hooks.onRun([])
    const own = this.#ownEvents()
    const fresh = this.#run
    const run = foldRun(fresh, own)
    this.#run = []
    noteOwn(own.newest, fresh, own.client)
    this.#hooks.onRun(run)
  }

  /** Nothing is known of it but where it ends. */
  #blank(of: Pick<LocalTape, 'epoch' | 'latestSeq' | 'mark'>): LocalTape {
    return retarget({ ...blankOf(of), latestSeq: of.latestSeq }, this.#hooks.wanted()).tape
  }

  #show(): void {
    const tape = this.#tape
    this.#delivered = tape
    if (this.#given.length > 0 && subtract(this.#given, comeOf(tape)).length === 0) this.#given = []
    this.#shown = this.#given.length === 0 ? tape : { ...tape, accounted: union(this.#given, tape.accounted) }
  }

  #ownEvents(): { readonly client: string; readonly newest: Map<string, number> } {
    const client = this.#hooks.client()
    // What was published under an earlier id was somebody else's as far as the tape can tell.
    if (client !== this.#own.client) this.#own = { client, newest: new Map() }
    return this.#own
  }

  #take(slice: Slice, from: 'link' | 'page', part?: number): void {
    const before = this.#tape
    const { tape, fresh, aside } = account(before, slice, part)
    for (const { seq, problem } of slice.unreadable ?? []) {
      if (!includes(comeOf(before), seq)) this.#report(new Error(`The event ${seq} cannot be read here: ${problem}`))
    }
    this.#tape = tape
    for (const event of fresh) this.#run.push(event)
    const known = aside.length === 0 ? fresh : [...fresh, ...aside].sort((a, b) => a.seq - b.seq)
    const { change, leaving, isRebased = false } = this.#confirm(known)
    this.#hooks.save({ tape, events: fresh, ...change })
    this.#backfiller.fill()
    // What happens now shows now; and when what is pending changes for an event, that must show in the same moment.
    const isWholeRun = !this.#backfiller.isReading || lackingOf(tape) === 0 || lackingOf(tape) < lackingOf(before)
    if (isWholeRun || from === 'link' || leaving.length > 0 || isRebased || this.#run.length >= runEventsMax) this.deliver()
    if (leaving.length > 0) this.#hooks.onLeave(leaving)
    this.#checkCaughtUp()
    this.#hooks.onChange()
    if (before.parts !== undefined && this.#tape.parts === undefined) this.#hooks.onWhole()
  }

  #checkCaughtUp(): void {
    if (this.#catchUpTo === undefined || holesUpTo(comeOf(this.#tape), this.#catchUpTo).length > 0) return
    this.#catchUpTo = undefined
    this.#hooks.onCaughtUp()
  }
}
