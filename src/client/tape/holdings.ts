/**
 * What is held of the tape, wherever that changes otherwise than by what comes of it: the tape begins anew, other parts of it
 * are wanted, or the store has lost it. Each is one step for tape and drafts together, saved before it shows. It owns what is
 * wanted, and never reads the tape itself.
 */
import type { ObjectFilter, TapeEvent, WelcomeFrame } from '../../protocol/index.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import type { Leaving } from '../outbox/outbox-entry.ts'
import type { Publications } from '../outbox/publications.ts'
import type { Publisher } from '../outbox/publisher.ts'
import type { SideHooks } from '../side.ts'
import type { Keeper } from '../storage/keeper.ts'
import type { LocalTape } from '../storage/store.ts'
import type { Intake } from './intake.ts'
import { seenOn } from './local-tape.ts'
import { isWider } from './parts.ts'
import { Wanting } from './wanting.ts'

export interface HoldingsParts extends ClientParts {
  readonly intake: Intake
  readonly publisher: Publisher
  readonly publications: Publications
  readonly keeper: Keeper
}

export interface HoldingsHooks extends Pick<SideHooks, 'onEvents' | 'onPending' | 'onReset' | 'onChange'> {
  /** These drafts have left the outbox, or gone to another place in it. */
  readonly onLeave: (leaving: readonly Leaving[]) => void
  /** The link may have to bring something else from now on. */
  readonly onParts: () => void
}

export class Holdings {
  readonly wanting: Wanting
  readonly #parts: HoldingsParts
  readonly #hooks: HoldingsHooks

  constructor(wanted: readonly ObjectFilter[], parts: HoldingsParts, hooks: HoldingsHooks) {
    const { intake, publisher, keeper } = parts
    this.#parts = parts
    this.#hooks = hooks
    this.wanting = new Wanting(
      wanted,
      {
        tape: () => intake.tape,
        events: () => keeper.events(),
        pending: () => publisher.outbox.pending,
        onSelect: (tape) => this.#select(tape),
        onNarrow: (tape, events) => this.#narrow(tape, events),
      },
      parts,
    )
  }

  /** Under another epoch the tape is another one: everything known of it is forgotten, except what waits to be sent. */
  beginAnew(frame: WelcomeFrame): void {
    const { intake, publisher, publications, keeper } = this.#parts
    intake.begin(frame)
    publications.begin(frame.latestSeq)
    publisher.begin(-1)
    const { change, leaving } = publisher.forgetTape(frame.counter)
    void keeper.save({ tape: intake.tape, forgetEvents: true, ...change })
    if (leaving.length > 0) this.#hooks.onLeave(leaving)
    this.#hooks.onReset()
    this.#hooks.onPending()
    this.#hooks.onChange()
  }

  /** What was kept of the tape is gone. */
  readAgain(): void {
    this.#parts.intake.readAgain()
    this.#hooks.onParts()
  }

  /** Other parts are wanted; nothing that is held is given up. */
  #select(tape: LocalTape): void {
    this.#prepareFor(tape)
    this.#parts.intake.select(tape)
    this.#hooks.onParts()
    this.#hooks.onChange()
  }

  /** Only this is held from now on. */
  #narrow(tape: LocalTape, events: readonly TapeEvent[]): void {
    const { intake, keeper } = this.#parts
    this.#prepareFor(tape)
    const { change, leaving } = intake.narrow(tape)
    void keeper.save({ tape: intake.tape, forgetEvents: true, events, ...change })
    this.#hooks.onReset(true)
    this.#hooks.onEvents(events)
    if (leaving.length > 0) this.#hooks.onLeave(leaving)
    this.#hooks.onParts()
    this.#hooks.onChange()
  }

  /** Of what was not wanted before nothing is known: pending deltas have been taken over no more than what is. */
  #prepareFor(tape: LocalTape): void {
    const { intake, publisher } = this.#parts
    if (isWider(tape, intake.tape)) publisher.begin(seenOn(tape))
  }
}
