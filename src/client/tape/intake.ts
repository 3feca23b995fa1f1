/**
 * Takes in what comes of the tape, in whatever order: accounts for it, has it saved, fills the holes, and gives the
 * models what is new. What a returning client lacks comes in several pages; the models get it as one folded run.
 */
import {
  type Code,
  foldEvents,
  holesUpTo,
  type RefusedServerFrame,
  type Slice,
  type SliceFrame,
  seenOf,
  type TapeEvent,
  type WelcomeFrame,
} from '../../protocol/index.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import type { Leaving } from '../outbox/outbox-entry.ts'
import { blankTape, type LocalTape, type SavedChange } from '../storage/store.ts'
import { Backfiller } from './backfiller.ts'
import { account, holesOf } from './local-tape.ts'

export interface IntakeHooks {
  /** Sends a frame on the live link. */
  readonly send: (frame: object) => void
  /** A number for a frame, so that its answer is known. */
  readonly newRef: () => number
  readonly save: (change: SavedChange) => void
  /** Events that are new here: gives which drafts they confirm, and what is to be saved with them. */
  readonly confirm: (events: readonly TapeEvent[]) => { readonly change: SavedChange; readonly leaving: readonly Leaving[] }
  /** Drafts were confirmed, and their events are in the models now. */
  readonly onLeave: (leaving: readonly Leaving[]) => void
  /** For the models: what is new, each object touched once. */
  readonly onRun: (events: readonly TapeEvent[]) => void
  /** Everything that was on the tape when the present link was opened is known. */
  readonly onCaughtUp: () => void
  readonly onChange: () => void
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
  #tape: LocalTape = blankTape
  /** Fresh events that the models have not been given yet, while more of a catch-up is under way. */
  #run: TapeEvent[] = []
  /** Where the tape ended when the present link was opened, until everything up to there is known. */
  #catchUpTo: number | undefined

  constructor(hooks: IntakeHooks, parts: ClientParts) {
    this.#hooks = hooks
    this.#backfiller = new Backfiller(
      {
        tape: () => this.#tape,
        send: hooks.send,
        newRef: hooks.newRef,
        // A page that was under way when the epoch changed tells of a tape that is no more.
        onSlice: (slice) => slice.epoch === this.#tape.epoch && this.#take(slice, 'page'),
        onEpoch: hooks.onEpoch,
        onFatal: hooks.onFatal,
        onFail: () => this.deliver(),
      },
      parts,
    )
  }

  get tape(): LocalTape {
    return this.#tape
  }

  /** All of 0 … this has been applied; −1 for none. */
  get seen(): number {
    return seenOf(this.#tape.accounted)
  }

  restore(tape: LocalTape): void {
    this.#tape = tape
  }

  /** Whether the link tells of another tape than the one that is known here. */
  isOther(epoch: string | null): boolean {
    return this.#tape.epoch !== null && this.#tape.epoch !== epoch
  }

  /** Another tape begins: nothing is known of it. */
  begin(epoch: string | null): void {
    this.#tape = { ...blankTape, epoch }
    this.#run = []
  }

  online({ epoch, latestSeq, follows }: WelcomeFrame): void {
    this.#tape = { ...this.#tape, epoch, latestSeq: Math.max(this.#tape.latestSeq, latestSeq) }
    this.#catchUpTo = this.#tape.latestSeq
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

  /** What was kept is gone. The models have it; those that come later need it, too. */
  readAgain(): void {
    this.#tape = { ...blankTape, epoch: this.#tape.epoch, latestSeq: this.#tape.latestSeq }
    this.#backfiller.fill()
  }

  /** Gives the models what has come so far. */
  deliver(): void {
    if (this.#run.length === 0) return
    const run = foldEvents(this.#run)
    this.#run = []
    this.#hooks.onRun(run)
  }

  #take(slice: Slice, from: 'link' | 'page'): void {
    const { tape, fresh } = account(this.#tape, slice)
    this.#tape = tape
    const { change, leaving } = this.#hooks.confirm(fresh)
    this.#hooks.save({ tape, events: fresh, ...change })
    for (const event of fresh) this.#run.push(event)
    this.#backfiller.fill()
    // What happens now shows now; and when a draft is gone from what is pending, its event must show in the same moment.
    const isWholeRun = !this.#backfiller.isReading || holesOf(tape).length === 0
    if (isWholeRun || from === 'link' || leaving.length > 0 || this.#run.length >= runEventsMax) this.deliver()
    if (leaving.length > 0) this.#hooks.onLeave(leaving)
    this.#checkCaughtUp()
    this.#hooks.onChange()
  }

  #checkCaughtUp(): void {
    if (this.#catchUpTo === undefined || holesUpTo(this.#tape.accounted, this.#catchUpTo).length > 0) return
    this.#catchUpTo = undefined
    this.#hooks.onCaughtUp()
  }
}
