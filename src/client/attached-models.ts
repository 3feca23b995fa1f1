/**
 * The models of a stream, and all that they are told. Each is told everything once, in whatever it does meanwhile: a model
 * that publishes while it is told has the others told first of what they do not know yet.
 */
import { areSameRanges, type Draft, freeze, type SeqRanges, type TapeEvent, union } from '../protocol/index.ts'
import { guard } from './listeners.ts'
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from './reconciler.ts'
import type { LocalTape } from './storage/store.ts'
import { Holes, isHeldBack } from './tape/local-tape.ts'

export interface ModelsParts {
  /** What the models are shown now. */
  readonly client: () => string
  readonly pending: () => readonly Draft[]
  /** What is known of the tape, and what of it all models that are not late have been given. */
  readonly tape: () => LocalTape
  readonly shown: () => LocalTape
  /** Told of what a model throws. */
  readonly report: (error: unknown) => void
}

/** A model from its attachment to its detachment. */
export interface Attachment {
  readonly model: ModelReconciler
  /** What it was told last. */
  context: ApplyContext | undefined
  /** It waits to be given all that the others have had. */
  isBehind: boolean
  /** It was told less than the others, who had more before the tape was read again. */
  isLate: boolean
  /** What it is about to be told. */
  events: readonly TapeEvent[]
  isDue: boolean
}

export class AttachedModels {
  readonly #attachments = new Map<ModelReconciler, Attachment>()
  readonly #parts: ModelsParts
  readonly #shownHoles = new Holes()
  readonly #tapeHoles = new Holes()
  #context: ApplyContext = { client: '', holes: [] }

  constructor(parts: ModelsParts) {
    this.#parts = parts
  }

  /**
   * Tells the model what is pending. Throws when it vends its drafts to somebody else: seqs of two tapes do not mix.
   * `isBehind`: what the others have had is given to it later, with `catchUp`.
   */
  attach(model: ModelReconciler, receiver: OutboundEventReceiver, isBehind: boolean): Attachment {
    if (model.receiver !== undefined && model.receiver !== receiver) {
      throw new Error('The model hangs on something else already. It shows one tape: make another for this stream.')
    }
    const attachment = this.#attachments.get(model) ?? { model, context: undefined, isBehind, isLate: isBehind, events: [], isDue: true }
    this.#attachments.set(model, attachment)
    model.receiver = receiver
    if (attachment.isDue) this.#flush(attachment)
    return attachment
  }

  detach(model: ModelReconciler, receiver: OutboundEventReceiver): void {
    this.#attachments.delete(model)
    if (model.receiver === receiver) model.receiver = undefined
  }

  /** Whether it has not been detached, or attached anew. */
  has(attachment: Attachment): boolean {
    return this.#attachments.get(attachment.model) === attachment
  }

  catchUp(attachment: Attachment, events: readonly TapeEvent[]): void {
    attachment.isBehind = false
    this.#add(attachment, events)
    this.#flush(attachment)
  }

  tell(events: readonly TapeEvent[]): void {
    for (const attachment of this.#attachments.values()) this.#add(attachment, events)
    this.#flushAll()
  }

  /** Tells those for whom something other than events and drafts has changed. */
  tellContext(): void {
    for (const attachment of this.#attachments.values()) {
      if (attachment.context !== this.#contextOf(attachment)) attachment.isDue = true
    }
    this.#flushAll()
  }

  reset(isNarrowed = false): void {
    for (const attachment of this.#attachments.values()) {
      attachment.events = []
      attachment.isBehind = false
      attachment.isLate = false
      guard(() => attachment.model.reset(isNarrowed), this.#parts.report)
    }
  }

  #add(attachment: Attachment, events: readonly TapeEvent[]): void {
    attachment.events = attachment.events.length === 0 ? events : [...attachment.events, ...events]
    attachment.isDue = true
  }

  #flushAll(): void {
    for (const attachment of this.#attachments.values()) if (attachment.isDue) this.#flush(attachment)
  }

  #flush(attachment: Attachment): void {
    const { events, model } = attachment
    // What it does while it is told must not find these again.
    attachment.events = []
    attachment.isDue = false
    for (const event of events) freeze(event)
    const pending = Object.freeze(this.#parts.pending())
    const context = this.#contextOf(attachment)
    attachment.context = context
    guard(() => model.apply(Object.freeze(events), pending, context), this.#parts.report)
  }

  #contextOf(attachment: Attachment): ApplyContext {
    const { client, tape, shown } = this.#parts
    const holes = this.#shownHoles.of(shown())
    // What a part has beyond what all have does not show in what needs the tape in its order.
    const known = { client: client(), ...(isHeldBack(shown()) ? { isHeldBack: true } : {}) }
    const isSame = (before: ApplyContext) => before.client === known.client && before.isHeldBack === known.isHeldBack
    if (!isSame(this.#context) || this.#context.holes !== holes) this.#context = Object.freeze({ ...known, holes })
    if (!attachment.isLate) return this.#context
    const { latestSeq } = tape()
    const whole: SeqRanges = latestSeq < 0 ? [] : [[0, latestSeq]]
    const lacking = attachment.isBehind ? whole : union(holes, this.#tapeHoles.of(tape()))
    if (areSameRanges(lacking, holes)) {
      attachment.isLate = attachment.isBehind
      return this.#context
    }
    const before = attachment.context
    const isNoNews = before !== undefined && isSame(before) && areSameRanges(before.holes, lacking)
    return isNoNews ? before : Object.freeze({ ...known, holes: lacking })
  }
}
