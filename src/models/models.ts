/**
 * Several models as one reconciler. Each gets the events and the pending drafts of its own collections alone, and one
 * that throws does not keep the others from theirs. What is of a collection that none of them handles, because a newer
 * version of the application wrote it, is the application's to decide:
 *
 * - `ignore` (by default): it is counted, and everything else goes on.
 * - `stop`: from that event on nothing of the tape is shown until `proceed()`. What this client itself has made goes on
 *   to show, as pending and from the tape, so that nobody loses sight of the own work.
 * - a function: it is called with each such event.
 */
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from '../client/reconciler.ts'
import {
  type Change,
  type Draft,
  normalize,
  type ObjectState,
  type SeqRange,
  type SeqRanges,
  type TapeEvent,
  unborn,
} from '../protocol/index.ts'
import { callAll } from './call-all.ts'
import { HeldEvents } from './held-events.ts'

/** A model that says which collections it handles and, for whoever undoes what was done to them, how their objects stand. */
export interface CollectionModel extends ModelReconciler {
  readonly collections: readonly string[]
  stateOf?(object: ObjectKey): ObjectState
  accepts?(change: Change): boolean
}

type ObjectKey = Pick<Change, 'collection' | 'identifier'>

export interface ModelsOptions {
  readonly onUnhandled?: 'ignore' | 'stop' | ((event: TapeEvent) => void)
}

/** Events that no model handled; one that comes twice, as events may, counts twice. A new value whenever it changes. */
export interface Unhandled {
  readonly count: number
  readonly last?: TapeEvent
}

/** What a model was given last, so that it is not told again of what is as it was. */
interface Given {
  readonly all: readonly Draft[]
  readonly own: readonly Draft[]
  readonly context: ApplyContext
}

const none: Unhandled = { count: 0 }

export class Models implements CollectionModel {
  readonly collections: readonly string[]
  readonly #models: readonly CollectionModel[]
  readonly #onUnhandled: NonNullable<ModelsOptions['onUnhandled']>
  readonly #given = new Map<CollectionModel, Given>()
  #receiver: OutboundEventReceiver | undefined
  #unhandled = none
  readonly #held: HeldEvents
  /** The seqs that the models have not been given, because they are held back. */
  #lacking: SeqRanges = []
  #pending: readonly Draft[] = []
  #context: ApplyContext = { client: '', holes: [] }
  #lackingContext: { readonly of: ApplyContext; readonly lacking: SeqRanges; readonly context: ApplyContext } | undefined

  constructor(models: readonly CollectionModel[], { onUnhandled = 'ignore' }: ModelsOptions = {}) {
    this.collections = [...new Set(models.flatMap(({ collections }) => collections))]
    this.#models = models
    this.#onUnhandled = onUnhandled
    this.#held = new HeldEvents((event) => onUnhandled === 'stop' && !this.#isHandled(event))
  }

  /** Where all of them vend their drafts. */
  get receiver(): OutboundEventReceiver | undefined {
    return this.#receiver
  }

  set receiver(receiver: OutboundEventReceiver | undefined) {
    this.#receiver = receiver
    for (const model of this.#models) model.receiver = receiver
  }

  get unhandled(): Unhandled {
    return this.#unhandled
  }

  get isStopped(): boolean {
    return this.#held.isHolding
  }

  stateOf(object: ObjectKey): ObjectState {
    return this.#modelOf(object)?.stateOf?.(object) ?? unborn
  }

  accepts(change: Change): boolean {
    return this.#modelOf(change)?.accepts?.(change) ?? true
  }

  /** Shows what was held back, and goes on until the next event that nobody handles. */
  proceed(): void {
    if (!this.isStopped) return
    this.#lacking = []
    this.#give(this.#held.release(), [])
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext): void {
    this.#pending = pending
    const unhandled = events.filter((event) => !this.#isHandled(event))
    const last = unhandled.at(-1)
    if (last !== undefined) this.#unhandled = { count: this.#unhandled.count + unhandled.length, last }
    const passed = this.#held.pass(events, context.client)
    if (this.isStopped) this.#lack(events, new Set(passed))
    this.#context = context
    this.#give(passed, unhandled)
  }

  reset(isNarrowed = false): void {
    this.#given.clear()
    this.#held.release()
    this.#lacking = []
    this.#unhandled = none
    callAll(this.#models.map((model) => () => model.reset(isNarrowed)))
  }

  #modelOf({ collection }: ObjectKey): CollectionModel | undefined {
    return this.#models.find(({ collections }) => collections.includes(collection))
  }

  #isHandled({ collection }: TapeEvent): boolean {
    return this.collections.includes(collection)
  }

  #lack(events: readonly TapeEvent[], passed: ReadonlySet<TapeEvent>): void {
    const held = events.filter((event) => !passed.has(event))
    if (held.length === 0) return
    const seqs = held.flatMap(({ seq, stamps = {} }) => [seq, ...Object.values(stamps)])
    this.#lacking = normalize([...this.#lacking, ...seqs.map((seq): SeqRange => [seq, seq])])
  }

  /** With what is held back, which the models lack; the same value while nothing changes. */
  #contextOfModels(): ApplyContext {
    const [context, lacking] = [this.#context, this.#lacking]
    if (lacking.length === 0) return context
    if (this.#lackingContext?.of !== context || this.#lackingContext.lacking !== lacking) {
      this.#lackingContext = {
        of: context,
        lacking,
        context: { ...context, holes: normalize([...context.holes, ...lacking]), isHeldBack: true },
      }
    }
    return this.#lackingContext.context
  }

  #give(events: readonly TapeEvent[], unhandled: readonly TapeEvent[]): void {
    const tell = this.#onUnhandled
    callAll([
      ...this.#models.map((model) => () => this.#giveTo(model, events)),
      ...(typeof tell === 'function' ? unhandled.map((event) => () => tell(event)) : []),
    ])
  }

  #giveTo(model: CollectionModel, events: readonly TapeEvent[]): void {
    const given = this.#given.get(model)
    const handles = ({ collection }: Draft) => model.collections.includes(collection)
    const ownEvents = events.every(handles) ? events : events.filter(handles)
    const pending = this.#pending
    const own = given?.all === pending ? given.own : sameOr(given?.own, pending.every(handles) ? pending : pending.filter(handles))
    const context = this.#contextOfModels()
    this.#given.set(model, { all: pending, own, context })
    if (given !== undefined && ownEvents.length === 0 && own === given.own && context === given.context) return
    model.apply(ownEvents, own, context)
  }
}

/** The list from before, when it holds the same: models may take that for nothing new. */
function sameOr(before: readonly Draft[] | undefined, after: readonly Draft[]): readonly Draft[] {
  const isSame = before !== undefined && before.length === after.length && before.every((draft, index) => draft === after[index])
  return isSame ? before : after
}
